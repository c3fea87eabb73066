"""Statistics of the validation photographs in the best checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.export.source import ExportSource
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.photo_statistics import monitored_columns
from segdrone.inference.predict_folder import predict_folder
from segdrone.model.checkpoint import load_network
from segdrone.monitor.predictions import read_predictions
from segdrone.monitor.run import monitor
from segdrone.runtime.description import Description
from segdrone.training import train
from segdrone.training.reference import add_reference
from tests.helpers.shared import make_once
from tests.helpers.small_run import compose_config, small

MANY = ["data.val_share=0.6", "data.test_share=0.15", "trainer.limit_train_batches=1"]


@pytest.fixture(scope="module")
def run(all_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step that validates on 10 photographs."""

    def train_once(folder: Path) -> None:
        train(compose_config("train", *small(all_scenes, folder), *MANY))

    return make_once(tmp_path_factory, "validated", train_once)


def checkpoint(run: Path, name: str = "best.ckpt") -> Path:
    return run / "checkpoints" / name


def test_they_are_those_of_segdrone_predict(run: Path, all_scenes: Path, tmp_path: Path) -> None:
    reference = load_network(checkpoint(run))[1].reference_statistics
    assert reference is not None
    names = torch.load(checkpoint(run), weights_only=True)["hyper_parameters"]["splits"]["val"]
    assert reference.photographs == len(names) >= 10
    photographs = [str(all_scenes / "original_images" / f"{name}.jpg") for name in names]
    predictor = Predictor.from_checkpoint(checkpoint(run), device="cpu")
    predict_folder(predictor, find_inputs(photographs, tmp_path), tmp_path, progress=False)
    predicted = read_predictions(tmp_path)
    assert reference.columns == predicted.reference().columns
    assert {"brightness", "jpeg_quality", "confidence", "share_grass"} <= reference.columns.keys()
    assert reference.columns.keys() <= {*monitored_columns(predictor.table)}
    drift = monitor(tmp_path, checkpoint(run)).drift
    assert not drift.alarm
    assert max(column.distance for column in drift.columns) == 0


def test_they_have_the_score_and_name_no_photograph(run: Path, all_scenes: Path) -> None:
    spec = load_network(checkpoint(run))[1]
    reference = spec.reference_statistics
    assert reference is not None
    assert reference.miou is not None
    assert reference.miou_interval is not None
    assert reference.miou_interval[0] <= reference.miou <= reference.miou_interval[1]
    assert reference.class_ious.keys() <= {*spec.classes.names}
    assert sum(reference.class_ious.values()) / len(reference.class_ious) == pytest.approx(reference.miou, abs=1e-4)
    text = json.dumps(spec.to_dict()["reference_statistics"])
    assert str(all_scenes.parent) not in text
    assert ".jpg" not in text
    assert len(text) < 16_000


def test_the_rest_of_the_checkpoint_stays(run: Path) -> None:
    best, last = (torch.load(checkpoint(run, name), weights_only=True) for name in ("best.ckpt", "last.ckpt"))
    assert {**best["spec"], "reference_statistics": None} == last["spec"]
    assert best["hyper_parameters"] == last["hyper_parameters"]
    assert all(torch.equal(best["state_dict"][name], tensor) for name, tensor in last["state_dict"].items())


def test_they_travel_with_an_export(run: Path) -> None:
    description = ExportSource(checkpoint(run)).describe("fp32")
    read = Description.from_json(description.to_json())
    assert read.spec.reference_statistics == load_network(checkpoint(run))[1].reference_statistics
    assert read.spec.reference_statistics is not None


@pytest.fixture
def fitted(run: Path, tmp_path: Path) -> tuple[Path, Any, Any]:
    """A copy of the best checkpoint without statistics, the datamodule, and a trainer."""
    best = tmp_path / "best.ckpt"
    shutil.copy(checkpoint(run, "last.ckpt"), best)
    datamodule = ExportSource(best).open_split("val")
    return best, datamodule, L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)


def test_they_are_added_to_a_checkpoint_without(fitted: tuple[Path, Any, Any], run: Path) -> None:
    best, datamodule, trainer = fitted
    add_reference(str(best), datamodule, trainer)
    found = load_network(best)[1].reference_statistics
    assert found == load_network(checkpoint(run))[1].reference_statistics is not None


def test_few_validated_photographs_leave_none(fitted: tuple[Path, Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    best, datamodule, trainer = fitted
    before = best.read_bytes()
    trainer.limit_val_batches = 2
    add_reference(str(best), datamodule, trainer)
    trainer.limit_val_batches = 1.0
    monkeypatch.setitem(datamodule.splits, "val", datamodule.splits["val"][:9])
    add_reference(str(best), datamodule, trainer)
    add_reference("", datamodule, trainer)
    assert best.read_bytes() == before


def test_a_failure_is_a_warning(
    fitted: tuple[Path, Any, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, datamodule, trainer = fitted
    before, missing = best.read_bytes(), replace(datamodule.splits["val"][0], image=best.with_name("missing.jpg"))
    monkeypatch.setitem(datamodule.splits, "val", [missing] * 10)
    add_reference(str(best), datamodule, trainer)
    (warning,) = [record.getMessage() for record in caplog.records if "segdrone monitor" in record.getMessage()]
    assert "best.ckpt got no statistics for segdrone monitor" in warning
    assert "missing.jpg does not exist" in warning
    assert best.read_bytes() == before
