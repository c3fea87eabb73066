"""The levers of training that `levers.py` measures, as overrides of train.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from segdrone.windows import Size

Step = dict[str, Any]
Steps = list[Step]

_FLIPS = ("HorizontalFlip", "VerticalFlip", "D4")
_CROP = "RandomResizedCrop"
_ORDER = ("size", "sampling", "scales", "symmetries")  # groups in whose order levers change sizes and transforms


class Setting(NamedTuple):
    """What overrides depend on.

    Attributes:
        experiment: Name of the recipe.
        epochs: Epochs of a training.
        image: Height and width whose product sets the scale of photographs.
        size: Height and width of a sample: the same, or that of a crop.
        photograph: Height and width of the photographs in pixels.
        weights: Folder of encoders' weights, `NAME_imagenet.safetensors`; None starts from random ones.
        encoder: Encoder of the recipe.
        steps: Transforms of the recipe.
        loss: Loss of the recipe.
    """

    experiment: str
    epochs: int
    image: Size
    size: Size
    photograph: Size
    weights: Path | None
    encoder: str
    steps: Steps
    loss: dict[str, Any]


class Lever(NamedTuple):
    """One change to a recipe.

    Attributes:
        group: Of the levers of a group, at most one is pulled together with those of others.
        overrides: Returns its overrides.
        edit: Changes the list of transforms, if it does; it is given what this and earlier levers set.
    """

    group: str
    overrides: Callable[[Setting], list[str]] = lambda _: []
    edit: Callable[[Steps, Setting], Steps] | None = None


def _fixed(*overrides: str) -> Callable[[Setting], list[str]]:
    return lambda _: [*overrides]


def _symmetries(steps: Steps, _: Setting) -> Steps:
    """All eight symmetries instead of flips. Turned photographs are padded to one size in a batch."""
    place = next((i for i, step in enumerate(steps) if step["transform"] in _FLIPS), len(steps))
    rest = [step for step in steps if step["transform"] not in _FLIPS]
    return [*rest[:place], {"transform": "D4"}, *rest[place:]]


def _scales(steps: Steps, setting: Setting) -> Steps:
    """Scales 0.5 to 2, cut or padded to the size of training."""
    height, width = setting.size
    if not any(step["transform"] == _CROP for step in steps):
        return [
            {"transform": "RandomScale", "scale_limit": [-0.5, 1.0], "p": 1.0, "area_for_downscale": "image"},
            {
                "transform": "PadIfNeeded", "min_height": height, "min_width": width, "position": "random",
                "fill_mask": 255,
            },
            {"transform": "RandomCrop", "height": height, "width": width},
            *steps,
        ]  # fmt: skip

    def change(step: Step) -> Step:
        share = math.prod(step["size"]) / (height * width)  # of a sample, that is cut out at scale 1
        return {**step, "scale": [round(share / 4, 3), round(min(1.0, 4 * share), 3)]}

    return _with_crops(steps, change)


def _larger_crops(steps: Steps, _: Setting) -> Steps:
    return _with_crops(steps, lambda step: {**step, "size": [_multiple(1.5 * side) for side in step["size"]]})


def _same_scale(steps: Steps, setting: Setting) -> Steps:
    """Cuts as large parts out of crops as before out of photographs, as far as they are there."""
    factor = math.prod(setting.image) / math.prod(setting.size)
    return _with_crops(steps, lambda step: {**step, "scale": [round(min(1, factor * x), 3) for x in step["scale"]]})


def _with_crops(steps: Steps, change: Callable[[Step], Step]) -> Steps:
    return [change(step) if step["transform"] == _CROP else step for step in steps]


def _rare_crops(setting: Setting) -> list[str]:
    """Two crops of three quarters of a side, half of them around a rare class: 1.1 times the pixels."""
    crop = [_multiple(0.75 * side) for side in setting.image]
    scale = min(1.0, math.sqrt(math.prod(setting.image) / math.prod(setting.photograph)))
    return [
        "data.sampling=crops", f"data.crop_size={to_hydra(crop)}", f"data.scale={scale:.4f}",
        "data.samples_per_image=2", "data.rare_share=0.5",
    ]  # fmt: skip


def _class_weights(scheme: str) -> Callable[[Setting], list[str]]:
    def overrides(setting: Setting) -> list[str]:
        return [f"loss.{'terms.ce.' if 'terms' in setting.loss else ''}class_weights={scheme}"]

    return overrides


def _larger(setting: Setting) -> list[str]:
    return [f"data.image_size={to_hydra([_multiple(1.5 * side) for side in setting.image])}"]


def _encoder(name: str) -> Callable[[Setting], list[str]]:
    return lambda setting: [f"model.encoder_name={name}", encoder_weights(name, setting.weights)]


LEVERS: dict[str, Lever] = {
    "twice the epochs": Lever("epochs", lambda setting: [f"trainer.max_epochs={2 * setting.epochs}"]),
    "all eight symmetries": Lever("symmetries", edit=_symmetries),
    "scales 0.5 to 2": Lever("scales", edit=_scales),
    "copy-paste of rare things": Lever("copy-paste", _fixed("augment.combine.copy_paste=0.5")),
    "crops around rare classes": Lever("sampling", _rare_crops, _same_scale),
    "cross-entropy and Dice": Lever("loss", _fixed("loss=ce_dice")),
    "cross-entropy and Lovász": Lever("loss", _fixed("loss=ce_lovasz")),
    "cross-entropy and a boundary loss": Lever("loss", _fixed("loss=ce_boundary")),
    "class weights by square root": Lever("weights", _class_weights("auto")),
    "class weights by square root, capped": Lever("weights", _class_weights("sqrt_capped")),
    "EMA of the weights": Lever("averaging", _fixed("callbacks=[default,ema]")),
    "1.5 times the input": Lever("size", _larger, _larger_crops),
    "encoder EfficientNet-Lite0": Lever("encoder", _encoder("tu-tf_efficientnet_lite0")),
    "encoder EfficientNet-Lite1": Lever("encoder", _encoder("tu-tf_efficientnet_lite1")),
    "encoder EfficientNet-Lite2": Lever("encoder", _encoder("tu-tf_efficientnet_lite2")),
    "schedule onecycle": Lever("schedule", _fixed("scheduler=onecycle")),
    "schedule poly": Lever("schedule", _fixed("scheduler=poly")),
    "schedule cosine": Lever("schedule", _fixed("scheduler=cosine")),
}
"""Levers of training by name."""

TTA: dict[str, list[str]] = {
    "four orientations": ["inference.augment=flips"],
    "eight orientations": ["inference.augment=symmetries"],
    "eight orientations at three scales": ["inference.augment=symmetries", "inference.scales=[0.75,1.0,1.25]"],
}
"""Test-time augmentation by name, as overrides of evaluate.py; the checkpoints are those of the recipe."""


def overrides_of(names: Iterable[str], setting: Setting) -> list[str]:
    """Returns the overrides of levers that are pulled at once."""
    order = {group: place for place, group in enumerate(_ORDER)}
    chosen = sorted((LEVERS[name] for name in {*names}), key=lambda lever: (order.get(lever.group, 9), lever.group))
    overrides: list[str] = []
    steps, at = setting.steps, setting
    for lever in chosen:
        overrides += (added := lever.overrides(at))
        for key, _, value in (override.partition("=") for override in added):
            if key in ("data.image_size", "data.crop_size"):
                height, width = map(int, value.strip("[]").split(","))
                at = at._replace(size=(height, width))
                at = at._replace(image=(height, width)) if key == "data.image_size" else at
        steps = lever.edit(steps, at) if lever.edit else steps
    return [*overrides, *([f"augment.train={to_hydra(steps)}"] if steps != setting.steps else [])]


def encoder_weights(encoder: str, folder: Path | None) -> str:
    """Returns the override that loads the weights of an encoder."""
    return f"model.encoder_weights={weights_file(encoder, folder) or 'null'}"


def weights_file(encoder: str, folder: Path | None) -> Path | None:
    """Returns the file of the weights of an encoder."""
    return None if folder is None else folder / f"{encoder.removeprefix('tu-')}_imagenet.safetensors"


def to_hydra(value: Any) -> str:
    """Returns plain containers as the value of an override.

    Example:
        >>> to_hydra([{"transform": "D4", "p": 0.5}])
        '[{transform:D4,p:0.5}]'
    """
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{to_hydra(item)}' for key, item in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(to_hydra, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _multiple(side: float) -> int:
    return max(32, round(side / 32) * 32)
