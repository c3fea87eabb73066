"""Validate options that Lightning checks late or never, and tell of those without effect."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig
from torch import nn

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import ConfigError
from segdrone.model import model_settings
from segdrone.model.losses import build_loss
from segdrone.model.networks import check_network
from segdrone.model.optim import build_optimizer, build_scheduler
from segdrone.utils.stall import check_stall_timeout

log = logging.getLogger(__name__)

Options = Mapping[str, Any]

_IOU = "val/iou/"
_OTHER_SCALE = 1.5  # times the scale of training: beyond, a network predicts much worse
_MINIMUM = {  # of the Trainer's integer options
    "max_epochs": -1,
    "max_steps": -1,
    "num_nodes": 1,
    "accumulate_grad_batches": 1,
    "log_every_n_steps": 0,
    "check_val_every_n_epoch": 1,
}


def monitorable_metrics(table: ClassTable, *, has_val: bool) -> list[str]:
    """Returns the names of the metrics that may select an epoch or a run, without those of the final test.

    Without validation, training metrics replace validation metrics of the same name, except for the IoU of a class.

    Example:
        >>> monitorable_metrics(ClassTable(("road",), ((0, 0, 0),)), has_val=True)[0]
        'val/miou'
    """
    names = [f"{split}/{score}" for split in ("val", "train") for score in ("miou", "loss", "dice", "accuracy")]
    return names + [f"val/iou/{name}" for name in table.names if has_val]


def check_metric(key: str, name: Any, table: ClassTable, *, has_val: bool) -> None:
    """Checks that a metric is logged and may select a run.

    Args:
        key: Config key of the metric, such as `objective`.
        name: The metric.
        table: The classes of the run.
        has_val: Whether the run validates.

    Raises:
        ConfigError: It is not one of `monitorable_metrics`.
    """
    names = monitorable_metrics(table, has_val=has_val)
    if name not in names:
        general = [name for name in names if "/iou/" not in name] + ["val/iou/CLASS"] * has_val
        raise ConfigError(f"{key}={name} is not a metric that can select a run: choose one of {', '.join(general)}")


def check_validated(key: str, name: Any, datamodule: SegmentationDataModule) -> None:
    """Checks that the class whose IoU may select an epoch or a run is in the masks for validation.

    Its IoU would be 0 or NaN: no epoch would be better than the first, and `EarlyStopping` ends a run at NaN.

    Args:
        key: Config key of the metric, such as `objective`.
        name: The metric, one of `monitorable_metrics`.
        datamodule: The photographs.

    Raises:
        ConfigError: No mask has the class.
        DataError: A mask cannot be read.
    """
    if not str(name).startswith(_IOU) or not datamodule.splits["val"]:
        return
    class_name = str(name).removeprefix(_IOU)
    if not datamodule.class_pixels("val")[:, datamodule.table.names.index(class_name)].any():
        raise ConfigError(
            f"{key}={name}: none of the {len(datamodule.splits['val'])} photographs for validation shows {class_name}: "
            "choose another metric, or another split"
        )


def check_trainer(options: Mapping[str, Any]) -> None:
    """Checks the numbers of `conf/trainer`.

    Raises:
        ConfigError: A value is out of range or not a number.
    """
    for key, minimum in _MINIMUM.items():
        _check_integer(f"trainer.{key}", options.get(key), minimum)
    clip = options.get("gradient_clip_val")
    if clip is not None and (isinstance(clip, bool) or not isinstance(clip, int | float) or clip < 0):
        raise ConfigError(f"trainer.gradient_clip_val={clip} must be a number of 0 or more, or null")
    for split, use in {"train": "learn from", "test": "score at the end"}.items():
        if (limit := options.get(f"limit_{split}_batches")) == 0:
            raise ConfigError(f"trainer.limit_{split}_batches={limit} must be a share or a number above 0, to {use}")
    check_stall_timeout(options)


def check_seed(seed: Any) -> None:
    """Checks the seed of a run.

    Raises:
        ConfigError: It is not a whole number in its range.
    """
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ConfigError(f"seed={seed} must be a whole number from 0 to {2**32 - 1}")


def check_classic(cfg: Mapping[str, Any]) -> None:
    """Checks that a run of a classical model is given nothing that only a network has, and that is not null by default.

    Raises:
        ConfigError: It is.
    """
    for key in ("ckpt_path", "init_from", "distil_from"):
        if cfg.get(key) is not None:
            raise ConfigError(f"{key} does nothing with a classical model, which is fitted anew: leave it out")
    for key in ("unlabeled", "replay"):
        if cfg["data"].get(key):
            raise ConfigError(f"data.{key} does nothing with a classical model: leave it out")
    if cfg.get("compile"):
        raise ConfigError("compile=true does nothing with a classical model, which has no network: leave it out")
    if cfg.get("export"):
        raise ConfigError("export does nothing with a classical model: predict with its own file, best.npz")
    trainer = cfg["trainer"]
    for key, single in {"devices": (1, "1", "auto"), "num_nodes": (1, None), "overfit_batches": (0, None)}.items():
        if trainer.get(key) not in single:
            raise ConfigError(f"trainer.{key}={trainer[key]} does nothing with a classical model: leave it out")
    if str(cfg["objective"]).endswith("/loss"):
        raise ConfigError(f"objective={cfg['objective']}: a classical model has no loss: choose val/miou")


def check_learning(model: Options, loss: Options, optimizer: Options, scheduler: Options) -> None:
    """Checks names and options of `conf/model`, `loss`, `optimizer` and `scheduler`, before photographs are prepared.

    Class weights, which depend on the photographs, are checked later.

    Raises:
        ConfigError: A name or an option is unknown or out of range.
    """
    check_network(**model_settings(model))
    build_loss(**_without_class_weights(loss), ignore_index=255)
    layer = nn.Linear(1, 1)
    build_scheduler(build_optimizer(layer, layer, **optimizer), **scheduler, steps=100)


def _without_class_weights(loss: Options) -> dict[str, Any]:
    terms = loss.get("terms")
    if isinstance(terms, Mapping) and isinstance(terms.get("ce"), Mapping):
        return {**loss, "terms": {**terms, "ce": _without_class_weights(terms["ce"])}}
    return {key: value for key, value in loss.items() if key != "class_weights"}


def check_callbacks(callbacks: Mapping[str, Any], table: ClassTable, *, has_val: bool) -> None:
    """Checks which metrics callbacks monitor, and warns if none of them keeps checkpoints.

    Raises:
        ConfigError: A metric is not logged, its worst value would be taken for the best, several best epochs would have
            one file, the patience is not an integer, or a callback has options and no `_target_`.
    """
    used = used_parts(callbacks, "callbacks")
    for name, part in used.items():
        if part.get("monitor") is not None:
            check_metric(f"callbacks.{name}.monitor", part["monitor"], table, has_val=has_val)
            _check_mode(f"callbacks.{name}", part)
            _check_kept(f"callbacks.{name}", part)
        _check_integer(f"callbacks.{name}.patience", part.get("patience"), 0)
    if not any("ModelCheckpoint" in part.get("_target_", "") for part in used.values()):
        log.warning("no checkpoint is kept: callbacks=[default,...] adds those that keep the best and the last one")


def used_parts(configs: Mapping[str, Any], group: str) -> dict[str, Options]:
    """Returns the parts of a group, such as callbacks, that are not null.

    Raises:
        ConfigError: A part has no `_target_`, as its options have that a recipe sets while another list leaves it out.
    """
    used = {name: part for name, part in configs.items() if part}
    for name, part in used.items():
        if not isinstance(part, Mapping) or not isinstance(part.get("_target_"), str):
            raise ConfigError(
                f"{group}.{name}={part} has no _target_, which says what it is: add {name} to {group}=[...], or give "
                f"{group}.{name}=null to do without"
            )
    return used


def tell_unused(cfg: DictConfig, config: DataConfig) -> None:
    """Warns of settings that another one leaves without effect."""
    fields = DataConfig.model_fields
    owners = {"tile_size": "tiles"}
    if config.rasters is None:  # conf/data/geo sets those of crops
        owners |= {"crop_size": "crops", "samples_per_image": "crops"}
    unused = {
        f"data.{key}": f"data.sampling={owner}"
        for key, owner in owners.items()
        if config.sampling != owner and getattr(config, key) != fields[key].default
    }
    if config.rare_classes is not None and config.rare_share == 0:
        unused["data.rare_classes"] = "data.rare_share"
    combine = cfg.augment.get("combine") or {}
    if combine.get("paste_classes", "rare") != "rare" and not combine.get("copy_paste"):
        unused["augment.combine.paste_classes"] = "augment.combine.copy_paste"
    for key, owner in unused.items():
        log.warning("%s has no effect without %s", key, owner)


def tell_scales(config: DataConfig) -> None:
    """Warns of whole photographs that are tested at quite another scale than they are trained on."""
    ratio = math.sqrt(math.prod(config.test_image_size) / math.prod(config.image_size))
    if config.sampling == "whole" and not 1 / _OTHER_SCALE < ratio < _OTHER_SCALE:
        (test_height, test_width), (height, width) = config.test_image_size, config.image_size
        log.warning(
            "photographs are tested at %d x %d pixels, %.2g times their scale in training (%d x %d): give "
            "data.test_image_size=[%d,%d], unless it is meant",
            test_height, test_width, ratio, height, width, height, width,
        )  # fmt: skip


def _check_mode(key: str, part: Options) -> None:
    """Refuses a mode by which the epoch of the highest loss, or of the lowest score, is the best one."""
    if part.get("_target_", "").endswith((".ModelCheckpoint", ".EarlyStopping")):
        best = "min" if str(part["monitor"]).endswith("/loss") else "max"
        mode = part.get("mode", "min")  # Lightning's default
        if mode != best:
            raise ConfigError(
                f"{key}.mode={mode} takes the worst {part['monitor']} for the best: give {key}.mode={best}"
            )


def _check_kept(key: str, part: Options) -> None:
    """Refuses to keep several epochs in one file: Lightning replaces it at each epoch, however bad."""
    name, number = part.get("filename"), part.get("save_top_k", 1)
    numbered = part.get("enable_version_counter", True) or not name or "{" in name
    if part.get("_target_", "").endswith(".ModelCheckpoint") and number not in (0, 1) and not numbered:
        raise ConfigError(
            f"{key}.save_top_k={number} keeps each of these epochs in {name}.ckpt, which would hold the last one: give "
            f"\"{key}.filename='{name}-{{epoch}}'\""
        )


def _check_integer(key: str, value: Any, minimum: int) -> None:
    if value is not None and (type(value) is not int or value < minimum):
        raise ConfigError(f"{key}={value} must be a whole number of {minimum} or more")
