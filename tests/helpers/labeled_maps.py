"""Small maps with labels, and layers of polygons, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.raster.crs import transform_between
from segdrone.raster.georeference import Georeference
from tests.helpers.image_files import gradient_image
from tests.helpers.maps import UTM, write_map

GSD = 0.5
PLACE = (GSD, 0.0, 500_000.0, 0.0, -GSD, 5_200_000.0)
LAND = "name,r,g,b\ngrass,0,200,0\nroad,90,90,90\nroof,200,0,0\n"


def write_layer(
    path: Path, shapes: Sequence[Any], values: Sequence[Any] | None, crs: str | None = UTM, attribute: str = "kind",
    **options: Any,
) -> Path:  # fmt: skip
    """Writes shapes of shapely with one attribute, by the suffix of the file."""
    import pyogrio
    import shapely

    given = [] if values is None else [np.array(values, object if isinstance(values[0], str | None) else None)]
    pyogrio.raw.write(
        str(path), geometry=np.array([shapely.to_wkb(shape) for shape in shapes], object), field_data=given,
        fields=np.array([attribute][: len(given)], object), crs=crs, geometry_type=options.pop("kind", "Unknown"),
        **{"layer": path.stem, **options},
    )  # fmt: skip
    return path


def box(left: float, top: float, width: float, height: float, place: Sequence[float] = PLACE) -> Any:
    """Returns a rectangle in pixels of a map as a polygon in its coordinates."""
    import shapely

    corners = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)], float)
    return shapely.Polygon(Georeference("", tuple(place)).coordinates(corners))  # type: ignore[arg-type]


def write_ortho(path: Path, height: int = 240, width: int = 320, **options: Any) -> Path:
    """Writes a map of a smooth picture, 0.5 m per pixel."""
    image = np.ascontiguousarray(gradient_image(height, width).transpose(2, 0, 1))
    return write_map(path, image, **{"transform": PLACE, **options})


def moved(shape: Any, source: str, target: str) -> Any:
    """Returns a shape in another coordinate system."""
    import shapely

    return shapely.transform(shapely.segmentize(shape, 5), transform_between(source, target))


def halves(height: int = 240, width: int = 320) -> tuple[list[Any], list[str]]:
    """Returns polygons that cover a map, grass on the left and road on the right, with a roof on both."""
    middle = width // 2
    shapes = [box(0, 0, middle, height), box(middle, 0, width - middle, height), box(middle - 20, 100, 40, 30)]
    return shapes, ["grass", "road", "roof"]


def read_tiles(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Returns the masks of a folder of tiles by name."""
    from PIL import Image

    return {path.stem: np.asarray(Image.open(path)) for path in sorted((folder / "masks").iterdir())}
