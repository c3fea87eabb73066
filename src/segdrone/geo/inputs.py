"""Find the maps among what is to be predicted."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from PIL import Image

from segdrone.errors import ConfigError
from segdrone.inference.inputs import InputImage
from segdrone.raster.map_address import shown_address
from segdrone.raster.map_file import ONLY_MAPS, is_map
from segdrone.raster.tiff import read_pages

log = logging.getLogger(__name__)


class MapInput(NamedTuple):
    """A map to predict.

    Attributes:
        source: Path of the file, or an address.
        name: Path of its results without a suffix, as in `InputImage`.
    """

    source: str
    name: str


def remote_maps(addresses: Iterable[str], others: Iterable[MapInput] = ()) -> list[MapInput]:
    """Returns maps at addresses of the network, named after the last part of their paths, as none of `others`.

    Raises:
        ConfigError: Two would have the same name.

    Example:
        >>> remote_maps(["https://example.org/flights/May%203.tif?key=1"])
        [MapInput(source='https://example.org/flights/May%203.tif?key=1', name='May 3')]
    """
    maps, taken = list[MapInput](), {other.name: other for other in others}
    for address in addresses:
        name = PurePosixPath(unquote(urlsplit(address).path)).stem or "map"
        if name in taken:
            both = f"{shown_address(taken[name].source)} and {shown_address(address)}"
            raise ConfigError(f"{both} would both be {name}: predict them into two folders")
        taken[name] = MapInput(address, name)
        maps.append(taken[name])
    return maps


def split_maps(images: Sequence[InputImage], *, as_maps: bool) -> tuple[list[InputImage], list[MapInput]]:
    """Divides files into photographs and maps.

    A file is a map if no camera writes its format, or if it is too large for a photograph; a TIFF that says where it
    lies on Earth is one if `as_maps`, and otherwise said to lose its place.
    """
    photographs, maps, placed = [], [], []
    for image in images:
        if image.file.suffix.lower() in ONLY_MAPS or _is_too_large(image) or (as_maps and is_map(image.file)):
            maps.append(MapInput(str(image.file), image.name))
        else:
            photographs.append(image)
            placed += [image] if not as_maps and is_map(image.file) else []
    if placed:
        log.warning(
            "%s%s says where it lies on Earth, which masks of photographs do not keep: give --geotiff to predict it as "
            "a map",
            placed[0].file, f" (as {len(placed) - 1} others)" if len(placed) > 1 else "",
        )  # fmt: skip
    return photographs, maps


def _is_too_large(image: InputImage) -> bool:
    """Whether a TIFF has more pixels than are read of a photograph."""
    limit = Image.MAX_IMAGE_PIXELS
    pages = read_pages(image.file) if limit is not None else []
    return any(page.size[0] * page.size[1] > 2 * (limit or 0) for page in pages)
