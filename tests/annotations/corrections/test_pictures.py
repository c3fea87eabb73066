from __future__ import annotations

import numpy as np

from segdrone.annotations.corrections.pictures import changes_sheet, cut_part, differences_sheet
from tests.helpers.figures import TABLE, render, share_of

IMAGE = np.full((400, 600, 3), 200, np.uint8)


def test_a_small_change_is_shown_large() -> None:
    before, after = np.zeros((400, 600), np.uint8), np.zeros((400, 600), np.uint8)
    after[390:396, 10:14] = 1
    part = cut_part(IMAGE, {"before": before, "after": after})
    assert part.image.shape == (100, 150, 3) and part.where.sum() == 24
    assert part.masks["after"][90:96, 10:14].all() and part.masks["after"].sum() == 24


def test_changes_all_over_are_shown_whole_and_a_single_pixel_is_not_lost() -> None:
    before = np.zeros((1000, 2000), np.uint8)
    after = before.copy()
    after[[0, 500, -1], [0, 777, -1]] = 2
    part = cut_part(np.zeros((1000, 2000, 3), np.uint8), {"before": before, "after": after})
    assert part.image.shape == (320, 640, 3) and part.where.sum() >= 3


def test_sheets_show_before_after_and_what_changed() -> None:
    before, after = np.zeros((400, 600), np.uint8), np.zeros((400, 600), np.uint8)
    after[100:300, 100:500] = 1
    part = cut_part(IMAGE, {"before": before, "after": after})
    figure = changes_sheet({"a": part}, TABLE)
    assert [axis.get_title() for axis in figure.axes] == ["a", "before", "after", "changed"]
    pixels = render(figure)
    assert share_of(pixels, TABLE.colours[1]) > 0.05  # opaque where changed
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["road", "grass"]


def test_sheets_show_each_person() -> None:
    first, second = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint8)
    second[10:30] = 1
    few = cut_part(IMAGE[:40, :60], {"anna": first, "ben": second})
    many = cut_part(IMAGE[:40, :60], {"anna": first, "ben": second, "eva": first})
    figure = differences_sheet({"few": few, "many": many}, TABLE)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["many", "anna", "ben", "eva", "different", "few", "anna", "ben", "different", ""]
    assert share_of(render(figure), (230, 0, 120)) > 0.02
