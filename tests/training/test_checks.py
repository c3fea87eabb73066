from pathlib import Path
from typing import Any

import pytest

from segdrone.errors import ConfigError
from segdrone.training import train
from segdrone.training.build_trainer import instantiate_all
from segdrone.training.checks import check_callbacks, check_metric, check_trainer, monitorable_metrics
from tests.helpers.small_run import Compose
from tests.helpers.training import THREE

CHECKPOINT = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "monitor": "val/miou", "mode": "max"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_epochs", "abc"),
        ("max_epochs", 1.5),
        ("accumulate_grad_batches", 0),
        ("accumulate_grad_batches", True),
        ("log_every_n_steps", "x"),
        ("check_val_every_n_epoch", -1),
        ("gradient_clip_val", -1),
        ("gradient_clip_val", "x"),
        ("limit_train_batches", 0),
        ("limit_train_batches", 0.0),
        ("limit_test_batches", 0),
    ],
)
def test_invalid_numbers_of_the_trainer_are_reported(key: str, value: Any) -> None:
    good = {"max_epochs": -1, "accumulate_grad_batches": 1, "gradient_clip_val": 0.5, "precision": "auto"}
    check_trainer(good)
    with pytest.raises(ConfigError, match=rf"trainer\.{key}={value} must be a "):
        check_trainer({**good, key: value})


def test_callbacks_can_only_monitor_logged_metrics(caplog: pytest.LogCaptureFixture) -> None:
    stop = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val/iou/roof", "mode": "max"}
    check_callbacks({"checkpoint": CHECKPOINT, "stop": stop, "left_out": None}, THREE, has_val=True)
    assert not caplog.text
    with pytest.raises(ConfigError, match=r"callbacks\.stop\.monitor=val/mIoU is not a metric .* one of val/miou"):
        check_callbacks({"stop": {**stop, "monitor": "val/mIoU"}}, THREE, has_val=True)
    with pytest.raises(ConfigError, match=r"callbacks\.stop\.patience=x must be a whole number of 0 or more"):
        check_callbacks({"stop": {**stop, "patience": "x"}}, THREE, has_val=True)


@pytest.mark.parametrize("part", [{"epochs": 5}, {"_target_": None}, True, [1], "ema"])
def test_options_of_a_callback_that_was_left_out_are_reported(part: Any) -> None:
    message = r"callbacks\.freeze_encoder=.* has no _target_.*: add freeze_encoder to callbacks=\[\.\.\.\], or"
    with pytest.raises(ConfigError, match=message):
        check_callbacks({"checkpoint": CHECKPOINT, "freeze_encoder": part}, THREE, has_val=False)
    with pytest.raises(ConfigError, match=r"logger\.csv=.* has no _target_"):
        instantiate_all({"csv": part}, "logger")


def test_the_worst_epoch_is_not_taken_for_the_best() -> None:
    by_loss = {**CHECKPOINT, "monitor": "val/loss"}
    check_callbacks({"checkpoint": {**by_loss, "mode": "min"}}, THREE, has_val=True)
    for part, right in ((by_loss, "min"), ({**CHECKPOINT, "mode": "min"}, "max")):
        with pytest.raises(
            ConfigError, match=rf"takes the worst val/\w+ for the best: .* callbacks\.best\.mode={right}"
        ):
            check_callbacks({"best": part}, THREE, has_val=True)
    without_mode = {key: value for key, value in CHECKPOINT.items() if key != "mode"}  # of Lightning it is min
    with pytest.raises(ConfigError, match=r"callbacks\.best\.mode=max"):
        check_callbacks({"best": without_mode}, THREE, has_val=True)


@pytest.mark.parametrize("number", [3, -1])
def test_several_best_epochs_are_not_kept_in_one_file(number: int) -> None:
    one_file = {**CHECKPOINT, "filename": "best", "enable_version_counter": False}
    check_callbacks({"checkpoint": one_file}, THREE, has_val=True)
    kept = {**one_file, "save_top_k": number}
    check_callbacks({"checkpoint": {**kept, "filename": "best-{epoch}"}}, THREE, has_val=True)
    check_callbacks({"checkpoint": {**kept, "enable_version_counter": True}}, THREE, has_val=True)
    message = rf"callbacks\.checkpoint\.save_top_k={number} .* in best\.ckpt, which would hold the last one: give "
    with pytest.raises(ConfigError, match=message):
        check_callbacks({"checkpoint": kept}, THREE, has_val=True)


def test_missing_checkpoint_callback_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    check_callbacks({"averaging": {"_target_": "segdrone.training.EMA", "decay": 0.9}}, THREE, has_val=True)
    assert "no checkpoint is kept: callbacks=[default,...]" in caplog.text


def test_class_iou_needs_validation() -> None:
    check_metric("objective", "val/miou", THREE, has_val=False)  # that of training then
    with pytest.raises(ConfigError, match=r"objective=val/iou/roof is not a metric .* train/accuracy$"):
        check_metric("objective", "val/iou/roof", THREE, has_val=False)


def test_test_scores_cannot_select_a_run() -> None:
    for name in monitorable_metrics(THREE, has_val=True):
        check_metric("objective", name, THREE, has_val=True)
    for other in ("miou", "test/miou", "val/iou/tree", None):
        with pytest.raises(ConfigError, match=f"objective={other} is not a metric that can select a run"):
            check_metric("objective", other, THREE, has_val=True)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("+loss.x=1", "loss.name=ce does not accept .*x=1"),
        ("loss.name=cross", "loss.name=cross is unknown"),
        ("+optimizer.x=1", "optimizer adamw cannot be built"),
        ("scheduler.name=cos", "scheduler.name=cos is unknown"),
        ("+model.x=1", "model.x is not an option of unet"),
        ("model.encoder_name=resnet1", "model.encoder_name=resnet1 is unknown"),
    ],
)
def test_unknown_options_are_reported_before_scenes_are_rendered(
    choice: str, message: str, small_config: Compose, tmp_path: Path
) -> None:
    sample = ["data=sample", f"data.root={tmp_path}/scenes"]
    with pytest.raises(ConfigError, match=message):
        train(small_config(*sample, choice))
    assert not list(tmp_path.iterdir())
