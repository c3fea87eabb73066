"""Windows of arrays and memory maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.errors import DataError
from segdrone.raster import ArraySource
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Window
from tests.helpers.image_files import random_image

VALID = np.random.default_rng(2).random((9, 13)) < 0.5


def test_a_window_at_its_own_size_is_a_slice() -> None:
    pixels = random_image(9, 13)
    source, window = ArraySource(pixels, VALID), Window(2, 3, 5, 7)
    for size in (None, (5, 7)):
        np.testing.assert_array_equal(source.read(window, size), pixels[2:7, 3:10])
        np.testing.assert_array_equal(source.valid(window, size), VALID[2:7, 3:10])


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
@pytest.mark.parametrize("size", [(3, 4), (5, 5), (20, 31), (1, 1)])
def test_a_resized_window_is_the_resized_slice(interpolation: str, size: tuple[int, int]) -> None:
    pixels = random_image(9, 13)
    source, window = ArraySource(pixels, VALID, interpolation), Window(1, 2, 7, 11)
    np.testing.assert_array_equal(source.read(window, size), resize_image(pixels[1:8, 2:13], size, interpolation))
    valid = source.valid(window, size)
    assert valid.dtype == np.bool_
    ids = np.ascontiguousarray(VALID[1:8, 2:13]).astype(np.uint8)
    np.testing.assert_array_equal(valid, resize_mask(ids, size, interpolation) == 1)


def test_a_pixel_is_valid_if_the_one_in_its_middle_is() -> None:
    middle = np.zeros((9, 9), np.bool_)
    middle[1::3, 1::3] = True
    assert ArraySource(random_image(9, 9), middle).valid(Window(0, 0, 9, 9), (3, 3)).all()
    assert not ArraySource(random_image(9, 9), ~middle).valid(Window(0, 0, 9, 9), (3, 3)).any()


def test_without_validity_every_pixel_is_valid() -> None:
    for valid in (None, np.ones((9, 13), np.bool_)):
        source = ArraySource(random_image(9, 13), valid)
        assert source.fully_valid
        assert source.valid(Window(0, 0, 4, 5)).tolist() == [[True] * 5] * 4
        assert source.valid(Window(0, 0, 4, 5), (2, 2)).tolist() == [[True] * 2] * 2
    assert not ArraySource(random_image(9, 13), VALID).fully_valid


def test_memory_maps_read_the_same_after_their_pages_are_released(tmp_path: Path) -> None:
    random_image(600, 40).tofile(tmp_path / "pixels")
    valid = np.random.default_rng(3).random((600, 40)) < 0.5
    valid.tofile(tmp_path / "valid")
    source = ArraySource(
        np.memmap(tmp_path / "pixels", np.uint8, "r", shape=(600, 40, 3)),
        np.memmap(tmp_path / "valid", np.bool_, "r", shape=(600, 40)),
    )
    window = Window(10, 5, 500, 30)
    for _ in range(2):
        np.testing.assert_array_equal(source.read(window), random_image(600, 40)[10:510, 5:35])
        np.testing.assert_array_equal(source.valid(window), valid[10:510, 5:35])
        source.release_pages()


@pytest.mark.parametrize(
    ("window", "size"), [((0, 0, 10, 3), None), ((-1, 0, 3, 3), (3, 3)), ((0, 11, 3, 3), None), ((8, 0, 2, 2), None)]
)
def test_a_window_outside_the_image_is_an_error(
    window: tuple[int, int, int, int], size: tuple[int, int] | None
) -> None:
    source = ArraySource(random_image(9, 13), VALID)
    for read in (source.read, source.valid):
        with pytest.raises(ValueError, match="is not inside an image of 9 x 13 pixels"):
            read(Window(*window), size)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5, 3), np.float32),
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((0, 5, 3), "u1"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"is not an image: give uint8 \[H, W, 3\]"):
        ArraySource(array)


@pytest.mark.parametrize("valid", [np.ones((13, 9), np.bool_), np.ones((9, 13), np.uint8)])
def test_validity_that_does_not_fit_is_refused(valid: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"does not fit an image of \[9, 13, 3\]: give bool \[9, 13\]"):
        ArraySource(random_image(9, 13), valid)
