"""What evaluate.py calls: a checkpoint or predicted masks in, scores and pictures out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.layout import ImageMaskPair, find_folders, find_pairs, find_photographs
from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.split import SPLITS, read_split
from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.predictions import evaluate_predictions, find_predictions
from segdrone.evaluation.provenance import describe_run
from segdrone.evaluation.report import remove_results, write_report
from segdrone.evaluation.score_split import score_split
from segdrone.inference.options import check_options
from segdrone.model import SegmentationModule, load_module
from segdrone.model.distributed import check_processes, supervise
from segdrone.utils.atomic import write_json
from segdrone.utils.config import to_container
from segdrone.utils.memory import keep_freed_memory

log = logging.getLogger(__name__)

# What a checkpoint says of its own data, and does not hold for another folder.
_ELSEWHERE: dict[str, Any] = {"images": None, "masks": None}

# What has files written, and where: not for somebody's checkpoint to say.
_NOTHING_WRITTEN: dict[str, Any] = {"sample": None, "download": False, "cache_dir": None}

# What the network sees when photographs are scored as in training; with inference=tiled the Predictor settles it.
_SIZES = {"sampling", "test_image_size", "tile_size", "crop_size", "scale", "batch_size"}


def evaluate(cfg: DictConfig) -> dict[str, Any]:
    """Scores a checkpoint, or a folder of predicted masks, as `conf/evaluate.yaml` says.

    Returns:
        The content of `metrics.json`.

    Raises:
        SegdroneError: The checkpoint, the photographs, the masks or the configuration cannot be used.
    """
    if (cfg.ckpt_path is None) == (cfg.predictions is None):
        raise ConfigError(
            "give what to score, one of both: ckpt_path=outputs/train/.../checkpoints/best.ckpt or predictions=FOLDER"
        )
    if cfg.split not in (None, *SPLITS, "all"):
        raise ConfigError(f"split={cfg.split} is unknown: choose one of {', '.join(SPLITS)}, all")
    check_pictures(cfg)
    keep_freed_memory()
    board = TensorBoardLogger(cfg.output_dir, name="tensorboard", version="", default_hp_metric=False)
    return _evaluate_checkpoint(cfg, board) if cfg.predictions is None else _evaluate_folder(cfg, board)


def _evaluate_checkpoint(cfg: DictConfig, board: TensorBoardLogger) -> dict[str, Any]:
    split = cfg.split or "test"
    module = load_module(cfg.ckpt_path)
    overrides = _overrides(cfg)
    if "class_groups" in overrides:
        raise ConfigError("data.class_groups goes with predictions=FOLDER: a checkpoint has the classes that it learnt")
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
    data = DataConfig.from_dict({**known, **_NOTHING_WRITTEN, "rare_share": 0.0, **elsewhere, **overrides})
    ids = None if "split_dir" in overrides else {split: module.hparams["splits"].get(split, [])}
    datamodule = SegmentationDataModule(data, ids={} if split == "all" else ids)
    if data.images is None and not Path(data.root).exists():
        raise DataError(f"data.root={data.root} does not exist: give data.root=FOLDER")
    datamodule.prepare_data()
    datamodule.setup("test")
    if not datamodule.splits[split]:
        raise DataError(f"there is no {split} split: give split=val, split=all or data.split_dir=FOLDER")
    _warn_of_training_photographs(datamodule, module.hparams, split)
    made = {"logger": board, "enable_checkpointing": False, "use_distributed_sampler": False}
    trainer = hydra.utils.instantiate(cfg.trainer, **made)
    check_processes(trainer)
    folder, run = Path(cfg.output_dir), Path(cfg.ckpt_path).resolve().parent.parent
    with supervise(trainer):
        record = {}
        if trainer.is_global_zero:
            record = _record(cfg, datamodule.splits[split], trainer.strategy.root_device)
        return score_split(trainer, module, datamodule, split, folder, cfg.pictures, inference, record=record, run=run)


def _evaluate_folder(cfg: DictConfig, board: TensorBoardLogger) -> dict[str, Any]:
    if inference_options(cfg) is not None:
        raise ConfigError("inference=tiled does nothing with predictions=FOLDER, which are predicted: leave it out")
    overrides = _overrides(cfg)
    if idle := sorted((_SIZES - {"test_image_size"}) & overrides.keys()):
        raise ConfigError(f"data.{idle[0]} does nothing with predictions=FOLDER: leave it out")
    masks_alone = overrides.keys() & {"root", "images", "masks"} == {"masks"}
    if not masks_alone and "root" not in overrides and "images" not in overrides:
        raise ConfigError("give the true masks: data.root=FOLDER of a dataset, or data.masks=FOLDER of the masks alone")
    data = DataConfig.from_dict({"root": ".", **overrides})
    labels = MaskEncoding.load(
        data.classes, data.class_groups, data.mask_encoding, data.colour_tolerance, data.mask_threshold
    )
    if masks_alone:
        pairs = [replace(pair, mask=pair.image) for pair in find_photographs(Path(str(data.masks)))]
    else:
        folders = find_folders(Path(data.root), data.images, data.masks)
        pairs = find_pairs(*folders, allow_unpaired=data.allow_unpaired)
    split = cfg.split or "all"
    if split != "all":
        if data.split_dir is None:
            raise ConfigError(f"split={split} needs data.split_dir=FOLDER of {split}.txt with predictions=FOLDER")
        wanted = set(read_split(Path(data.split_dir), [pair.id for pair in pairs])[split])
        pairs = [pair for pair in pairs if pair.id in wanted]
    predictions = find_predictions(Path(cfg.predictions), pairs)
    record = _record(cfg, pairs, torch.device("cpu"))
    judge = Evaluator(labels.table, cfg.pictures)
    size = overrides.get("test_image_size") and data.test_image_size
    evaluate_predictions(judge, pairs, predictions, labels, size, photographs=not masks_alone)
    judge.gather()
    root = str(Path(data.root if not masks_alone else str(data.masks)).resolve())
    facts = {"split": split, "root": root, "inference": None, "predictions": str(Path(cfg.predictions).resolve())}
    title = f"{root}, predicted in {cfg.predictions}"
    return write_report(judge, title, Path(cfg.output_dir), record=record, run=None, loggers=[board], **facts)


def _overrides(cfg: DictConfig) -> dict[str, Any]:
    return {key: value for key, value in to_container(cfg.data).items() if value is not None}


def _record(cfg: DictConfig, pairs: Sequence[ImageMaskPair], device: torch.device) -> dict[str, Any]:
    """Says what makes the scores, in `evaluation.json`; what an earlier evaluation left in the folder goes."""
    record = describe_run(pairs, device, config=to_container(cfg))
    remove_results(Path(cfg.output_dir))
    write_json(record, Path(cfg.output_dir) / "evaluation.json")
    return record


def check_pictures(cfg: DictConfig) -> None:
    """Refuses another number of pictures than one from 0 up, before any work is done.

    Raises:
        ConfigError: It is none.
    """
    if type(cfg.pictures) is not int or cfg.pictures < 0:
        raise ConfigError(f"pictures={cfg.pictures} must be a whole number from 0 up")


def inference_options(cfg: DictConfig) -> dict[str, Any] | None:
    """Returns the options of `Predictor` that `conf/inference` chose; None where it chose none.

    Raises:
        ConfigError: An option is out of its range.
    """
    if not cfg.get("inference"):
        return None
    options = to_container(cfg.inference)
    check_options(**options)
    return options


def _check_classes(module: SegmentationModule, table: ClassTable, source: str) -> None:
    known = module.hparams["data"]["classes"]
    names = tuple(known["names"]) if isinstance(known, Mapping) else module.table.names
    if table.names != names:
        raise CheckpointError(
            f"the checkpoint knows {len(names)} classes, data.classes={source} has {len(table)}"
            f"{'' if len(table) != len(names) else ' of other names'}: score it on masks of its own classes"
        )


def _warn_of_training_photographs(datamodule: SegmentationDataModule, settings: Mapping[str, Any], split: str) -> None:
    trained = {*settings["splits"]["train"]} & {pair.id for pair in datamodule.splits[split]}
    same = Path(datamodule.config.root).resolve() == Path(settings["data"]["root"]).resolve()
    if trained:
        what = "were trained on" if same else "have names that were trained on: if they are the same photographs"
        log.warning("%d of these photographs %s: their scores are no test", len(trained), what)
