"""What evaluate.py calls: a checkpoint in, scores and pictures out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, DroneDataModule
from segdrone.data.split import SPLITS
from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.evaluation.evaluate import score_split
from segdrone.memory import keep_freed_memory
from segdrone.model import SegmentationModule, load_module
from segdrone.processes import check_processes, together
from segdrone.settings import plain

log = logging.getLogger(__name__)

# What a checkpoint says of its own data, and does not hold for another folder.
_ELSEWHERE: dict[str, Any] = {"images": None, "masks": None, "sample": None, "download": False}

# What the network sees when photographs are scored as in training; with inference=tiled the Predictor settles it.
_SIZES = {"sampling", "test_image_size", "tile_size", "crop_size", "scale", "batch_size"}


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Scores a checkpoint as `conf/evaluate.yaml` says.

    Returns:
        The content of `metrics.json`.

    Raises:
        SegdroneError: The checkpoint, the photographs or the configuration cannot be used.
    """
    if cfg.ckpt_path is None:
        raise ConfigError("ckpt_path is not set: give ckpt_path=outputs/train/.../checkpoints/best.ckpt")
    if cfg.split not in (*SPLITS, "all"):
        raise ConfigError(f"split={cfg.split} is unknown: choose one of {', '.join(SPLITS)}, all")
    keep_freed_memory()
    module = load_module(cfg.ckpt_path)
    overrides = {key: value for key, value in plain(cfg.data).items() if value is not None}
    inference = inference_options(cfg)
    if inference is not None and (idle := sorted(_SIZES & overrides.keys())):
        raise ConfigError(f"data.{idle[0]} does nothing with inference=tiled: give inference.scale or inference.window")
    classes = overrides.pop("classes", None)
    if classes is not None:
        _check_classes(module, ClassTable.load(classes), classes)
    elsewhere = dict(_ELSEWHERE) if overrides.keys() & {"root", "images"} else {}
    known = module.hparams["data"]
    if not isinstance(known["classes"], Mapping):  # of a checkpoint that does not hold the masks' own classes
        known = {**known, "classes": module.table.to_dict()}
    if overrides.get("sampling") == "whole":
        elsewhere["scale"] = 1.0
    data = DataConfig.from_dict({**known, "rare_share": 0.0, **elsewhere, **overrides})
    ids = None if "split_dir" in overrides else {cfg.split: module.hparams["splits"].get(cfg.split, [])}
    datamodule = DroneDataModule(data, ids={} if cfg.split == "all" else ids)
    if data.sample is None and data.images is None and not Path(data.root).exists():
        raise DataError(f"data.root={data.root} does not exist: give data.root=FOLDER")
    datamodule.prepare_data()
    datamodule.setup("test")
    if not datamodule.splits[cfg.split]:
        raise DataError(f"there is no {cfg.split} split: give split=val, split=all or data.split_dir=FOLDER")
    _warn_of_training_photographs(datamodule, module.hparams, cfg.split)
    made = {"logger": False, "enable_checkpointing": False, "use_distributed_sampler": False}
    trainer = hydra.utils.instantiate(cfg.trainer, **made)
    check_processes(trainer)
    with together(trainer):
        folder = Path(cfg.output_dir)
        return score_split(trainer, module, datamodule, cfg.split, folder, cfg.pictures, inference)


def inference_options(cfg: DictConfig) -> dict[str, Any] | None:
    """Returns the options of `Predictor` that `conf/inference` chose; None where it chose none."""
    return plain(cfg.inference) if cfg.get("inference") else None


def _check_classes(module: SegmentationModule, table: ClassTable, source: str) -> None:
    known = module.hparams["data"]["classes"]
    names = tuple(known["names"]) if isinstance(known, Mapping) else module.table.names
    if table.names != names:
        raise CheckpointError(
            f"the checkpoint knows {len(names)} classes, data.classes={source} has {len(table)}"
            f"{'' if len(table) != len(names) else ' of other names'}: score it on masks of its own classes"
        )


def _warn_of_training_photographs(datamodule: DroneDataModule, settings: Mapping[str, Any], split: str) -> None:
    trained = {*settings["splits"]["train"]} & {pair.id for pair in datamodule.splits[split]}
    same = Path(datamodule.config.root).resolve() == Path(settings["data"]["root"]).resolve()
    if trained:
        what = "were trained on" if same else "have names that were trained on: if they are the same photographs"
        log.warning("%d of these photographs %s: their scores are no test", len(trained), what)
