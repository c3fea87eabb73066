"""Write QGIS styles, so that a layer opens in the colors of its classes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from segdrone.classes import ClassTable
from segdrone.utils.atomic import atomic_write

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_OPACITY = "0.6"  # the map below stays visible


def write_style(path: Path, table: ClassTable) -> None:
    """Writes `NAME.qml` beside a layer of polygons or a mask, which QGIS reads when it opens that.

    Both may have one name, `map.gpkg` and `map.tif`, so that the file has a renderer for either: QGIS takes that of the
    kind of the layer. Polygons have a category for each class, by the field `class`; a mask has a color for each id,
    and the ignored one is transparent. Elements and attributes are those that QGIS 3.22 and later write.

    Args:
        path: The layer or the mask.
        table: The classes and their colors.
    """
    root = ET.Element("qgis", version="3.34", styleCategories="Symbology")
    _add_pipe(root, table)
    _add_categories(root, table)
    ET.SubElement(root, "layerGeometryType").text = "2"
    ET.indent(root)
    with atomic_write(path.with_suffix(".qml")) as partial:
        partial.write_text(_DOCTYPE + ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def _add_categories(root: ET.Element, table: ClassTable) -> None:
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="class", symbollevels="0",
                             enableorderby="0", forceraster="0")  # fmt: skip
    categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for index, (name, color) in enumerate(zip(table.names, table.colours, strict=True)):
        ET.SubElement(categories, "category", symbol=str(index), value=name, label=name, type="string", render="true")
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(index), alpha=_OPACITY, clip_to_extent="1",
                               force_rhr="0")  # fmt: skip
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        rgb = ",".join(map(str, color))
        for option, value in {
            "color": f"{rgb},255",
            "style": "solid",
            "outline_color": f"{rgb},255",
            "outline_style": "solid",
            "outline_width": "0.26",
            "outline_width_unit": "MM",
        }.items():
            ET.SubElement(options, "Option", type="QString", name=option, value=value)


def _add_pipe(root: ET.Element, table: ClassTable) -> None:
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", alphaBand="-1", opacity="1",
                             nodataColor="")  # fmt: skip
    ET.SubElement(renderer, "rasterTransparency")
    palette = ET.SubElement(renderer, "colorPalette")
    for index, (name, color) in enumerate(zip(table.names, table.colours, strict=True)):
        hexadecimal = "#{:02x}{:02x}{:02x}".format(*color)
        ET.SubElement(palette, "paletteEntry", value=str(index), color=hexadecimal, alpha="255", label=name)
    ET.SubElement(palette, "paletteEntry", value=str(table.ignore_index), color="#ffffff", alpha="0", label="no data")
