"""Describe a finished model apart from its network: classes, normalization, scale, origin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from segdrone.class_groups import IGNORED_GROUP
from segdrone.classes import ClassTable
from segdrone.errors import CheckpointError
from segdrone.windows import Size

VERSION = 1
"""Version of the JSON form. Another one is refused, since it may change what the pixels mean."""

SAMPLINGS = ("whole", "tiles", "crops")
INTERPOLATIONS = ("area", "linear", "nearest")


@dataclass(frozen=True)
class ModelSpec:
    """What a finished model expects and predicts, as plain data with one JSON form.

    Everything that runs, exports or describes a model reads this record. A checkpoint holds it under the key `spec`,
    an ONNX file in `metadata_props`.

    Args:
        classes: Classes that the network predicts, with the ignored id.
        mean: Mean of the red, green and blue channel of photographs scaled to 0..1, for normalization.
        std: Standard deviation of these channels.
        training_size: Height and width of the images that the network was trained on, in pixels.
        sampling: How training sampled photographs: `whole` (resized), `tiles` or `crops`.
        scale: Scale at which `tiles` and `crops` were cut, 1 for the photograph's own size.
        interpolation: How photographs were resized: `area`, `linear` or `nearest`.
        bands: Numbers of the bands of a file that are red, green and blue, counted from 1; None if its header says it.
        stretch: Values that become 0 and 255, for pixels of more than 8 bits; None if photographs have 8 bits.
        gsd: Smallest and largest ground sampling distance of the training photographs, in meters per pixel at
            their own size; None if unknown.
        reference_statistics: Statistics of the training photographs for monitoring to compare with; None if unknown.
        data_license: License of the training data; None if unknown.
        class_groups: Classes of the training masks that each class merges, or that are ignored, as
            `segdrone.class_groups.remap` takes them; None if none were merged.
        made_by: Origin of the model: `segdrone` (version), `network`, `encoder`.

    Raises:
        CheckpointError: A value is out of its range.

    Example:
        >>> from segdrone.classes import DRONE
        >>> spec = ModelSpec(DRONE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), training_size=(256, 384))
        >>> ModelSpec.from_json(spec.to_json()) == spec
        True
    """

    classes: ClassTable
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    training_size: Size
    sampling: str = "whole"
    scale: float = 1.0
    interpolation: str = "area"
    bands: tuple[int, int, int] | None = None
    stretch: tuple[float, float] | None = None
    gsd: tuple[float, float] | None = None
    reference_statistics: Mapping[str, Any] | None = None
    data_license: str | None = None
    class_groups: Mapping[str, list[str]] | None = None
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or not all(map(math.isfinite, self.mean)):
            raise CheckpointError(f"mean={self.mean} and std={self.std} must be three numbers each")
        if not all(0 < value < math.inf for value in self.std):
            raise CheckpointError(f"std={self.std} must be above 0")
        if len(self.training_size) != 2 or min(self.training_size) < 1:
            raise CheckpointError(f"training_size={self.training_size} must be a height and a width of 1 pixel or more")
        if self.sampling not in SAMPLINGS:
            raise CheckpointError(f"sampling={self.sampling} is unknown: it must be one of {', '.join(SAMPLINGS)}")
        if not 0 < self.scale <= 16:
            raise CheckpointError(f"scale={self.scale} must be above 0 and at most 16")
        if self.interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise CheckpointError(f"interpolation={self.interpolation} is unknown: it must be one of {known}")
        if self.bands is not None and (len(self.bands) != 3 or min(self.bands) < 1):
            raise CheckpointError(f"bands={self.bands} must be three numbers from 1")
        if self.stretch is not None and not -math.inf < self.stretch[0] < self.stretch[1] < math.inf:
            raise CheckpointError(f"stretch={self.stretch} must be two numbers, the smaller one first")
        if self.gsd is not None and not 0 < self.gsd[0] <= self.gsd[1] < math.inf:
            raise CheckpointError(f"gsd={self.gsd} must be a smallest and a largest length above 0")
        if self.class_groups is not None and not _are_groups(self.class_groups, self.classes):
            raise CheckpointError(f"class_groups={self.class_groups} must give lists of class names by class")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain containers, for a checkpoint or JSON."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {"version": VERSION, **values, "classes": self.classes.to_dict(), "made_by": dict(self.made_by)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Builds the spec that `to_dict` wrote.

        Raises:
            CheckpointError: A key is missing or unknown, a value is of another type, or the version is newer.
        """
        given = dict(values)
        version = given.pop("version", None)
        if version != VERSION:
            raise CheckpointError(
                f"the model's spec has version {version}, this segdrone reads {VERSION}: update segdrone"
            )
        try:
            return cls(
                classes=ClassTable.from_dict(given.pop("classes")),
                mean=_floats(given.pop("mean"), 3),
                std=_floats(given.pop("std"), 3),
                training_size=_size(given.pop("training_size")),
                scale=float(given.pop("scale")),
                gsd=None if (gsd := given.pop("gsd")) is None else _floats(gsd, 2),
                bands=None if (bands := given.pop("bands", None)) is None else _bands(bands),
                stretch=None if (stretch := given.pop("stretch", None)) is None else _floats(stretch, 2),
                **given,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"the model's spec cannot be read ({type(error).__name__}: {error}): export the model again"
            ) from None

    def to_json(self) -> str:
        """Returns the JSON text of `to_dict`."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Builds the spec from the text of `to_json`.

        Raises:
            CheckpointError: The text is not the JSON of a spec.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"the model's spec is not JSON ({error}): export the model again") from None
        if not isinstance(values, dict):
            raise CheckpointError("the model's spec is not a JSON object: export the model again")
        return cls.from_dict(values)


def _are_groups(groups: Any, classes: ClassTable) -> bool:
    return isinstance(groups, Mapping) and all(
        group in (*classes.names, IGNORED_GROUP)
        and isinstance(names, list | tuple)
        and all(isinstance(name, str) for name in names)
        for group, names in groups.items()
    )


def _floats(values: Any, count: int) -> Any:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"{list(numbers)} must be {count} numbers")
    return numbers


def _bands(values: Any) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def _size(values: Any) -> Size:
    height, width = (int(value) for value in values)
    return height, width
