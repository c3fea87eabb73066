"""Read zones: the polygons of a vector file, and their names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.crs import read_crs
from segdrone.raster.vector_file import LAYER, Layer, find_layers, read_features, text_of
from segdrone.utils.console import one_line

log = logging.getLogger(__name__)

_NAMES = ("name", "zone", "label", "title", "id", "code", "number")  # fields that name zones, the first one of them


class ZoneLayer(NamedTuple):
    """Features of a layer.

    Attributes:
        names: One for each.
        shapes: shapely geometries or None, object `[Z]`.
        crs: Their coordinate system, as `EPSG:CODE` or WKT; empty if the file does not say it.
    """

    names: list[str]
    shapes: NDArray[np.object_]
    crs: str


def read_layer(given: str) -> ZoneLayer:
    """Reads the layer of a file that is named, or the first one of polygons.

    Args:
        given: `FILE`, or `FILE|layername=NAME`.

    Raises:
        DataError: The file is missing, broken or of another kind, has no such layer, or no features.
    """
    layer = _choose_layer(given)
    found = read_features(layer, layer.fields)
    if not len(found.shapes):
        raise DataError(f"{layer} is empty: zones are polygons")
    if layer.crs:
        try:
            read_crs(layer.crs)
        except DataError as error:
            raise DataError(f"{layer}: {error}") from None
    return ZoneLayer(_names(found.fields, len(found.shapes), layer), found.shapes, layer.crs)


def _choose_layer(given: str) -> Layer:
    layers = find_layers(given)
    possible = [layer for layer in layers if not any(word in layer.kind for word in ("Point", "LineString"))]
    if not possible:
        raise DataError(f"{given} holds no layer of polygons: zones are areas")
    if others := [layer.name for layer in layers if layer is not possible[0]]:
        log.warning(
            "%s has %d layers: zones are those of %s, not of %s; choose by FILE%sNAME",
            layers[0].path, len(layers), possible[0].name, one_line(", ".join(others))[:200], LAYER,
        )  # fmt: skip
    return possible[0]


def _names(fields: Mapping[str, NDArray[Any]], count: int, layer: Layer) -> list[str]:
    by_name = {name.casefold(): name for name in fields}
    found = [by_name[name] for name in _NAMES if name in by_name]
    found += [name for name, values in fields.items() if values.dtype == object]
    for name in found:
        values = [one_line(text_of(value)).strip() for value in fields[name]]
        if any(values):
            log.info("%s: zones are named by the field %s", layer, name)
            return [value[:200] if value else str(number) for number, value in enumerate(values, 1)]
    return [str(number) for number in range(1, count + 1)]
