"""Build the data and the network of a run from its config."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from segdrone.classes import ClassTable, thing_classes
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.config import MAPS
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.data.gsd import find_gsd
from segdrone.data.maps.manifest import tiles_channels
from segdrone.data.masks.label_sample import check_labels, check_scored, tell_doubts
from segdrone.data.splits.split import SPLITS
from segdrone.errors import CheckpointError, ConfigError
from segdrone.evaluation import object_classes
from segdrone.model import (
    SegmentationModule,
    load_encoder_weights,
    load_pretrained,
    model_settings,
    pretrained_normalization,
    read_checkpoint,
    summarize,
)
from segdrone.model.checkpoint import read_spec
from segdrone.model.origin import continue_origin, describe_origin, trained_elsewhere
from segdrone.spec import ModelSpec
from segdrone.training.checks import tell_scales, tell_unused
from segdrone.training.distillation import teacher_paths
from segdrone.training.loss_weights import resolve_loss
from segdrone.utils.config import to_container

log = logging.getLogger(__name__)


def build_datamodule(cfg: DictConfig) -> SegmentationDataModule:
    """Builds the datamodule, set up for fitting, with the normalization that the encoder was pretrained with.

    Raises:
        SegdroneError: The photographs or the settings cannot be used.
    """
    config = DataConfig.from_dict(to_container(cfg.data))
    pretrained = pretrained_normalization(str(cfg.model.encoder_name))
    if pretrained is not None:
        config = config.replace(mean=config.mean or tuple(pretrained[0]), std=config.std or tuple(pretrained[1]))
    return open_datamodule(cfg, config)


def open_datamodule(cfg: DictConfig, config: DataConfig) -> SegmentationDataModule:
    """Opens the photographs of a run, and checks their masks.

    Args:
        cfg: The config of the run.
        config: Its `data`, which may differ from that of `cfg`.

    Raises:
        SegdroneError: The photographs or the settings cannot be used.
    """
    source, instances = cfg.init_from or cfg.ckpt_path, cfg.model.get("instances") is True
    if config.unlabeled and source is None:
        raise ConfigError(
            "data.unlabeled=true learns from photographs without masks by the predictions of a trained model: give it "
            "by init_from=CHECKPOINT"
        )
    if instances and (config.unlabeled or config.replay is not None):
        raise ConfigError(
            "model.instances=true learns from the masks of one dataset, without data.unlabeled and data.replay: give "
            "model.instances=false to adapt the classes alone"
        )
    model = find_model_classes(source) if config.unlabeled else None
    replayed = _replayed_photographs(cfg, config.replay) if source is not None and config.replay is not None else None
    datamodule = SegmentationDataModule(
        config, to_container(cfg.augment), seed=cfg.seed, model=model, replay_ids=replayed, instances=instances
    )
    tell_unused(cfg, config)
    tell_scales(config)
    datamodule.prepare_data()
    if config.rasters is not None:  # the run is one on the folder of tiles, also when it is resumed
        for key in {"root", "classes", "bands", "stretch", *MAPS} & {*cfg.data}:
            cfg.data[key] = getattr(datamodule.config, key)
    datamodule.setup("fit")
    if cfg.ckpt_path is not None and replayed and replayed != [pair.id for pair in datamodule.splits["replay"]]:
        raise CheckpointError(
            f"{cfg.ckpt_path} was trained with {len(replayed)} photographs of data.replay, of which some are missing "
            f"in {config.replay}: restore them, or start from its weights with init_from={cfg.ckpt_path}"
        )
    ids = {split: [pair.id for pair in datamodule.splits[split]] for split in SPLITS}
    if not config.unlabeled:
        check_labels(datamodule.splits["all"], ids, datamodule.encoding, others=config.replay is not None)
    elif scoring := [*datamodule.splits["val"], *datamodule.splits["test"]]:  # masks of `train` are not read
        tell_doubts(scoring, datamodule.encoding)
        check_scored(scoring, ids, datamodule.encoding)
    counts = ", ".join(f"{len(datamodule.splits[split])} {split}" for split in SPLITS)
    log.info("%s: %s photographs, split %s", datamodule.config.root, counts, datamodule.dataset.split.by)
    return datamodule


def build_module(cfg: DictConfig, datamodule: SegmentationDataModule) -> SegmentationModule:
    """Builds the module, with its initial weights.

    Raises:
        ConfigError: An option is unknown or does not fit.
        CheckpointError: The initial weights cannot be loaded.
    """
    if cfg.init_from is not None and cfg.ckpt_path is not None:
        raise ConfigError("init_from starts a run and ckpt_path resumes one: give one of them")
    module = SegmentationModule(
        model=model_settings(to_container(cfg.model)),
        classes=_learned_classes(cfg, datamodule.table).to_dict(),
        loss=resolve_loss(to_container(cfg.loss), datamodule),
        optimizer=to_container(cfg.optimizer),
        scheduler=to_container(cfg.scheduler),
        origin=_origin(cfg, datamodule),
        **describe_data(datamodule),
    )
    module.spec = remember_maps(module.spec, datamodule.config)
    size = datamodule.config.training_size
    log.info("%s on %s: %s", cfg.model.name, cfg.model.encoder_name, summarize(module.network, size))
    if cfg.init_from is not None:
        log.info(load_pretrained(module, cfg.init_from))
    elif cfg.ckpt_path is None:
        _load_weights(module, cfg.model)
    if cfg.compile:
        module.network.compile()  # in place: the names of its weights do not change
    return module


def _load_weights(module: SegmentationModule, model: DictConfig) -> None:
    if model.encoder_weights is not None:
        log.info(load_encoder_weights(module.encoder, model.encoder_name, model.encoder_weights))
    if model.get("context") is None:
        return
    if model.context_weights is None:
        log.warning("model.context_weights=null: %s is never trained, and its features stay random", model.context)
    else:
        vit = module.network.get_submodule("encoder.context.vit")
        log.info(load_encoder_weights(vit, model.context, model.context_weights, "context"))


def scored_split(datamodule: SegmentationDataModule) -> str | None:
    """Returns the split that a run is scored on at its end; None if no photograph has a mask to score with."""
    labeled = ("test", "val") if datamodule.config.unlabeled else ("test", "val", "train", "all")
    return next((split for split in labeled if datamodule.splits[split]), None)


def tell_scored(datamodule: SegmentationDataModule, split: str) -> None:
    """Warns if a run is scored on the photographs that it trained on, since no others are left."""
    if split not in ("test", "val"):
        log.warning(
            "there is neither a test nor a validation split: the %d photographs that are scored were trained on, and "
            "their scores are not a test", len(datamodule.splits[split]),
        )  # fmt: skip


def describe_data(datamodule: SegmentationDataModule) -> dict[str, Any]:
    """Returns what a finished model says of its photographs, as plain data: `data`, `splits` and `split_by`."""
    config = datamodule.config
    if (given := datamodule.dataset.files.given) is not None:  # absolute, to be opened from any working folder
        config = config.replace(images=given[0], masks=given[1] or None)
    model = datamodule.model_classes
    groups = datamodule.encoding.groups if model is None else model.groups or {}
    data = config.replace(
        root=str(Path(config.root).resolve()),
        classes=datamodule.encoding.source.to_dict(),
        class_groups={group: list(names) for group, names in groups.items()} or None,
        replay=None if config.replay is None else str(Path(config.replay).resolve()),
        mean=tuple(datamodule.mean),
        std=tuple(datamodule.std),
        gsd=find_gsd(config, datamodule.splits["train"]),
    )
    splits = {split: [pair.id for pair in datamodule.splits[split]] for split in SPLITS}
    return {"data": data.to_dict(), "splits": splits, "split_by": datamodule.dataset.split.by}


def remember_maps(spec: ModelSpec, config: DataConfig) -> ModelSpec:
    """Returns a spec that also says how the maps were read, if the photographs are tiles of some."""
    bands, stretch = tiles_channels(Path(config.root))
    return replace(spec, map_bands=bands, map_stretch=stretch)


def _learned_classes(cfg: DictConfig, table: ClassTable) -> ClassTable:
    """Returns the classes of a network; one that tells things apart names what things are.

    Raises:
        ConfigError: No class is known as a thing.
    """
    if not cfg.model.get("instances"):
        return table
    things = object_classes(cfg, table) or thing_classes(table)
    if not things:
        raise ConfigError(
            f"model.instances=true, but none of the classes {', '.join(table.names[:10])} is known as a thing: add the "
            "column thing to the class table, or give objects=[CLASS]"
        )
    return replace(table, things=tuple(things))


def find_model_classes(checkpoint: str | Path) -> ModelClasses:
    """Returns the classes of a checkpoint, to which masks are mapped by name.

    Raises:
        CheckpointError: As `read_checkpoint`.
    """
    content = read_checkpoint(checkpoint)
    spec, source = read_spec(content, checkpoint), content["hyper_parameters"]["data"].get("classes")
    table = ClassTable.from_dict(source) if isinstance(source, Mapping) else None
    return ModelClasses(spec.classes, spec.class_groups, table)


def trained_photographs(checkpoint: str | Path, root: str | Path) -> list[str] | None:
    """Returns the photographs in a folder that a checkpoint was trained on; None if it was trained on others.

    Raises:
        CheckpointError: As `read_checkpoint`.
    """
    hparams = read_checkpoint(checkpoint)["hyper_parameters"]
    own = hparams["data"].get("root")
    if own is not None and Path(own).resolve() == Path(root).resolve():
        return list(hparams["splits"].get("train", []))
    return sorted(trained_elsewhere(hparams, root)) or None


def _replayed_photographs(cfg: DictConfig, root: str) -> list[str] | None:
    """Returns the photographs of `data.replay` to train on: those of the run that is resumed, in the same order."""
    if cfg.ckpt_path is not None:
        hparams = read_checkpoint(cfg.ckpt_path)["hyper_parameters"]
        trained = (hparams.get("origin") or {}).get("trained_on")
        if trained and hparams["data"].get("replay") is not None:
            return list(trained[-1]["photographs"])  # `describe_origin` adds them last
    return trained_photographs(cfg.init_from or cfg.ckpt_path, root)


def _origin(cfg: DictConfig, datamodule: SegmentationDataModule) -> dict[str, Any] | None:
    """Returns where the weights are from, those of teachers too; a resumed run goes on with that of the earlier one."""
    sources = [
        *([] if cfg.init_from is None else [cfg.init_from]),
        *teacher_paths(to_container(cfg).get("distil_from")),
    ]
    models = [read_checkpoint(source)["hyper_parameters"] for source in sources]
    replay, pairs = datamodule.config.replay, datamodule.splits.get("replay", [])
    origin = describe_origin(cfg.init_from, models, None if replay is None else (replay, [pair.id for pair in pairs]))
    if cfg.ckpt_path is None:
        return origin
    return continue_origin(read_checkpoint(cfg.ckpt_path)["hyper_parameters"].get("origin"), origin)
