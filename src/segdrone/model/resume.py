"""Load the module of a checkpoint, and check that training can be resumed from it."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from segdrone.errors import CheckpointError
from segdrone.model.checkpoint import HPARAMS, load_weights, read_checkpoint, read_spec, wrap_build_errors
from segdrone.model.module import LENGTH_OF_SCHEDULE, SegmentationModule
from segdrone.model.optim import build_optimizer, build_scheduler
from segdrone.model.weights_file import limit_weights
from segdrone.utils.bounded import UnreadableError, validate, wrap_parse_errors

log = logging.getLogger(__name__)

_OF_THE_PHASES = ("pct_start", "three_phase")  # options of `onecycle` that a resumed run computes anew


class _Named(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class _Optimisation(BaseModel):
    optimizer: _Named
    scheduler: _Named


class _Group(BaseModel):
    """A parameter group of an optimizer, with what schedules add to it."""

    model_config = ConfigDict(strict=True)
    lr: float
    initial_lr: float = 0
    max_lr: float = 0
    min_lr: float = 0
    base_momentum: float = 0
    max_momentum: float = 0


class _Optimizer(BaseModel):
    param_groups: list[_Group]


class _Schedule(BaseModel):
    last_epoch: NonNegativeInt


class _Resumable(BaseModel):
    """What only a resumed run needs. `SegmentationModule.on_load_checkpoint` checks the states of the loops."""

    epoch: NonNegativeInt
    global_step: NonNegativeInt
    version: Annotated[str, Field(alias="pytorch-lightning_version", pattern=r"^\d+(\.\w+)*$")]
    loops: dict[str, Any]
    callbacks: dict[str, dict[str, Any]]
    optimizer_states: Annotated[list[_Optimizer], Field(min_length=1, max_length=1)]
    lr_schedulers: Annotated[list[_Schedule], Field(min_length=1, max_length=1)]
    optimisation: _Optimisation = Field(default=None)  # type: ignore[assignment]  # missing in older checkpoints


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
            module = SegmentationModule(
                **{key: hparams[key] for key in HPARAMS},
                split_by=hparams.get("split_by", ""),
                origin=hparams.get("origin"),
            )
        load_weights(module, checkpoint["state_dict"])
    module.spec = spec
    return module.eval()


def check_resumable(path: str | Path, module: SegmentationModule, max_epochs: int | None = None) -> None:
    """Checks that training of `module` can be resumed from a checkpoint.

    Args:
        path: The checkpoint.
        module: The module of the run that resumes it.
        max_epochs: Number of epochs after which that run ends; None or -1 if it has no such end.

    Raises:
        CheckpointError: As `read_checkpoint`, the checkpoint holds only weights, or it was trained with other
            classes or things, or another network, split, normalization, optimizer or schedule, or longer than
            `max_epochs`; or a part of what a resumed run needs is missing, or of another form.
    """
    checkpoint = read_checkpoint(path)
    settings, fresh_start = checkpoint["hyper_parameters"], f"start from its weights with init_from={path}"
    table = read_spec(checkpoint, path).classes
    trained, classes = table.names, module.table.names
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
    things, now_things = table.things or (), module.table.things or ()
    if module.spec.instances and {*things} != {*now_things}:
        raise CheckpointError(
            f"{path} was trained to tell {', '.join(things)} apart, not {', '.join(now_things)}: give objects="
            f"[{','.join(things)}], or {fresh_start}"
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
    try:
        _try_step(checkpoint, module)
    except UnreadableError as error:
        raise CheckpointError(f"{path} cannot be resumed ({error}): {fresh_start}") from None
    done = checkpoint["epoch"] + 1
    if max_epochs is not None and -1 < max_epochs < done:
        raise CheckpointError(
            f"{path} is of epoch {done}, beyond trainer.max_epochs={max_epochs}: give "
            f"trainer.max_epochs={done} to score it, or more to train on"
        )
    log.info("resuming from %s, after %d epochs", path, done)


def _split_by_photograph(splits: Mapping[str, list[str]]) -> dict[str, str]:
    return {photograph: split for split, photographs in splits.items() for photograph in photographs}


def _check_optimizer(
    checkpoint: Mapping[str, Any], module: SegmentationModule, path: str | Path, fresh_start: str
) -> None:
    states = [checkpoint.get(key) for key in ("optimizer_states", "lr_schedulers")]
    if any(state is None or (isinstance(state, list) and not state) for state in states):
        last = Path(path).with_name("last.ckpt")
        resume = f"resume from {last}, or " if last.is_file() else ""
        raise CheckpointError(
            f"{path} holds only weights, from which training cannot be resumed: {resume}{fresh_start}"
        )
    try:
        validate(_Resumable, checkpoint)
    except UnreadableError as error:
        raise CheckpointError(f"{path} cannot be resumed ({error}): {fresh_start}") from None
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
    if current["scheduler"]["name"] == "onecycle":  # torch restores its rates and momenta with the optimizer
        for key, value in current["scheduler"].items():
            if key not in _OF_THE_PHASES and trained["scheduler"].get(key) != value:
                log.warning("resumed: scheduler.%s stays %s, not %s", key, trained["scheduler"].get(key), value)


def _try_step(checkpoint: Mapping[str, Any], module: SegmentationModule) -> None:
    """Makes a step with the restored optimizer and schedule; the weights that it changes are restored later.

    Raises:
        UnreadableError: The step fails.
    """
    trained = checkpoint.get("optimisation", {}).get("optimizer", module.optimizer_options)
    state = {key: value for key, value in checkpoint["lr_schedulers"][0].items() if key not in LENGTH_OF_SCHEDULE}
    with wrap_parse_errors(), warnings.catch_warnings(action="ignore"):
        optimizer = build_optimizer(module, module.encoder, **trained)
        steps = state["last_epoch"] + 2
        scheduler = build_scheduler(optimizer, **module.scheduler_options, steps=steps)
        optimizer.load_state_dict(copy.deepcopy(checkpoint["optimizer_states"][0]))
        scheduler.load_state_dict(state)
        for parameter in (parameter for group in optimizer.param_groups for parameter in group["params"]):
            parameter.grad = torch.zeros_like(parameter)
            for key, value in optimizer.state[parameter].items():  # fused steps read beyond smaller ones
                if isinstance(value, torch.Tensor) and value.shape != (() if key == "step" else parameter.shape):
                    raise UnreadableError(f"{key} of the optimizer has the shape {tuple(value.shape)}")
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad(set_to_none=True)
        module.zero_grad(set_to_none=True)
