"""A model that tells things apart without an error, since the colors of its images say what to predict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.inference.grouping import Planes
from segdrone.model.losses.instance import instance_targets
from segdrone.spec import ModelSpec
from segdrone.windows import Size

CAR, PERSON = 1, 2
TABLE = ClassTable(("road", "car", "person"), ((0, 0, 0), (9, 143, 150), (255, 22, 96)), things=("car", "person"))
SPEC = ModelSpec(TABLE, (0.5,) * 3, (0.5,) * 3, training_size=(40, 50), sampling="tiles", instances=True)
_IS_THING = torch.isin(torch.arange(256), torch.tensor([CAR, PERSON]))


@dataclass
class Colored:
    """Red holds the class and the score of a center, green and blue the offsets; see `paint`."""

    spec: ModelSpec = SPEC
    stride: Size = (1, 1)
    device: str = "cpu"
    batch_size: int = 2
    window: Size | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        classes, score = np.divmod(windows[..., 0], 100)
        one_hot = [(classes == class_id).astype(np.float32) for class_id in range(3)]
        offsets = [windows[..., channel].astype(np.float32) - 128 for channel in (1, 2)]
        return np.stack([*one_hot, score.astype(np.float32) / 50, *offsets], 1)


def perfect(mask: NDArray[np.uint8], numbers: NDArray[np.uint16]) -> Planes:
    """The planes that a perfect head predicts."""
    targets = instance_targets(
        torch.from_numpy(mask.astype(np.int64))[None], torch.from_numpy(numbers.astype(np.int32))[None], _IS_THING, 255
    )
    return torch.cat([targets.centers[:, None], targets.offsets], 1)[0].numpy().astype(np.float16)


def paint(mask: NDArray[np.uint8], numbers: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """An image, uint8 `[H, W, 3]`, of which `Colored` predicts these things."""
    planes = perfect(mask, numbers)
    red = 100.0 * mask + 50 * planes[0]
    return np.stack([red, planes[1] + 128, planes[2] + 128], -1).round().astype(np.uint8)


def crowd() -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Mask and numbers of 35 cars and people who touch on all sides."""
    mask, numbers = np.zeros((60, 90), np.uint8), np.zeros((60, 90), np.uint16)
    number = 0
    for top in range(4, 54, 10):
        for left in range(4, 80, 12):
            number += 1
            mask[top : top + 10, left : left + 12] = CAR if number % 3 else PERSON
            numbers[top : top + 10, left : left + 12] = number
    return mask, numbers


def partition(numbers: NDArray[np.uint16]) -> set[bytes]:
    """The pixels of each thing, whatever its number is."""
    return {(numbers == number).tobytes() for number in np.unique(numbers[numbers > 0])}
