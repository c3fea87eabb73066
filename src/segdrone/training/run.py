"""What train.py calls: a config in, a trained and tested network out."""

from __future__ import annotations

import itertools
import logging
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as L
from hydra.errors import InstantiationException
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from omegaconf import DictConfig, OmegaConf

from segdrone.data import DataConfig, DroneDataModule
from segdrone.data.balance import STATS_FILE, class_weights, read_counts
from segdrone.data.layout import find_folders
from segdrone.data.split import SPLITS
from segdrone.errors import ConfigError
from segdrone.evaluation import score_split
from segdrone.files import write_json
from segdrone.model import (
    SegmentationModule,
    check_resumable,
    load_encoder_weights,
    load_module,
    model_settings,
    pretrained_normalisation,
)
from segdrone.training.checkpoint_io import AtomicCheckpointIO
from segdrone.training.record import describe_run

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> tuple[dict[str, float], dict[str, Any]]:
    """Trains as `conf/train.yaml` says, then scores the best checkpoint.

    The score is of the test split; of the validation split where there is no test split.

    Returns:
        The last logged metrics by name (`train/loss`, `val/loss`, ...), the one that chose the best
        checkpoint at its best (`val/miou`), and those of `metrics.json` (`miou`, `accuracy`, ...);
        and what was made: `cfg`, `datamodule`, `module`, `trainer`, `callbacks`, `loggers`, `report`.

    Raises:
        SegdroneError: The data, the configuration or a checkpoint cannot be used.
    """
    started = time.time()
    if not isinstance(cfg.seed, int) or cfg.seed < 0:
        raise ConfigError(f"seed={cfg.seed} must be a whole number from 0 up")
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    folder = Path(cfg.output_dir)
    datamodule = _datamodule(cfg)
    module = _module(cfg, datamodule)
    if cfg.ckpt_path is not None:
        check_resumable(cfg.ckpt_path, module)
    callbacks = _callbacks(cfg, has_val=bool(datamodule.splits["val"]))
    loggers: list[Logger] = _parts(cfg.logger)
    _start(loggers, folder)
    trainer = _trainer(cfg, callbacks, loggers, folder)
    choices = OmegaConf.to_container(cfg, resolve=True)
    record = describe_run(datamodule.splits["all"], trainer.strategy.root_device, seed=cfg.seed, config=choices)
    write_json(record, folder / "run.json")

    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=cfg.ckpt_path)
    except MisconfigurationException as error:
        raise ConfigError(f"Lightning cannot train so ({' '.join(str(error).split())}): mend the choice") from error
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    report = _score(cfg, trainer, module, datamodule, folder)
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    if best is not None:
        metrics[str(trainer.checkpoint_callback.monitor)] = float(best)  # type: ignore[union-attr]
    metrics |= {name: float(value) for name, value in report.items() if isinstance(value, float)}
    _log_choices(loggers, cfg, metrics)
    value = objective(cfg, metrics)
    reached = {"objective": cfg.objective, "reached": value if math.isfinite(value) else None}
    write_json({**record, **reached, "wall_time_s": round(time.time() - started, 1)}, folder / "run.json")
    made = {
        "cfg": cfg, "datamodule": datamodule, "module": module, "trainer": trainer,
        "callbacks": callbacks, "loggers": loggers, "report": report,
    }  # fmt: skip
    return metrics, made


def _trainer(cfg: DictConfig, callbacks: list[L.Callback], loggers: list[Logger], folder: Path) -> L.Trainer:
    parts = {"callbacks": callbacks, "logger": loggers, "plugins": [AtomicCheckpointIO()]}
    try:
        trainer: L.Trainer = hydra.utils.instantiate(cfg.trainer, **parts, default_root_dir=str(folder))
    except (MisconfigurationException, InstantiationException) as error:
        raise ConfigError(f"conf/trainer: Lightning refuses ({' '.join(str(error).split())})") from error
    if trainer.world_size > 1:
        raise ConfigError(
            f"trainer.devices={cfg.trainer.devices}: several processes cannot be scored together yet: give 1"
        )
    return trainer


def _datamodule(cfg: DictConfig) -> DroneDataModule:
    config = DataConfig.from_dict(_plain(cfg.data))
    if config.mean is None and config.std is None:
        expected = pretrained_normalisation(str(cfg.model.encoder_name))
        if expected is not None:
            config = config.but(mean=tuple(expected[0]), std=tuple(expected[1]))
    datamodule = DroneDataModule(config, _plain(cfg.augment), seed=cfg.seed)
    datamodule.prepare_data()
    datamodule.setup("fit")
    counts = ", ".join(f"{len(datamodule.splits[split])} {split}" for split in SPLITS)
    log.info("%s: %s photographs", config.root, counts)
    return datamodule


def _module(cfg: DictConfig, datamodule: DroneDataModule) -> SegmentationModule:
    config = datamodule.config
    if config.images is not None:  # found from wherever the checkpoint is opened
        images, masks = find_folders(Path(config.root), config.images, config.masks)
        config = config.but(images=str(images.resolve()), masks=str(masks.resolve()))
    data = config.but(
        root=str(Path(config.root).resolve()),
        classes=datamodule.labels.source.to_dict(),
        class_groups={group: list(names) for group, names in datamodule.labels.groups.items()} or None,
        mean=tuple(datamodule.mean),
        std=tuple(datamodule.std),
    )
    module = SegmentationModule(
        model=model_settings(_plain(cfg.model)),
        classes=datamodule.table.to_dict(),
        data=data.to_dict(),
        splits={split: [pair.id for pair in datamodule.splits[split]] for split in SPLITS},
        loss=_loss(_plain(cfg.loss), datamodule),
        optimizer=_plain(cfg.optimizer),
        scheduler=_plain(cfg.scheduler),
    )
    millions = sum(parameter.numel() for parameter in module.network.parameters()) / 1e6
    log.info("%s on %s: %.1f million parameters", cfg.model.name, cfg.model.encoder_name, millions)
    if cfg.model.encoder_weights is not None and cfg.ckpt_path is None:
        log.info(load_encoder_weights(module.encoder, cfg.model.encoder_name, cfg.model.encoder_weights))
    return module


def _loss(options: dict[str, Any], datamodule: DroneDataModule) -> dict[str, Any]:
    """Puts numbers in the place of a name in `class_weights`, from the pixels of the training photographs."""
    weights, table = options.get("class_weights"), datamodule.table
    if isinstance(weights, str):
        ids = [pair.id for pair in datamodule.splits["train"]]
        elsewhere = weights.endswith(".json")
        file = Path(weights) if elsewhere else Path(datamodule.config.root) / STATS_FILE
        weights = class_weights("auto" if elsewhere else weights, read_counts(file, table, ids))
        log.info("class weights: %s", ", ".join(f"{n} {w:.2f}" for n, w in zip(table.names, weights, strict=True)))
    if weights is not None and (not isinstance(weights, list) or len(weights) != len(table)):
        raise ConfigError(f"loss.class_weights={weights} must be auto, a scheme, or {len(table)} numbers, one a class")
    return options if weights is None else {**options, "class_weights": weights}


def _callbacks(cfg: DictConfig, *, has_val: bool) -> list[L.Callback]:
    """Without validation photographs the best epoch is the training's, and nothing can stop it early."""
    parts = OmegaConf.to_container(cfg.callbacks or {}, resolve=True)
    assert isinstance(parts, dict)
    if not has_val:
        log.warning("no validation photographs: training runs to its end, and train/miou tells the best epoch")
        parts = {name: part for name, part in parts.items() if part and "EarlyStopping" not in part["_target_"]}
        for part in parts.values():
            if "monitor" in part:
                part["monitor"] = part["monitor"].replace("val/", "train/")
    return _parts(OmegaConf.create(parts))


def _parts(node: DictConfig | None) -> list[Any]:
    """Makes the named parts of a dict of `_target_`; a part that is set to null is left out."""
    return [hydra.utils.instantiate(part) for part in (node or {}).values() if part]


def _score(
    cfg: DictConfig, trainer: L.Trainer, module: SegmentationModule, datamodule: DroneDataModule, folder: Path
) -> dict[str, Any]:
    split = next((split for split in ("test", "val", "train") if datamodule.splits[split]), "all")
    path = getattr(trainer.checkpoint_callback, "best_model_path", "")
    best = load_module(path) if path else module
    return score_split(trainer, best, datamodule, split, folder, cfg.pictures)


def _start(loggers: Sequence[Logger], folder: Path) -> None:
    """Opens the loggers; a run resumed in the folder of the earlier one keeps that one's metrics.csv."""
    path = folder / "metrics.csv"
    if path.exists():
        free = (folder / f"metrics.{number}.csv" for number in itertools.count(1))
        path.rename(next(place for place in free if not place.exists()))
    with warnings.catch_warnings():
        # CSVLogger sees that the folder is in use, and announces to delete what was just moved.
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        for logger in loggers:
            if isinstance(logger, CSVLogger):
                _ = logger.experiment


def _log_choices(loggers: list[Logger], cfg: DictConfig, metrics: dict[str, float]) -> None:
    """Fills TensorBoard's tab of hyper-parameters: the choices of the run beside what they reached."""
    choices = {
        f"{group}.{key}": value if isinstance(value, int | float | str | bool) else str(value)
        for group in ("data", "model", "loss", "optimizer", "scheduler", "trainer")
        for key, value in _plain(cfg[group]).items()
    }
    scores = {f"hp/{name}": value for name, value in metrics.items() if name in ("miou", "accuracy", "val/miou")}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams({"seed": cfg.seed, **choices}, scores)
            logger.save()


def objective(cfg: DictConfig, metrics: Mapping[str, float]) -> float:
    """Returns the metric that a sweep compares, `cfg.objective`; the final mIoU where there is none of that name."""
    if cfg.objective not in metrics:
        log.warning(
            "objective=%s is no metric of this run (%s): returning miou", cfg.objective, ", ".join(sorted(metrics))
        )
    return metrics.get(cfg.objective, metrics.get("miou", float("nan")))


def _plain(node: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(node, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
