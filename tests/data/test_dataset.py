"""Samples of the torch dataset: whole photographs, tiles, padding."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data import sampling
from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.caching.cache import NoCache
from segdrone.data.dataset import SegmentationDataset
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.multi_image import MultiImageAugment
from segdrone.data.reader import CachedReader
from segdrone.data.sampler import SampleIndex
from segdrone.errors import DataError
from segdrone.windows import Size

TABLE = ClassTable(tuple(f"class {i}" for i in range(250)), tuple((i, i, i) for i in range(250)))
PLAIN = Pipeline([], (0, 0, 0), (1, 1, 1))  # an image's values are the photograph's, over 255


def numbered(size: Size) -> NDArray[np.uint8]:
    """A photograph whose pixels hold their row and column."""
    rows, columns = np.indices(size)
    return np.dstack([rows, columns, np.full(size, 200)]).astype(np.uint8)


def pair(folder: Path, size: Size, name: str = "a") -> ImageMaskPair:
    rows, columns = np.indices(size)
    Image.fromarray(numbered(size)).save(folder / f"{name}.png")
    Image.fromarray(((rows * size[1] + columns) % 250).astype(np.uint8)).save(folder / f"{name}_mask.png")
    return ImageMaskPair(name, folder / f"{name}.png", folder / f"{name}_mask.png", size)


def dataset(
    *pairs: ImageMaskPair, size: Size, tiles: bool, count_once: bool = False, pipeline: Pipeline = PLAIN
) -> SegmentationDataset:
    samples = sampling.tiles(pairs, size, 1.0) if tiles else sampling.full_images(pairs, size)
    return SegmentationDataset(
        samples, CachedReader(MaskEncoding(TABLE), "area", NoCache()), pipeline, count_once=count_once
    )


def values(image: torch.Tensor) -> NDArray[np.int64]:
    """The photograph's own values, `[H, W, 3]`."""
    return np.asarray((image.permute(1, 2, 0) * 255).round().long())


def positions(sample: dict[str, torch.Tensor]) -> NDArray[np.int64]:
    """Row and column in the photograph of each pixel that is not padding, `[N, 2]`."""
    shown = values(sample["image"])
    places: NDArray[np.int64] = shown[shown[..., 2] == 200][:, :2]
    return places


def test_a_whole_photograph_is_resized(tmp_path: Path) -> None:
    full = dataset(pair(tmp_path, (20, 30)), pair(tmp_path, (8, 12), "b"), size=(10, 14), tiles=False)
    assert len(full) == 2
    for index, name in enumerate("ab"):
        sample = full[index]
        assert sample["image"].shape == (3, 10, 14)
        assert sample["image"].dtype == torch.float32
        assert sample["mask"].shape == (10, 14)
        assert sample["mask"].dtype == torch.int64
        assert sample["id"] == name


def test_a_whole_photograph_at_its_own_size_is_unchanged(tmp_path: Path) -> None:
    full = dataset(pair(tmp_path, (10, 14)), size=(10, 14), tiles=False)
    np.testing.assert_array_equal(values(full[0]["image"]), numbered((10, 14)))
    np.testing.assert_array_equal(full[0]["mask"].numpy().ravel(), np.arange(140))


sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))


@settings(max_examples=60, deadline=None)
@given(photograph=sizes, tile=sizes)
def test_tiles_cover_every_pixel(photograph: Size, tile: Size) -> None:
    with TemporaryDirectory() as folder:
        tiles = dataset(pair(Path(folder), photograph), size=tile, tiles=True)
        samples = [tiles[i] for i in range(len(tiles))]
    seen = np.zeros(photograph, int)
    for sample in samples:
        assert sample["image"].shape == (3, *tile)
        assert sample["mask"].shape == tile
        shown = values(sample["image"])
        real = shown[..., 2] == 200
        mask = sample["mask"].numpy()
        np.testing.assert_array_equal(mask[real], (shown[real][:, 0] * photograph[1] + shown[real][:, 1]) % 250)
        assert (mask[~real] == 255).all()
        np.add.at(seen, tuple(positions(sample).T), 1)
    assert seen.min() >= 1


@settings(max_examples=60, deadline=None)
@given(photograph=sizes, tile=sizes)
def test_count_once_labels_every_pixel_in_exactly_one_tile(photograph: Size, tile: Size) -> None:
    with TemporaryDirectory() as folder:
        tiles = dataset(pair(Path(folder), photograph), size=tile, tiles=True, count_once=True)
        samples = [tiles[i] for i in range(len(tiles))]
    labeled = np.zeros(photograph, int)
    for sample in samples:
        shown, mask = values(sample["image"]), sample["mask"].numpy()
        real = mask != 255
        assert (shown[real][:, 2] == 200).all()
        np.add.at(labeled, (shown[real][:, 0], shown[real][:, 1]), 1)
    np.testing.assert_array_equal(labeled, 1)


def test_a_small_photograph_is_padded_with_the_ignored_id(tmp_path: Path) -> None:
    tiles = dataset(pair(tmp_path, (3, 5)), size=(4, 8), tiles=True)
    assert len(tiles) == 1
    sample = tiles[0]
    assert sample["mask"].shape == (4, 8)
    assert (sample["mask"][:3, :5] != 255).all()
    assert (sample["mask"][3:] == 255).all()
    assert (sample["mask"][:, 5:] == 255).all()
    assert (sample["image"][:, 3:] == 0).all()


def test_tiles_of_photographs_of_two_sizes_keep_their_ids(tmp_path: Path) -> None:
    tiles = dataset(pair(tmp_path, (8, 8)), pair(tmp_path, (4, 10), "b"), size=(4, 4), tiles=True)
    assert [tiles[i]["id"] for i in range(len(tiles))] == [*"aaaa", *"bbb"]
    last = tiles[6]
    np.testing.assert_array_equal(np.unique(positions(last)[:, 1]), [6, 7, 8, 9])


def test_tiles_do_not_depend_on_the_order_of_reading(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, (8, 8)), pair(tmp_path, (8, 8), "b")]
    tiles, others = (dataset(*pairs, size=(4, 4), tiles=True, count_once=True) for _ in range(2))
    expected = [tiles[i]["mask"] for i in range(8)]
    for i in (7, 0, 4, 1, 1, 6):
        assert torch.equal(others[i]["mask"], expected[i])


def test_a_sample_index_gives_index_and_seed(tmp_path: Path) -> None:
    flips = build_transforms([{"transform": "HorizontalFlip", "p": 0.5}], "augment.train")
    pairs = [pair(tmp_path, (8, 8)), pair(tmp_path, (8, 8), "b")]
    full = dataset(*pairs, size=(8, 8), tiles=False, pipeline=Pipeline(flips, (0, 0, 0), (1, 1, 1)))
    assert full[SampleIndex(1, 5)]["id"] == "b"
    left = [int(values(full[SampleIndex(0, seed)]["image"])[0, 0, 1]) for seed in range(20)]
    assert set(left) == {0, 7}
    assert left == [int(values(full[SampleIndex(0, seed)]["image"])[0, 0, 1]) for seed in range(20)]


def test_an_unknown_id_is_refused_when_its_photograph_is_read(tmp_path: Path) -> None:
    broken = pair(tmp_path, (8, 8))
    Image.fromarray(np.full((8, 8), 251, np.uint8)).save(tmp_path / "a_mask.png")
    with pytest.raises(DataError, match=r"a_mask\.png holds id 251 \(64 pixels\)"):
        dataset(broken, size=(4, 4), tiles=True)[0]


def test_padding_is_a_sample_without_labeled_pixels(tmp_path: Path) -> None:
    full = dataset(pair(tmp_path, (10, 14)), size=(10, 14), tiles=False)
    padding = full[SampleIndex(0, 0, padding=True)]
    assert torch.equal(padding["image"], full[0]["image"])
    assert padding["mask"].shape == (10, 14)
    assert (padding["mask"] == TABLE.ignore_index).all()
    assert padding["id"] == ""


def test_a_whole_photograph_keeps_its_proportions(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, (20, 30)), pair(tmp_path, (30, 20), "b"), pair(tmp_path, (10, 40), "c")]
    full = dataset(*pairs, size=(10, 15), tiles=False)
    assert full.shapes == [(10, 15), (15, 10), (6, 24)]
    assert [tuple(full[index]["mask"].shape) for index in range(3)] == full.shapes


def test_samples_of_a_batch_are_padded_to_its_largest_height_and_width(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, (8, 14)), pair(tmp_path, (14, 8), "b"), pair(tmp_path, (4, 28), "c")]
    full = dataset(*pairs, size=(8, 14), tiles=False)
    batch = full.__getitems__([0, 1, SampleIndex(2, 0, padding=True)])
    for index, sample in enumerate(batch):
        (height, width), alone = full.shapes[index], full.__getitems__([SampleIndex(index, 0, padding=index == 2)])[0]
        assert sample["image"].shape == (14, 28, 3)
        assert sample["mask"].shape == (14, 28)
        np.testing.assert_array_equal(sample["image"][:height, :width], alone["image"])
        np.testing.assert_array_equal(sample["mask"][:height, :width], alone["mask"])
        assert not sample["image"][height:].any() and not sample["image"][:, width:].any()
        assert (sample["mask"][height:] == 255).all() and (sample["mask"][:, width:] == 255).all()
    assert (batch[2]["mask"] == 255).all()


@pytest.mark.parametrize("name", ["mosaic", "cutmix"])
def test_photographs_of_different_shapes_are_combined(tmp_path: Path, name: str) -> None:
    pairs = [pair(tmp_path, (8, 14)), pair(tmp_path, (14, 8), "b"), pair(tmp_path, (5, 22), "c")]
    samples = sampling.full_images(pairs, (8, 14))
    reader = CachedReader(MaskEncoding(TABLE), "area", NoCache())
    combined = SegmentationDataset(samples, reader, PLAIN, combine=MultiImageAugment.from_dict({name: 1.0}))
    for seed in range(60):
        for index, shape in enumerate(combined.shapes):
            sample = combined[SampleIndex(index, seed)]
            assert tuple(sample["mask"].shape) == shape
            rows, columns = values(sample["image"])[..., 0], values(sample["image"])[..., 1]
            fits = [(rows * pair.size[1] + columns) % 250 == sample["mask"].numpy() for pair in pairs]
            assert np.any(fits, axis=0).all()  # every pixel has the label of one of the photographs
