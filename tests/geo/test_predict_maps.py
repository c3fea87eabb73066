"""Maps predicted strip by strip."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from segdrone.errors import ConfigError
from segdrone.geo.inputs import MapInput
from segdrone.geo.layers import LayerOptions
from segdrone.geo.predict_maps import predict_maps
from segdrone.geo.strip_store import StripStore
from segdrone.inference import Predictor
from segdrone.inference.predict_folder import PredictSummary
from segdrone.inference.strips import strip_ends
from segdrone.raster import ArraySource, Channels
from tests.helpers.image_files import gradient_image
from tests.helpers.local_network import TABLE, local_backend
from tests.helpers.maps import TRANSFORM, write_map

SIZE = (150, 130)


class Killed(BaseException):
    """As a signal would end the process."""


def predictor(**options: Any) -> Predictor:
    return Predictor(local_backend(1, sampling="tiles"), **{"scale": 1, "window": (32, 32), **options})


def holey_map(path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    image = gradient_image(*SIZE)
    valid = np.ones(SIZE, np.bool_)
    valid[:70, 60:] = valid[100:, :40] = False
    bands = np.concatenate([image.transpose(2, 0, 1), valid[None].astype(np.uint8) * 255])
    return write_map(path, bands, colors="red green blue alpha"), image, valid


def predict(path: Path, out: Path, model: Predictor | None = None, **options: Any) -> PredictSummary:
    return predict_maps(model or predictor(), [MapInput(str(path), path.stem)], out, progress=False, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_a_mask_on_the_grid_of_its_map(tmp_path: Path, scale: float) -> None:
    path, image, valid = holey_map(tmp_path / "ortho.tif")
    model = predictor().at_scale(scale)
    assert predict(path, tmp_path / "out", model) == PredictSummary(1, 0, {})
    expected = model(ArraySource(image, valid), confidence=True)
    with rasterio.open(tmp_path / "out" / "maps" / "ortho_mask.tif") as file:
        assert tuple(file.transform)[:6] == TRANSFORM
        assert file.nodata == TABLE.ignore_index
        classes = file.read(1)
    with rasterio.open(tmp_path / "out" / "maps" / "ortho_confidence.tif") as file:
        confidence = file.read(1)
    np.testing.assert_array_equal(classes == TABLE.ignore_index, ~valid)
    assert expected.confidence is not None
    assert (classes == expected.mask).mean() > 0.999  # resized, pixels may differ by one of 255
    assert np.abs(confidence.astype(int) - expected.confidence).max() <= 6
    names = [
        "areas.csv",
        "areas.json",
        "confidence.tif",
        "map.html",
        "mask.qml",
        "mask.tif",
        "mask.tif.aux.xml",
        "record.json",
    ]
    assert [*contents(tmp_path / "out" / "maps")] == [f"ortho_{name}" for name in names]


def test_a_map_is_read_as_those_of_the_training_unless_the_user_chooses(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (4, *SIZE)).astype(np.uint16)
    path = write_map(tmp_path / "ortho.tif", values)
    model = Predictor(local_backend(1, sampling="tiles", map_bands=(4, 1, 2), map_stretch=(0, 4095)), scale=1)
    assert predict(path, tmp_path / "out", model).failed == {}
    pixels = np.rint(values[[3, 0, 1]].transpose(1, 2, 0) / 4095 * 255).astype(np.uint8)
    with rasterio.open(tmp_path / "out" / "maps" / "ortho_mask.tif") as file:
        np.testing.assert_array_equal(file.read(1), model(pixels).mask)
    assert predict(path, tmp_path / "other", model, channels=Channels((1, 2, 3), (0, 4095))).failed == {}
    with rasterio.open(tmp_path / "other" / "maps" / "ortho_mask.tif") as file:
        assert (file.read(1) != model(pixels).mask).any()


@pytest.mark.parametrize(("latitude", "said"), [(20.0, False), (47.0, True)])
def test_pixels_that_are_no_squares_on_the_ground_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, latitude: float, said: bool
) -> None:
    bands = np.full((3, 32, 32), 90, np.uint8)
    path = write_map(tmp_path / "ortho.tif", bands, "EPSG:4326", (1e-6, 0.0, 15.0, 0.0, -1e-6, latitude))
    predict(path, tmp_path / "out")
    assert ("7.61 cm across and 11.1 cm down, so things are stretched" in caplog.text) == said


def test_polygons_that_are_open_in_a_gis_are_not_replaced(tmp_path: Path) -> None:
    """What SQLite has beside them would become a part of the new ones."""
    path, *_ = holey_map(tmp_path / "ortho.tif")
    predict(path, tmp_path / "out", layers=LayerOptions("gpkg"))
    polygons = tmp_path / "out" / "maps" / "ortho_polygons.gpkg"
    with closing(sqlite3.connect(polygons)) as gis:
        gis.execute("PRAGMA journal_mode=WAL")
        with gis:
            gis.execute("CREATE TABLE notes (text)")
        for redo in (False, True):
            with pytest.raises(ConfigError, match="ortho_polygons.gpkg is open in another program, such as QGIS"):
                predict(path, tmp_path / "out", layers=LayerOptions("gpkg", simplify=1.0), redo=redo)
    predict(path, tmp_path / "out", layers=LayerOptions("gpkg", simplify=1.0))
    with closing(sqlite3.connect(polygons)) as again:
        assert again.execute("SELECT name FROM sqlite_master WHERE name = 'notes'").fetchall() == []
    polygons.rename(tmp_path / "moved.gpkg")
    changes = polygons.with_name("ortho_polygons.gpkg-wal")
    changes.write_bytes(b"changes")
    with pytest.raises(ConfigError, match="gpkg-wal holds changes of a GeoPackage that is gone, .* remove it"):
        predict(path, tmp_path / "out", layers=LayerOptions("gpkg"))


def test_killed_at_any_strip_it_continues_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    predict(path, tmp_path / "whole")
    strips: list[int] = []
    add = StripStore.add

    def kill_at_second(store: Any, strip: Any) -> None:
        strips.append(strip.top)
        if len(strips) % 3 == 2:
            raise Killed
        add(store, strip)

    monkeypatch.setattr(StripStore, "add", kill_at_second)
    kills = 0
    while True:
        try:
            summary = predict(path, tmp_path / "killed")
            break
        except Killed:
            kills += 1
            strips.append(-1)
    assert kills >= 3
    assert summary.predicted == 1
    assert len({top for top in strips if top >= 0}) == len(strip_ends(predictor(), SIZE))
    assert strips.count(0) == 1
    assert contents(tmp_path / "killed" / "maps") == contents(tmp_path / "whole" / "maps")


def test_a_finished_map_is_done_until_something_changes(tmp_path: Path) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    out = tmp_path / "out"
    predict(path, out)
    assert predict(path, out) == PredictSummary(0, 1, {})
    mask = out / "maps" / "ortho_mask.tif"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:100])
    assert predict(path, out).predicted == 1
    assert mask.read_bytes() == whole
    with pytest.raises(ConfigError, match="other settings.*--redo"):
        predict(path, out, predictor(overlap=0.5))
    write_map(path, np.zeros((3, *SIZE), np.uint8))
    with pytest.raises(ConfigError, match="of another file.*--redo"):
        predict(path, out)
    assert mask.read_bytes() == whole
    assert predict(path, out, redo=True).predicted == 1
    assert mask.read_bytes() != whole


def test_layers_that_somebody_changed_are_kept_beside_those_that_are_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    out, layers = tmp_path / "out", LayerOptions(polygons="geojson")
    predict(path, out, layers=layers)
    layer = out / "maps" / "ortho_polygons.geojson"
    kept = out / "maps" / "changed" / "ortho_polygons-1.geojson"
    whole = layer.read_bytes()
    layer.write_bytes(whole.replace(b"}", b"} "))
    changed = layer.read_bytes()
    assert predict(path, out, layers=layers).predicted == 1
    assert (layer.read_bytes(), (out / "maps" / "changed" / "ortho_polygons-1.geojson").read_bytes()) == (
        whole,
        changed,
    )
    assert f"{layer} was changed after it was written: the changed one is now " in caplog.text
    layer.write_bytes(changed)
    assert predict(path, out, redo=True, layers=layers).predicted == 1
    assert layer.read_bytes() == whole
    assert [*kept.parent.iterdir()] == [kept]


def test_polygons_that_somebody_changed_are_kept_also_if_other_layers_were_asked_for_in_between(tmp_path: Path) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    out, target = tmp_path / "out", tmp_path / "mine.geojson"
    layers = LayerOptions(polygons=str(target))
    predict(path, out, layers=layers)
    whole = target.read_bytes()
    target.write_bytes(whole.replace(b"}", b"} "))
    changed = target.read_bytes()
    assert predict(path, out).predicted == 1  # writes no polygons
    assert target.read_bytes() == changed
    assert predict(path, out, layers=layers).failed == {}
    assert target.read_bytes() == whole
    assert (tmp_path / "changed" / "mine-1.geojson").read_bytes() == changed


def test_polygons_are_written_to_the_working_folder_of_each_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    for name, expected in (("first", (1, 0)), ("first", (0, 1)), ("second", (1, 0))):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        summary = predict(path, tmp_path / "out", layers=LayerOptions(polygons="map.geojson"))
        assert (summary.predicted, summary.skipped) == expected
    first, second = (tmp_path / name / "map.geojson" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_statistics_of_a_gis_beside_a_map_leave_it_the_same(tmp_path: Path) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    predict(path, tmp_path / "out")
    with rasterio.open(path) as file:
        file.stats()
    beside = tmp_path / "ortho.tif.aux.xml"
    assert "STATISTICS_MEAN" in beside.read_text()
    assert predict(path, tmp_path / "out") == PredictSummary(0, 1, {})
    text = beside.read_text()
    beside.write_text(text.replace("<PAMDataset>", "<PAMDataset><SRS>EPSG:32634</SRS>"))
    with pytest.raises(ConfigError, match="of another file"):
        predict(path, tmp_path / "out")


def test_a_redo_that_was_killed_continues_without_redo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = [MapInput(str(holey_map(tmp_path / f"{name}.tif")[0]), name) for name in "abc"]
    out, model = tmp_path / "out", predictor(overlap=0.5)
    predict_maps(predictor(), maps, out, progress=False)
    with pytest.raises(ConfigError, match="--gsd auto"):
        predict_maps(predictor(scale=None), maps, out, redo=True, gsd="auto", progress=False)
    assert predict_maps(predictor(), maps, out, progress=False) == PredictSummary(0, 3, {})
    add, strips = StripStore.add, list[int]()

    def kill_in_the_second_map(store: Any, strip: Any) -> None:
        strips.append(strip.top)
        if strips.count(0) == 2 and strip.top == 36 and -1 not in strips:
            strips.append(-1)
            raise Killed
        add(store, strip)

    monkeypatch.setattr(StripStore, "add", kill_in_the_second_map)
    with pytest.raises(Killed):
        predict_maps(model, maps, out, redo=True, progress=False)
    assert predict_maps(model, maps, out, progress=False) == PredictSummary(2, 1, {})
    assert strips.count(0) == 3  # the second map went on
    predict_maps(model, maps, tmp_path / "whole", progress=False)
    masks = [folder / "maps" / f"{name}_mask.tif" for folder in (out, tmp_path / "whole") for name in "abc"]
    assert [mask.read_bytes() for mask in masks[:3]] == [mask.read_bytes() for mask in masks[3:]]


def test_blocks_that_cannot_be_decoded_are_named_also_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_map(tmp_path / "ortho.tif", gradient_image(*SIZE).transpose(2, 0, 1), blockxsize=16, blockysize=16)
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    summary = predict(path, tmp_path / "whole")
    assert "more parts cannot be decoded" in summary.failed[str(path)]
    assert summary.predicted == 1
    assert predict(path, tmp_path / "whole").failed == summary.failed
    add, strips = StripStore.add, []

    def kill_at_last(store: Any, strip: Any) -> None:
        strips.append(strip)
        if len(strips) == len(store.ends):
            raise Killed
        add(store, strip)

    with monkeypatch.context() as patch:
        patch.setattr(StripStore, "add", kill_at_last)
        with pytest.raises(Killed):
            predict(path, tmp_path / "killed")
    assert predict(path, tmp_path / "killed").failed == summary.failed
    assert contents(tmp_path / "killed" / "maps") == contents(tmp_path / "whole" / "maps")
    with rasterio.open(tmp_path / "whole" / "maps" / "ortho_mask.tif") as file:
        assert 0.3 < (file.read(1) == TABLE.ignore_index).mean() < 0.7


def test_a_map_that_does_not_fit_the_disk_is_refused_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, *_ = holey_map(tmp_path / "ortho.tif")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    failed = predict(path, tmp_path / "out").failed
    assert "needs about" in failed[str(path)] and "--out" in failed[str(path)]


def test_files_that_are_no_maps_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    holey_map(tmp_path / "good.tif")
    (tmp_path / "bad.tif").write_bytes(b"II*\0 and then nothing")
    maps = [MapInput(str(tmp_path / name), Path(name).stem) for name in ("bad.tif", "missing.tif", "good.tif")]
    summary = predict_maps(predictor(), maps, tmp_path / "out", progress=False)
    assert summary.predicted == 1
    assert [*summary.failed] == [maps[0].source, maps[1].source]
    assert not [*(tmp_path / "out" / "maps").glob("bad*")]


def test_a_map_of_one_pixel(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", np.full((3, 1, 1), 90, np.uint8), blockxsize=16, blockysize=16)
    assert predict(path, tmp_path / "out") == PredictSummary(1, 0, {})
    with rasterio.open(tmp_path / "out" / "maps" / "a_mask.tif") as file:
        assert file.shape == (1, 1)
        assert file.read(1)[0, 0] < len(TABLE.names)


def test_strips_are_kept_whatever_the_name_of_the_map(tmp_path: Path) -> None:
    strips, leftover = tmp_path / "maps" / ".polygons-2024", tmp_path / "maps" / ".polygons-abcdefgh"
    for folder in (strips, leftover):
        StripStore(folder, (2, 3), [2])
    (leftover / "strips.jsonl").unlink()
    predict_maps(predictor(), [], tmp_path, progress=False)
    assert strips.exists()
    assert not leftover.exists()
