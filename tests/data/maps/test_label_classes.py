"""Values of attributes and masks as classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from segdrone.classes import ClassTable
from segdrone.data.maps.label_classes import (
    category_names,
    compare_names,
    ids_of_values,
    load_classes,
    lookup_of_mask,
    refuse_unknown,
    table_of_categories,
    table_of_values,
)
from segdrone.errors import DataError

TABLE = ClassTable(("grass", "road"), ((0, 200, 0), (90, 90, 90)), mask_values=(3, 7), ignored_values=(9,))


def test_values_are_names_or_ids() -> None:
    found = ids_of_values(Counter(["road", "3", "ignored", "255", "9", ""]), TABLE, "kind of a.gpkg")
    assert found == {"road": 1, "3": 0, "ignored": 254, "255": 254, "9": 254}
    with pytest.raises(DataError, match=r"'Road' \(2; the table has 'road'\), '0' \(1\)"):
        ids_of_values(Counter(["Road", "Road", "0"]), TABLE, "kind of a.gpkg")


def test_255_may_be_the_id_of_a_class() -> None:
    table = ClassTable(("ground", "road"), ((0, 200, 0), (90, 90, 90)), mask_values=(0, 255))
    assert ids_of_values(Counter(["255", "0", "ignored"]), table, "kind") == {"255": 1, "0": 0, "ignored": 254}
    assert lookup_of_mask(table) == {0: 0, 255: 1}


def test_a_table_is_made_of_the_values() -> None:
    assert table_of_values(Counter(["b", "a", "", "Ignored"]), "kind").names == ("a", "b")
    for values, expected in (
        ([""], "has no value"),
        (map(str, range(255)), "255 different values"),
        (["a\nb"], "rename"),
    ):
        with pytest.raises(DataError, match=expected):
            table_of_values(Counter(values), "kind of a.gpkg")


def test_a_table_of_255_classes_is_refused() -> None:
    table = ClassTable(tuple(map(str, range(255))), ((0, 0, 0),) * 255)
    with pytest.raises(DataError, match="has 255 classes, masks hold 254"):
        load_classes(table.to_dict())
    assert load_classes(None) is None


def test_values_of_masks_are_those_of_the_table() -> None:
    assert lookup_of_mask(TABLE) == {3: 0, 7: 1, 9: 254, 255: 255}
    refuse_unknown(Counter(), TABLE, "m.tif")
    with pytest.raises(DataError, match=r"m\.tif has values that are no id .*grass, road\): 5 \(2 pixels\), 0 \(1 pix"):
        refuse_unknown(Counter([5, 5, 0]), TABLE, "m.tif")


CATEGORIES = (
    '<PAMDataset><PAMRasterBand band="1"><CategoryNames><Category></Category><Category>Grass</Category>'
    "<Category>ignored</Category></CategoryNames></PAMRasterBand></PAMDataset>"
)


def test_names_in_the_file_are_compared_with_the_table(tmp_path: Path) -> None:
    assert category_names(tmp_path / "m.tif") == {}
    (tmp_path / "m.tif.aux.xml").write_text(CATEGORIES)
    names = category_names(tmp_path / "m.tif")
    table = table_of_categories(names)
    assert (table.names, table.mask_values, table.ignored_values) == (("Grass",), (1,), (2,))
    compare_names({3: "GRASS", 5: "water"}, TABLE, "m.tif")
    with pytest.raises(DataError, match=r"m\.tif names its values otherwise .*\(7 'roof' instead of 'road'\)"):
        compare_names({3: "grass", 7: "roof"}, TABLE, "m.tif")
    (tmp_path / "m.tif.aux.xml").write_text("<!DOCTYPE a [<!ENTITY b 'c'>]><PAMDataset/>")
    with pytest.raises(DataError, match="cannot be read"):
        category_names(tmp_path / "m.tif")
