"""Choose the layer of a file that holds the labels."""

from __future__ import annotations

from segdrone.errors import DataError
from segdrone.raster.vector_file import FORMATS, LAYER, Layer, find_layers, is_vector_file, list_names, split_layer


def open_layer(given: str, attribute: str | None) -> Layer:
    """Finds the layer of a file: the one that is named, the only one, or the only one that has an attribute.

    Args:
        given: `FILE`, or `FILE|layername=NAME`.
        attribute: Name of the attribute that gives the class; None if none is needed.

    Raises:
        DataError: The file is missing or of another kind, has no such layer or no such attribute, has several, or does
            not say its coordinate system.
    """
    path, _ = split_layer(given)
    if path.is_file() and not is_vector_file(path):
        raise DataError(f"{path} is neither a raster nor a file of polygons that is read: write it as {FORMATS}")
    layers = find_layers(given)
    having = [layer for layer in layers if attribute is None or attribute in layer.fields]
    if not having:
        listed = "; ".join(list_names(layer.fields) or "none" for layer in layers[:3])
        raise DataError(f"{path} has no attribute {attribute}: choose the one with the classes from {listed}")
    if len(having) > 1:
        names = list_names([layer.name for layer in having])
        raise DataError(f"{path} has the layers {names}: give one of them as {path}{LAYER}{having[0].name}")
    [layer] = having
    if not layer.crs:
        raise DataError(
            f"{path} does not say its coordinate system: write it (ogr2ogr -a_srs EPSG:CODE), or restore its .prj file"
        )
    return layer
