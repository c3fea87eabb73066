"""Read and write every pixel that comes from or goes to a file."""

from segdrone.raster.array import ArraySource
from segdrone.raster.channels import Channels
from segdrone.raster.georeference import Georeference
from segdrone.raster.map_source import MapSource
from segdrone.raster.mask_writer import MaskWriter, PngMaskWriter, TileCollector
from segdrone.raster.open import open_image
from segdrone.raster.photograph import PhotographSource
from segdrone.raster.source import ImageSource

__all__ = [
    "ArraySource",
    "Channels",
    "Georeference",
    "ImageSource",
    "MapSource",
    "MaskWriter",
    "PhotographSource",
    "PngMaskWriter",
    "TileCollector",
    "open_image",
]
