from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.cache import NoCache
from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.pairs import ImageMaskPair
from segdrone.data.reader import CachedReader
from segdrone.data.sampling import (
    RandomCropSampler,
    Sample,
    crops,
    drop_unlabelled,
    full_images,
    rare_class_index,
    scaled,
    tiles,
)
from segdrone.errors import ConfigError, DataError
from segdrone.raster.pixels import resize_mask
from segdrone.windows import Size, Window

TABLE = ClassTable(("road", "grass", "tree", "dog", "cat"), tuple((i, i, i) for i in range(5)))
ROAD, GRASS, TREE, DOG, CAT, IGNORED = 0, 1, 2, 3, 4, 255
GROUPS = {"animal": ["dog", "cat"], "ignored": ["road"]}


def pixels(groups: dict[str, list[str]] | None = None) -> CachedReader:
    return CachedReader(MaskEncoding(TABLE, groups or {}), "area", NoCache())


def pair(folder: Path, mask: NDArray[np.uint8], name: str = "a") -> ImageMaskPair:
    """A photograph that nobody looks at, with a mask."""
    Image.fromarray(mask).save(folder / f"{name}_mask.png")
    return ImageMaskPair(name, folder / f"{name}.jpg", folder / f"{name}_mask.png", (mask.shape[0], mask.shape[1]))


def plain(size: Size, value: int = ROAD) -> NDArray[np.uint8]:
    return np.full(size, value, np.uint8)


def patches(size: Size, seed: int) -> NDArray[np.uint8]:
    """A mask of squares, half of them ignored."""
    values = np.random.default_rng(seed).choice(np.array([0, 1, 4, 255, 255, 255], np.uint8), (9, 9))
    return np.ascontiguousarray(np.kron(values, np.ones((7, 7), np.uint8))[: size[0], : size[1]])


def shown(item: Sample, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of a mask of the item's size that its window shows."""
    assert item.window is not None
    return mask[item.window.rows, item.window.columns]


@pytest.mark.parametrize(
    ("scale", "size", "columns"), [(1, (40, 60), [0, 24, 36]), (0.5, (20, 30), [0, 6]), (0.1, (4, 6), [0])]
)
def test_tiles_cover_photographs_at_scale(tmp_path: Path, scale: float, size: Size, columns: list[int]) -> None:
    pairs = [pair(tmp_path, plain((40, 60))), pair(tmp_path, plain((16, 16)), "b")]
    found = [item for item in tiles(pairs, (16, 24), scale) if item.pair.id == "a"]
    assert {item.size for item in found} == {size}
    assert sorted({item.window.left for item in found if item.window}) == columns
    seen = np.zeros(size, bool)
    for item in found:
        assert item.window is not None
        assert item.window[2:] == (16, 24)
        seen[item.window.rows, item.window.columns] = True
    assert seen.all()
    assert [item.pair.id for item in tiles(pairs, (16, 24), scale)][-1] == "b"


def test_scale_never_leaves_nothing() -> None:
    assert scaled((4000, 6000), 0.176) == (704, 1056)
    assert scaled((3, 1000), 0.01) == (1, 10)


def test_crops_and_whole_photographs_are_counted(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, plain((40, 60))), pair(tmp_path, plain((16, 16)), "b")]
    assert crops(pairs, 3, 0.5) == [Sample(pairs[0], (20, 30), None)] * 3 + [Sample(pairs[1], (8, 8), None)] * 3
    assert full_images(pairs, (10, 20)) == [Sample(one, (10, 20), Window(0, 0, 10, 20)) for one in pairs]


@pytest.mark.parametrize("groups", [{}, GROUPS])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_labelled_leaves_out_exactly_the_tiles_without_a_labelled_pixel(
    tmp_path: Path, groups: dict[str, list[str]], scale: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    masks = {"a": patches((60, 50), 0), "b": plain((30, 30), IGNORED), "c": plain((20, 50)), "d": plain((9, 9), GRASS)}
    masks["c"][3, 4] = TREE
    items = tiles([pair(tmp_path, mask, name) for name, mask in masks.items()], (8, 8), scale)
    expected = []
    for item in items:
        mask = resize_mask(masks[item.pair.id], item.size)
        ignored = [IGNORED, ROAD] if groups else [IGNORED]
        if not np.isin(shown(item, mask), ignored).all():
            expected.append(item)
    assert drop_unlabelled(items, pixels(groups)) == expected
    assert 10 < len(expected) < len(items) - 3
    left_out = len(items) - len(expected)
    assert f"{left_out} of {len(items)} samples have no labelled pixel and are left out" in caplog.text


def test_labelled_leaves_out_photographs_to_crop_that_have_no_label(tmp_path: Path) -> None:
    one_pixel = plain((20, 20), IGNORED)
    one_pixel[19, 19] = DOG
    pairs = [pair(tmp_path, one_pixel), pair(tmp_path, plain((20, 20), IGNORED), "b")]
    items = crops(pairs, 2, 1.0)
    assert drop_unlabelled(items, pixels()) == items[:2]
    with pytest.raises(DataError, match="none of 4 samples has a labelled pixel, .*a_mask.png first"):
        drop_unlabelled(items, pixels({"ignored": ["dog"]}))


def test_rare_items_are_exactly_the_photographs_that_hold_a_class(tmp_path: Path) -> None:
    masks = [plain((30, 40)) for _ in range(5)]
    for place, value in ((0, DOG), (2, DOG), (2, CAT), (4, CAT)):
        masks[place][place, value] = value
    pairs = [pair(tmp_path, mask, str(place)) for place, mask in enumerate(masks)]
    items = crops(pairs, 3, 1.0)
    for names in (None, ["cat", "dog"]):
        found = rare_class_index(items, pixels(), names)
        assert {index: [item.pair.id for item in held] for index, held in found.items()} == {
            DOG: ["0", "2"],
            CAT: ["2", "4"],
        }
    assert {*rare_class_index(items, pixels(), ["cat"])} == {CAT}
    assert rare_class_index(items, pixels(), ["tree"]) == {}  # nowhere
    common = rare_class_index(items, pixels(), ["road"])[ROAD]
    assert [item.pair.id for item in common] == ["0", "1", "2", "3", "4"]


def test_rare_classes_are_those_of_the_groups(tmp_path: Path) -> None:
    mask = plain((30, 40), GRASS)
    mask[0, :3], mask[1, :3], mask[2, :3] = DOG, CAT, ROAD
    items = crops([pair(tmp_path, mask), pair(tmp_path, plain((30, 40), TREE), "b")], 1, 1.0)
    assert rare_class_index(items, pixels(GROUPS), None) == {0: items[:1]}  # animal; road is ignored
    assert rare_class_index(items, pixels(GROUPS), ["animal", "tree"]) == {0: items[:1], 2: items[1:]}
    with pytest.raises(ConfigError, match="dog is no class: choose of animal, grass, tree"):
        rare_class_index(items, pixels(GROUPS), ["dog"])


@pytest.mark.parametrize(("count", "rare"), [(49, True), (50, False), (51, False)])
def test_rare_is_below_1_percent_of_the_labelled_pixels_of_all_photographs(
    tmp_path: Path, count: int, rare: bool
) -> None:
    masks = [plain((50, 100), IGNORED), plain((50, 100), IGNORED)]
    for mask in masks:
        mask[:25] = ROAD  # 2500 labelled pixels in each
    masks[0].flat[:30] = masks[1].flat[: count - 30] = CAT
    items = tiles([pair(tmp_path, mask, name) for mask, name in zip(masks, "ab", strict=True)], (20, 20), 1.0)
    assert {*rare_class_index(items, pixels(), None)} == ({CAT} if rare else set())


def test_a_class_that_scaling_loses_is_held_by_nobody(tmp_path: Path) -> None:
    mask = plain((40, 40))
    mask[1, 1] = CAT
    one = pair(tmp_path, mask)
    assert {*rare_class_index(crops([one], 1, 1.0), pixels(), ["cat"])} == {CAT}
    assert rare_class_index(crops([one], 1, 0.25), pixels(), ["cat"]) == {}


def test_an_unknown_rare_class_is_refused(tmp_path: Path) -> None:
    items = crops([pair(tmp_path, plain((4, 4)))], 1, 1.0)
    with pytest.raises(ConfigError) as caught:
        rare_class_index(items, pixels(), ["dog", "cow", "hen"])
    assert str(caught.value) == "data.rare_classes: cow, hen is no class: choose of road, grass, tree, dog, cat"


def test_windows_are_drawn_uniformly_over_all_places(tmp_path: Path) -> None:
    item, reader = Sample(pair(tmp_path, plain((14, 20))), (14, 20), None), pixels()
    rng, draw = np.random.default_rng(0), RandomCropSampler((8, 10)).draw
    drawn = Counter(draw(item, reader, rng).window for _ in range(6000))
    places = {Window(top, left, 8, 10) for top in range(7) for left in range(11)}
    assert drawn.keys() == places
    expected = 6000 / len(places)
    chi_square = sum((drawn[place] - expected) ** 2 / expected for place in places)
    assert 76 - 4 * 12.3 < chi_square < 76 + 4 * 12.3  # 76 degrees of freedom


@pytest.mark.parametrize(
    ("size", "places"), [((5, 30), (1, 21)), ((20, 6), (13, 1)), ((5, 6), (1, 1)), ((8, 10), (1, 1))]
)
def test_window_that_is_larger_than_the_photograph_begins_at_0(
    tmp_path: Path, size: Size, places: tuple[int, int]
) -> None:
    reader, rng = pixels(), np.random.default_rng(0)
    item = Sample(pair(tmp_path, plain(size, CAT)), size, None)
    for draw in (RandomCropSampler((8, 10)).draw, RandomCropSampler((8, 10), {CAT: [item]}, 1.0).draw):
        windows = [draw(item, reader, rng).window for _ in range(400)]
        assert all(window is not None and window[2:] == (8, 10) for window in windows)
        starts = {(window.top, window.left) for window in windows if window}
        assert {top for top, _ in starts} == {*range(places[0])}
        assert {left for _, left in starts} == {*range(places[1])}


@pytest.mark.parametrize(("groups", "nothing"), [({}, IGNORED), (GROUPS, IGNORED), (GROUPS, ROAD)])
def test_windows_without_a_label_are_avoided(tmp_path: Path, groups: dict[str, list[str]], nothing: int) -> None:
    mask = plain((20, 80), nothing)
    mask[:, 44:] = GRASS
    item, reader, rng = Sample(pair(tmp_path, mask), (20, 80), None), pixels(groups), np.random.default_rng(0)
    drawn = [RandomCropSampler((8, 8)).draw(item, reader, rng) for _ in range(400)]
    assert all((shown(one, mask) == GRASS).any() for one in drawn)
    assert {one.window.left for one in drawn if one.window} == {*range(37, 73)}


def test_every_window_shows_a_label_where_hardly_any_are(tmp_path: Path) -> None:
    mask = plain((300, 400), IGNORED)
    mask[211, 333] = GRASS
    item, reader, rng = Sample(pair(tmp_path, mask), (300, 400), None), pixels(), np.random.default_rng(0)
    drawn = [RandomCropSampler((8, 8), {}, 0.0).draw(item, reader, rng) for _ in range(40)]
    assert all((shown(one, mask) == GRASS).any() for one in drawn)


def test_photograph_without_any_label_still_gives_a_window(tmp_path: Path) -> None:
    item = Sample(pair(tmp_path, plain((20, 80), IGNORED)), (20, 80), None)
    window = RandomCropSampler((8, 8)).draw(item, pixels(), np.random.default_rng(0)).window
    assert window is not None
    assert 0 <= window.top <= 12 and 0 <= window.left <= 72


@pytest.mark.parametrize("place", [(101, 333), (0, 0), (499, 697), (0, 697), (499, 0), (250, 350), (480, 16)])
def test_every_window_around_a_rare_class_shows_it_however_small_it_is(tmp_path: Path, place: tuple[int, int]) -> None:
    mask = plain((500, 700))
    mask[place[0], place[1] : place[1] + 3] = CAT  # 3 of 350,000 pixels
    items = crops([pair(tmp_path, plain((500, 700)), "b"), pair(tmp_path, mask)], 2, 1.0)
    reader, rng = pixels(), np.random.default_rng(0)
    draw = RandomCropSampler((64, 96), rare_class_index(items, reader, None), 1.0).draw
    for size_left in (items[0], items[3]):
        for _ in range(5):
            drawn = draw(size_left, reader, rng)
            assert drawn.pair.id == "a"
            assert (shown(drawn, mask) == CAT).any()
            assert shown(drawn, mask).shape == (64, 96)


def test_window_around_a_rare_pixel_has_it_in_the_middle(tmp_path: Path) -> None:
    mask = plain((100, 140))
    mask[50, 71] = CAT
    item = Sample(pair(tmp_path, mask), (100, 140), None)
    window = RandomCropSampler((20, 30), {CAT: [item]}, 1.0).draw(item, pixels(), np.random.default_rng(0)).window
    assert window == (40, 56, 20, 30)


def test_windows_of_one_pixel_are_pixels_of_the_rare_class(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).choice(np.array([ROAD, CAT], np.uint8), (40, 50), p=[0.9, 0.1])
    items = crops([pair(tmp_path, mask)], 1, 1.0)
    reader, rng = pixels(), np.random.default_rng(0)
    draw = RandomCropSampler((1, 1), rare_class_index(items, reader, ["cat"]), 1.0).draw
    assert all(shown(draw(items[0], reader, rng), mask) == CAT for _ in range(100))


def test_any_pixel_of_a_rare_class_may_be_the_centre(tmp_path: Path) -> None:
    mask = plain((64, 80))
    mask[20:26, 33:41] = CAT
    item, reader, rng = Sample(pair(tmp_path, mask), (64, 80), None), pixels(), np.random.default_rng(0)
    draw = RandomCropSampler((7, 9), {CAT: [item]}, 1.0).draw
    windows = [draw(item, reader, rng).window for _ in range(1500)]
    centres = Counter((window.top + 3, window.left + 4) for window in windows if window)
    assert centres.keys() == {(row, column) for row in range(20, 26) for column in range(33, 41)}
    assert max(centres.values()) < 3 * 1500 / 48


def test_rare_class_is_found_in_the_groups(tmp_path: Path) -> None:
    mask = plain((60, 60), GRASS)
    mask[33, 35] = CAT
    items, reader, rng = crops([pair(tmp_path, mask)], 1, 1.0), pixels(GROUPS), np.random.default_rng(0)
    draw = RandomCropSampler((9, 9), rare_class_index(items, reader, None), 1.0).draw
    assert all((shown(draw(items[0], reader, rng), mask) == CAT).any() for _ in range(20))


def test_a_share_of_windows_is_around_a_rare_class_drawn_before_its_photograph(tmp_path: Path) -> None:
    masks = {name: plain((20, 20)) for name in "abcd"}
    masks["b"][3, 3] = masks["c"][3, 3] = DOG
    masks["d"][3, 3] = CAT
    items = {name: Sample(pair(tmp_path, mask, name), (20, 20), None) for name, mask in masks.items()}
    reader, rng = pixels(), np.random.default_rng(0)
    draw = RandomCropSampler((8, 8), rare_class_index([*items.values()], reader, None), 0.6).draw
    drawn = Counter(draw(items["a"], reader, rng).pair.id for _ in range(4000))
    for name, share in {"a": 0.4, "b": 0.15, "c": 0.15, "d": 0.3}.items():
        assert drawn[name] / 4000 == pytest.approx(share, abs=0.03)


def test_without_rare_photographs_windows_are_drawn_anywhere(tmp_path: Path) -> None:
    item, reader, rng = Sample(pair(tmp_path, plain((20, 20))), (20, 20), None), pixels(), np.random.default_rng(0)
    for rare in (None, {}):
        drawn = {RandomCropSampler((8, 8), rare, 1.0).draw(item, reader, rng).window for _ in range(300)}
        assert len(drawn) > 100


@pytest.mark.parametrize("rare_share", [0.0, 0.5, 1.0])
def test_the_same_seed_draws_the_same_windows(tmp_path: Path, rare_share: float) -> None:
    mask = patches((50, 60), 1)
    items = crops([pair(tmp_path, mask), pair(tmp_path, patches((60, 60), 2), "b")], 1, 1.0)
    rare = rare_class_index(items, pixels(), ["cat"])

    def draws(seed: int) -> list[Sample]:
        rng, reader = np.random.default_rng(seed), pixels()
        return [
            RandomCropSampler((16, 16), rare, rare_share).draw(items[place % 2], reader, rng) for place in range(20)
        ]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)
