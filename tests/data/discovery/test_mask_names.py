"""Rules between the names of photographs and masks."""

from __future__ import annotations

import pytest

from segdrone.data.discovery.mask_names import EXACT, NameRule, find_rule, is_view, masks_among
from segdrone.errors import DataError


def rule(images: list[str], masks: list[str], *, known_only: bool = False) -> NameRule | None:
    return find_rule({(): images}, {(): masks}, known_only=known_only)


def test_equal_names_come_first() -> None:
    assert rule(["a", "b"], ["a", "b", "ab", "bb"]) == EXACT
    assert rule(["1", "2", "3"], ["1", "2", "3", "11", "12", "13"]) == EXACT


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        (["a"], ["a_mask"], NameRule(mask_end="_mask")),
        (["a_sat", "b_sat"], ["a_mask", "b_mask"], NameRule("", "_sat", "", "_mask")),
        (["img_1", "img_2"], ["label_1", "label_2"], NameRule("img_", "", "label_", "")),
        (["1", "10", "21"], ["1-q9", "10-q9", "21-q9"], NameRule(mask_end="-q9")),
        (["a", "b", "c"], ["a_lab", "b_lab"], NameRule(mask_end="_lab")),  # c has no mask
        (["a"], ["a_gtFine_labelIds", "a_gtFine_color"], NameRule(mask_end="_gtFine_labelIds")),
        (["a"], ["a_color"], NameRule(mask_end="_color")),  # there is nothing else
    ],
)
def test_words_and_common_additions_are_rules(images: list[str], masks: list[str], expected: NameRule) -> None:
    assert rule(images, masks) == expected


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["a"], ["b"]),
        (["a"], ["a_qx"]),  # an unknown addition to one name is no rule
        (["a", "b", "c"], ["a_qx", "b_qx", "c_qy"]),
        (["DJI_1", "DJI_2", "DJI_3"], ["frame_1", "frame_2", "frame_3"]),
        ([], []),
    ],
)
def test_names_without_a_rule(images: list[str], masks: list[str]) -> None:
    assert rule(images, masks) is None


def test_only_known_words_among_photographs() -> None:
    names = ["a", "b", "c"]
    assert rule(names, ["a_qx", "b_qx", "c_qx"], known_only=True) is None
    assert rule(names, ["a_gt", "b_gt", "c_gt"], known_only=True) == NameRule(mask_end="_gt")


@pytest.mark.parametrize("masks", [["a_mask", "a_lab"], ["a", "a_mask"], ["a_labelIds", "a_labelTrainIds"]])
def test_two_rules_for_all_are_refused(masks: list[str]) -> None:
    with pytest.raises(DataError, match="a has several masks .*data.masks="):
        rule(["a"], masks)


def test_masks_of_one_place_are_no_masks_of_another() -> None:
    assert find_rule({("a",): ["1"]}, {("b",): ["1"]}) is None


def test_masks_among_photographs_need_their_photograph() -> None:
    assert masks_among(["1", "1_mask", "house_mask", "2.JPG", "m_2", "3_sat", "3-gt", "x_color"]) == {"1_mask", "3-gt"}


def test_views() -> None:
    assert is_view("a_color")
    assert not is_view("color_7")
    assert not is_view("a_mask")
