"""Make the parts of a run from its config."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as L
import numpy as np
import torch
from hydra.errors import InstantiationException
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.class_weights import STATS_FILE, check_scheme, class_weights, read_class_pixels
from segdrone.data.mask_files import read_mask
from segdrone.data.split import SPLITS
from segdrone.errors import ConfigError
from segdrone.model import (
    SegmentationModule,
    load_encoder_weights,
    load_pretrained,
    model_settings,
    pretrained_normalisation,
    summarize,
)
from segdrone.model.distributed import check_processes
from segdrone.training.checkpoint_io import AtomicCheckpointIO
from segdrone.training.checks import check_callbacks
from segdrone.training.precision import choose_precision
from segdrone.utils.config import to_container

log = logging.getLogger(__name__)


def build_trainer(cfg: DictConfig, callbacks: list[L.Callback], loggers: list[Logger], folder: Path) -> L.Trainer:
    """Makes the Trainer of `conf/trainer`.

    Raises:
        ConfigError: Lightning refuses the choice, or it does not fit the processes that were started.
    """
    made: dict[str, Any] = {
        "callbacks": callbacks,
        "logger": loggers,
        "plugins": [AtomicCheckpointIO()],
        "use_distributed_sampler": False,  # EpochSampler knows of processes
    }
    if cfg.trainer.get("sync_batchnorm") and (cfg.trainer.accelerator == "cpu" or not torch.cuda.is_available()):
        made["sync_batchnorm"] = False  # torch has it for GPUs only
    if cfg.trainer.precision == "auto":
        made["precision"] = choose_precision(str(cfg.trainer.accelerator))
    try:
        trainer: L.Trainer = hydra.utils.instantiate(cfg.trainer, **made, default_root_dir=str(folder))
    except (MisconfigurationException, InstantiationException) as error:
        raise ConfigError(f"conf/trainer: Lightning refuses ({_reason(error)})") from error
    check_processes(trainer)
    return trainer


def build_datamodule(cfg: DictConfig) -> SegmentationDataModule:
    """Makes the datamodule, set up to fit, with the normalisation that the encoder was trained with.

    Raises:
        SegdroneError: The photographs or the settings cannot be used.
    """
    config = DataConfig.from_dict(to_container(cfg.data))
    if config.mean is None and config.std is None:
        expected = pretrained_normalisation(str(cfg.model.encoder_name))
        if expected is not None:
            config = config.replace(mean=tuple(expected[0]), std=tuple(expected[1]))
    datamodule = SegmentationDataModule(config, to_container(cfg.augment), seed=cfg.seed)
    datamodule.prepare_data()
    datamodule.setup("fit")
    _warn_of_binary_masks(datamodule)
    counts = ", ".join(f"{len(datamodule.splits[split])} {split}" for split in SPLITS)
    log.info("%s: %s photographs", config.root, counts)
    return datamodule


def _warn_of_binary_masks(datamodule: SegmentationDataModule) -> None:
    """Says so where masks of two classes hold 0 and 255, which is not labelled, alone; looks at the first few."""
    labels = datamodule.encoding
    if len(labels.source) != 2 or labels.kind == "binary":
        return
    masks = [pair.mask for pair in datamodule.splits["train"][:3] if pair.mask is not None]
    values = {int(value) for mask in masks for value in np.unique(read_mask(mask, labels))}
    if values == {0, 255}:
        log.warning(
            "the first masks hold 0 and 255 (not labelled) alone: if 255 is %s, give data.mask_encoding=binary",
            labels.source.names[1],
        )


def build_module(cfg: DictConfig, datamodule: SegmentationDataModule) -> SegmentationModule:
    """Makes the module, with its first weights.

    Raises:
        ConfigError: A choice is unknown or does not fit.
        CheckpointError: The first weights cannot be loaded.
    """
    config = datamodule.config
    if config.images is not None:  # found from wherever the checkpoint is opened
        images, masks = datamodule.dataset.folders
        config = config.replace(images=str(images.resolve()), masks=str(masks.resolve()))
    data = config.replace(
        root=str(Path(config.root).resolve()),
        classes=datamodule.encoding.source.to_dict(),
        class_groups={group: list(names) for group, names in datamodule.encoding.groups.items()} or None,
        mean=tuple(datamodule.mean),
        std=tuple(datamodule.std),
    )
    module = SegmentationModule(
        model=model_settings(to_container(cfg.model)),
        classes=datamodule.table.to_dict(),
        data=data.to_dict(),
        splits={split: [pair.id for pair in datamodule.splits[split]] for split in SPLITS},
        loss=_loss(to_container(cfg.loss), datamodule),
        optimizer=to_container(cfg.optimizer),
        scheduler=to_container(cfg.scheduler),
    )
    log.info("%s on %s: %s", cfg.model.name, cfg.model.encoder_name, summarize(module.network, config.training_size))
    if cfg.init_from is not None:
        if cfg.ckpt_path is not None:
            raise ConfigError("init_from starts a run and ckpt_path resumes one: give one of them")
        log.info(load_pretrained(module, cfg.init_from))
    elif cfg.model.encoder_weights is not None and cfg.ckpt_path is None:
        log.info(load_encoder_weights(module.encoder, cfg.model.encoder_name, cfg.model.encoder_weights))
    if cfg.compile:
        module.network.compile()  # in place: the names of its weights do not change
    return module


def _loss(options: dict[str, Any], datamodule: SegmentationDataModule) -> dict[str, Any]:
    """Puts numbers in the place of a name in `class_weights`, of the loss itself or of the `ce` in a sum."""
    terms = options.get("terms")
    if isinstance(terms, dict) and isinstance(terms.get("ce"), dict):
        return {**options, "terms": {**terms, "ce": _weighted(terms["ce"], "loss.terms.ce", datamodule)}}
    return _weighted(options, "loss", datamodule)


def _weighted(options: dict[str, Any], where: str, datamodule: SegmentationDataModule) -> dict[str, Any]:
    """Puts class weights from the pixels of the training photographs in the place of a name."""
    weights, table = options.get("class_weights"), datamodule.table
    if isinstance(weights, str):
        elsewhere = weights.endswith(".json")
        scheme = "auto" if elsewhere else weights
        check_scheme(scheme)
        file = Path(weights) if elsewhere else Path(datamodule.config.root) / STATS_FILE
        if elsewhere or file.exists():
            counts = read_class_pixels(file, table, [pair.id for pair in datamodule.splits["train"]])
        else:
            counts = datamodule.class_pixels()
        weights = class_weights(scheme, counts)
        log.info("class weights: %s", ", ".join(f"{n} {w:.2f}" for n, w in zip(table.names, weights, strict=True)))
    if weights is not None and (not isinstance(weights, list) or len(weights) != len(table)):
        raise ConfigError(
            f"{where}.class_weights={weights} must be auto, a scheme, or {len(table)} numbers, one a class"
        )
    return options if weights is None else {**options, "class_weights": weights}


def has_validation(cfg: DictConfig, datamodule: SegmentationDataModule) -> bool:
    """Tells whether there is anything to validate on, and whether it is to be done."""
    return bool(datamodule.splits["val"]) and cfg.trainer.limit_val_batches != 0


def build_callbacks(cfg: DictConfig, datamodule: SegmentationDataModule) -> list[L.Callback]:
    """Makes the callbacks; without validation the best epoch is the training's, and nothing stops early.

    Raises:
        ConfigError: The last epochs would not be validated, or a callback cannot be made as it is chosen.
    """
    callbacks = to_container(cfg.get("callbacks") or OmegaConf.create())
    has_val = has_validation(cfg, datamodule)
    check_callbacks(callbacks, datamodule.table, has_val=has_val)
    epochs, every = cfg.trainer.max_epochs, cfg.trainer.get("check_val_every_n_epoch") or 1
    if has_val and epochs is not None and epochs > 0 and epochs % every:
        raise ConfigError(
            f"trainer.max_epochs={epochs} is no multiple of trainer.check_val_every_n_epoch={every}: the last epochs "
            "would not be validated; change one of them"
        )
    if not has_val:
        log.warning("nothing is validated: training runs to its end, and train/miou tells the best epoch")
        callbacks = {name: part for name, part in callbacks.items() if part and "EarlyStopping" not in part["_target_"]}
        for part in callbacks.values():
            if "monitor" in part:
                part["monitor"] = part["monitor"].replace("val/", "train/")
                part["save_on_train_epoch_end"] = True
    return instantiate_all(callbacks, "callbacks")


def instantiate_all(named: Mapping[str, Any] | None, group: str) -> list[Any]:
    """Makes the named parts of a dict of `_target_`; a part that is set to null is left out.

    Raises:
        ConfigError: A part does not take its options.
    """
    made = []
    for name, part in (named or {}).items():
        if part:
            try:
                made.append(hydra.utils.instantiate(part))
            except InstantiationException as error:
                raise ConfigError(f"{group}.{name} cannot be made as chosen ({_reason(error)}): mend it") from error
    return made


def _reason(error: Exception) -> str:
    """What the part itself said, in one line; Hydra adds where it stands."""
    return " ".join(str(error.__cause__ or error).split())
