"""From a folder of photographs and masks to batches."""

from segdrone.data.config import DataConfig
from segdrone.data.datamodule import DroneDataModule

__all__ = ["DataConfig", "DroneDataModule"]
