"""The model that comes with segdrone predicts, is scored and exported, and trainings start from it, all by its name."""

from __future__ import annotations

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segdrone.classes import DRONE
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation import evaluate
from segdrone.included import INCLUDED, find_model
from segdrone.inference import Predictor
from segdrone.model import SegmentationModule, load_pretrained, model_settings, read_checkpoint
from segdrone.synthetic import write_scenes
from segdrone.training import inherit_options
from segdrone.utils.config import to_container
from tests.helpers.small_run import compose_config, fit_config


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of a region that the model was not trained on."""
    folder = tmp_path_factory.mktemp("dry")
    write_scenes(folder, count=2, height=256, width=384, seed=5, region="dry", progress=False)
    return folder


def test_it_is_small_and_names_nothing_of_the_machine_that_trained_it() -> None:
    assert find_model("scenes").stat().st_size <= 8e6
    content = read_checkpoint("scenes")
    assert {tensor.dtype for tensor in content["state_dict"].values()} == {torch.float16, torch.int64}
    assert content["hyper_parameters"]["data"]["root"] is None
    assert not any("/" in str(value) for value in content["hyper_parameters"]["data"].values())
    assert not any(content["hyper_parameters"]["splits"].values())


def test_it_predicts_scenes_of_another_region(dry: Path) -> None:
    predictor, right = Predictor.from_file("scenes", device="cpu"), []
    for photograph in sorted((dry / "original_images").iterdir()):
        mask = cv2.imread(str(dry / "label_images_semantic" / f"{photograph.stem}.png"), cv2.IMREAD_UNCHANGED)
        right.append((predictor(photograph).mask == mask).mean())
    assert np.mean(right) > 0.5


def test_a_file_of_that_name_is_what_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scenes").mkdir()  # such as `segdrone data sample scenes` makes
    assert find_model("scenes") == INCLUDED["scenes"]
    Path("scenes").rmdir()
    Path("scenes").write_bytes(b"weights")
    assert find_model("scenes") == Path("scenes")


def test_it_is_scored_by_name(dry: Path, tmp_path: Path) -> None:
    overrides = ["ckpt_path=scenes", f"data.root={dry}", "split=all", "trainer=cpu", "pictures=null"]
    metrics = evaluate(compose_config("evaluate", *overrides, f"output_dir={tmp_path}"))
    assert metrics["accuracy"] > 0.5


def test_it_does_not_say_which_photographs_are_its_test_split(dry: Path, tmp_path: Path) -> None:
    overrides = ["ckpt_path=scenes", "trainer=cpu", "pictures=null", f"output_dir={tmp_path}"]
    with pytest.raises(ConfigError, match="does not say where its photographs are: give data.root=FOLDER"):
        evaluate(compose_config("evaluate", *overrides))
    with pytest.raises(DataError, match="does not say which photographs are in its test split: give split=all"):
        evaluate(compose_config("evaluate", *overrides, f"data.root={dry}"))


def test_a_training_starts_from_it(dry: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    network = ["model=fpn_mbv2", "model.decoder_pyramid_channels=128", "model.decoder_segmentation_channels=64"]
    limits = ["trainer.max_epochs=1", "trainer.limit_train_batches=1", "data.batch_size=1", "data.val_share=0.5"]
    sizes = ["data.image_size=[64,96]", "data.test_image_size=[64,96]", "optimizer.lr=1e-9"]
    config = compose_config(
        "train", "init_from=scenes", f"data.root={dry}", "data.test_share=0", f"output_dir={tmp_path}", *network,
        *limits, *sizes, "trainer=cpu", "callbacks=[]",
    )  # fmt: skip
    made = fit_config(config)
    name = "network.segmentation_head.0.weight"
    expected = read_checkpoint("scenes")["state_dict"][name].float()
    torch.testing.assert_close(made["module"].state_dict()[name].detach(), expected, atol=1e-6, rtol=0)
    origin = made["module"].hparams["origin"]
    assert origin["checkpoint"] == str(INCLUDED["scenes"].resolve())
    assert "trained on" not in caplog.text  # its scenes have the names of these, and are others


def test_the_command_of_the_docs_has_its_network() -> None:
    page = (Path(__file__).parent.parent / "docs" / "networks.md").read_text()
    (command,) = (line for line in page.splitlines() if "experiment=baseline" in line and "init_from=scenes" in line)
    overrides = shlex.split(command, comments=True)[2:]
    config = compose_config("train", *overrides)
    inherit_options(config, overrides)
    data = read_checkpoint("scenes")["hyper_parameters"]["data"]
    module = SegmentationModule(model_settings(to_container(config.model)), DRONE.to_dict(), data, {})
    assert "23 classes keep their rows" in load_pretrained(module, "scenes")
