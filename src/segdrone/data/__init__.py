"""From a folder of photographs and masks to batches."""

from typing import TYPE_CHECKING, Any

from segdrone.data.config import DataConfig

if TYPE_CHECKING:
    from segdrone.data.datamodule import SegmentationDataModule

__all__ = ["DataConfig", "SegmentationDataModule"]


def __getattr__(name: str) -> Any:
    """Imports the datamodule when it is asked for: Lightning takes seconds, and `segdrone data` needs none of it."""
    if name != "SegmentationDataModule":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from segdrone.data.datamodule import SegmentationDataModule

    return SegmentationDataModule
