"""Callbacks of a run, with and without validation."""

from __future__ import annotations

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from segdrone.errors import ConfigError
from segdrone.training.build import build_datamodule
from segdrone.training.build_trainer import build_callbacks
from tests.helpers.small_run import Compose, fit_config


def test_a_checkpoint_without_a_metric_is_kept_without_validation(small_config: Compose) -> None:
    cfg = small_config("data.val_share=0", "callbacks.checkpoint.monitor=null")
    kept = [part for part in build_callbacks(cfg, build_datamodule(cfg)) if isinstance(part, ModelCheckpoint)]
    assert [part.monitor for part in kept] == [None, None]


@pytest.mark.parametrize("callback", ["checkpoint", "early_stopping"])
def test_a_class_that_no_photograph_validates_is_not_monitored(callback: str, small_config: Compose) -> None:
    cfg = small_config(f"callbacks.{callback}.monitor=val/iou/grass")
    datamodule = build_datamodule(cfg)
    build_callbacks(cfg, datamodule)
    cfg.callbacks[callback].monitor = "val/iou/water"
    told = rf"callbacks\.{callback}\.monitor=val/iou/water: none of the 3 photographs for validation shows water"
    with pytest.raises(ConfigError, match=told):
        build_callbacks(cfg, datamodule)


def test_a_run_that_ends_within_its_first_epoch_is_refused(small_config: Compose) -> None:
    told = r"trainer\.max_steps=1 ends within the first epoch.*trainer\.limit_train_batches=2 instead"
    with pytest.raises(ConfigError, match=told):
        fit_config(small_config("data.batch_size=2", "trainer.accumulate_grad_batches=2", "+trainer.max_steps=1"))
    fit_config(small_config("data.batch_size=2", "trainer.limit_train_batches=2", "+trainer.max_steps=2"))
