"""Legends inside a video frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import DRONE, ClassTable
from segdrone.figures import InsetLegend

FEW = ClassTable(("road", "grass", "roof"), ((200, 10, 40), (10, 180, 60), (20, 60, 220)))


def draw_on_gray(table: ClassTable, height: int, width: int, gray: int = 128) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), gray, np.uint8)
    InsetLegend(table, (height, width)).draw(picture)
    return picture


@pytest.mark.parametrize("size", [(720, 1280), (1280, 720), (2160, 3840), (480, 640)])
def test_it_stays_in_a_corner(size: tuple[int, int]) -> None:
    changed = (draw_on_gray(DRONE, *size) != 128).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert 0.02 < (rows[-1] - rows[0]) * (columns[-1] - columns[0]) / changed.size <= 1 / 8
    assert rows[0] > size[0] / 2
    assert columns[-1] < size[1] / 2
    assert not changed[-1].any()
    assert not changed[:, 0].any()


def test_it_shows_every_class_with_its_color_and_a_name() -> None:
    picture = draw_on_gray(DRONE, 720, 1280)
    for color in DRONE.colours:
        blended = 0.25 * 128 + 0.75 * np.array(color)
        assert (np.abs(picture - blended) <= 1).all(-1).sum() >= 60, color  # a swatch of 12 x 9 without its frame
    plain = InsetLegend(DRONE, (720, 1280))
    renamed = ClassTable(("x", *DRONE.names[1:]), DRONE.colours)
    assert (draw_on_gray(renamed, 720, 1280) != picture).any()
    again = np.full_like(picture, 128)
    plain.draw(again)
    np.testing.assert_array_equal(again, picture)


def test_it_is_translucent() -> None:
    dark, bright = draw_on_gray(FEW, 720, 1280, 0), draw_on_gray(FEW, 720, 1280, 200)
    assert (dark != bright).all()


@pytest.mark.parametrize("size", [(64, 96), (1, 1), (10, 4000), (4000, 30), (120, 160)])
def test_it_is_left_out_if_it_would_hide_too_much(size: tuple[int, int]) -> None:
    assert (draw_on_gray(DRONE, *size) == 128).all()


def test_it_is_left_out_if_it_is_higher_than_the_picture() -> None:
    assert (draw_on_gray(FEW, 12, 4000) == 128).all()


@pytest.mark.parametrize("names", [("ß", "ø"), ("сад", "лес"), ("δρυς", "οδός")])
def test_letters_of_other_alphabets_are_drawn(names: tuple[str, str]) -> None:
    first, second = (draw_on_gray(ClassTable((name,), ((200, 10, 40),)), 720, 1280) for name in names)
    assert first.shape == second.shape and (first != second).any()  # an empty box would stand for each letter
