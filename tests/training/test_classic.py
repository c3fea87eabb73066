"""Runs of classical models: the same commands, files and scores as for networks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classic.model import is_classic
from segdrone.classic.model_file import read_model
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation import evaluate
from segdrone.export.source import ExportSource
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import predict_folder
from segdrone.model.networks import NETWORKS
from segdrone.runtime.open_backend import open_backend
from segdrone.training import inherit_options, objective, train
from tests.helpers.shared import make_once
from tests.helpers.small_run import compose_config, drawn, small

LITTLE = ["model.samples=3000", "model.scales=[1,3]"]


def overrides(settings: Iterable[str], model: str) -> list[str]:
    """Returns settings of a small run of a network as those of a classical model."""
    return [f"model={model}", *LITTLE, *(text for text in settings if not text.startswith("model."))]


@pytest.fixture(scope="module")
def run(all_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of superpixels that draws everything, validated on 10 photographs."""

    def fit_once(folder: Path) -> None:
        settings = [*drawn(all_scenes, folder), "data.val_share=0.6", "data.test_share=0.15", "model.spacing=6"]
        cfg = compose_config("train", *overrides(settings, "classic_slic_forest"), "model.spacing=6")
        metrics, made = train(cfg)
        assert objective(cfg, metrics) == metrics["val/miou"] > 0
        assert metrics["miou"] == made["report"]["miou"] > 0

    return make_once(tmp_path_factory, "classic", fit_once)


def test_a_run_writes_the_files_of_a_network(run: Path) -> None:
    assert {path.name for path in (run / "figures").iterdir()} >= {"confusion.png", "best.png", "worst.png"}
    assert "</html>" in (run / "report.html").read_text()
    record = json.loads((run / "run.json").read_text())
    assert (record["objective"], record["seed"], record["processes"]) == ("val/miou", 42, 1)
    assert 0 < record["reached"] < 1
    assert record["config"]["model"]["name"] == "slic"
    [row] = csv.DictReader((run / "metrics.csv").open())
    assert float(row["val/miou"]) == pytest.approx(record["reached"])
    assert 0 <= float(row["val/iou/grass"]) <= 1
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["intervals"]["miou"][0] <= metrics["miou"] <= metrics["intervals"]["miou"][1]


def test_its_file_says_what_a_checkpoint_says(run: Path, all_scenes: Path) -> None:
    backend = open_backend(run / "checkpoints" / "best.npz")
    assert (backend.spec.training_size, backend.spec.sampling) == ((64, 96), "whole")
    assert backend.spec.made_by["network"] == "slic"
    training = backend.description.training  # type: ignore[attr-defined]
    assert training["data"]["root"] == str(all_scenes.resolve())
    assert len(training["splits"]["val"]) >= 10
    reference = backend.spec.reference_statistics
    assert reference is not None
    assert reference.photographs == len(training["splits"]["val"])


def test_an_evaluation_repeats_its_scores(run: Path, tmp_path: Path) -> None:
    path, scores = run / "checkpoints" / "best.npz", json.loads((run / "metrics.json").read_text())
    settings = ["trainer=cpu", "pictures=null", f"output_dir={tmp_path}"]
    found = evaluate(compose_config("evaluate", f"ckpt_path={path}", *settings))
    assert (found["miou"], found["photographs"]) == (scores["miou"], scores["photographs"])
    as_file = evaluate(compose_config("evaluate", f"model_file={path}", *settings, "inference=tiled"))
    assert as_file["miou"] == pytest.approx(scores["miou"], abs=0.1)


def test_it_predicts_a_folder(run: Path, all_scenes: Path, tmp_path: Path) -> None:
    predictor = Predictor.from_file(run / "checkpoints" / "best.npz")
    photograph = all_scenes / "original_images" / "003.jpg"
    summary = predict_folder(predictor, find_inputs([photograph], tmp_path), tmp_path, progress=False)
    mask = np.asarray(Image.open(tmp_path / "masks" / "003.png"))
    assert (summary.predicted, mask.shape) == (1, (64, 96))
    assert len(np.unique(mask)) > 1


@pytest.mark.parametrize("sampling", ["tiles", "crops"])
def test_pixels_of_tiles_are_learned_at_their_scale(all_scenes: Path, tmp_path: Path, sampling: str) -> None:
    size = [f"data.sampling={sampling}", "data.tile_size=[32,48]", "data.crop_size=[32,48]", "data.scale=0.5"]
    settings = [
        *small(all_scenes, tmp_path / "run"),
        *size,
        "data.val_share=0.6",
        "trainer.limit_val_batches=1",
        "trainer.limit_train_batches=null",
    ]
    _, made = train(compose_config("train", *overrides(settings, "classic_pixel_forest")))
    spec = open_backend(tmp_path / "run" / "checkpoints" / "best.npz").spec
    assert (spec.sampling, spec.training_size, spec.scale) == (sampling, (32, 48), 0.5)
    assert spec.reference_statistics is None  # of a part of the photographs
    assert made["report"]["photographs"] == len(made["datamodule"].splits["test"])


def test_another_seed_fits_another_model(all_scenes: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 40, 60, 3), dtype=np.uint8)
    found = []
    for seed in (1, 2):
        settings = [*small(all_scenes, tmp_path / str(seed)), f"seed={seed}", "trainer.fast_dev_run=true"]
        train(compose_config("train", *overrides(settings, "classic_pixel_forest")))
        found.append(read_model(tmp_path / str(seed) / "checkpoints" / "best.npz").model(images[0]))
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["init_from=a.ckpt"], "init_from does nothing with a classical model"),
        (["ckpt_path=a.ckpt"], "ckpt_path does nothing with a classical model"),
        (["data.unlabeled=true"], "data.unlabeled does nothing with a classical model"),
        (["data.replay=a"], "data.replay does nothing with a classical model"),
        (["compile=true"], "compile=true does nothing with a classical model"),
        (["export=[onnx]"], "export does nothing with a classical model"),
        (["trainer.devices=2"], "trainer.devices=2 does nothing with a classical model"),
        (["trainer.overfit_batches=2"], "trainer.overfit_batches=2 does nothing"),
        (["objective=val/loss"], "a classical model has no loss: choose val/miou"),
        (["objective=val/iou/unicorn"], "is not a metric that can select a run"),
        (["data.mean=[0,0,0]", "data.std=[1,1,1]"], "data.mean and data.std do nothing"),
        (["model.spacing=1"], "options of slic: spacing: input should be greater than or equal to 4"),
        (["model.classifier.name=svm"], "model.classifier.name=svm is unknown"),
        (["seed=-1"], "seed=-1 must be a whole number"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_fit(
    all_scenes: Path, tmp_path: Path, settings: list[str], expected: str
) -> None:
    chosen = overrides([*small(all_scenes, tmp_path / "run"), *settings], "classic_slic_forest")
    model = [text for text in settings if text.startswith("model.")]
    with pytest.raises(ConfigError, match=expected):
        train(compose_config("train", *chosen, *model))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_network_does_not_go_on_from_a_classical_model(run: Path, all_scenes: Path, tmp_path: Path) -> None:
    path = run / "checkpoints" / "best.npz"
    cfg = compose_config("train", *small(all_scenes, tmp_path / "run"), f"init_from={path}")
    with pytest.raises(ConfigError, match="is a classical model, which is fitted anew"):
        inherit_options(cfg, [f"init_from={path}"])


def test_photographs_without_labels_are_refused(scenes: Path, tmp_path: Path) -> None:
    for path in (scenes / "label_images_semantic").iterdir():
        Image.fromarray(np.full((64, 96), 255, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"label"):
        train(compose_config("train", *overrides(small(scenes, tmp_path / "run"), "classic_pixel_forest")))


def test_its_file_is_not_exported(run: Path) -> None:
    with pytest.raises(ConfigError, match="is a classical model, which is not exported"):
        ExportSource(run / "checkpoints" / "best.npz")


def test_no_network_has_the_name_of_a_method() -> None:
    assert not any(is_classic(name) for name in [*NETWORKS, None])
