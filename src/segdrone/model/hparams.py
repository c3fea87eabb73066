"""Build a ModelSpec from the hyper-parameters of a SegmentationModule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segdrone.errors import CheckpointError
from segdrone.spec import VERSION, ModelSpec

_SIZES = {"whole": ("image_size", (704, 1056)), "tiles": ("tile_size", (512, 768)), "crops": ("crop_size", (512, 768))}
"""Key of the training size by sampling, and its default in conf/data of version 0.1.0."""

_AS_IN_DATA = ("mean", "std", "sampling", "scale", "interpolation", "bands", "stretch", "class_groups")


def spec_from_hparams(
    model: Mapping[str, Any], classes: Mapping[str, Any], data: Mapping[str, Any], version: str | None = None
) -> ModelSpec:
    """Builds the spec that the hyper-parameters of a model describe.

    Args:
        model: Name and options of the network, as in `conf/model`.
        classes: The class table, as `ClassTable.to_dict` writes it.
        data: The data config, as `DataConfig.to_dict` writes it; `mean` and `std` are required, `gsd` is in cm.
        version: Version of segdrone that made the model; None if unknown.

    Raises:
        CheckpointError: `data` has no mean and std, or a value is out of its range.

    Example:
        >>> table = {"names": ["road"], "colours": [[0, 0, 0]], "ignore_index": 255}
        >>> data = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "image_size": [256, 384]}
        >>> spec_from_hparams({"name": "unet", "encoder_name": "resnet18"}, table, data).training_size
        (256, 384)
    """
    sampling = data.get("sampling", "whole")
    if sampling not in [*_SIZES]:
        raise CheckpointError(f"data.sampling={ascii(sampling)[:60]} is unknown: it must be one of {', '.join(_SIZES)}")
    missing = [key for key in ("mean", "std") if data.get(key) is None]
    if missing:
        raise CheckpointError(f"data.{' and data.'.join(missing)} missing: a model needs its normalization")
    key, default_size = _SIZES[sampling]
    made_by = {"segdrone": version, "network": model.get("name"), "encoder": model.get("encoder_name")}
    made_by["context"] = model.get("context")
    given = {name: data[name] for name in _AS_IN_DATA if data.get(name) is not None}
    return ModelSpec.from_dict(
        {
            **given,
            "version": VERSION,
            "classes": classes,
            "training_size": data.get(key, default_size),
            "gsd": _meters(data.get("gsd")),
            "instances": model.get("instances", False),
            "made_by": {name: value for name, value in made_by.items() if value is not None},
        }
    )


def _meters(gsd: Any) -> Any:
    """Returns a range in centimeters in meters; `auto` is unknown, anything else is left for the spec to refuse."""
    if isinstance(gsd, list | tuple) and all(isinstance(value, int | float) for value in gsd):
        return [round(value / 100, 8) for value in gsd]
    return None if gsd == "auto" else gsd
