"""Find, pair, decode, cache, split, cut and augment photographs and masks: from a folder to batches."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from segdrone.data.config import DataConfig

if TYPE_CHECKING:
    from segdrone.data.datamodule import SegmentationDataModule
    from segdrone.data.dataset_folder import DatasetFolder, open_dataset
    from segdrone.data.discovery.pairs import ImageMaskPair

    DroneDataModule = SegmentationDataModule

__all__ = ["DataConfig", "DatasetFolder", "DroneDataModule", "ImageMaskPair", "SegmentationDataModule", "open_dataset"]

_MODULES = {
    "DatasetFolder": "dataset_folder",
    "DroneDataModule": "datamodule",
    "ImageMaskPair": "discovery.pairs",
    "SegmentationDataModule": "datamodule",
    "open_dataset": "dataset_folder",
}


def __getattr__(name: str) -> Any:
    """Imports on first use: Lightning takes seconds, and `segdrone --help` needs the config only.

    `DroneDataModule` is the former name of `SegmentationDataModule`.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    name = "SegmentationDataModule" if name == "DroneDataModule" else name
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
