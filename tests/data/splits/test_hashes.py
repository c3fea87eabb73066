from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.data.splits.hashes import NEAR_DUPLICATE_DISTANCE, near_duplicates, perceptual_hashes
from segdrone.synthetic import render_scene
from tests.helpers.small_dataset import photograph

Pixels = NDArray[np.uint8]


def encoded(image: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=20)
    return np.array(Image.open(file))


def brighter(image: Pixels) -> Pixels:
    return np.asarray(np.clip(image * 1.15 + 10, 0, 255), np.uint8)


def third(image: Pixels) -> Pixels:
    return np.asarray(cv2.resize(image, None, fx=0.34, fy=0.34, interpolation=cv2.INTER_AREA), np.uint8)


def edges_cut(image: Pixels) -> Pixels:
    return image[3:-3, 4:-4]


COPIES: list[Callable[[Pixels], Pixels]] = [encoded, brighter, third, edges_cut]
TURNS: list[Callable[[Pixels], Pixels]] = [
    lambda image: image,
    np.fliplr,
    np.flipud,
    lambda image: np.rot90(image, 1),
    lambda image: np.rot90(image, 2),
    lambda image: np.rot90(image, 3),
    lambda image: image.swapaxes(0, 1),
    lambda image: np.rot90(image, 2).swapaxes(0, 1),
]


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("turn", TURNS)
def test_copies_are_found_after_flips_and_turns(
    copy: Callable[[Pixels], Pixels], turn: Callable[[Pixels], Pixels]
) -> None:
    image = photograph(0, 256, 384)
    hashes = np.stack([perceptual_hashes(image), perceptual_hashes(np.ascontiguousarray(turn(copy(image))))])
    ((i, j, distance),) = near_duplicates(hashes)
    assert (i, j) == (0, 1)
    assert distance <= NEAR_DUPLICATE_DISTANCE


def test_different_images_are_not_near_duplicates() -> None:
    images = [render_scene(64, 96, seed)[0] for seed in range(4)] + [photograph(seed) for seed in range(36)]
    hashes = np.stack([perceptual_hashes(image) for image in images])
    assert hashes.shape == (40, 8, 4)
    assert near_duplicates(hashes) == []
    assert len(near_duplicates(hashes, 255)) == 40 * 39 // 2


def test_distance_is_the_smallest_over_the_symmetries() -> None:
    hashes = np.stack([perceptual_hashes(photograph(seed)) for seed in range(300)])  # more than one block
    bits = np.unpackbits(hashes.view(np.uint8), axis=2).astype(int)
    found = {(i, j): distance for i, j, distance in near_duplicates(hashes, 110)}
    assert found
    for i, j in [(0, 1), (5, 299), (127, 128), (128, 256), *list(found)[:20]]:
        nearest = min(np.abs(bits[i, 0] - bits[j, way]).sum() for way in range(8))
        assert found.get((i, j), nearest) == nearest
        assert ((i, j) in found) == (nearest <= 110)


def test_uniform_image_has_a_hash() -> None:
    flat = np.full((50, 70, 3), 128, np.uint8)
    assert near_duplicates(np.stack([perceptual_hashes(flat), perceptual_hashes(photograph(0))])) == []
    assert near_duplicates(np.empty((0, 8, 4), np.uint64)) == []
