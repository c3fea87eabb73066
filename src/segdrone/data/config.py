"""Options of `conf/data`, described and validated in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from segdrone.data.config_values import (
    Files,
    HeightWidth,
    band_numbers,
    black_and_white,
    gsd_range,
    three_channels,
    three_positive,
)
from segdrone.errors import ConfigError
from segdrone.windows import Size

if TYPE_CHECKING:
    from segdrone.raster.channels import Channels

_TEXTS = (
    "root", "images", "masks", "classes", "class_groups", "split_dir", "split_by", "replay", "cache_dir", "aoi",
    "class_attribute",
)  # fmt: skip

MAPS = ("rasters", "labels", "class_attribute", "aoi")
"""Options that name maps, and what is used of them."""

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class SampleScenes(BaseModel):
    """Rendered scenes that replace photographs."""

    model_config = _STRICT

    count: int = Field(description="number of scenes")
    height: int = Field(description="height in pixels")
    width: int = Field(description="width in pixels")
    seed: int = Field(description="the same seed renders the same scenes")
    crowded: bool = Field(default=False, description="add people, cars, bicycles and trees in groups that touch")
    region: str = Field(default="temperate", description="how the scenes look: temperate, dry or winter")


class DataConfig(BaseModel):
    """Which photographs to use, how to split them, and what samples the network gets.

    Each field carries its own description, from which the comments of `conf/data` and `--help` are taken.

    Raises:
        ConfigError: A value is out of its range.

    Example:
        >>> config = DataConfig(root="photos", image_size=(512, 768))
        >>> config.replace(sampling="tiles").training_size
        (512, 768)
    """

    model_config = _STRICT

    root: str = Field(description="folder of the dataset")
    images: str | None = Field(
        None, description="folder of photographs, or a pattern such as */rgb/{id}.jpg; null: as the layout says"
    )
    masks: str | None = Field(
        None, description="folder of masks, or a pattern such as */label/{id}_lab.png; null: as the layout says"
    )
    layout: str | None = Field(
        None, description="name of the layout of the folders, such as voc; null: the one that fits"
    )
    sample: SampleScenes | None = Field(None, description="scenes to render into root")
    download: bool = Field(False, description="download the Semantic Drone Dataset from Kaggle if root does not exist")
    rasters: Files = Field(
        None, description="maps to cut into tiles: GeoTIFF, VRT or JPEG 2000 files, or folders of them"
    )
    labels: Files = Field(
        None, description="labels of the maps: files of polygons (FILE or FILE|layername=NAME) or masks of any grid"
    )
    class_attribute: str | None = Field(None, description="attribute of the polygons that gives their class")
    aoi: str | None = Field(None, description="file of polygons outside of which maps are not used")
    block_m: float | None = Field(
        None, ge=0.5, le=1_000_000, description="side in meters of the blocks of ground that are split"
    )
    map_tile: int = Field(1024, ge=64, le=8192, description="largest height and width of the tiles of maps in pixels")
    map_gsd: float | None = Field(
        None, ge=0.01, le=100_000, description="centimeters per pixel that all maps are resampled to"
    )
    gsd: Annotated[Literal["auto"] | tuple[float, float] | None, BeforeValidator(gsd_range)] = Field(
        "auto", description="centimeters per pixel of the training photographs, or [smallest,largest]; auto"
    )
    allow_unpaired: bool = Field(False, description="skip photographs without a mask and masks without a photograph")
    unlabeled: bool = Field(
        False,
        description="train on photographs without masks, starting from init_from; those that have masks only score",
    )
    replay: str | None = Field(
        None, description="folder of labeled photographs of another place to train on beside these"
    )
    replay_share: float = Field(0.5, gt=0, lt=1, description="share of training samples from data.replay, 0 to 1")
    classes: str | dict[str, Any] | None = Field(
        None, description="class table: drone (23 classes), or the path of a CSV file with name, r, g, b"
    )
    class_groups: str | dict[str, list[str]] | None = Field(
        None, description="classes to merge or ignore: drone12, landing_zone, the path of a YAML file"
    )
    mask_encoding: Literal["auto", "ids", "colours", "binary"] = Field(
        "auto", description="how masks hold classes: ids, colours, binary (light on dark), or auto"
    )
    colour_tolerance: float = Field(
        0.0, ge=0, le=441, description="largest distance in RGB of a mask's color from that of its class, 0 to 441"
    )
    mask_threshold: int = Field(127, ge=0, le=65535, description="largest gray level of class 0 in binary masks")
    unknown: Literal["error", "ignore"] = Field(
        "error", description="what to do with ids and colors in masks that no class has: error, or ignore the pixels"
    )
    bands: Annotated[tuple[int, int, int] | None, BeforeValidator(band_numbers)] = Field(
        None, description="numbers of the bands that are red, green and blue, counted from 1; others are left out"
    )
    stretch: Annotated[tuple[float, float] | None, BeforeValidator(black_and_white)] = Field(
        None, description="values that become black and white, in photographs of more than 8 bits per channel"
    )
    split_dir: str | None = Field(
        None, description="folder of train.txt, val.txt and test.txt, one photograph per line"
    )
    split_by: str | None = Field(
        None,
        description="which photographs stay in one split: folder, similarity, gps, or a regular expression: those in "
        "whose names its first group, or else its whole match, is the same",
    )
    split_distance: float | None = Field(
        None, gt=0, description="distance in meters within which data.split_by=gps takes photographs for one place"
    )
    test_share: float = Field(0.1, ge=0, lt=1, description="share of all photographs to test on")
    val_share: float = Field(0.15, ge=0, lt=1, description="share of the remaining photographs to validate on")
    split_seed: int = Field(42, ge=0, lt=2**32, description="seed of the random split, by photograph or by group")
    sampling: Literal["whole", "tiles", "crops"] = Field(
        "whole", description="whole: resize each photograph; tiles: cut it into a grid; crops: cut random windows"
    )
    image_size: HeightWidth = Field(
        (704, 1056), description="height, width whose product sets the scale of whole photographs in training"
    )
    test_image_size: HeightWidth = Field(
        (768, 1152), description="height, width whose product sets the scale of whole photographs in testing"
    )
    tile_size: HeightWidth = Field((512, 768), description="height, width of a tile in pixels")
    crop_size: HeightWidth = Field((512, 768), description="height, width of a crop in pixels")
    scale: float = Field(
        1.0, ge=0.01, le=1, description="scale at which tiles and crops are cut: 1 is the photograph's own size"
    )
    samples_per_image: int = Field(8, ge=1, le=10_000, description="crops per photograph and epoch")
    rare_share: float = Field(0.0, ge=0, le=1, description="share of crops centered on a rare class")
    rare_classes: tuple[str, ...] | None = Field(
        None, description="names of the rare classes; null: those with less than 1 % of the labeled pixels"
    )
    interpolation: Literal["area", "linear", "nearest"] = Field(
        "area", description="how photographs are resized: area, linear or nearest"
    )
    cache: Literal["auto", "disk", "memory", "none"] = Field(
        "auto", description="where decoded pixels are kept: disk, memory (shared by all workers), none, or auto"
    )
    cache_dir: str | None = Field(None, description="folder of the disk cache")
    mean: Annotated[tuple[float, ...] | None, BeforeValidator(three_channels)] = Field(
        None, description="mean of the red, green and blue channel scaled to 0..1"
    )
    std: Annotated[tuple[float, ...] | None, BeforeValidator(three_positive)] = Field(
        None, description="standard deviation of the red, green and blue channel scaled to 0..1"
    )
    batch_size: int = Field(3, ge=1, description="samples per batch")
    num_workers: int | None = Field(None, ge=0, le=256, description="processes that read samples")
    persistent_workers: bool | None = Field(None, description="keep these processes between epochs")
    prefetch_factor: int | None = Field(None, ge=1, description="batches that each process prepares ahead")
    pin_memory: bool | None = Field(None, description="put batches into pinned memory, for the copy to a GPU")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(
                "; ".join(dict.fromkeys(_format_error(problem, values) for problem in error.errors()))
            ) from None

    @model_validator(mode="after")
    def _refuse_options_without_effect(self) -> DataConfig:
        if self.rare_share > 0 and self.sampling != "crops":
            raise ValueError("rare_share: it needs data.sampling=crops")
        if self.scale != 1 and self.sampling == "whole":
            raise ValueError("scale: data.sampling=whole resizes to data.image_size instead")
        if self.split_by is not None and self.split_dir is not None:
            raise ValueError("split_by: the lists in data.split_dir are the split; give one of the two")
        if self.rasters is None and (named := next((key for key in MAPS if getattr(self, key) is not None), None)):
            raise ValueError(f"{named}: it belongs to maps, which data.rasters=[FILE.tif] names")
        if self.rasters is not None and self.labels is None:
            raise ValueError("rasters: their labels are missing, give data.labels=[FILE]")
        if self.split_distance is not None and self.split_by != "gps":
            raise ValueError("split_distance: it needs data.split_by=gps")
        return self

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataConfig:
        """Builds the config from plain containers; lists become tuples.

        Raises:
            ConfigError: A key is unknown, the root is missing, or a value is out of its range.
        """
        has_masks = values.get("masks") is not None or bool(values.get("unlabeled"))
        has_folders = values.get("images") is not None and has_masks
        if values.get("root") is None and not has_folders and not values.get("rasters"):
            if "rasters" in values:
                raise ConfigError("data.rasters is not set: give data.rasters=[FILE.tif] data.labels=[FILE]")
            raise ConfigError("data.root is not set: give data.root=FOLDER")
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        if plain.get("root") is None:
            plain["root"] = "" if plain.get("rasters") else "."
        for key in _TEXTS:
            if isinstance(plain.get(key), int | float | Path):  # a folder may be called 2024
                plain[key] = str(plain[key])
        return cls(**plain)

    @property
    def training_size(self) -> Size:
        """Height and width of a training sample in pixels; of `whole`, the size whose product sets the scale."""
        return {"whole": self.image_size, "tiles": self.tile_size, "crops": self.crop_size}[self.sampling]

    @property
    def channels(self) -> Channels:
        """Which bands of photographs are red, green and blue, and how more than 8 bits become 8."""
        from segdrone.raster.channels import Channels  # imports OpenCV, which `segdrone --help` does not need

        return Channels(self.bands, self.stretch)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain containers, for a checkpoint."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.model_dump().items()}

    def replace(self, **changes: Any) -> DataConfig:
        """Returns a validated copy with other values.

        Raises:
            ConfigError: A value is out of its range.
        """
        return DataConfig(**{**dict(self), **changes})


def describe(name: str) -> str:
    """Returns the description of an option as a sentence, for `--help`.

    Example:
        >>> describe("mask_threshold")
        'Largest gray level of class 0 in binary masks.'
        >>> describe("layout")
        'Name of the layout of the folders, such as voc (default: the one that fits).'
    """
    text = re.sub("; null: (.+)", r" (default: \1)", str(DataConfig.model_fields[name].description))
    return f"{text[0].upper()}{text[1:]}."


def _format_error(problem: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Describes a problem that pydantic found, with the value that the user gave for the key."""
    text = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:  # concerns several keys; the text begins with one
        key, _, text = text.partition(": ")
        return f"data.{key}={_shown(values[key])}: {text}"
    path = ".".join(map(str, problem["loc"]))
    key = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f"data.{path} is not an option: fix the name (see --help)"
    if problem["type"] == "missing":
        return f"data.{path} is missing: give data.{path}=VALUE"
    return f"data.{key}={_shown(values.get(key))}: {text[0].lower()}{text[1:]}"


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
