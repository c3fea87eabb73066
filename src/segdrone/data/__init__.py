"""Find, pair, decode, cache, split, cut and augment photographs and masks: from a folder to batches."""

from typing import TYPE_CHECKING, Any

from segdrone.data.config import DataConfig
from segdrone.data.open_dataset import DatasetFolder, open_dataset
from segdrone.data.pairs import ImageMaskPair

if TYPE_CHECKING:
    from segdrone.data.datamodule import SegmentationDataModule

    DroneDataModule = SegmentationDataModule

__all__ = ["DataConfig", "DatasetFolder", "DroneDataModule", "ImageMaskPair", "SegmentationDataModule", "open_dataset"]


def __getattr__(name: str) -> Any:
    """Imports the datamodule on demand, as Lightning takes seconds; `DroneDataModule` is its former name."""
    if name not in ("SegmentationDataModule", "DroneDataModule"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from segdrone.data.datamodule import SegmentationDataModule

    return SegmentationDataModule
