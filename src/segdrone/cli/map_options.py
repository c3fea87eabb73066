"""Options of `segdrone predict` for maps."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segdrone.errors import ConfigError

if TYPE_CHECKING:
    from segdrone.geo.inputs import MapInput
    from segdrone.inference.predict_folder import PredictSummary
    from segdrone.inference.predictor import Predictor

log = logging.getLogger(__name__)

_PANEL = "Maps (GeoTIFF, VRT, JPEG 2000; extra geo)"


def _option(text: str, *names: str, **options: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_PANEL, **options)


Geotiff = Annotated[
    bool,
    _option(
        "Predict TIFFs that say where they lie as maps: of any size, masks as GeoTIFF. Masks of photographs keep their "
        "position and world file.",
        "--geotiff",
    ),
]
Polygons = Annotated[
    str | None,
    _option(
        "Write the regions of maps as polygons: to a FILE, or gpkg, geojson, fgb or parquet for one beside each mask.",
        metavar="FILE|FORMAT",
    ),
]
Simplify = Annotated[float, _option("Simplify polygons by so many meters; neighbors keep their common border.")]
MinAreaM2 = Annotated[float, _option("Leave out polygons of less than so many square meters.", "--min-area-m2")]
Zones = Annotated[
    str | None,
    _option(
        "Also give the areas in each polygon of this vector file, in any coordinate system; FILE|layername=NAME for "
        "one of its layers.",
        metavar="FILE",
    ),
]
Gsd = Annotated[
    str | None,
    _option(
        "auto: resize maps, and photographs that say how high they were taken, so that a pixel covers as much ground "
        "as in training; a number: in centimeters, where the model does not know it.",
        metavar="auto|CM",
    ),
]
Bands = Annotated[str | None, _option("Numbers of the bands that are red, green and blue, such as 3,2,1.")]
Stretch = Annotated[str | None, _option("Values that become black and white, for more than 8 bits, such as 0,4095.")]
Remote = Annotated[
    bool,
    _option("Also read https:// and s3:// addresses, and what a VRT names outside its own folder.", "--remote"),
]


@dataclass(frozen=True)
class MapOptions:
    """The options that were given for maps.

    Raises:
        ConfigError: One has a wrong form.
    """

    geotiff: bool
    polygons: str | None
    simplify: float
    min_area_m2: float
    zones: str | None
    gsd: str | None
    bands: str | None
    stretch: str | None
    remote: bool

    def __post_init__(self) -> None:
        for name, value in (("--simplify", self.simplify), ("--min-area-m2", self.min_area_m2)):
            if not 0 <= value < math.inf:
                raise ConfigError(f"{name} {value} must be 0 or more")
        if self.gsd not in (None, "auto") and not _is_distance(self.gsd):
            raise ConfigError(f"--gsd {self.gsd} must be auto, or centimeters above 0, such as 2.5")
        if self.polygons is None and (self.simplify or self.min_area_m2):
            raise ConfigError("--simplify and --min-area-m2 are for polygons: give --polygons gpkg, too")

    @property
    def as_maps(self) -> bool:
        """Whether TIFFs that say where they lie are maps."""
        return self.geotiff or self.polygons is not None or self.zones is not None

    @property
    def channels(self) -> dict[str, Any]:
        """Bands and stretch, as `Channels` takes them; empty if none was given."""
        given: dict[str, Any] = {}
        if self.bands is not None:
            given["bands"] = _numbers(self.bands, "--bands", "three numbers from 1, such as 3,2,1", int, 3)
            if min(given["bands"]) < 1:
                raise ConfigError(f"--bands {self.bands} must be three numbers from 1, such as 3,2,1")
        if self.stretch is not None:
            given["stretch"] = _numbers(self.stretch, "--stretch", "two numbers, such as 0,4095", float, 2)
            if not -math.inf < given["stretch"][0] < given["stretch"][1] < math.inf:
                raise ConfigError(f"--stretch {self.stretch} must be two numbers, the smaller one first")
        return given

    def check(
        self, photographs: bool, maps: bool, scale: float | None, whole_masks: Sequence[str], others: Sequence[str]
    ) -> None:
        """Checks that the options fit what is to be predicted.

        Args:
            photographs: Whether there are photographs.
            maps: Whether there are maps.
            scale: The option `--scale`.
            whole_masks: Options that were given and need the whole mask in memory.
            others: Options that were given and write what maps do not have; said.

        Raises:
            ConfigError: An option is for maps, and there is none, or does not work with them.
        """
        of_maps = {
            "--polygons": self.polygons is not None,
            "--zones": self.zones is not None,
            "--remote": self.remote,
            "--bands": self.bands is not None and not photographs,
            "--stretch": self.stretch is not None and not photographs,
        }
        given = [name for name, is_given in of_maps.items() if is_given]
        if given and not maps:
            raise ConfigError(
                f"{given[0]} is for maps, and no INPUT is one: a map is a TIFF that says where it lies on Earth "
                "(--regions writes the polygons of photographs, in pixels)"
            )
        if self.gsd is not None and not (maps or photographs):
            raise ConfigError("--gsd is for maps and photographs, and no INPUT is one: leave it out")
        if maps and whole_masks:
            raise ConfigError(f"{', '.join(whole_masks)}: a map is not held in memory as a whole: leave it out")
        if maps and others:
            log.warning("%s: not for maps, whose regions and things --polygons writes", ", ".join(others))
        if self.gsd is not None and scale is not None:
            raise ConfigError("--gsd chooses the scale: leave out --scale")
        if self.channels and photographs:
            raise ConfigError(
                "--bands and --stretch are for maps: photographs are read as in training; predict them apart"
            )

    def predict(self, predictor: Predictor, maps: Sequence[MapInput], out: Path, **options: Any) -> PredictSummary:
        """Predicts maps by these options; see `predict_maps`."""
        from segdrone.geo.layers import LayerOptions
        from segdrone.geo.predict_maps import channels_of, predict_maps

        channels = channels_of(predictor.backend.spec)._replace(**self.channels)
        layers = LayerOptions(self.polygons, self.simplify, self.min_area_m2, self.zones)
        return predict_maps(
            predictor, maps, out, layers=layers, channels=channels, gsd=self.gsd, remote=self.remote, **options
        )


def _numbers(text: str, option: str, form: str, kind: type, count: int) -> tuple[Any, ...]:
    try:
        numbers = tuple(kind(part) for part in text.strip("[]").split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise ConfigError(f"{option} {text} must be {form}")
    return numbers


def _is_distance(text: str | None) -> bool:
    try:
        return 0 < float(text or "") < math.inf
    except ValueError:
        return False
