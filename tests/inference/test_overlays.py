from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import DRONE, ClassTable
from segdrone.figures import overlay
from segdrone.inference.overlays import draw_overlay

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
TABLE = ClassTable(("roof", "grass", "water"), (RED, GREEN, BLUE))


def drawn(mask: NDArray[np.uint8], table: ClassTable = TABLE) -> NDArray[np.uint8]:
    image = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), np.uint8)
    shares = [float((mask == i).mean()) for i in range(len(table))]
    return draw_overlay(image, mask, table, shares)


def first(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> tuple[int, int] | None:
    """Row and column of the first pixel of a color."""
    pixels = np.argwhere((picture == color).all(2))
    return (int(pixels[0][0]), int(pixels[0][1])) if len(pixels) else None


@pytest.mark.parametrize(("height", "width"), [(1500, 3000), (3000, 700), (2001, 1), (1, 6000)])
def test_the_picture_is_reduced_to_2000_pixels(height: int, width: int) -> None:
    picture = drawn(np.zeros((height, width), np.uint8))
    shape = max(1, round(height * 2000 / max(height, width))), max(1, round(width * 2000 / max(height, width)))
    assert 0 < picture.shape[0] - shape[0] < 100
    assert picture.shape[1] == max(shape[1], 640)


def test_a_photograph_of_medium_size_is_drawn_pixel_by_pixel() -> None:
    mask = np.zeros((300, 900), np.uint8)
    mask[100:200, 300:600] = 2
    image = np.random.default_rng(1).integers(0, 256, (300, 900, 3), np.uint8)
    picture = draw_overlay(image, mask, TABLE, [8 / 9, 0, 1 / 9])
    np.testing.assert_array_equal(picture[:300], overlay(image, mask, TABLE))
    assert (picture[302:] == 255).mean() > 0.7


@pytest.mark.parametrize("side", [1, 2, 7])
def test_a_tiny_photograph_is_enlarged(side: int) -> None:
    picture = drawn(np.full((side, side), 1, np.uint8))
    assert 640 <= picture.shape[1] < 650
    assert len(np.unique(picture[:640, :640].reshape(-1, 3), axis=0)) <= side**2


def test_the_legend_names_the_classes_that_occur_largest_first() -> None:
    mask = np.zeros((300, 900), np.uint8)
    mask[:, 300:] = 2
    legend = drawn(mask)[300:]
    (top, water), roof = first(legend, BLUE) or (0, 0), first(legend, RED)
    assert roof is not None
    assert roof[0] == top
    assert roof[1] > water + 100
    assert first(legend, GREEN) is None
    mask[:, 500:] = 0
    assert (first(drawn(mask)[300:], RED) or (0, 99))[1] < 20


def test_the_legend_shows_shares() -> None:
    half = drawn(np.repeat(np.array([[0, 1]], np.uint8), 400, 0).repeat(400, 1))
    less = drawn(np.repeat(np.array([[0, 0, 1]], np.uint8), 400, 0).repeat(300, 1)[:, :800])
    assert half.shape == less.shape
    assert (half[400:] != less[400:]).any()


def test_names_of_any_alphabet_and_length_fit() -> None:
    names = ("Dächer", "трава", "x" * 200, "ordinary")
    table = ClassTable(names, (RED, GREEN, BLUE, (9, 9, 9)))
    picture = drawn(np.arange(4, dtype=np.uint8).repeat(100)[None].repeat(50, 0), table)
    for color in table.colours:
        assert first(picture[80:], color) is not None
    edge = picture[80:, -3:]
    assert (edge == 255).all()


def test_a_photograph_without_classes_has_an_empty_legend() -> None:
    picture = drawn(np.full((700, 700), DRONE.ignore_index, np.uint8), DRONE)
    assert 700 <= picture.shape[0] < 720
