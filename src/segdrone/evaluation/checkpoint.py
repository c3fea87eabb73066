"""Evaluate a checkpoint on a split."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.masks.label_sample import tell_doubts
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.options import SIZE_OPTIONS, data_overrides, inference_options, object_classes
from segdrone.evaluation.report import start_output
from segdrone.evaluation.score_split import score_split
from segdrone.model import SegmentationModule, load_module
from segdrone.model.distributed import check_processes, supervise
from segdrone.model.progress import ProgressBar
from segdrone.model.stall import MarkProgress
from segdrone.utils.config import without
from segdrone.utils.output_dir import StagedResults

log = logging.getLogger(__name__)

# Options of the training's dataset that do not apply to another folder.
_OTHER_FOLDER: dict[str, Any] = {"images": None, "masks": None, "layout": None}

# Options that cause files to be written. They are never taken from a checkpoint, which may come from anyone.
_WRITE_NOTHING: dict[str, Any] = {"sample": None, "download": False, "cache_dir": None}


def evaluate_checkpoint(
    cfg: DictConfig, results: StagedResults, board: TensorBoardLogger, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """Scores the checkpoint `cfg.ckpt_path`.

    Args:
        cfg: As `conf/evaluate.yaml`.
        results: Where to write.
        board: Logs scores and figures.
        warnings: Warnings of this evaluation, for its report. More may be added while it runs.

    Returns:
        The content of `metrics.json`.

    Raises:
        SegdroneError: The checkpoint, the photographs, the masks or the configuration cannot be used.
    """
    split = cfg.split or "test"
    module = load_module(cfg.ckpt_path)
    inference, objects = inference_options(cfg), object_classes(cfg, module.table)
    config = _data_config(cfg, module, tiled=inference is not None)
    trained_split = None if config.split_dir is not None else {split: module.hparams["splits"].get(split, [])}
    datamodule = SegmentationDataModule(
        config, ids={} if split == "all" else trained_split, model=_model_classes(module)
    )
    if config.images is None and not Path(config.root).exists():
        raise DataError(f"data.root={config.root} does not exist: give data.root=FOLDER")
    datamodule.prepare_data()
    datamodule.setup("test")
    if not datamodule.splits[split]:
        raise DataError(f"the {split} split is empty: give split=val, split=all or data.split_dir=FOLDER")
    _warn_of_training_photographs(datamodule, module.hparams, split)
    callbacks = [ProgressBar()] if cfg.trainer.get("enable_progress_bar", True) else []
    options: dict[str, Any] = {"logger": board, "enable_checkpointing": False, "use_distributed_sampler": False}
    options["callbacks"] = [*callbacks, MarkProgress()]
    trainer = hydra.utils.instantiate(without(cfg.trainer, "stall_timeout"), **options)
    check_processes(trainer)
    run = Path(cfg.ckpt_path).resolve().parent.parent
    with supervise(trainer):
        provenance = {}
        if trainer.is_global_zero:
            tell_doubts(datamodule.splits[split], datamodule.encoding)
            provenance = start_output(cfg, datamodule.splits[split], trainer.strategy.root_device, results.path)
        return score_split(
            trainer,
            module,
            datamodule,
            split,
            results,
            cfg.pictures,
            inference,
            provenance=provenance,
            run=run,
            objects=objects,
            warnings=warnings,
        )


def _data_config(cfg: DictConfig, module: SegmentationModule, *, tiled: bool) -> DataConfig:
    """Returns the options of the training's dataset, changed by those given in `cfg.data`.

    The masks of another folder have classes of their own, which `open_dataset` finds.
    """
    overrides = data_overrides(cfg)
    if tiled and (unused := sorted(SIZE_OPTIONS & overrides.keys())):
        raise ConfigError(
            f"data.{unused[0]} does nothing with inference=tiled: give inference.scale or inference.window"
        )
    trained = {**module.hparams["data"], **_WRITE_NOTHING, "rare_share": 0.0, "class_groups": None}
    trained |= {"split_by": None, "split_distance": None}  # the split of the training is in the checkpoint
    if not isinstance(trained.get("classes"), Mapping):  # an old checkpoint without the classes of the mask files
        trained["classes"] = module.table.to_dict()
    if overrides.keys() & {"root", "images"}:
        trained |= _OTHER_FOLDER
    same_root = "root" in overrides and Path(overrides["root"]).resolve() == Path(trained.get("root") or "").resolve()
    if overrides.keys() & {"root", "images", "masks"} and not same_root:
        trained["classes"] = None
    scale = {"scale": 1.0} if overrides.get("sampling") == "whole" else {}
    return DataConfig.from_dict({**trained, **scale, **overrides})


def _model_classes(module: SegmentationModule) -> ModelClasses:
    source = module.hparams["data"].get("classes")
    if not isinstance(source, Mapping):
        return ModelClasses(module.table, None, module.table)
    return ModelClasses(module.table, module.spec.class_groups, ClassTable.from_dict(source))


def _warn_of_training_photographs(datamodule: SegmentationDataModule, hparams: Mapping[str, Any], split: str) -> None:
    trained = {*hparams["splits"].get("train", [])} & {pair.id for pair in datamodule.splits[split]}
    same_root = Path(datamodule.config.root).resolve() == Path(hparams["data"].get("root") or "").resolve()
    if trained and same_root:
        log.warning("%d of these photographs were trained on: their scores are not a test", len(trained))
    elif trained:
        log.warning(
            "%d of these photographs have the names of photographs that were trained on: if they are the same, their "
            "scores are not a test",
            len(trained),
        )
