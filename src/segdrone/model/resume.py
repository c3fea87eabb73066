"""Load the module of a checkpoint, and check that training can be resumed from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segdrone.errors import CheckpointError
from segdrone.model.checkpoint import HPARAMS, load_weights, read_checkpoint, read_spec, wrap_build_errors
from segdrone.model.module import SegmentationModule
from segdrone.model.weights_file import limit_weights

log = logging.getLogger(__name__)


def load_module(path: str | Path) -> SegmentationModule:
    """Returns the module of a checkpoint for training or evaluation, with its weights, in evaluation mode on CPU.

    Its loss, optimizer and schedule are the defaults. `load_network` opens a model for prediction.

    Raises:
        CheckpointError: As `load_network`.
    """
    checkpoint = read_checkpoint(path)
    spec = read_spec(checkpoint, path)
    with wrap_build_errors(path):
        hparams = checkpoint["hyper_parameters"]
        with limit_weights(checkpoint["state_dict"].values()):
            module = SegmentationModule(**{key: hparams[key] for key in HPARAMS}, split_by=hparams.get("split_by", ""))
        load_weights(module, checkpoint["state_dict"])
    module.spec = spec
    return module.eval()


def check_resumable(path: str | Path, module: SegmentationModule) -> None:
    """Checks that training of `module` can be resumed from a checkpoint.

    Raises:
        CheckpointError: As `read_checkpoint`, the checkpoint holds only weights, or it was trained with other
            classes or another network, split, normalization, optimizer or schedule.
    """
    checkpoint = read_checkpoint(path)
    settings, fresh_start = checkpoint["hyper_parameters"], f"start from its weights with init_from={path}"
    trained, classes = settings["classes"]["names"], list(module.table.names)
    if trained != classes:
        raise CheckpointError(
            f"{path} was trained on {len(trained)} classes ({', '.join(trained[:3])}, ...), the data has "
            f"{len(classes)} ({', '.join(classes[:3])}, ...): give data.classes of the checkpoint, or {fresh_start}"
        )
    if settings["model"] != dict(module.hparams["model"]):
        raise CheckpointError(
            f"{path} was trained with the network {settings['model']}, not {module.hparams['model']}: give the same "
            "model"
        )
    before, now = _split_by_photograph(settings["splits"]), _split_by_photograph(module.hparams["splits"])
    if moved := sum(before.get(photograph) != now.get(photograph) for photograph in before | now):
        raise CheckpointError(
            f"{path} was trained with another split, in which {moved} photographs are in another part or missing: "
            f"give the same photographs, split_dir, split_seed and shares, or {fresh_start}"
        )
    for key in ("mean", "std"):
        if settings["data"].get(key) != module.hparams["data"].get(key):
            raise CheckpointError(f"{path} was trained with data.{key}={settings['data'].get(key)}: give the same")
    _check_optimizer(checkpoint, module, path, fresh_start)
    log.info("resuming from %s, after %d epochs", path, checkpoint["epoch"] + 1)


def _split_by_photograph(splits: Mapping[str, list[str]]) -> dict[str, str]:
    return {photograph: split for split, photographs in splits.items() for photograph in photographs}


def _check_optimizer(
    checkpoint: Mapping[str, Any], module: SegmentationModule, path: str | Path, fresh_start: str
) -> None:
    if not checkpoint.get("optimizer_states") or not checkpoint.get("lr_schedulers"):
        last = Path(path).with_name("last.ckpt")
        resume = f"resume from {last}, or " if last.is_file() else ""
        raise CheckpointError(
            f"{path} holds only weights, from which training cannot be resumed: {resume}{fresh_start}"
        )
    current = {"optimizer": module.optimizer_options, "scheduler": module.scheduler_options}
    trained = checkpoint.get("optimisation", current)
    for part in current:
        if trained[part]["name"] != current[part]["name"]:
            raise CheckpointError(
                f"{path} was trained with {part}={trained[part]['name']}: give the same, or {fresh_start}"
            )
    for key, value in current["optimizer"].items():
        if trained["optimizer"].get(key) != value:
            log.warning("resumed: optimizer.%s stays %s, not %s", key, trained["optimizer"].get(key), value)
