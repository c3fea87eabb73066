"""Read and write every pixel that comes from or goes to a file."""

from segdrone.raster.array import ArraySource
from segdrone.raster.channels import Channels
from segdrone.raster.georeference import Georeference
from segdrone.raster.map_source import MapSource
from segdrone.raster.open import open_image
from segdrone.raster.photograph import PhotographSource
from segdrone.raster.source import ImageSource
from segdrone.raster.tile_collector import TileCollector

__all__ = [
    "ArraySource",
    "Channels",
    "Georeference",
    "ImageSource",
    "MapSource",
    "PhotographSource",
    "TileCollector",
    "open_image",
]
