"""QGIS styles."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from segdrone.classes import ClassTable
from segdrone.geo.styles import write_style

TABLE = ClassTable(('a "<b>" & c', "grass"), ((255, 0, 16), (0, 102, 0)))


def test_polygons_have_a_category_for_each_class(tmp_path: Path) -> None:
    write_style(tmp_path / "map.gpkg", TABLE)
    text = (tmp_path / "map.qml").read_text()
    assert text.startswith("<!DOCTYPE qgis ")
    renderer = ET.fromstring(text).find("renderer-v2")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "class")
    categories = renderer.findall("categories/category")
    assert [category.get("value") for category in categories] == list(TABLE.names)
    colors = {}
    for symbol in renderer.findall("symbols/symbol"):
        option = symbol.find("layer[@class='SimpleFill']/Option/Option[@name='color']")
        assert option is not None
        colors[symbol.get("name")] = option.get("value")
    assert [colors[category.get("symbol")] for category in categories] == ["255,0,16,255", "0,102,0,255"]


def test_a_mask_has_a_color_for_each_id(tmp_path: Path) -> None:
    write_style(tmp_path / "map.tif", TABLE)
    renderer = ET.fromstring((tmp_path / "map.qml").read_text()).find("pipe/rasterrenderer[@type='paletted']")
    assert renderer is not None
    entries = [tuple(map(entry.get, ("value", "color", "alpha", "label"))) for entry in renderer.iter("paletteEntry")]
    assert entries == [
        ("0", "#ff0010", "255", TABLE.names[0]),
        ("1", "#006600", "255", "grass"),
        ("255", "#ffffff", "0", "no data"),
    ]
