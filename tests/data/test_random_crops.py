"""Windows that are drawn at random."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.data.sampling import (
    RandomCropSampler,
    Sample,
    crops,
    rare_class_index,
)
from segdrone.windows import Size, Window
from tests.data.test_sampling import CAT, DOG, GRASS, GROUPS, IGNORED, ROAD, new_reader, pair, patches, plain, shown


def test_windows_are_drawn_uniformly_over_all_positions(tmp_path: Path) -> None:
    sample, reader = Sample(pair(tmp_path, plain((14, 20))), (14, 20), None), new_reader()
    rng, draw = np.random.default_rng(0), RandomCropSampler((8, 10)).draw
    drawn = Counter(draw(sample, reader, rng).window for _ in range(6000))
    places = {Window(top, left, 8, 10) for top in range(7) for left in range(11)}
    assert drawn.keys() == places
    expected = 6000 / len(places)
    chi_square = sum((drawn[place] - expected) ** 2 / expected for place in places)
    assert 76 - 4 * 12.3 < chi_square < 76 + 4 * 12.3  # 76 degrees of freedom


@pytest.mark.parametrize(
    ("size", "places"), [((5, 30), (1, 21)), ((20, 6), (13, 1)), ((5, 6), (1, 1)), ((8, 10), (1, 1))]
)
def test_a_window_larger_than_the_photograph_begins_at_0(tmp_path: Path, size: Size, places: tuple[int, int]) -> None:
    reader, rng = new_reader(), np.random.default_rng(0)
    sample = Sample(pair(tmp_path, plain(size, CAT)), size, None)
    for draw in (RandomCropSampler((8, 10)).draw, RandomCropSampler((8, 10), {CAT: [sample]}, 1.0).draw):
        windows = [draw(sample, reader, rng).window for _ in range(400)]
        assert all(window is not None and window[2:] == (8, 10) for window in windows)
        starts = {(window.top, window.left) for window in windows if window}
        assert {top for top, _ in starts} == {*range(places[0])}
        assert {left for _, left in starts} == {*range(places[1])}


@pytest.mark.parametrize(("groups", "nothing"), [({}, IGNORED), (GROUPS, IGNORED), (GROUPS, ROAD)])
def test_windows_without_a_label_are_avoided(tmp_path: Path, groups: dict[str, list[str]], nothing: int) -> None:
    mask = plain((20, 80), nothing)
    mask[:, 44:] = GRASS
    sample, reader, rng = Sample(pair(tmp_path, mask), (20, 80), None), new_reader(groups), np.random.default_rng(0)
    drawn = [RandomCropSampler((8, 8)).draw(sample, reader, rng) for _ in range(400)]
    assert all((shown(one, mask) == GRASS).any() for one in drawn)
    assert {one.window.left for one in drawn if one.window} == {*range(37, 73)}


def test_every_window_shows_a_label_even_if_there_is_a_single_one(tmp_path: Path) -> None:
    mask = plain((300, 400), IGNORED)
    mask[211, 333] = GRASS
    sample, reader, rng = Sample(pair(tmp_path, mask), (300, 400), None), new_reader(), np.random.default_rng(0)
    drawn = [RandomCropSampler((8, 8), {}, 0.0).draw(sample, reader, rng) for _ in range(40)]
    assert all((shown(one, mask) == GRASS).any() for one in drawn)


def test_a_photograph_without_labels_still_gives_a_window(tmp_path: Path) -> None:
    sample = Sample(pair(tmp_path, plain((20, 80), IGNORED)), (20, 80), None)
    window = RandomCropSampler((8, 8)).draw(sample, new_reader(), np.random.default_rng(0)).window
    assert window is not None
    assert 0 <= window.top <= 12 and 0 <= window.left <= 72


@pytest.mark.parametrize("place", [(101, 333), (0, 0), (499, 697), (0, 697), (499, 0), (250, 350), (480, 16)])
def test_every_window_around_a_rare_class_shows_it_even_if_it_is_tiny(tmp_path: Path, place: tuple[int, int]) -> None:
    mask = plain((500, 700))
    mask[place[0], place[1] : place[1] + 3] = CAT  # 3 of 350,000 pixels
    samples = crops([pair(tmp_path, plain((500, 700)), "b"), pair(tmp_path, mask)], 2, 1.0)
    reader, rng = new_reader(), np.random.default_rng(0)
    draw = RandomCropSampler((64, 96), rare_class_index(samples, reader, None), 1.0).draw
    for size_left in (samples[0], samples[3]):
        for _ in range(5):
            drawn = draw(size_left, reader, rng)
            assert drawn.pair.id == "a"
            assert (shown(drawn, mask) == CAT).any()
            assert shown(drawn, mask).shape == (64, 96)


def test_a_window_around_a_rare_pixel_is_centered_on_it(tmp_path: Path) -> None:
    mask = plain((100, 140))
    mask[50, 71] = CAT
    sample = Sample(pair(tmp_path, mask), (100, 140), None)
    window = (
        RandomCropSampler((20, 30), {CAT: [sample]}, 1.0).draw(sample, new_reader(), np.random.default_rng(0)).window
    )
    assert window == (40, 56, 20, 30)


def test_windows_of_one_pixel_are_pixels_of_the_rare_class(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).choice(np.array([ROAD, CAT], np.uint8), (40, 50), p=[0.9, 0.1])
    samples = crops([pair(tmp_path, mask)], 1, 1.0)
    reader, rng = new_reader(), np.random.default_rng(0)
    draw = RandomCropSampler((1, 1), rare_class_index(samples, reader, ["cat"]), 1.0).draw
    assert all(shown(draw(samples[0], reader, rng), mask) == CAT for _ in range(100))


def test_any_pixel_of_a_rare_class_can_be_the_center(tmp_path: Path) -> None:
    mask = plain((64, 80))
    mask[20:26, 33:41] = CAT
    sample, reader, rng = Sample(pair(tmp_path, mask), (64, 80), None), new_reader(), np.random.default_rng(0)
    draw = RandomCropSampler((7, 9), {CAT: [sample]}, 1.0).draw
    windows = [draw(sample, reader, rng).window for _ in range(1500)]
    centers = Counter((window.top + 3, window.left + 4) for window in windows if window)
    assert centers.keys() == {(row, column) for row in range(20, 26) for column in range(33, 41)}
    assert max(centers.values()) < 3 * 1500 / 48


def test_rare_class_is_found_in_the_groups(tmp_path: Path) -> None:
    mask = plain((60, 60), GRASS)
    mask[33, 35] = CAT
    samples, reader, rng = crops([pair(tmp_path, mask)], 1, 1.0), new_reader(GROUPS), np.random.default_rng(0)
    draw = RandomCropSampler((9, 9), rare_class_index(samples, reader, None), 1.0).draw
    assert all((shown(draw(samples[0], reader, rng), mask) == CAT).any() for _ in range(20))


def test_a_rare_class_is_drawn_before_its_photograph(tmp_path: Path) -> None:
    masks = {name: plain((20, 20)) for name in "abcd"}
    masks["b"][3, 3] = masks["c"][3, 3] = DOG
    masks["d"][3, 3] = CAT
    samples = {name: Sample(pair(tmp_path, mask, name), (20, 20), None) for name, mask in masks.items()}
    reader, rng = new_reader(), np.random.default_rng(0)
    draw = RandomCropSampler((8, 8), rare_class_index([*samples.values()], reader, None), 0.6).draw
    drawn = Counter(draw(samples["a"], reader, rng).pair.id for _ in range(4000))
    for name, share in {"a": 0.4, "b": 0.15, "c": 0.15, "d": 0.3}.items():
        assert drawn[name] / 4000 == pytest.approx(share, abs=0.03)


def test_without_rare_classes_windows_are_drawn_anywhere(tmp_path: Path) -> None:
    sample, reader, rng = (
        Sample(pair(tmp_path, plain((20, 20))), (20, 20), None),
        new_reader(),
        np.random.default_rng(0),
    )
    nothing: dict[int, Any] = {}
    for rare in (None, nothing):
        drawn = {RandomCropSampler((8, 8), rare, 1.0).draw(sample, reader, rng).window for _ in range(300)}
        assert len(drawn) > 100


@pytest.mark.parametrize("rare_share", [0.0, 0.5, 1.0])
def test_the_same_seed_draws_the_same_windows(tmp_path: Path, rare_share: float) -> None:
    mask = patches((50, 60), 1)
    samples = crops([pair(tmp_path, mask), pair(tmp_path, patches((60, 60), 2), "b")], 1, 1.0)
    rare = rare_class_index(samples, new_reader(), ["cat"])

    def draws(seed: int) -> list[Sample]:
        rng, reader = np.random.default_rng(seed), new_reader()
        return [
            RandomCropSampler((16, 16), rare, rare_share).draw(samples[place % 2], reader, rng) for place in range(20)
        ]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)
