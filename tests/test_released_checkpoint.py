"""A checkpoint that version 0.1.0 wrote still opens, predicts, is scored, and initializes a training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.evaluation import evaluate
from segdrone.inference import Predictor
from segdrone.model import load_module, load_network
from tests.helpers.commands import REPO
from tests.helpers.small_run import compose_config, fit_config, small

FIXTURES = REPO / "tests" / "fixtures"
CHECKPOINT = FIXTURES / "checkpoint-0.1.0.ckpt"  # LinkNet, the classes landing-zone and keep-clear, 64 x 96 pixels


def test_it_predicts_the_same_mask() -> None:
    prediction = Predictor.from_checkpoint(CHECKPOINT, device="cpu")(FIXTURES / "scene.jpg", confidence=True)
    assert prediction.confidence is not None
    mask, confidence = (np.asarray(Image.open(FIXTURES / f"scene-{kind}.png")) for kind in ("mask", "confidence"))
    assert (prediction.mask != mask).mean() < 1e-3  # rounding on another CPU may change ties
    assert np.abs(prediction.confidence.astype(int) - confidence).max() <= 1


def test_its_spec_comes_from_its_hyper_parameters() -> None:
    _, spec = load_network(CHECKPOINT)
    assert spec.classes.names == ("landing-zone", "keep-clear")
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (spec.training_size, spec.sampling, spec.scale, spec.interpolation) == ((64, 96), "whole", 1.0, "area")
    assert dict(spec.made_by) == {"network": "linknet", "encoder": "tu-test_efficientnet"}


def test_it_has_the_same_scores(all_scenes: Path, tmp_path: Path) -> None:
    overrides = [f"ckpt_path={CHECKPOINT}", f"data.root={all_scenes}", "split=all", "trainer=cpu", "pictures=null"]
    metrics = evaluate(compose_config("evaluate", *overrides, f"output_dir={tmp_path}"))
    before = {
        "miou": 0.550709,
        "boundary_miou": 0.294776,
        "accuracy": 0.747949,
        "ece": 0.022560,
        "miou_per_image": 0.545858,
    }
    assert {name: metrics[name] for name in before} == pytest.approx(before, abs=1e-4)


def test_training_starts_from_it(all_scenes: Path, tmp_path: Path) -> None:
    network = ["model=linknet_mbv2", "model.encoder_name=tu-test_efficientnet", "model.encoder_depth=3"]
    choices = [f"init_from={CHECKPOINT}", "data.class_groups=landing_zone", "optimizer.lr=1e-9"]
    parts = fit_config(compose_config("train", *small(all_scenes, tmp_path / "run", network), *choices))
    before, after = load_module(CHECKPOINT).state_dict(), parts["module"].state_dict()
    weight = "network.segmentation_head.0.weight"
    assert after[weight].numpy() == pytest.approx(before[weight].numpy(), abs=1e-6)
