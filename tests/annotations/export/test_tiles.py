"""Tiles, out and in again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.export import LABEL_FORMATS, export_labels
from segdrone.annotations.tile_names import parse_tile_name
from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import ConfigError, DataError
from segdrone.utils.digest import file_digest
from tests.annotations.export.conftest import IGNORED, blobs, exported, read_back, write_masks

TILE = (64, 64)
WAYS = [(name, kind) for name, chosen in LABEL_FORMATS.items() for kind in chosen.kinds if name != "voc"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Masks of two photographs to cut, one with an empty tile, and of a small one."""
    masks = {"a": blobs(1, (100, 150)), "flight 1/b.1": blobs(2, (64, 129)), "c": blobs(3, (24, 40))}
    masks["a"][50:, :50] = IGNORED
    write_masks(tmp_path, masks)
    return tmp_path


def masks_of(folder: Path) -> dict[str, NDArray[np.uint8]]:
    return {path.stem: np.array(Image.open(path)) for path in (folder / "masks").rglob("*.png")}


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_each_pixel_comes_back(large: Path, name: str, kind: str) -> None:
    summary = exported(large, name, kind=kind, tile=TILE)
    assert (summary.photographs, summary.tiles, summary.empty) == (3, 9, [])
    assert f"3 photographs, some of them as 9 tiles, with {summary.shapes} {kind}" in summary.lines()[0]
    back, masks = read_back(large), masks_of(large)
    assert back.keys() == masks.keys()
    for stem, mask in masks.items():
        np.testing.assert_array_equal(back[stem], mask, stem)


def test_tiles_are_written_for_the_tool(large: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 15, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    photograph = large / "photographs" / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels[::-1, ::-1]).resize((150, 100)).save(photograph, exif=exif, quality=100, subsampling=0)
    upright = np.array(Image.open(photograph).rotate(180)).astype(int)
    exported(large, "cvat", tile=TILE)
    images = large / "out" / "images"
    digest = file_digest(photograph)[:8]
    assert sorted(path.name for path in images.glob("a_*")) == [
        f"a__tile_x{x}_y{y}_of_3x2_{digest}.jpg" for x in (0, 100, 50) for y in (0, 50)
    ]
    tile = Image.open(images / f"a__tile_x100_y50_of_3x2_{digest}.jpg")
    assert not tile.getexif()
    assert np.abs(np.array(tile) - upright[50:, 100:]).mean() < 12  # 80 if it were not turned
    assert (images / "c.jpg").read_bytes() == (large / "photographs" / "c.jpg").read_bytes()
    np.testing.assert_array_equal(read_back(large)["a"], masks_of(large)["a"])


def test_tiles_of_other_formats_are_png(tmp_path: Path) -> None:
    write_masks(tmp_path, {"a": blobs(1, (70, 60))})
    (tmp_path / "photographs" / "a.jpg").unlink()
    pixels = np.random.default_rng(0).integers(0, 255, (70, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photographs" / "a.tif")
    exported(tmp_path, "labelme", tile=TILE)
    first, second = sorted((tmp_path / "out" / "images").iterdir())
    np.testing.assert_array_equal(np.concatenate([np.array(Image.open(path)) for path in (first, second)]), pixels)
    np.testing.assert_array_equal(read_back(tmp_path)["a"], masks_of(tmp_path)["a"])


def test_masks_of_voc_are_a_dataset_of_tiles(large: Path) -> None:
    exported(large, "voc", tile=TILE)
    dataset = open_dataset(DataConfig(root=str(large / "out")))
    masks = masks_of(large)
    assert len(dataset.pairs) == 10
    for pair in dataset.pairs:
        name, place = parse_tile_name(pair.image.stem) or (pair.image.stem, None)
        mask = masks[name]
        if place is not None and (window := place.window((mask.shape[0], mask.shape[1]))):
            mask = mask[window.rows, window.columns]
        np.testing.assert_array_equal(read_pair_mask(pair, dataset.encoding), mask)


def cut_things(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """A thing across the corner of four tiles, one beside it, two that meet at a border, and one in two parts."""
    mask, numbers = np.zeros((100, 100), np.uint8), np.zeros((100, 100), np.uint16)
    places: list[tuple[int, tuple[slice, slice]]] = [
        (7, np.s_[30:70, 30:70]), (300, np.s_[30:70, 70:80]), (8, np.s_[2:22, 40:50]), (9, np.s_[2:9, 50:60]),
        (60000, np.s_[80:99, 40:60]), (60000, np.s_[2:9, 90:99]),
    ]  # fmt: skip
    for number, place in places:
        mask[place], numbers[place] = 1, number
    write_masks(folder, {"a": mask})
    (folder / "instances").mkdir()
    Image.fromarray(numbers).save(folder / "instances" / "a.png")
    return mask, numbers


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_a_thing_that_was_cut_is_one_thing(tmp_path: Path, name: str, kind: str) -> None:
    mask, numbers = cut_things(tmp_path)
    exported(tmp_path, name, kind=kind, tile=TILE)
    np.testing.assert_array_equal(read_back(tmp_path, instances=True)["a"], mask)
    found = np.array(Image.open(tmp_path / "back" / "instances" / "a.png"))
    if name not in ("cvat", "labelme", "datumaro"):  # which cannot say that parts are one thing
        numbers[2:9, 90:99] = 60001
    pairs = {*zip(found[mask == 1].tolist(), numbers[mask == 1].tolist(), strict=True)}
    assert len(pairs) == len({number for number, _ in pairs}) == len({number for _, number in pairs})


def test_small_regions_are_judged_before_they_are_cut(tmp_path: Path) -> None:
    mask = np.zeros((64, 100), np.uint8)
    mask[10:20, 48:60], mask[40:42, 40:42] = 1, 2  # the first has 20 pixels on the first tile
    write_masks(tmp_path, {"a": mask})
    for kind in ("masks", "polygons"):
        assert exported(tmp_path, "coco", kind=kind, min_area=30, tile=TILE).filled == 1
        np.testing.assert_array_equal(read_back(tmp_path)["a"], np.where(mask == 2, 0, mask))


def test_an_export_without_tiles_removes_earlier_ones(large: Path) -> None:
    exported(large, "yolo", tile=TILE)
    exported(large, "cvat", tile=TILE)
    exported(large, "cvat")
    assert not [path for path in (large / "out" / "images").rglob("*") if path.is_file()]
    Image.new("RGB", (9, 9)).save(large / "out" / "images" / "mine.png")
    exported(large, "cvat")
    with pytest.raises(DataError, match="images is not of an earlier export"):
        exported(large, "cvat", tile=TILE)
    assert (large / "out" / "images" / "mine.png").is_file()


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"tile": (64, 8)}, ConfigError, "--tile 8x64 must be at least 64x64 pixels"),
        ({"tile": TILE, "images": None}, ConfigError, "that of .*a.png is not known: give --images"),
        ({"min_confidence": 1.5}, ConfigError, "--min-confidence 1.5 must be 0 to 1"),
        ({"min_confidence": float("nan")}, ConfigError, "--min-confidence nan must be 0 to 1"),
        ({"min_confidence": 0.5}, DataError, "a.png has no confidence, which --min-confidence reads"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    large: Path, options: dict[str, Any], error: type[Exception], expected: str
) -> None:
    given = {"images": large / "photographs", **options}
    with pytest.raises(error, match=expected):
        export_labels(large / "masks", large / "out", "cvat", progress=False, **given)
    assert not (large / "out").exists()


def test_names_too_long_for_a_tile_are_refused(tmp_path: Path) -> None:
    write_masks(tmp_path, {"a" * 240: blobs(1, (70, 60))})
    with pytest.raises(DataError, match="is too long a name for a file"):
        exported(tmp_path, "cvat", tile=TILE)


def test_tiles_are_not_stitched_from_themselves(large: Path) -> None:
    exported(large, "cvat", tile=TILE)
    with pytest.raises(DataError, match=r"2 annotated photographs are not in .*: 'a.jpg', 'flight 1/b.1.jpg'; give"):
        import_annotations(large / "out", large / "back", progress=False)
