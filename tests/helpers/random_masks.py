"""True and predicted masks with objects, and their scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.detection import DetectionScores

TABLE = ClassTable(("ground", "person", "dog", "car"), ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)))


GROUND, PERSON, DOG, CAR, IGNORED = 0, 1, 2, 3, 255


Mask = NDArray[np.uint8]


MaskPair = tuple[Mask, Mask, Mask | None]  # truth, prediction, confidence


def ground(height: int = 40, width: int = 60) -> Mask:
    return np.zeros((height, width), np.uint8)


def rectangles(*boxes: tuple[int, int, int, int, int]) -> Mask:
    """Ground with rectangles, each given as class, top, left, height, width."""
    mask = ground()
    for class_id, top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = class_id
    return mask


def scored(images: Mapping[str, MaskPair], table: ClassTable = TABLE) -> dict[str, Any]:
    scores = DetectionScores(table)
    for name, (truth, prediction, confidence) in images.items():
        scores.update(name, truth, prediction, confidence)
    computed = scores.compute()
    assert computed is not None
    assert json.loads(json.dumps(computed, allow_nan=False)) == computed
    return computed


def blobs(seed: int) -> dict[str, MaskPair]:
    """Images of discs of three classes. Some discs are predicted shifted, missing, extra or as another class."""
    rng = np.random.default_rng(seed)
    images: dict[str, MaskPair] = {}
    for name in "abcd":
        truth, prediction = np.zeros((2, 120, 160), np.uint8)
        for _ in range(14):
            class_id, radius = int(rng.integers(1, 4)), int(rng.integers(1, 12))
            x, y, dx, dy = (int(value) for value in (*rng.integers(0, 160, 2), *rng.integers(-2, 3, 2)))
            if rng.random() < 0.8:
                cv2.circle(truth, (x, y), radius, class_id, cv2.FILLED)
            if rng.random() < 0.8:
                guess = class_id if rng.random() < 0.8 else int(rng.integers(1, 4))
                cv2.circle(prediction, (x + dx, y + dy), radius + int(rng.integers(0, 2)), guess, cv2.FILLED)
        truth[: int(rng.integers(1, 20)), :50] = IGNORED
        prediction[truth == IGNORED] = IGNORED
        images[name] = truth, prediction, rng.integers(0, 256, truth.shape, dtype=np.uint8)
    return images
