"""The choices of `conf/data`, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from segdrone.errors import ConfigError
from segdrone.windows import Size

_LARGEST = 16384  # pixels a side: more in one sample fits no memory


def _size(value: Any) -> Any:
    if not (isinstance(value, tuple) and len(value) == 2 and all(type(v) is int and 1 <= v <= _LARGEST for v in value)):
        raise ValueError(f"must be [height, width] in pixels, whole numbers from 1 to {_LARGEST}")
    return value


def _three(value: Any) -> Any:
    if value is not None and not (
        isinstance(value, tuple) and len(value) == 3 and all(isinstance(v, int | float) and v >= 0 for v in value)
    ):
        raise ValueError("must be three values (red, green, blue) from 0 up")
    return value


def _three_above_zero(value: Any) -> Any:
    if _three(value) is not None and min(value) == 0:
        raise ValueError("must be three values above 0")
    return value


HeightWidth = Annotated[Size, BeforeValidator(_size)]
Share = Annotated[float, Field(ge=0, lt=1)]

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class SampleScenes(BaseModel):
    """Which rendered scenes stand in for photographs.

    Attributes:
        count: Number of scenes.
        height: Height in pixels.
        width: Width in pixels.
        seed: The same seed renders the same scenes.
    """

    model_config = _STRICT

    count: int
    height: int
    width: int
    seed: int


class DataConfig(BaseModel):
    """Which photographs, how they are split, and what the network sees of them.

    Attributes:
        root: The dataset's folder.
        images: Folder of photographs, where `root` has none of the known layouts.
        masks: Folder of masks, likewise.
        sample: Scenes to render into `root` when it does not exist.
        download: Fetch the Semantic Drone Dataset into `root` when it does not exist.
        allow_unpaired: Go on without photographs that have no mask, and the reverse.
        classes: What the masks hold: `drone` for the built-in table, the path of a CSV file, or a
            table as `ClassTable.to_dict` writes it.
        class_groups: Classes to merge or ignore: `drone12`, `landing_zone`, the path of a YAML file, or
            lists of class names by the name of their group; None keeps all.
        mask_encoding: How masks hold them: `ids`, `colours`, `binary`, or `auto`.
        colour_tolerance: How far a colour in a mask may lie from its class's, as a distance in RGB.
        mask_threshold: The last grey level of class 0 in `binary` masks.
        split_dir: Folder of train.txt, val.txt, test.txt; None splits at random.
        test_share: Share of all photographs to test on, 0 to 1.
        val_share: Share of the remaining ones to validate on, 0 to 1.
        split_seed: Seed of the random split.
        sampling: `whole` resizes a photograph; `tiles` cuts it into a grid; `crops` into random windows.
        image_size: Height and width that `whole` trains and validates at, in pixels.
        test_image_size: Height and width that `whole` tests at.
        tile_size: Height and width of a tile.
        crop_size: Height and width of a crop.
        scale: What `tiles` and `crops` are cut from: 1 the photograph at its own size, 0.5 at half.
        samples_per_image: Crops of each photograph in an epoch.
        rare_share: Share of crops that are centred on a rare class, 0 to 1.
        rare_classes: Names of these; None takes those with less than 1 % of the labelled pixels.
        interpolation: How photographs are resized: `area`, `linear` or `nearest`.
        cache: Where decoded and resized photographs are kept: `disk`, `memory` (of all processes
            together), `none`; `auto` is `disk` where photographs are larger than what training uses.
        cache_dir: Folder of the disk cache; None is the user's own (`segdrone data cache` tells).
        mean: Mean of each channel of a photograph scaled to 0..1; None is what the encoder expects.
        std: Standard deviation of each channel, likewise.
        batch_size: Samples in a batch.
        num_workers: Processes that read; None chooses by the machine.
        persistent_workers: Keep them from epoch to epoch; None does if there are any.
        prefetch_factor: Batches that each prepares ahead; None is 2.
        pin_memory: Prepare batches for the copy to a GPU; None does if there is one.

    Raises:
        ConfigError: A value is out of its range.
    """

    model_config = _STRICT

    root: str
    images: str | None = None
    masks: str | None = None
    sample: SampleScenes | None = None
    download: bool = False
    allow_unpaired: bool = False
    classes: str | dict[str, Any] = "drone"
    class_groups: str | dict[str, list[str]] | None = None
    mask_encoding: Literal["auto", "ids", "colours", "binary"] = "auto"
    colour_tolerance: Annotated[float, Field(ge=0, le=441)] = 0.0
    mask_threshold: Annotated[int, Field(ge=0, le=65535)] = 127
    split_dir: str | None = None
    test_share: Share = 0.1
    val_share: Share = 0.15
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    sampling: Literal["whole", "tiles", "crops"] = "whole"
    image_size: HeightWidth = (704, 1056)
    test_image_size: HeightWidth = (768, 1152)
    tile_size: HeightWidth = (512, 768)
    crop_size: HeightWidth = (512, 768)
    scale: Annotated[float, Field(ge=0.01, le=1)] = 1.0
    samples_per_image: Annotated[int, Field(ge=1, le=10_000)] = 8
    rare_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    rare_classes: tuple[str, ...] | None = None
    interpolation: Literal["area", "linear", "nearest"] = "area"
    cache: Literal["auto", "disk", "memory", "none"] = "auto"
    cache_dir: str | None = None
    mean: Annotated[tuple[float, ...] | None, BeforeValidator(_three)] = None
    std: Annotated[tuple[float, ...] | None, BeforeValidator(_three_above_zero)] = None
    batch_size: Annotated[int, Field(ge=1)] = 3
    num_workers: Annotated[int, Field(ge=0, le=256)] | None = None
    persistent_workers: bool | None = None
    prefetch_factor: Annotated[int, Field(ge=1)] | None = None
    pin_memory: bool | None = None

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(
                "; ".join(dict.fromkeys(_format_error(problem, values) for problem in error.errors()))
            ) from None

    @model_validator(mode="after")
    def _refuse_what_does_nothing(self) -> DataConfig:
        if self.rare_share > 0 and self.sampling != "crops":
            raise ValueError("rare_share: only data.sampling=crops looks for rare classes")
        if self.scale != 1 and self.sampling == "whole":
            raise ValueError("scale: data.sampling=whole resizes to data.image_size instead")
        return self

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataConfig:
        """Builds the config from plain containers: lists become tuples.

        Raises:
            ConfigError: A key is unknown, the root is missing, or a value is out of its range.
        """
        named = values.get("images") is not None and values.get("masks") is not None
        if values.get("root") is None and not named:
            raise ConfigError("data.root is not set: give data.root=FOLDER")
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        plain["root"] = "." if plain.get("root") is None else plain["root"]
        for key in ("root", "images", "masks", "classes", "split_dir", "cache_dir"):  # 2024 is a fine name for a folder
            if isinstance(plain.get(key), int | float):
                plain[key] = str(plain[key])
        return cls(**plain)

    @property
    def training_size(self) -> Size:
        """Height and width of what training sees, in pixels."""
        return {"whole": self.image_size, "tiles": self.tile_size, "crops": self.crop_size}[self.sampling]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain containers, fit for a checkpoint."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.model_dump().items()}

    def but(self, **changes: Any) -> DataConfig:
        """Returns a copy with other values, checked."""
        return DataConfig(**{**dict(self), **changes})


def _format_error(problem: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """One problem that pydantic found, with the value that the user gave for the key."""
    text = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:  # of several keys, the first of which the text begins with
        key, _, text = text.partition(": ")
        return f"data.{key}={values[key]}: {text}"
    path = ".".join(map(str, problem["loc"]))
    key = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f"data.{path} is no setting of the data: mend the name (see --help)"
    if problem["type"] == "missing":
        return f"data.{path} is missing: give data.{path}=VALUE"
    given = values.get(key)
    shown = list(given) if isinstance(given, tuple) else given
    return f"data.{key}={shown}: {text[0].lower()}{text[1:]}"
