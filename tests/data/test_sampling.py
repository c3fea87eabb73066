"""Samples: whole photographs, tiles and crops, and rare classes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.caching.cache import NoCache
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.reader import CachedReader
from segdrone.data.sampling import (
    Sample,
    crops,
    drop_unlabeled,
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
def test_exactly_the_tiles_without_a_labeled_pixel_are_dropped(
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
    assert drop_unlabeled(samples, new_reader(groups)) == expected
    assert 10 < len(expected) < len(samples) - 3
    left_out = len(samples) - len(expected)
    assert f"{left_out} of {len(samples)} samples have no labeled pixel and are left out" in caplog.text


def test_photographs_to_crop_without_a_label_are_dropped(tmp_path: Path) -> None:
    one_pixel = plain((20, 20), IGNORED)
    one_pixel[19, 19] = DOG
    pairs = [pair(tmp_path, one_pixel), pair(tmp_path, plain((20, 20), IGNORED), "b")]
    samples = crops(pairs, 2, 1.0)
    assert drop_unlabeled(samples, new_reader()) == samples[:2]
    with pytest.raises(DataError, match="none of the 4 samples has a labeled pixel, .*a_mask.png first"):
        drop_unlabeled(samples, new_reader({"ignored": ["dog"]}))


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
def test_rare_is_below_1_percent_of_the_labeled_pixels_of_all_photographs(
    tmp_path: Path, count: int, rare: bool
) -> None:
    masks = [plain((50, 100), IGNORED), plain((50, 100), IGNORED)]
    for mask in masks:
        mask[:25] = ROAD  # 2500 labeled pixels in each
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
