"""Fit and score a classical model as a config says: the part of a network's run that it shares, in the same folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins import Precision
from omegaconf import DictConfig

from segdrone import __version__
from segdrone.classic.features import Image
from segdrone.classic.fit import Mask, fit_model
from segdrone.classic.libraries import check_installed
from segdrone.classic.model import ClassicModel, ClassicOptions
from segdrone.classic.model_file import write_model
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.data.masks.label_sample import tell_doubts
from segdrone.errors import ConfigError
from segdrone.evaluation import check_pictures, describe_run, inference_options, object_classes, score_split
from segdrone.evaluation.counts import count_image, stack_counts
from segdrone.evaluation.report import RESULTS
from segdrone.evaluation.scored_model import open_checkpoint
from segdrone.evaluation.scores import score
from segdrone.model.hparams import spec_from_hparams
from segdrone.runtime.description import Description, Signature
from segdrone.training.build import describe_data, open_datamodule, remember_maps, scored_split, tell_scored
from segdrone.training.build_trainer import build_trainer, has_validation, instantiate_all
from segdrone.training.checks import check_classic, check_metric, check_seed, check_validated
from segdrone.training.loggers import log_hyperparameters, open_loggers
from segdrone.training.reference import add_reference
from segdrone.training.sweep_objective import describe_objective
from segdrone.utils.atomic import write_json
from segdrone.utils.config import save_config, to_container
from segdrone.utils.output_dir import staged_results
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

FILE = "best.npz"
_PIXELS = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}  # features are of pixels as they are


def train_classic(cfg: DictConfig, warnings: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """Fits a classical model as configured by `conf/train.yaml`, and scores it as a network is.

    Loss, optimizer, schedule, augmentation, epochs and callbacks are not used. `trainer.limit_train_batches` and
    `limit_val_batches` count photographs, or tiles.

    Args:
        cfg: The composed config, with a `conf/model/classic_*.yaml`.
        warnings: Warnings to show with the scores.

    Returns:
        The metrics by name: those of the validation photographs at the scale of training (`val/miou`, ...), and those
        of `metrics.json`. Then the objects of the run: `cfg`, `datamodule`, `model`, `trainer`, `loggers`, `report`.

    Raises:
        SegdroneError: The data or the configuration cannot be used.
    """
    started = time.time()
    check_classic(to_container(cfg))
    check_seed(cfg.seed)
    check_pictures(cfg)
    inference = inference_options(cfg)
    options = ClassicOptions.from_dict(to_container(cfg.model))
    check_installed()
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    datamodule = open_datamodule(cfg, _data_config(cfg))
    table, has_val = datamodule.table, has_validation(cfg, datamodule)
    check_metric("objective", cfg.objective, table, has_val=has_val)
    check_validated("objective", cfg.objective, datamodule)
    object_classes(cfg, table)  # refused here, not after the fit
    split = scored_split(datamodule)
    assert split is not None  # there are masks: data.unlabeled is refused
    find_instance_maps(datamodule.dataset.files, datamodule.splits[split])
    folder, loggers, trainer = _open_run(cfg)
    facts = {"processes": 1, "precision": trainer.precision, "seed": cfg.seed, "config": to_container(cfg)}
    provenance = describe_run(datamodule.splits["all"], trainer.strategy.root_device, **facts)
    write_json(provenance, folder / "run.json")
    save_config(cfg, folder)

    log.info("%s, classified by %s; losses, epochs and augmentation are not used", options.name, options.classifier)
    model = _fit(cfg, options, datamodule)
    path = folder / "checkpoints" / FILE
    write_model(path, model, _describe(cfg, datamodule).to_json())
    metrics = _validate(cfg, model, datamodule, "val" if has_val else "train")
    for logger in loggers:
        logger.log_metrics(metrics, step=0)
    tell_doubts(datamodule.splits[split], datamodule.encoding)
    tell_scored(datamodule, split)
    trainer.strategy.precision_plugin = Precision()  # 32-true, as evaluate.py scores
    with staged_results(folder, RESULTS) as results:
        report = score_split(
            trainer, open_checkpoint(path), datamodule, split, results, cfg.pictures, inference,
            provenance=provenance, objects=object_classes(cfg, table), warnings=warnings,
        )  # fmt: skip
    metrics |= {name: float(value) for name, value in report.items() if isinstance(value, float)}
    log_hyperparameters(loggers, cfg, metrics)
    reached = describe_objective(cfg, metrics)
    write_json({**provenance, **reached, "wall_time_s": round(time.time() - started, 1)}, folder / "run.json")
    add_reference(str(path), datamodule, trainer)
    objects = {
        "cfg": cfg, "datamodule": datamodule, "model": model, "trainer": trainer, "loggers": loggers, "report": report,
    }  # fmt: skip
    return metrics, objects


def _data_config(cfg: DictConfig) -> DataConfig:
    """Returns the data config for pixels that are not normalized, one photograph at a time.

    Photographs of different sizes would otherwise be padded, and segments go on into the padding.
    """
    if cfg.data.mean is not None or cfg.data.std is not None:
        raise ConfigError("data.mean and data.std do nothing with a classical model: leave them out")
    return DataConfig.from_dict(to_container(cfg.data)).replace(**_PIXELS, batch_size=1)


def _open_run(cfg: DictConfig) -> tuple[Path, list[Logger], L.Trainer]:
    """Returns the folder of the run, its loggers, opened, and a trainer on the CPU for the final scores."""
    folder = Path(cfg.output_dir)
    loggers: list[Logger] = instantiate_all(cfg.get("logger"), "logger")
    on_cpu = cfg.copy()
    on_cpu.trainer.accelerator, on_cpu.trainer.precision = "cpu", "32-true"
    bar = {"progress_bar": (to_container(cfg.callbacks) if cfg.get("callbacks") else {}).get("progress_bar")}
    trainer = build_trainer(on_cpu, instantiate_all(bar, "callbacks"), loggers, folder)
    open_loggers(loggers, folder)
    return folder, loggers, trainer


def _fit(cfg: DictConfig, options: ClassicOptions, datamodule: SegmentationDataModule) -> ClassicModel:
    samples, table = _Samples(datamodule, "train", _limit(cfg, "train")), datamodule.table
    model, counts = fit_model(options, samples, len(samples), len(table), cfg.seed)
    log.info("fitted to %d %s", counts.sum(), "pixels" if options.segmenter is None else "segments")
    if absent := [name for name, count in zip(table.names, counts, strict=True) if not count]:
        log.warning(
            "nothing of %s was in the sample: this model never predicts them; raise model.samples if the photographs "
            "have them", ", ".join(absent),
        )  # fmt: skip
    return model


def _describe(cfg: DictConfig, datamodule: SegmentationDataModule) -> Description:
    training = describe_data(datamodule)
    model = {"name": cfg.model.name}
    spec = spec_from_hparams(model, datamodule.table.to_dict(), training["data"], __version__)
    return Description(remember_maps(spec, datamodule.config), Signature(), training=training)


def _validate(cfg: DictConfig, model: ClassicModel, datamodule: SegmentationDataModule, split: str) -> dict[str, float]:
    """Returns the metrics of a split at the scale of training, by the names that a network's have."""
    table, counts = datamodule.table, []
    for image, mask in _Samples(datamodule, split, _limit(cfg, split)):
        prediction = model(image).argmax(0).astype(np.uint8)
        prediction[mask == table.ignore_index] = table.ignore_index
        counts.append(count_image(mask, prediction, None, table))
    scores = score(stack_counts(counts))
    names = {f"{split}/{name}": scores.overall[name] for name in ("miou", "dice", "accuracy")}
    return names | {
        f"{split}/iou/{name}": float(iou) for name, iou in zip(table.names, scores.classes["iou"], strict=True)
    }


def _limit(cfg: DictConfig, split: str) -> int | float:
    limit = cfg.trainer[f"limit_{split}_batches"]
    return 1 if cfg.trainer.fast_dev_run else 1.0 if limit is None else limit


class _Samples:
    """Photographs of a split, or their tiles, at the scale of training: image and mask, with a progress bar.

    Args:
        datamodule: The photographs.
        split: `train` or `val`.
        limit: How many, or which share as a float.
    """

    def __init__(self, datamodule: SegmentationDataModule, split: str, limit: int | float) -> None:
        self._dataset, self._split = datamodule.plain_dataset(split), split
        every = self._dataset.samples
        most = limit if isinstance(limit, int) else max(1, round(limit * len(every)))
        self._samples = every[:most]

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[tuple[Image, Mask]]:
        for sample in progress_bar(self._samples, desc=f"{self._split} photographs", leave=False):
            image, mask, *_ = self._dataset.read(sample)
            yield image, mask
