"""Describe a finished model apart from its network: classes, normalization, scale, origin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from pydantic import ConfigDict

from segdrone.class_groups import IGNORED_GROUP
from segdrone.classes import ClassTable
from segdrone.errors import CheckpointError, DataError
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.utils.bounded import UnreadableError, parse_json, to_plain, validate
from segdrone.windows import Size

VERSION = 1
"""Version of the JSON form. Another one is refused, since it may change what the pixels mean."""

INSTANCE_PLANES = 3
"""Planes that tell things apart, in a model's output behind the classes: the score of a center, and the rows and the
columns from a pixel to the center of its thing, in pixels of the network's input.
"""

SAMPLINGS = ("whole", "tiles", "crops")
INTERPOLATIONS = ("area", "linear", "nearest")

_MAX_SIDE = 16384  # pixels, as in `DataConfig`
_LARGEST = 1e6  # of mean and std: beyond it float32 loses the pixel


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
        map_bands: The bands of the maps that the training photographs were cut from, which became their red, green and
            blue; None if the header says it, or they were not cut from maps.
        map_stretch: The same for the values.
        gsd: Smallest and largest ground sampling distance of the training photographs, in meters per pixel at
            their own size; None if unknown.
        reference_statistics: Statistics of the validation photographs for monitoring to compare with; None if unknown.
        data_license: License of the training data; None if unknown.
        class_groups: Classes of the training masks that each class merges, or that are ignored, as
            `segdrone.class_groups.remap` takes them; None if none were merged.
        made_by: Origin of the model: `segdrone` (version), `network`, `encoder`, `context`.
        instances: Whether the network also tells the things of a class apart; `classes` then names its thing classes.

    Raises:
        CheckpointError: A value is out of its range.

    Example:
        >>> from segdrone.classes import DRONE
        >>> spec = ModelSpec(DRONE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), training_size=(256, 384))
        >>> ModelSpec.from_json(spec.to_json()) == spec
        True
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    classes: ClassTable
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    training_size: Size
    sampling: str = "whole"
    scale: float = 1.0
    interpolation: str = "area"
    bands: tuple[int, int, int] | None = None
    stretch: tuple[float, float] | None = None
    map_bands: tuple[int, int, int] | None = None
    map_stretch: tuple[float, float] | None = None
    gsd: tuple[float, float] | None = None
    reference_statistics: ReferenceStatistics | None = None
    data_license: str | None = None
    class_groups: Mapping[str, list[str]] | None = None
    made_by: Mapping[str, Any] = field(default_factory=dict)
    instances: bool = False

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or not all(abs(value) <= _LARGEST for value in self.mean):
            raise CheckpointError(f"mean={self.mean} and std={self.std} must be three numbers each")
        if not all(1 / _LARGEST <= value <= _LARGEST for value in self.std):
            raise CheckpointError(f"std={self.std} must be above 0, and at most {_LARGEST}")
        if len(self.training_size) != 2 or not all(1 <= side <= _MAX_SIDE for side in self.training_size):
            raise CheckpointError(
                f"training_size={self.training_size} must be a height and a width of 1 pixel or more, up to {_MAX_SIDE}"
            )
        if self.sampling not in SAMPLINGS:
            raise CheckpointError(
                f"sampling={_shown(self.sampling)} is unknown: it must be one of {', '.join(SAMPLINGS)}"
            )
        if not 0.001 <= self.scale <= 16:
            raise CheckpointError(f"scale={self.scale} must be above 0 and at most 16")
        if self.interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise CheckpointError(f"interpolation={_shown(self.interpolation)} is unknown: it must be one of {known}")
        for bands in (self.bands, self.map_bands):
            if bands is not None and (len(bands) != 3 or min(bands) < 1):
                raise CheckpointError(f"bands={bands} must be three numbers from 1")
        for stretch in (self.stretch, self.map_stretch):
            if stretch is not None and not -math.inf < stretch[0] < stretch[1] < math.inf:
                raise CheckpointError(f"stretch={stretch} must be two numbers, the smaller one first")
        if self.gsd is not None and not 0 < self.gsd[0] <= self.gsd[1] < math.inf:
            raise CheckpointError(f"gsd={self.gsd} must be a smallest and a largest length above 0")
        if self.instances and not self.classes.things:
            raise CheckpointError("instances=true, but the class table names no thing")
        unknown = [group for group in self.class_groups or () if group not in (*self.classes.names, IGNORED_GROUP)]
        if unknown:
            raise CheckpointError(f"class_groups merges classes into {unknown[0]!a}, which is no class")

    @property
    def planes(self) -> int:
        """Planes of a model's output: one for each class, and with `instances` `INSTANCE_PLANES`."""
        return len(self.classes) + INSTANCE_PLANES * self.instances

    def to_dict(self) -> dict[str, Any]:
        """Returns plain containers, for a checkpoint or JSON."""
        values = _lists(asdict(self))
        return {"version": VERSION, **values, "classes": self.classes.to_dict(), "made_by": dict(self.made_by)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Builds the spec that `to_dict` wrote.

        Raises:
            CheckpointError: A key is missing or unknown, a value is of another type, or the version is newer.
        """
        try:
            given = to_plain(dict(values))
            version = given.pop("version", None)
            if version != VERSION:
                shown = version if isinstance(version, int) else "no number"
                raise CheckpointError(
                    f"the model's spec has version {shown}, this segdrone reads {VERSION}: update segdrone"
                )
            return validate(cls, given)
        except (UnreadableError, DataError) as error:
            raise CheckpointError(f"the model's spec cannot be read ({error}): export the model again") from None

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
            values = parse_json(text)
        except UnreadableError as error:
            raise CheckpointError(f"the model's spec is not JSON ({error}): export the model again") from None
        if not isinstance(values, dict):
            raise CheckpointError("the model's spec is not a JSON object: export the model again")
        return cls.from_dict(values)


def _lists(value: Any) -> Any:
    """Returns plain data with lists instead of tuples."""
    if isinstance(value, Mapping):
        return {key: _lists(part) for key, part in value.items()}
    return [_lists(part) for part in value] if isinstance(value, list | tuple) else value


def _shown(text: str) -> str:
    return ascii(text)[1:-1][:60]
