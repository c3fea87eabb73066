"""Maps and their labels, cut into folders of tiles."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.data import DataConfig, open_dataset
from segdrone.data.maps import tiles
from segdrone.data.maps.cut import cut_maps
from segdrone.data.maps.manifest import tiles_gsd
from segdrone.data.maps.options import CutOptions
from segdrone.data.maps.summary import CutSummary, print_summary
from segdrone.errors import ConfigError, DataError
from segdrone.inspection.check import check_dataset
from segdrone.raster.crs import transform_between
from segdrone.raster.encode import write_gray_png
from segdrone.raster.georeference import Georeference
from tests.helpers.commands import REPO
from tests.helpers.labeled_maps import LAND, PLACE, box, halves, moved, read_tiles, write_layer, write_ortho
from tests.helpers.maps import UTM, write_map
from tests.helpers.vrt_files import BAND, VRT

WGS84 = "EPSG:4326"
SIZE = 'xSize="320" ySize="240"'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a map of 240 x 320 pixels of 0.5 m, polygons that cover it, and a class table."""
    write_ortho(tmp_path / "a.tif")
    write_layer(tmp_path / "land.gpkg", *halves())
    (tmp_path / "classes.csv").write_text(LAND)
    return tmp_path


def cut(site: Path, out: str = "out", **options: Any) -> CutSummary:
    given: dict[str, Any] = {
        "rasters": ("a.tif",), "labels": ("land.gpkg",), "attribute": "kind", "classes": "classes.csv", "block": 20.0,
        "tile": 64, **options,
    }  # fmt: skip
    for key in ("rasters", "labels"):
        given[key] = tuple(str(site / name) for name in given[key])
    for key in ("classes", "aoi"):
        given[key] = None if given.get(key) is None else str(site / given[key])
    return cut_maps(CutOptions(**given), site / out, progress=False)


def truth() -> np.ndarray:
    """The ids of the map of `halves`."""
    mask = np.zeros((240, 320), np.uint8)
    mask[:, 160:] = 1
    mask[100:130, 140:180] = 2
    return mask


def paste(folder: Path, name: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mask of a map from its tiles, and how many tiles label each pixel."""
    whole, seen = np.full(size, 255, np.uint8), np.zeros(size, int)
    for stem, mask in read_tiles(folder).items():
        if match := re.fullmatch(rf"{name}_y(\d+)_x(\d+)_b\d+_\d+", stem):
            top, left = int(match[1]), int(match[2])
            part = whole[top : top + mask.shape[0], left : left + mask.shape[1]]
            part[mask != 255] = mask[mask != 255]
            seen[top : top + mask.shape[0], left : left + mask.shape[1]] += mask != 255
    return whole, seen


def test_every_labeled_pixel_is_in_one_tile(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    summary = cut(site)
    whole, seen = paste(site / "out", "a", (240, 320))
    np.testing.assert_array_equal(whole, truth())
    np.testing.assert_array_equal(seen, 1)
    assert summary.pixels == {"grass": 37_800, "road": 37_800, "roof": 1200, "ignored": 0}
    assert "1200 pixels (1.56% of the labeled ones) lie in polygons of several classes: the smaller" in caplog.text
    first = sorted((site / "out" / "images").iterdir())[0]
    np.testing.assert_array_equal(Image.open(first), np.asarray(_picture(site / "a.tif"))[:40, :40])
    assert tiles_gsd(site / "out") == pytest.approx((0.5002, 0.5002), abs=1e-6)


def _picture(path: Path) -> np.ndarray:
    import rasterio

    with rasterio.open(path) as file:
        return np.asarray(file.read().transpose(1, 2, 0))


def test_the_folder_is_a_dataset_with_its_split(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = cut(site)
    dataset = open_dataset(DataConfig(root=str(site / "out")))
    assert dataset.table.names == ("grass", "road", "roof")
    assert {split: len(pairs) for split, pairs in dataset.splits.items()} == {**summary.tiles, "all": 48}
    assert (dataset.split.source, dataset.split.by) == ("folders", f"by the lists in {site / 'out'}")
    assert not dataset.split.notes
    assert not check_dataset(site / "out", workers=1, progress=False).failed
    print_summary(summary)
    assert (
        "36 train (36 blocks), 7 val (7 blocks), 5 test (5 blocks) of 20 m, 50 cm per pixel" in capsys.readouterr().out
    )


def test_another_split_by_the_expression_of_the_docs_needs_no_other_tiles(site: Path) -> None:
    (site / "a.tif").rename(site / "area_b2.tif")
    cut(site, rasters=("area_b2.tif",), tile=64, block=45.0)
    page = (REPO / "docs" / "maps_training.md").read_text("utf-8")
    [expression] = re.findall(r'data\.split_by="([^"]+)"', page)
    config = DataConfig(root=str(site / "out"), split_by=expression, split_seed=1)
    ids = open_dataset(config).split.ids
    blocks = {split: {name.split("_b")[-1] for name in names} for split, names in ids.items()}
    assert not blocks["train"] & blocks["test"]
    assert not blocks["train"] & blocks["val"]
    assert sum(map(len, ids.values())) > sum(map(len, blocks.values()))


def test_a_full_disk_is_noticed_before(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(DataError, match=r"need up to 0\.0 GB and .* has 0\.0 GB free: free some disk space"):
        cut(site)
    assert sorted(path.name for path in site.iterdir() if "out" in path.name) == []


def test_ground_is_in_one_split_whatever_the_map(site: Path) -> None:
    """Four maps of the same ground: as it is, turned, in degrees, and resampled; labels in degrees."""
    write_ortho(site / "turned.tif", transform=(0.4, 0.3, 500_000.0, 0.3, -0.4, 5_200_000.0))
    [[x, y]] = transform_between(UTM, WGS84)(np.array([[500_000.0, 5_200_000.0]])).tolist()
    write_ortho(site / "degrees.tif", crs=WGS84, transform=(6e-6, 0, x, 0, -4e-6, y))
    shapes, values = halves()
    write_layer(site / "land.geojson", [moved(shape, UTM, WGS84) for shape in shapes], values, WGS84)
    cut(site, rasters=("a.tif", "turned.tif", "degrees.tif"), labels=("land.geojson",))
    splits = {
        name.removesuffix(".png"): split
        for split in ("train", "val", "test")
        for name in (site / "out" / f"{split}.txt").read_text().split()
    }
    places = {
        "a": Georeference(UTM, PLACE),
        "turned": Georeference(UTM, (0.4, 0.3, 500_000.0, 0.3, -0.4, 5_200_000.0)),
        "degrees": Georeference(WGS84, (6e-6, 0, x, 0, -4e-6, y)),
    }
    by_block: dict[tuple[int, int], set[str]] = {}
    seen = set()
    for stem, mask in read_tiles(site / "out").items():
        name, top, left = re.fullmatch(r"(\w+)_y(\d+)_x(\d+)_b\d+_\d+", stem).groups()  # type: ignore[union-attr]
        rows, columns = np.nonzero(mask != 255)
        pixels = np.stack([columns + int(left), rows + int(top)], 1) + 0.5
        ground = transform_between(places[name].crs, UTM)(places[name].coordinates(pixels))
        expected = truth()[((5_200_000 - ground[:, 1]) / 0.5).astype(int), ((ground[:, 0] - 500_000) / 0.5).astype(int)]
        assert (mask[rows, columns] == expected).mean() > 0.97, stem
        for block in map(tuple, np.unique(np.floor(ground / 20 + 1e-7).astype(int), axis=0).tolist()):
            by_block.setdefault(block, set()).add(splits[stem])
        seen.add(name)
    assert seen == {"a", "turned", "degrees"}
    assert len(by_block) > 40
    assert all(len(found) == 1 for found in by_block.values())


def test_no_data_other_places_and_other_areas_are_ignored(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = np.full((4, 240, 320), 90, np.uint8)
    image[3, :, :100] = 0
    image[3, :, 100:] = 255
    write_map(site / "a.tif", image, transform=PLACE, colors="red green blue alpha")
    write_layer(site / "aoi.gpkg", [box(50, 50, 150, 60), box(190, 10, 5, 5)], ["x", None])
    cut(site, aoi="aoi.gpkg", labels=("land.gpkg",))
    assert "400 pixels (6.64% of the labeled ones)" in caplog.text  # of the roof in the area of interest, 6025 pixels
    whole, _ = paste(site / "out", "a", (240, 320))
    expected = np.full((240, 320), 255, np.uint8)
    expected[50:110, 100:200], expected[10:15, 190:195] = truth()[50:110, 100:200], truth()[10:15, 190:195]
    np.testing.assert_array_equal(whole, expected)
    for path in (site / "out" / "images").iterdir():
        left = int(path.stem.split("_x")[1][:5])
        assert (np.asarray(Image.open(path))[:, : max(0, 100 - left)] == 0).all()


def test_a_mask_elsewhere_is_refused_beside_other_labels(site: Path) -> None:
    write_map(site / "mask.tif", truth()[None], transform=(0.5, 0.0, 600_000.0, 0.0, -0.5, 5_200_000.0))
    with pytest.raises(DataError, match=r"mask\.tif lies on no map"):
        cut(site, labels=("land.gpkg", "mask.tif"))


def test_a_mask_gives_labels_too(site: Path) -> None:
    mask = truth()
    mask[:20] = 255
    write_map(site / "mask.tif", mask[None], transform=PLACE)
    cut(site, labels=("mask.tif",), attribute=None)
    np.testing.assert_array_equal(paste(site / "out", "a", (240, 320))[0], mask)
    cut(site, "both", labels=("land.gpkg", "mask.tif"))
    np.testing.assert_array_equal(paste(site / "both", "a", (240, 320))[0], truth())
    mask[3, 3] = 9
    write_map(site / "other.tif", mask[None], transform=PLACE)
    with pytest.raises(DataError, match=r"other\.tif has values that are no id of the class table .*: 9 \(1 pixels\)"):
        cut(site, "other", labels=("other.tif",), attribute=None)
    assert not (site / "other").exists()
    with pytest.raises(ConfigError, match="holds ids and does not say of which classes: give data.classes=FILE.csv"):
        cut(site, "other", labels=("mask.tif",), attribute=None, classes=None)


def test_ignored_pixels_are_counted_whatever_their_id_in_the_class_table(site: Path) -> None:
    mask = truth()
    mask[:10] = 200
    write_map(site / "mask.tif", mask[None], transform=PLACE)
    table = {"names": ["grass", "road", "roof"], "colours": [[0, 9, 0], [9, 9, 9], [9, 0, 0]], "ignore_index": 200}
    given = CutOptions((str(site / "a.tif"),), (str(site / "mask.tif"),), classes=table, block=20.0, tile=64)
    assert cut_maps(given, site / "out", progress=False).pixels["ignored"] == 10 * 320


def test_maps_are_resampled_to_one_distance(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_ortho(site / "b.tif", 120, 160, transform=(1.0, 0, 500_200.0, 0, -1.0, 5_200_000.0))
    shapes, values = halves()
    write_layer(site / "land.gpkg", [*shapes, moved(shapes[0], UTM, UTM).buffer(400)], [*values, "grass"])
    summary = cut(site, rasters=("a.tif", "b.tif"), block=40.0)
    assert summary.gsd == pytest.approx((0.5002, 1.0004), abs=1e-4)
    summary = cut(site, "one", rasters=("a.tif", "b.tif"), gsd=100.04, block=40.0)
    assert summary.gsd == pytest.approx((1.0004, 1.0004))
    np.testing.assert_array_equal(paste(site / "one", "a", (120, 160))[0], truth()[1::2, 1::2])
    cut(site, "fine", gsd=40.0, block=60.0)
    assert "it is enlarged, which adds no detail" in caplog.text


def test_a_damaged_map_has_no_data_there(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = (site / "a.tif").read_bytes()
    (site / "a.tif").write_bytes(content[: len(content) * 6 // 10])
    summary = cut(site)
    assert "cannot be decoded at row 128, column 64: it is taken as no data there" in caplog.text
    assert any("parts that cannot be decoded: no data there" in note for note in summary.notes)
    assert (paste(site / "out", "a", (240, 320))[0][192:] == 255).all()


def test_a_damaged_map_is_said_after_interruptions_too(
    site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = (site / "a.tif").read_bytes()
    (site / "a.tif").write_bytes(content[:-1000])

    def write(mask: Any, file: Path, *, sync: bool) -> None:
        write_gray_png(mask, file, sync=sync)
        if "cannot be decoded" in caplog.text:  # as soon as a tile is finished in which damage was first met
            raise KeyboardInterrupt

    options: dict[str, Any] = {"block": 60.0, "tile": 128}  # no tile is damaged as a whole, and read again
    is_cut, interruptions = False, 0
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "write_gray_png", write)
        while not is_cut:
            caplog.clear()
            try:
                is_cut = bool(cut(site, **options).tiles)
            except KeyboardInterrupt:
                interruptions += 1
    assert interruptions > 0
    assert "1 parts" in " ".join(cut(site, **options).notes)
    assert cut(site, **options).notes == cut(site, "whole", **options).notes
    assert [*(site / "out").glob("damaged*")] == []


def _manifest(site: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((site / "out" / "maps.json").read_text())
    return content


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_a_complete_cut_is_left_alone_and_another_is_refused(site: Path) -> None:
    cut(site)
    before = _files(site / "out")
    assert cut(site).tiles == cut(site).tiles
    assert _files(site / "out") == before
    for change in {"tile": 128}, {"classes": None}, {"split_seed": 1}:
        with pytest.raises(DataError, match="cut otherwise .*: choose another folder, or remove it"):
            cut(site, **change)
    shapes, values = halves()
    write_layer(site / "land.gpkg", shapes, ["road", *values[1:]])
    with pytest.raises(DataError, match=r"cut otherwise \(files differ, see maps\.json\)"):
        cut(site)
    (site / "some").mkdir()
    (site / "some" / "photo.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="holds other files: choose an empty folder"):
        cut(site, "some")


def test_a_lost_tile_is_noticed(site: Path) -> None:
    cut(site)
    name = min(read_tiles(site / "out"))
    (site / "out" / "masks" / f"{name}.png").unlink()
    with pytest.raises(DataError, match=f"{name}.png is missing: remove .*out, and cut the maps again"):
        cut(site)


def test_an_interrupted_cut_goes_on(site: Path) -> None:
    """What a killed process leaves: the hidden folder with some of the tiles, one of them not written to its end."""
    cut(site)
    complete = {name: content for name, (_, content) in _files(site / "out").items()}
    request = _manifest(site)["request"]
    part = site / ".out.part"
    shutil.move(site / "out", part)
    names = sorted(path.name for path in (part / "masks").iterdir())
    for name in names[::2]:
        (part / "masks" / name).unlink()
    (part / "images" / names[1]).write_bytes((part / "images" / names[1]).read_bytes()[:-5])
    for name in ("maps.json", "train.txt", "val.txt", "test.txt"):
        (part / name).unlink()
    (part / "request.json").write_text(json.dumps(request))
    kept = (part / "images" / names[3]).stat().st_mtime_ns
    cut(site)
    assert {name: content for name, (_, content) in _files(site / "out").items()} == complete
    assert (site / "out" / "images" / names[3]).stat().st_mtime_ns == kept
    assert not part.exists()
    part.mkdir()
    (part / "request.json").write_text("{}")
    (part / "foreign.png").write_bytes(b"")
    shutil.rmtree(site / "out")
    cut(site)
    assert {name for name in _files(site / "out")} == {*complete}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"block": 500.0}, "the labels lie in 1 blocks of 500 m, too few for 3 splits: give a smaller data.block_m"),
        ({"block": 10.0}, "data.block_m=10 is 20 pixels of 50 cm: give 17 or more"),
        ({"attribute": None}, "data.class_attribute is not set: name the attribute of .*, of kind"),
        ({"labels": ("x.gpkg",)}, "x.gpkg does not exist: check the path in data.labels"),
        ({"rasters": ("x.tif",)}, "x.tif does not exist"),
        ({"rasters": ("a.tif", "a.tif")}, "is given twice"),
        ({"labels": ("far.gpkg",)}, r"far.gpkg .* has no polygon where .*a.tif .* lies: check both coordinate systems"),
        ({"aoi": "far.gpkg"}, "the area of interest .* has no polygon where"),
        ({"labels": ("bad.gpkg",)}, r"neither names nor ids of the class table \(grass, road, roof\): 'rood' \(1\)"),
        ({"labels": ("odd.gpkg",), "classes": None}, "cannot be read from a class table: rename those with separators"),
        ({"rasters": ("no.tif",)}, "no.tif has no coordinate system, so its labels cannot be found"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(site: Path, change: dict[str, Any], expected: str) -> None:
    write_layer(site / "far.gpkg", [box(90_000, 0, 10, 10)], ["grass"])
    write_layer(site / "bad.gpkg", [box(0, 0, 90, 90)], ["rood"])
    write_layer(site / "odd.gpkg", halves()[0], ["., |", "_=  1", "# a"])
    write_ortho(site / "no.tif", crs=None)
    with pytest.raises((DataError, ConfigError), match=expected) as caught:
        cut(site, **change)
    assert "\n" not in str(caught.value)
    assert not (site / "out").exists()


def test_a_mask_that_a_vrt_reads_counts_by_its_content(site: Path) -> None:
    for value in (0, 1):
        write_map(site / "ids.tif", np.full((1, 240, 320), value, np.uint8), transform=PLACE)
        band = BAND.format(number=1, color="Gray", file="ids.tif", relative=1).replace('xSize="9" ySize="8"', SIZE)
        place = f"<SRS>{UTM}</SRS><GeoTransform>{PLACE[2]},{PLACE[0]},0,{PLACE[5]},0,{PLACE[4]}</GeoTransform>"
        whole = VRT.format(extra=place, bands=band).replace('"9"', '"320"').replace('"8"', '"240"')
        (site / "ids.vrt").write_text(whole)
        if value:
            with pytest.raises(DataError, match="cut otherwise"):
                cut(site, labels=("ids.vrt",), attribute=None)
        else:
            cut(site, labels=("ids.vrt",), attribute=None)
