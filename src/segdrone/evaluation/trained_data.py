"""Open the photographs that a model is scored on: those of its training's split, or others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.config import MAPS
from segdrone.data.discovery.dataset_classes import ModelClasses
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.options import SIZE_OPTIONS
from segdrone.evaluation.scored_model import ScoredModel
from segdrone.model.origin import trained_among, trained_elsewhere
from segdrone.spec import ModelSpec

log = logging.getLogger(__name__)

# Options of the training's dataset that do not apply to another folder.
_OTHER_FOLDER: dict[str, Any] = {"images": None, "masks": None, "layout": None}

# Options that cause files to be written. They are never taken from a checkpoint, which may come from anyone.
_WRITE_NOTHING: dict[str, Any] = {"sample": None, "download": False, "cache_dir": None, **dict.fromkeys(MAPS)}

# Options that say what is trained on besides photographs with masks.
_ONLY_TRAINED: dict[str, Any] = {"unlabeled": False, "replay": None}

_SIZES = {"test_image_size": "whole", "tile_size": "tiles", "crop_size": "crops"}
"""The sampling that each size is for."""


def open_split(
    model: ScoredModel, split: str, overrides: Mapping[str, Any], *, tiled: bool = False
) -> SegmentationDataModule:
    """Opens a split as `find_split` does, and warns of photographs that the model was trained on, or that are left out.

    Raises:
        DataError: As `find_split`.
        ConfigError: As `find_split`.
    """
    given = {**model.normalization, **overrides}
    datamodule = find_split(model.spec, model.training, split, given, tiled=tiled)
    _warn_of_training_photographs(datamodule, model.training, split)
    _warn_of_photographs_left_out(datamodule, model.training, split)
    return datamodule


def find_split(
    spec: ModelSpec, training: Mapping[str, Any], split: str, overrides: Mapping[str, Any], *, tiled: bool = False
) -> SegmentationDataModule:
    """Opens a split of the photographs that a model was trained on, or of other ones.

    Args:
        spec: The model; its classes are those of the masks that are read.
        training: Hyper-parameters of its training, as `ScoredModel` has them.
        split: `train`, `val`, `test` or `all`.
        overrides: Options of `data` that replace those of the training.
        tiled: Whether a `Predictor` reads the photographs, at their own size.

    Raises:
        DataError: The folder does not exist, the split is empty, or the masks have classes that the model lacks.
        ConfigError: An option is out of its range, or does nothing with `tiled` or with the sampling.
    """
    config = _data_config(spec, training, overrides, tiled=tiled)
    splits = training.get("splits")
    trained_split = None if config.split_dir is not None else {split: (splits or {}).get(split, [])}
    datamodule = SegmentationDataModule(
        config, ids={} if split == "all" else trained_split, model=_model_classes(spec, training)
    )
    if config.images is None and not Path(config.root).exists():
        raise DataError(f"data.root={config.root} does not exist: give data.root=FOLDER")
    datamodule.prepare_data()
    datamodule.setup("test")
    if not datamodule.splits[split] and not any((splits or {}).values()):
        raise DataError(
            f"the model does not say which photographs are in its {split} split: give split=all or "
            "data.split_dir=FOLDER"
        )
    if not datamodule.splits[split]:
        raise DataError(f"the {split} split is empty: give split=val, split=all or data.split_dir=FOLDER")
    return datamodule


def _data_config(
    spec: ModelSpec, training: Mapping[str, Any], overrides: Mapping[str, Any], *, tiled: bool
) -> DataConfig:
    """Returns the options of the training's dataset, changed by `overrides`.

    The masks of another folder have classes of their own, which `open_dataset` finds.
    """
    if tiled and (unused := sorted(SIZE_OPTIONS & overrides.keys())):
        raise ConfigError(
            f"data.{unused[0]} does nothing with inference=tiled: give inference.scale or inference.window"
        )
    data = training.get("data") or _as_described(spec, tiled=tiled)
    trained = {**data, **_WRITE_NOTHING, "rare_share": 0.0, "class_groups": None}
    if trained.get("unlabeled"):
        trained["allow_unpaired"] = True
    trained |= _ONLY_TRAINED
    # The split of the training is known: its lists may have been changed since, or be elsewhere.
    trained |= {"split_dir": None, "split_by": None, "split_distance": None}
    if not overrides.keys() & {"root", "images"} and trained.get("root") is None and trained.get("images") is None:
        raise ConfigError("the model does not say where its photographs are: give data.root=FOLDER")
    if not isinstance(trained.get("classes"), Mapping):  # an old checkpoint without the classes of the mask files
        trained["classes"] = spec.classes.to_dict()
    if overrides.keys() & {"root", "images"}:
        trained |= _OTHER_FOLDER
    root = data.get("root") if data.get("images") is None else None
    moved = "root" in overrides and (root is None or Path(str(overrides["root"])).resolve() != Path(root).resolve())
    if moved or overrides.keys() & {"images", "masks"}:  # these masks have classes of their own
        trained["classes"] = None
    scale = {"scale": 1.0} if overrides.get("sampling") == "whole" else {}
    config = DataConfig.from_dict({**trained, **scale, **overrides})
    for key, sampling in _SIZES.items():
        if key in overrides and sampling != config.sampling:
            raise ConfigError(
                f"data.{key} does nothing with data.sampling={config.sampling}: leave it out, or give "
                f"data.sampling={sampling} too"
            )
    return config


def _as_described(spec: ModelSpec, *, tiled: bool) -> dict[str, Any]:
    """Returns the options of `data` that a spec implies, for a model of another program: its training is unknown."""
    options = {"bands": spec.bands, "stretch": spec.stretch, "interpolation": spec.interpolation}
    if tiled:  # a `Predictor` has its own size
        return options
    sizes = dict.fromkeys(("image_size", "test_image_size", "tile_size", "crop_size"), spec.training_size)
    scale = {} if spec.sampling == "whole" else {"scale": spec.scale}
    return {**options, **sizes, **scale, "sampling": spec.sampling}


def _model_classes(spec: ModelSpec, training: Mapping[str, Any]) -> ModelClasses:
    table, source = spec.classes, training.get("data", {}).get("classes")
    if not isinstance(source, Mapping):
        return ModelClasses(table, None, table)
    return ModelClasses(table, spec.class_groups, ClassTable.from_dict(source))


def _warn_of_training_photographs(datamodule: SegmentationDataModule, training: Mapping[str, Any], split: str) -> None:
    scored = {pair.id for pair in datamodule.splits[split]}
    trained = {*training.get("splits", {}).get("train", [])} & scored
    elsewhere = trained_elsewhere(training, datamodule.config.root) & scored
    # In any folder: folders are moved, and exported files name none.
    named = trained_among(training, [pair.id for pair in datamodule.splits["all"]]) & scored
    own = trained if _is_same_folder(datamodule, training.get("data", {})) else set()
    if elsewhere:
        others = f", and {len(own - elsewhere)} others by itself" if own - elsewhere else ""
        log.warning(
            "%d of these photographs were trained on earlier, beside its own or by its teachers%s: their scores are "
            "not a test", len(elsewhere), others,
        )  # fmt: skip
    elif own:
        log.warning("%d of these photographs were trained on: their scores are not a test", len(own))
    elif named:
        log.warning(
            "%d of these photographs have the names of photographs that were trained on: if they are the same, their "
            "scores are not a test",
            len(named),
        )


def _warn_of_photographs_left_out(datamodule: SegmentationDataModule, training: Mapping[str, Any], split: str) -> None:
    """Warns if the names of the training's split choose photographs in another folder, which may be other ones."""
    data, scored, found = training.get("data", {}), len(datamodule.splits[split]), len(datamodule.dataset.pairs)
    if datamodule.ids and data.get("root") is not None and scored < found and not _is_same_folder(datamodule, data):
        log.warning(
            "%d of the %d photographs are scored, which have the names of the %s split of the training, in another "
            "folder: unless they are the same, give split=all", scored, found, split,
        )  # fmt: skip


def _is_same_folder(datamodule: SegmentationDataModule, data: Mapping[str, Any]) -> bool:
    """Whether photographs are in the folder of a training, whose options of the dataset are `data`."""
    images, _ = datamodule.dataset.files.given or (None, None)
    root = data.get("root")
    same_root = root is not None and Path(datamodule.config.root).resolve() == Path(root).resolve()
    return same_root and images == data.get("images")
