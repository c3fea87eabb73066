import csv
import json
import shutil
from pathlib import Path

import lightning.pytorch as L
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segdrone.classes import DRONE
from segdrone.errors import CheckpointError, ConfigError
from segdrone.model import load_module
from segdrone.training import objective, train
from tests.helpers.small_run import Compose, compose_config, fit_config
from tests.helpers.training import weights as flat_weights

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.mark.drawn
def test_run_writes_all_files(drawn_config: Compose, run: Path) -> None:
    cfg = drawn_config("trainer.max_epochs=2", "callbacks.pictures.every_n_epochs=1")
    metrics, made = train(cfg)

    assert {"train/loss", "val/loss", "val/miou", "miou", "accuracy", "dice", "miou_per_image"} <= metrics.keys()
    assert objective(cfg, metrics) == metrics["val/miou"] == float(made["trainer"].checkpoint_callback.best_model_score)
    assert made["datamodule"].splits["test"]

    for name in ("best.ckpt", "last.ckpt"):
        checkpoint = torch.load(run / "checkpoints" / name, weights_only=True)
        assert checkpoint["hyper_parameters"]["classes"]["names"] == list(DRONE.names)
    report = json.loads((run / "metrics.json").read_text())
    assert report["miou"] == metrics["miou"]
    assert set(report["iou"]) == set(DRONE.names)
    # Lightning's torchmetrics and the report's counts are two computations of one thing.
    assert metrics["miou"] == pytest.approx(float(made["trainer"].callback_metrics["test/miou"]), abs=1e-6)
    assert metrics["dice"] == pytest.approx(float(made["trainer"].callback_metrics["test/dice"]), abs=1e-6)
    figures = {path.name for path in (run / "figures").iterdir()}
    assert figures == {
        "loss.png", "miou.png", "accuracy.png", "confusion.png", "reliability.png", "recall_by_size.png", "best.png",
        "worst.png",
    }  # fmt: skip
    assert "</html>" in (run / "report.html").read_text()
    assert len(list(csv.DictReader((run / "per_class.csv").open()))) == 23
    logged = list(csv.DictReader((run / "metrics.csv").open()))
    assert {row["epoch"] for row in logged if row["val/miou"]} == {"0", "1"}

    record = json.loads((run / "run.json").read_text())
    assert record["seed"] == 42
    assert record["wall_time_s"] > 0
    assert record["packages"]["torch"] == torch.__version__.split("+")[0]
    assert len(record["data_fingerprint"]) == 64
    _assert_board_has_scalars_pictures_and_hyperparameters(run)


def _assert_board_has_scalars_pictures_and_hyperparameters(run: Path) -> None:
    board = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "scalars": 0}).Reload()
    scalars = set(board.Tags()["scalars"])
    expected = {f"{split}/{name}" for split in ("train", "val") for name in ("miou", "accuracy", "dice")}
    assert (
        expected | {"train/loss_epoch", "val/loss", "lr-AdamW/encoder", "lr-AdamW/decoder", "val/iou/paved-area"}
        <= scalars
    )
    scored = {f"scores/{name}" for name in ("confusion", "reliability", "recall_by_size", "best", "worst")}
    assert set(board.Tags()["images"]) == {"val/photographs", "val/confusion"} | scored
    assert {"scores/miou", "scores/boundary_miou", "scores/ece", "scores/iou/paved-area"} <= scalars
    assert len(board.Images("val/photographs")) == 2
    hparams = b"".join(path.read_bytes() for path in (run / "tensorboard").iterdir())
    assert b"_hparams_/session_start_info" in hparams
    assert b"optimizer.lr" in hparams


def test_val_is_scored_if_there_is_no_test_split(small_config: Compose, all_scenes: Path, run: Path) -> None:
    splits = run.parent / "splits"
    splits.mkdir()
    (splits / "train.txt").write_text("000\n001\n002\n")
    (splits / "val.txt").write_text("003\n004\n")
    metrics, made = train(small_config(f"data.split_dir={splits}", "loss=dice"))
    report = json.loads((run / "metrics.json").read_text())
    assert (report["split"], report["photographs"]) == ("val", 2)
    assert float(made["trainer"].callback_metrics["test/loss"]) == pytest.approx(metrics["val/loss"], abs=1e-6)


def test_scores_of_photographs_that_were_trained_on_are_no_test(small_config: Compose, run: Path) -> None:
    train(small_config("data.test_share=0", "data.val_share=0"))
    report = json.loads((run / "metrics.json").read_text())
    assert report["split"] == "train"
    assert [text for text in report["warnings"] if "their scores are not a test" in text]


def test_training_without_validation_runs_all_epochs(small_config: Compose, run: Path) -> None:
    splits = run.parent / "splits"
    splits.mkdir()
    (splits / "train.txt").write_text("000\n001\n002\n")
    (splits / "test.txt").write_text("003")
    cfg = small_config(f"data.split_dir={splits}", "trainer.max_epochs=2")
    metrics, _ = train(cfg)
    assert (run / "checkpoints" / "best.ckpt").is_file()
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1
    assert json.loads((run / "metrics.json").read_text())["split"] == "test"
    assert objective(cfg, metrics) == metrics["train/miou"]
    record = json.loads((run / "run.json").read_text())
    assert (record["objective"], record["reached"]) == ("train/miou", metrics["train/miou"])
    assert len({metrics["train/miou"], metrics["miou"]}) == 2


def test_validation_can_be_turned_off(small_config: Compose, run: Path) -> None:
    metrics, _ = train(small_config("trainer.limit_val_batches=0"))
    assert (run / "checkpoints" / "best.ckpt").is_file()
    assert not any(name.startswith("val/") for name in metrics)


@pytest.mark.parametrize("name", ["val/los", "miou", "test/miou", "val/iou/submarine"])
def test_invalid_objective_is_reported_before_training(name: str, small_config: Compose, run: Path) -> None:
    with pytest.raises(
        ConfigError, match=f"objective={name} is not a metric that can select a run: choose one of val/miou"
    ):
        train(small_config(f"objective={name}"))
    assert not run.exists()


def test_objective_can_be_the_iou_of_a_class(small_config: Compose, run: Path) -> None:
    cfg = small_config("objective=val/iou/paved-area", "trainer.limit_train_batches=1")
    metrics, _ = train(cfg)
    assert objective(cfg, metrics) == metrics["val/iou/paved-area"]


@pytest.mark.parametrize("model", [[], ["model=classic_pixel_mean"]], ids=["a network", "a classical model"])
def test_a_class_that_no_photograph_validates_is_no_objective(
    model: list[str], small_config: Compose, all_scenes: Path
) -> None:
    cfg = compose_config("train", f"data.root={all_scenes}", *model) if model else small_config()
    cfg.objective = "val/iou/water"
    with pytest.raises(ConfigError, match="objective=val/iou/water: none of the 3 photographs for validation"):
        train(cfg)


class FullMemory(L.Callback):
    """What torch raises where a GPU's memory is full."""

    def on_train_batch_start(self, *_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def test_full_gpu_memory_is_reported_with_remedies(small_config: Compose) -> None:
    with pytest.raises(ConfigError, match="memory is too small .* give a lower data.batch_size"):
        train(small_config("+callbacks.full={_target_: tests.training.test_run.FullMemory}"))


def test_validation_after_more_batches_than_an_epoch_has_is_refused(small_config: Compose) -> None:
    with pytest.raises(ConfigError, match=r"cannot train with this configuration \(`val_check_interval` \(500\) must"):
        train(small_config("+trainer.val_check_interval=500"))


@pytest.mark.parametrize("seed", [-1, 2**32, True, "abc"])
def test_invalid_seed_is_reported(seed: object, small_config: Compose) -> None:
    with pytest.raises(ConfigError, match=f"seed={seed} must be a whole number from 0 to 4294967295"):
        train(small_config(f"seed={seed}"))


def test_epochs_without_validation_are_kept(drawn_config: Compose, run: Path) -> None:
    seldom = ["+trainer.check_val_every_n_epoch=2", "trainer.limit_train_batches=1", "logger.tensorboard=null"]
    with pytest.raises(ConfigError, match="max_epochs=3 is not a multiple of trainer.check_val_every_n_epoch=2"):
        train(drawn_config(*seldom, "trainer.max_epochs=3"))

    fit_config(
        drawn_config(
            *seldom, "trainer.max_epochs=2", "+callbacks.stop={_target_: tests.helpers.training.StopAfter, epochs: 1}"
        )
    )
    last = run / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["epoch"] == 0

    fit_config(drawn_config(*seldom, "trainer.max_epochs=4", f"ckpt_path={last}"))
    history = torch.load(last, weights_only=True)["callbacks"]["Curves"]["history"]
    assert [("train/loss" in epoch, "val/loss" in epoch) for epoch in history] == [(True, False), (True, True)] * 2
    assert torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] in (1, 3)


def test_same_seed_gives_same_network_and_seed_0_is_valid(
    trained_run: Path, small_config: Compose, tmp_path: Path
) -> None:
    def weights(run: Path) -> torch.Tensor:
        return flat_weights(load_module(run / "checkpoints" / "last.ckpt"))

    zero, again = tmp_path / "zero", tmp_path / "again"
    for folder in (zero, again):
        train(small_config("seed=0", "trainer.limit_train_batches=1", f"output_dir={folder}"))
    assert torch.equal(weights(zero), weights(again))
    assert not torch.equal(weights(zero), weights(trained_run))  # of seed 42, else the same


def test_a_run_resumed_for_fewer_epochs_than_it_has_changes_nothing(
    trained_run: Path, small_config: Compose, run: Path
) -> None:
    shutil.copytree(trained_run, run)
    earlier = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    with pytest.raises(CheckpointError, match=r"last.ckpt is of epoch 1, beyond trainer.max_epochs=0"):
        train(small_config("trainer.max_epochs=0", f"ckpt_path={run}/checkpoints/last.ckpt"))
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == earlier


def test_a_run_resumed_elsewhere_with_no_epoch_left_leaves_the_earlier_one_alone(
    trained_run: Path, small_config: Compose, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(trained_run, earlier := run.parent / "earlier")
    before = {file: file.stat().st_mtime_ns for file in earlier.rglob("*") if file.is_file()}
    metrics, objects = train(small_config(f"ckpt_path={earlier}/checkpoints/last.ckpt"))
    assert f"no epoch was left to train, and {run} keeps no checkpoint: {earlier}/checkpoints/last.ckpt is scored" in (
        caplog.text
    )
    assert metrics["miou"] == objects["report"]["miou"]
    assert {file: file.stat().st_mtime_ns for file in earlier.rglob("*") if file.is_file()} == before


def test_a_run_without_epochs_says_what_is_scored(
    small_config: Compose, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(small_config("trainer.max_epochs=0"))
    assert f"no epoch was left to train, and {run} keeps no checkpoint: the untrained network is scored" in caplog.text


def test_resumed_run_keeps_the_earlier_log(trained_run: Path, small_config: Compose, run: Path) -> None:
    shutil.copytree(trained_run, run)
    earlier = (run / "metrics.csv").read_text()
    given = ["trainer.max_epochs=2", "optimizer.lr=1e-5"]
    train(small_config(*given, f"ckpt_path={run}/checkpoints/last.ckpt"))
    assert json.loads((run / "run.json").read_text())["config"]["optimizer"]["lr"] == 1e-3  # it stays, as a line says
    assert (run / "metrics.1.csv").read_text() == earlier
    assert {row["epoch"] for row in csv.DictReader((run / "metrics.csv").open()) if row["val/miou"]} == {"1"}


def test_a_run_that_goes_on_with_other_photographs_of_the_same_names_says_so(
    trained_run: Path, all_scenes: Path, small_config: Compose, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(trained_run, run)
    shutil.copytree(all_scenes, moved := run.parent / "moved")
    resumed = [f"data.root={moved}", f"ckpt_path={run}/checkpoints/last.ckpt"]
    train(small_config(*resumed))
    assert "other files than those" not in caplog.text

    first, second, *_ = sorted((moved / "original_images").iterdir())
    second.write_bytes(first.read_bytes())
    report = train(small_config(*resumed))[1]["report"]
    warning = f"photographs or masks in data.root={moved} are other files than those that {run}/checkpoints/last.ckpt"
    assert warning in caplog.text
    assert any(text.startswith(warning) for text in report["warnings"])
