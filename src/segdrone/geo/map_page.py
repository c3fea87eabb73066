"""Show a map, its mask and its areas on one HTML page that loads nothing."""

from __future__ import annotations

import json
import math
import zlib
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.raster import ImageSource
from segdrone.utils.atomic import atomic_write
from segdrone.utils.console import printable
from segdrone.windows import Size, Window

_LONGEST = 2400  # pixels of the pictures' longer side
_PIXELS = 1 << 23  # of the map that are read at once
_JPEG_QUALITY = 82


def picture_size(size: Size) -> Size:
    """Returns height and width of the pictures of a map of `size`."""
    scale = min(1.0, _LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def draw_picture(source: ImageSource) -> NDArray[np.uint8]:
    """Returns a map in the size of its picture, uint8 `[h, w, 3]`; only a part of it is in memory at a time."""
    height, width = picture_size(source.size)
    resized = source.resized((height, width)) if (height, width) != source.size else source
    rows = max(1, _PIXELS * height // math.prod(source.size))
    tops = range(0, height, rows)
    return np.concatenate([resized.read(Window(top, 0, min(rows, height - top), width)) for top in tops])


class PagePictures(NamedTuple):
    """The map and its mask on the page, in one size: a JPEG, and class ids that are compressed by zlib, as base64.

    The ids are no picture: browsers that guard against fingerprinting add noise to pixels that a script reads back.
    """

    size: Size
    photo: str
    ids: str

    @classmethod
    def encode(cls, picture: NDArray[np.uint8], ids: NDArray[np.uint8]) -> PagePictures:
        """Encodes the map, uint8 `[h, w, 3]`, as `draw_picture` returns it, and the class ids of its pixels.

        Args:
            picture: The map.
            ids: Class ids, uint8 `[h, w]`; the ignored id is not shown.
        """
        pixels = np.ascontiguousarray(picture[..., ::-1])
        _, photo = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
        parts = (b64encode(part).decode("ascii") for part in (photo.tobytes(), zlib.compress(ids.tobytes())))
        return cls((ids.shape[0], ids.shape[1]), *parts)


def write_map_page(
    path: Path,
    title: str,
    facts: str,
    pictures: PagePictures,
    table: ClassTable,
    shares: Mapping[str, float],
    areas: Mapping[str, float] | None,
    meters_per_pixel: float | None,
) -> None:
    """Writes the page: photograph and mask to move and zoom, and a legend whose classes can be switched off.

    Args:
        path: The HTML file.
        title: Name of the map.
        facts: A line on its size, place and model.
        pictures: The map and its mask.
        table: The classes.
        shares: Share of each class of the pixels with data, 0 to 1, by name.
        areas: Area of each class in square meters, by name; None if the map has no place on Earth.
        meters_per_pixel: Of the picture, for a scale bar; None if unknown.

    Raises:
        OSError: The page cannot be written.
    """
    known = [(class_id, name) for class_id, name in enumerate(table.names) if shares.get(name)]
    known.sort(key=lambda item: -shares[item[1]])
    rows = [
        {
            "id": class_id,
            "name": printable(name),
            "color": "rgb({}, {}, {})".format(*table.colours[class_id]),
            "share": f"{shares[name]:.1%}",
            "area": "" if areas is None else format_area(areas[name]),
        }
        for class_id, name in known
    ]
    data = {"colors": [list(color) for color in table.colours], "metersPerPixel": meters_per_pixel}
    script = files(__package__).joinpath("map_page.js").read_text(encoding="utf-8")
    page = _template().render(
        title=printable(title), facts=printable(facts), rows=rows, width=pictures.size[1], height=pictures.size[0],
        photo=pictures.photo, ids=pictures.ids,
        has_areas=areas is not None, meters_per_pixel=meters_per_pixel,
        note="Shares are of the pixels with data." + (" Areas are on the ellipsoid." if areas is not None else ""),
        data=Markup(json.dumps(data).replace("<", "\\u003c")), script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode("ascii"),
    )  # fmt: skip
    with atomic_write(path) as partial:
        partial.write_text(page, encoding="utf-8")


def format_area(area: float) -> str:
    """Returns an area in square meters for people.

    Example:
        >>> format_area(0.5), format_area(1234.4), format_area(56_780)
        ('0.50 m²', '1,234 m²', '5.68 ha')
    """
    if area >= 10_000:
        return f"{area / 10_000:,.2f} ha"
    return f"{area:,.0f} m²" if area >= 10 else f"{area:.2f} m²"


def _template() -> Any:
    loader = PackageLoader("segdrone.geo", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("map_page.html")
