"""The choices of `conf/data`, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from segdrone.data.read import INTERPOLATIONS
from segdrone.errors import ConfigError
from segdrone.windows import Size

SAMPLINGS = ("whole", "tiles")


@dataclass(frozen=True)
class SampleScenes:
    """Which rendered scenes stand in for photographs.

    Attributes:
        count: Number of scenes.
        height: Height in pixels.
        width: Width in pixels.
        seed: The same seed renders the same scenes.
    """

    count: int
    height: int
    width: int
    seed: int


@dataclass(frozen=True)
class DataConfig:
    """Which photographs, how they are split, and what the network sees of them.

    Attributes:
        root: The dataset's folder.
        images: Folder of photographs, where `root` has none of the known layouts.
        masks: Folder of masks, likewise.
        sample: Scenes to render into `root` when it does not exist.
        download: Fetch the Semantic Drone Dataset into `root` when it does not exist.
        classes: `drone` for the built-in table, or the path of a CSV file.
        allow_unpaired: Go on without photographs that have no mask, and the reverse.
        split_dir: Folder of train.txt, val.txt, test.txt; None splits at random.
        test_share: Share of all photographs to test on, 0 to 1.
        val_share: Share of the remaining ones to validate on, 0 to 1.
        split_seed: Seed of the random split.
        sampling: `whole` resizes a photograph; `tiles` cuts it, at its own size, into a grid.
        image_size: Height and width that `whole` trains and validates at, in pixels.
        test_image_size: Height and width that `whole` tests at.
        tile_size: Height and width of a tile.
        interpolation: How `whole` resizes photographs: `area`, `linear` or `nearest`.
        mean: Mean of each channel of a photograph scaled to 0..1; None is what the encoder expects.
        std: Standard deviation of each channel, likewise.
        batch_size: Photographs or tiles in a batch.
        num_workers: Processes that read; None chooses by the machine.

    Raises:
        ConfigError: A value is out of its range.
    """

    root: str
    images: str | None = None
    masks: str | None = None
    sample: SampleScenes | None = None
    download: bool = False
    classes: str = "drone"
    allow_unpaired: bool = False
    split_dir: str | None = None
    test_share: float = 0.1
    val_share: float = 0.15
    split_seed: int = 42
    sampling: str = "whole"
    image_size: Size = (704, 1056)
    test_image_size: Size = (768, 1152)
    tile_size: Size = (512, 768)
    interpolation: str = "area"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    batch_size: int = 3
    num_workers: int | None = None

    def __post_init__(self) -> None:
        whole_numbers = {
            "batch_size": [self.batch_size],
            "num_workers": [] if self.num_workers is None else [self.num_workers],
            "split_seed": [self.split_seed],
            **{key: getattr(self, key) for key in ("image_size", "test_image_size", "tile_size")},
        }
        for key, values in whole_numbers.items():
            if not isinstance(values, list | tuple) or not all(isinstance(v, int) for v in values):
                raise ConfigError(f"data.{key}={getattr(self, key)} must be of whole numbers")
        for key in ("test_share", "val_share"):
            if not isinstance(getattr(self, key), int | float):
                raise ConfigError(f"data.{key}={getattr(self, key)} must be a share from 0 to below 1")
        _one_of("data.sampling", self.sampling, SAMPLINGS)
        _one_of("data.interpolation", self.interpolation, tuple(INTERPOLATIONS))
        for key in ("image_size", "test_image_size", "tile_size"):
            size = getattr(self, key)
            if len(size) != 2 or min(size) < 1:
                raise ConfigError(f"data.{key}={list(size)} must be [height, width] in pixels")
        if self.batch_size < 1 or (self.num_workers or 0) < 0:
            raise ConfigError(
                f"data.batch_size={self.batch_size} must be at least 1, data.num_workers={self.num_workers} at least 0"
            )
        if not (0 <= self.test_share < 1 and 0 <= self.val_share < 1):
            raise ConfigError(
                f"data.test_share={self.test_share}, data.val_share={self.val_share} must be shares from 0 to below 1"
            )
        for key in ("mean", "std"):
            values = getattr(self, key)
            shown = list(values) if isinstance(values, tuple) else values
            numbers = isinstance(values, tuple) and all(isinstance(value, int | float) for value in values)
            if values is not None and not (numbers and len(values) == 3 and (key == "mean" or min(values) > 0)):
                raise ConfigError(f"data.{key}={shown} must be three values (red, green, blue), those of std above 0")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataConfig:
        """Builds the config from plain containers: lists become tuples.

        Raises:
            ConfigError: A key is unknown, the root is missing, or a value is out of its range.
        """
        unknown = sorted(values.keys() - {field.name for field in fields(cls)})
        named = values.get("images") is not None and values.get("masks") is not None
        if unknown or (values.get("root") is None and not named):
            raise ConfigError(
                f"data.{unknown[0]} is no setting of the data"
                if unknown
                else "data.root is not set: give data.root=FOLDER"
            )
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list | tuple) else value for key, value in values.items()
        }
        for key in ("root", "images", "masks", "classes", "split_dir"):  # 2024 is a fine name for a folder
            if plain.get(key) is not None:
                plain[key] = str(plain[key])
        plain["root"] = plain.get("root") or "."
        if plain.get("sample") is not None:
            try:
                plain["sample"] = SampleScenes(**{key: int(value) for key, value in plain["sample"].items()})
            except (TypeError, ValueError, AttributeError):
                raise ConfigError(
                    f"data.sample={plain['sample']} must give count, height, width and seed as whole numbers"
                ) from None
        return cls(**plain)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain containers, fit for a checkpoint."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def but(self, **changes: Any) -> DataConfig:
        """Returns a copy with other values."""
        return replace(self, **changes)


def _one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{key}={value} is unknown: choose one of {', '.join(known)}")
