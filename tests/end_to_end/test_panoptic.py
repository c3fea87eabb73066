"""Train a network that tells things apart, score it, export it, and predict with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.evaluation import evaluate
from segdrone.export.run import export
from segdrone.inference import Predictor
from segdrone.runtime.onnx_backend import OnnxBackend
from segdrone.synthetic import write_scenes
from segdrone.training import train
from tests.helpers.shared import make_once
from tests.helpers.small_run import compose_config, small


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def render(root: Path) -> None:
        write_scenes(root, count=8, height=96, width=144, seed=0, crowded=True, progress=False)

    return make_once(tmp_path_factory, "crowded", render)


@pytest.fixture(scope="module")
def run(crowded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of some steps, with its best model exported."""

    def train_once(run: Path) -> None:
        overrides = [*small(crowded, run), "model.instances=true", "export=[onnx]"]
        train(compose_config("train", *overrides))

    return make_once(tmp_path_factory, "panoptic", train_once)


def metrics(run: Path) -> Any:
    return json.loads((run / "metrics.json").read_text())


@pytest.mark.slow
def test_a_run_compares_the_head_with_connected_components(run: Path) -> None:
    panoptic = metrics(run)["panoptic"]
    assert panoptic["truth"] == panoptic["prediction"] == "instance maps"
    assert panoptic["components"]["classes"].keys() == panoptic["classes"].keys()
    truth = {name: counts["truth"] for name, counts in panoptic["things"].items()}
    assert truth == {name: counts["truth"] for name, counts in panoptic["components"]["things"].items()}
    assert sum(truth.values()) > 0


@pytest.mark.parametrize("inference", [[], ["inference=tiled", "inference.window=[64,64]"]])
@pytest.mark.parametrize("file", ["checkpoints/best.ckpt", "exported/best.onnx"])
def test_evaluation_scores_things_of_checkpoints_and_exported_files(
    inference: list[str], file: str, run: Path, tmp_path: Path
) -> None:
    key = "ckpt_path" if file.endswith("ckpt") else "model_file"
    overrides = [f"{key}={run / file}", "split=test", "pictures=1", f"output_dir={tmp_path / 'e'}", *inference]
    if key == "model_file":
        overrides.append(f"data.root={json.loads((run / 'run.json').read_text())['config']['data']['root']}")
    result = evaluate(compose_config("evaluate", *overrides))
    assert result["panoptic"]["prediction"] == "instance maps"
    wrong = sum(counts["split"] + counts["merged"] for counts in result["panoptic"]["things"].values())
    page = (tmp_path / "e" / "report.html").read_text(encoding="utf-8")
    assert ('<section id="things"' in page) == (wrong > 0)
    if not inference and file.endswith("ckpt"):
        expected = metrics(run)
        assert result["panoptic"] == expected["panoptic"]
        assert result["miou"] == expected["miou"]


def test_an_exported_file_has_the_planes_of_the_checkpoint(run: Path, crowded: Path) -> None:
    image = np.asarray(Image.open(next((crowded / "original_images").iterdir())))
    expected = Predictor.from_checkpoint(run / "checkpoints" / "best.ckpt", device="cpu")(image, instances=True)
    found = Predictor(OnnxBackend(run / "exported" / "best.onnx", device="cpu"))(image, instances=True)
    assert expected.planes is not None and found.planes is not None
    assert np.abs(expected.planes.astype(float) - found.planes).max() < 0.05
    assert (expected.mask == found.mask).mean() > 0.999


def test_a_file_for_other_programs_has_classes_only(run: Path, tmp_path: Path) -> None:
    export(run / "checkpoints" / "best.ckpt", ["onnx"], tmp_path / "w", window=(64, 64), parity=False)
    backend = OnnxBackend(next((tmp_path / "w").glob("*.onnx")), device="cpu")
    assert not backend.spec.instances
    assert backend(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 23, 64, 64)


def test_training_without_things_or_maps_is_refused_before_it_starts(
    crowded: Path, all_scenes: Path, tmp_path: Path
) -> None:
    overrides = [*small(crowded, tmp_path / "run"), "model.instances=true"]
    with pytest.raises(ConfigError, match="none of the classes .* is known as a thing"):
        train(compose_config("train", *overrides, "data.class_groups=landing_zone"))
    shutil.copytree(crowded, tmp_path / "set", ignore=shutil.ignore_patterns("instances"))
    with pytest.raises(DataError, match="no instance maps"):
        train(compose_config("train", *small(tmp_path / "set", tmp_path / "run"), "model.instances=true"))
