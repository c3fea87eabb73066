"""Name the files of a predicted map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MapFiles:
    """Where the results of a map are.

    Attributes:
        folder: The folder of all maps.
        name: Name of the map, perhaps with folders.
    """

    folder: Path
    name: str

    @property
    def mask(self) -> Path:
        """GeoTIFF of class ids."""
        return self.folder / f"{self.name}_mask.tif"

    @property
    def confidence(self) -> Path:
        """GeoTIFF of the probability of the class, 255 is 1."""
        return self.folder / f"{self.name}_confidence.tif"

    @property
    def page(self) -> Path:
        """Page to look at."""
        return self.folder / f"{self.name}_map.html"

    def areas(self, suffix: str) -> Path:
        """Table of the areas, `.csv` or `.json`."""
        return self.folder / f"{self.name}_areas{suffix}"

    def polygons(self, suffix: str) -> Path:
        """Polygons, where no other file was named."""
        return self.folder / f"{self.name}_polygons{suffix}"

    @property
    def record(self) -> Path:
        """What all of them were made from."""
        return self.folder / f"{self.name}_record.json"

    @property
    def work(self) -> Path:
        """Folder for what is unfinished."""
        return self.mask.with_name(f".{Path(self.name).name}")
