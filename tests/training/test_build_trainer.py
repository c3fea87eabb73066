"""Callbacks of a run without validation."""

from __future__ import annotations

from lightning.pytorch.callbacks import ModelCheckpoint

from segdrone.training.build import build_datamodule
from segdrone.training.build_trainer import build_callbacks
from tests.helpers.small_run import Compose


def test_a_checkpoint_without_a_metric_is_kept_without_validation(small_config: Compose) -> None:
    cfg = small_config("data.val_share=0", "callbacks.checkpoint.monitor=null")
    kept = [part for part in build_callbacks(cfg, build_datamodule(cfg)) if isinstance(part, ModelCheckpoint)]
    assert [part.monitor for part in kept] == [None, None]
