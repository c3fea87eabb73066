"""Training on maps: they are cut first, and the run is then one on the folder of tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.errors import ConfigError
from segdrone.geo.predict_maps import channels_of
from segdrone.raster import Channels
from segdrone.spec import ModelSpec
from segdrone.training.build import build_datamodule, build_module
from tests.helpers.labeled_maps import PLACE, halves, write_layer, write_ortho
from tests.helpers.maps import write_map
from tests.helpers.small_run import compose_config, small


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of a small run on a map, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    write_ortho(tmp_path / "a.tif")
    write_layer(tmp_path / "land.gpkg", *halves())
    maps = ["data=geo", "data.rasters=[a.tif]", "data.labels=[land.gpkg]", "data.class_attribute=kind"]
    sizes = ["data.root=null", "data.block_m=20", "data.map_tile=64", "data.crop_size=[32,32]"]
    return [*small(tmp_path, tmp_path / "run"), *maps, *sizes]


def test_a_run_on_maps_is_one_on_their_tiles(site: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cfg = compose_config("train", *site)
    with caplog.at_level("INFO"):
        datamodule = build_datamodule(cfg)
    root = next((tmp_path / "datasets").glob("a-*"))
    assert cfg.data.root == str(root.relative_to(tmp_path))
    assert (cfg.data.rasters, cfg.data.labels, cfg.data.class_attribute) == (None, None, None)
    assert f"{cfg.data.root}: tiles 36 train (36 blocks), 7 val (7 blocks), 5 test (5 blocks) of 20 m" in caplog.text
    batch = next(iter(datamodule.train_dataloader()))
    assert batch["image"].shape == (3, 3, 32, 32)
    assert set(batch["mask"].unique().tolist()) <= {0, 1, 2}
    module = build_module(cfg, datamodule)
    assert module.spec.gsd == pytest.approx((0.5002, 0.5002), abs=1e-5)
    assert module.spec.classes.names == ("grass", "road", "roof")
    again = compose_config("train", *small(root, tmp_path / "run"), "data=folder")
    assert build_datamodule(again).dataset.split.ids == datamodule.dataset.split.ids


def test_the_model_reads_maps_as_those_that_it_was_trained_on(site: list[str], tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (4, 240, 320)).astype(np.uint16)
    write_map(tmp_path / "a.tif", values, transform=PLACE)
    cfg = compose_config("train", *site, "data.bands=[4,1,2]", "data.stretch=[0,4095]")
    datamodule = build_datamodule(cfg)
    spec = build_module(cfg, datamodule).spec
    assert (spec.bands, spec.stretch) == (None, None)  # tiles are RGB of 8 bits
    assert channels_of(ModelSpec.from_json(spec.to_json())) == Channels((4, 1, 2), (0.0, 4095.0))
    again = compose_config("train", *small(Path(datamodule.config.root), tmp_path / "run"), "data=folder")
    assert channels_of(build_module(again, build_datamodule(again)).spec) == Channels((4, 1, 2), (0.0, 4095.0))


def test_the_tiles_are_cut_once(site: list[str], tmp_path: Path) -> None:
    first = build_datamodule(compose_config("train", *site))
    before = {path: path.stat().st_mtime_ns for path in Path(first.config.root).rglob("*.png")}
    assert build_datamodule(compose_config("train", *site)).config.root == first.config.root
    assert before == {path: path.stat().st_mtime_ns for path in Path(first.config.root).rglob("*.png")}
    write_layer(tmp_path / "land.gpkg", halves()[0], ["grass", "grass", "roof"])
    other = build_datamodule(compose_config("train", *site))
    assert other.config.root != first.config.root
    assert other.table.names == ("grass", "roof")


def test_maps_without_labels_are_refused(site: list[str]) -> None:
    with pytest.raises(ConfigError, match="their labels are missing"):
        build_datamodule(compose_config("train", *site, "data.labels=null", "data.class_attribute=null"))
    with pytest.raises(ConfigError, match="data.rasters is not set"):
        build_datamodule(compose_config("train", *site, "data.rasters=null"))
