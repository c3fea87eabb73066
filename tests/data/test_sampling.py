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
    scale_size,
    tiles,
)
from segdrone.errors import ConfigError, DataError
from segdrone.raster.pixels import resize_mask
from segdrone.windows import Size, Window

TABLE = ClassTable(("road", "grass", "tree", "dog", "cat"), tuple((i, i, i) for i in range(5)))
ROAD, GRASS, TREE, DOG, CAT, IGNORED = 0, 1, 2, 3, 4, 255
GROUPS = {"animal": ["dog", "cat"], "ignored": ["road"]}


def new_reader(groups: dict[str, list[str]] | None = None) -> CachedReader:
    return CachedReader(MaskEncoding(TABLE, groups or {}), "area", NoCache())


def pair(folder: Path, mask: NDArray[np.uint8], name: str = "a") -> ImageMaskPair:
    """A photograph that is never read, with a mask."""
    Image.fromarray(mask).save(folder / f"{name}_mask.png")
    return ImageMaskPair(name, folder / f"{name}.jpg", folder / f"{name}_mask.png", (mask.shape[0], mask.shape[1]))


def plain(size: Size, value: int = ROAD) -> NDArray[np.uint8]:
    return np.full(size, value, np.uint8)


def patches(size: Size, seed: int) -> NDArray[np.uint8]:
    """A mask of squares, half of them ignored."""
    values = np.random.default_rng(seed).choice(np.array([0, 1, 4, 255, 255, 255], np.uint8), (9, 9))
    return np.ascontiguousarray(np.kron(values, np.ones((7, 7), np.uint8))[: size[0], : size[1]])


def shown(sample: Sample, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of a mask of the sample's size that its window covers."""
    assert sample.window is not None
    return mask[sample.window.rows, sample.window.columns]


@pytest.mark.parametrize(
    ("scale", "size", "columns"), [(1, (40, 60), [0, 24, 36]), (0.5, (20, 30), [0, 6]), (0.1, (4, 6), [0])]
)
def test_tiles_cover_photographs_at_scale(tmp_path: Path, scale: float, size: Size, columns: list[int]) -> None:
    pairs = [pair(tmp_path, plain((40, 60))), pair(tmp_path, plain((16, 16)), "b")]
    found = [sample for sample in tiles(pairs, (16, 24), scale) if sample.pair.id == "a"]
    assert {sample.size for sample in found} == {size}
    assert sorted({sample.window.left for sample in found if sample.window}) == columns
    seen = np.zeros(size, bool)
    for sample in found:
        assert sample.window is not None
        assert sample.window[2:] == (16, 24)
        seen[sample.window.rows, sample.window.columns] = True
    assert seen.all()
    assert [sample.pair.id for sample in tiles(pairs, (16, 24), scale)][-1] == "b"


def test_scaled_sizes_are_at_least_1() -> None:
    assert scale_size((4000, 6000), 0.176) == (704, 1056)
    assert scale_size((3, 1000), 0.01) == (1, 10)


def test_crops_are_several_per_photograph(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, plain((40, 60))), pair(tmp_path, plain((16, 16)), "b")]
    assert crops(pairs, 3, 0.5) == [Sample(pairs[0], (20, 30), None)] * 3 + [Sample(pairs[1], (8, 8), None)] * 3


@pytest.mark.parametrize(
    ("photograph", "size"),
    [
        ((4000, 6000), (704, 1056)),
        ((6000, 4000), (1056, 704)),
        ((512, 768), (704, 1056)),
        ((3000, 3000), (862, 862)),
        ((1080, 1920), (647, 1150)),
    ],
)
def test_whole_photographs_have_one_scale_and_keep_their_proportions(
    tmp_path: Path, photograph: Size, size: Size
) -> None:
    one = ImageMaskPair("a", tmp_path / "a.jpg", tmp_path / "a.png", photograph)
    assert full_images([one], (704, 1056)) == [Sample(one, size, Window(0, 0, *size))]


@pytest.mark.parametrize("groups", [{}, GROUPS])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_exactly_the_tiles_without_a_labelled_pixel_are_dropped(
    tmp_path: Path, groups: dict[str, list[str]], scale: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    masks = {"a": patches((60, 50), 0), "b": plain((30, 30), IGNORED), "c": plain((20, 50)), "d": plain((9, 9), GRASS)}
    masks["c"][3, 4] = TREE
    samples = tiles([pair(tmp_path, mask, name) for name, mask in masks.items()], (8, 8), scale)
    expected = []
    for sample in samples:
        mask = resize_mask(masks[sample.pair.id], sample.size)
        ignored = [IGNORED, ROAD] if groups else [IGNORED]
        if not np.isin(shown(sample, mask), ignored).all():
            expected.append(sample)
    assert drop_unlabelled(samples, new_reader(groups)) == expected
    assert 10 < len(expected) < len(samples) - 3
    left_out = len(samples) - len(expected)
    assert f"{left_out} of {len(samples)} samples have no labelled pixel and are left out" in caplog.text


def test_photographs_to_crop_without_a_label_are_dropped(tmp_path: Path) -> None:
    one_pixel = plain((20, 20), IGNORED)
    one_pixel[19, 19] = DOG
    pairs = [pair(tmp_path, one_pixel), pair(tmp_path, plain((20, 20), IGNORED), "b")]
    samples = crops(pairs, 2, 1.0)
    assert drop_unlabelled(samples, new_reader()) == samples[:2]
    with pytest.raises(DataError, match="none of the 4 samples has a labelled pixel, .*a_mask.png first"):
        drop_unlabelled(samples, new_reader({"ignored": ["dog"]}))


def test_the_index_holds_exactly_the_photographs_with_a_rare_class(tmp_path: Path) -> None:
    masks = [plain((30, 40)) for _ in range(5)]
    for place, value in ((0, DOG), (2, DOG), (2, CAT), (4, CAT)):
        masks[place][place, value] = value
    pairs = [pair(tmp_path, mask, str(place)) for place, mask in enumerate(masks)]
    samples = crops(pairs, 3, 1.0)
    for names in (None, ["cat", "dog"]):
        found = rare_class_index(samples, new_reader(), names)
        assert {index: [sample.pair.id for sample in held] for index, held in found.items()} == {
            DOG: ["0", "2"],
            CAT: ["2", "4"],
        }
    assert {*rare_class_index(samples, new_reader(), ["cat"])} == {CAT}
    assert rare_class_index(samples, new_reader(), ["tree"]) == {}  # nowhere
    common = rare_class_index(samples, new_reader(), ["road"])[ROAD]
    assert [sample.pair.id for sample in common] == ["0", "1", "2", "3", "4"]


def test_rare_classes_are_classes_after_merging(tmp_path: Path) -> None:
    mask = plain((30, 40), GRASS)
    mask[0, :3], mask[1, :3], mask[2, :3] = DOG, CAT, ROAD
    samples = crops([pair(tmp_path, mask), pair(tmp_path, plain((30, 40), TREE), "b")], 1, 1.0)
    assert rare_class_index(samples, new_reader(GROUPS), None) == {0: samples[:1]}  # animal; road is ignored
    assert rare_class_index(samples, new_reader(GROUPS), ["animal", "tree"]) == {0: samples[:1], 2: samples[1:]}
    with pytest.raises(ConfigError, match="dog not in the class table: choose from animal, grass, tree"):
        rare_class_index(samples, new_reader(GROUPS), ["dog"])


@pytest.mark.parametrize(("count", "rare"), [(49, True), (50, False), (51, False)])
def test_rare_is_below_1_percent_of_the_labelled_pixels_of_all_photographs(
    tmp_path: Path, count: int, rare: bool
) -> None:
    masks = [plain((50, 100), IGNORED), plain((50, 100), IGNORED)]
    for mask in masks:
        mask[:25] = ROAD  # 2500 labelled pixels in each
    masks[0].flat[:30] = masks[1].flat[: count - 30] = CAT
    samples = tiles([pair(tmp_path, mask, name) for mask, name in zip(masks, "ab", strict=True)], (20, 20), 1.0)
    assert {*rare_class_index(samples, new_reader(), None)} == ({CAT} if rare else set())


def test_a_class_lost_by_scaling_is_not_in_the_index(tmp_path: Path) -> None:
    mask = plain((40, 40))
    mask[1, 1] = CAT
    one = pair(tmp_path, mask)
    assert {*rare_class_index(crops([one], 1, 1.0), new_reader(), ["cat"])} == {CAT}
    assert rare_class_index(crops([one], 1, 0.25), new_reader(), ["cat"]) == {}


def test_an_unknown_rare_class_is_refused(tmp_path: Path) -> None:
    samples = crops([pair(tmp_path, plain((4, 4)))], 1, 1.0)
    with pytest.raises(ConfigError) as caught:
        rare_class_index(samples, new_reader(), ["dog", "cow", "hen"])
    assert (
        str(caught.value)
        == "data.rare_classes: cow, hen not in the class table: choose from road, grass, tree, dog, cat"
    )


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
    for rare in (None, {}):
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
