"""Class tables as spreadsheets, labeling tools and pages of datasets give them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from segdrone.class_files import load_class_table, read_class_table
from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError

ROAD = ClassTable(("road", "grass"), ((128, 64, 128), (0, 102, 0)))
PLAIN = "name,r,g,b\nroad,128,64,128\ngrass,0,102,0\n"


def write(folder: Path, content: str | bytes, name: str = "classes.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(folder: Path, content: str | bytes, name: str = "classes.csv") -> str:
    path = write(folder, content, name)
    with pytest.raises(DataError) as caught:
        read_class_table(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " | "),
        PLAIN.replace(",", ", ").replace("\n", "\r\n"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", "\t").encode("utf-16-le"),
        PLAIN.split("\n", 1)[1],
        "# classes of a flight\n\n// 2026\n" + PLAIN,
        "# " + PLAIN,
        PLAIN.replace("\n", ",\n") + ",,,,\n,,,,\n",
        "Class;Red;Green;Blue\nroad;128.0;64.0;128.0\ngrass;0;102;0\n",
        "label,B,G,R\nroad,128,64,128\ngrass,0,102,0\n",
        "id,name,r,g,b\n1,grass,0,102,0\n0,road,128,64,128\n",
        "0,road,128,64,128\n1,grass,0,102,0\n",
        "name,color\nroad,#804080\ngrass,#006600\n",
        "Class Name;Hex Color\nroad;804080\ngrass;0x006600\n",
        "#804080,road\n#060,grass\n",
        'name,rgb\nroad,"128, 64, 128"\ngrass,"rgb(0,102,0)"\n',
        "name;rgb\nroad;128,64,128\ngrass;[0 102 0]\n",
        "128 64 128\troad\n0 102 0\tgrass\n",
        "128 64 128 road\n0 102 0 grass\n",
        "# label:color_rgb:parts:actions\nroad:128,64,128::\ngrass:0,102,0::\n",
        "road:128,64,128:lane,curb:drive\ngrass:0,102,0::\n",
        "name,id,color,r,g,b,pixels\nroad,0,#804080,128,64,128,90000\ngrass,1,#006600,0,102,0,70000\n",
        '{"classes": [{"title": "road", "shape": "any", "color": "#804080"}, {"title": "grass", "color": "#006600"}]}',
        '[{"id": 1, "name": "grass", "color": [0, 102, 0]}, {"id": 0, "name": "road", "color": [128, 64, 128]}]',
        '{"road": [128, 64, 128], "grass": "#006600"}',
        '{"0": {"name": "road", "color": "#804080"}, "1": {"name": "grass", "color": {"r": 0, "g": 102, "b": 0}}}',
        '{"#804080": "road", "#006600": "grass"}',
        '{"names": ["road", "grass"], "palette": [[128, 64, 128], [0, 102, 0]]}',
        '{"names": ["road", "grass"], "colors": {"grass": "#006600", "road": [128, 64, 128]}}',
    ],
)
def test_a_table_is_read_in_any_usual_form(tmp_path: Path, content: str | bytes) -> None:
    assert read_class_table(write(tmp_path, content)) == ROAD


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("_classes.csv", "Pixel Value, Class\n0, road\n1, grass\n"),
        ("classes.txt", "road\ngrass\n"),
        ("ids.txt", "0: road\n1: grass\n"),
        ("ids.txt", "0 road\n1 grass\n"),
        ("a.json", '["road", "grass"]'),
        ("a.json", '{"0": "road", "1": "grass"}'),
        ("a.json", '{"grass": 1, "road": 0}'),
        ("a.json", '{"categories": [{"id": 0, "name": "road", "supercategory": "x"}, {"id": 1, "name": "grass"}]}'),
    ],
)
def test_a_table_without_colors_gets_distinct_ones(tmp_path: Path, name: str, content: str) -> None:
    table = read_class_table(write(tmp_path, content, name))
    assert (table.names, table.mask_values) == (("road", "grass"), None)
    assert len({*table.colours, (0, 0, 0), (255, 255, 255)}) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,name,thing\n0,road,0\n1,cow,1\n"),
        ("a.csv", "name;Is thing\nroad;no\ncow;yes\n"),
        ("a.json", '{"categories": [{"id": 0, "name": "road", "isthing": 0}, {"id": 1, "name": "cow", "isthing": 1}]}'),
        ("a.csv", "id,name,thing\n0,road,\n1,cow,1.0\n255,void,\n"),
        ("a.json", '[{"name": "road"}, {"name": "cow", "isthing": 1}]'),
        ("a.json", '[{"name": "road", "isthing": null}, {"name": "cow", "isthing": 1}]'),
        ("a.json", '[{"name": "road", "thing": false}, {"name": "cow", "thing": true}]'),
    ],
)
def test_a_table_may_say_what_things_are(tmp_path: Path, name: str, content: str) -> None:
    table = read_class_table(write(tmp_path, content, name))
    assert (table.names, table.things) == (("road", "cow"), ("cow",))
    assert read_class_table(write(tmp_path, table.to_csv(), "again.csv")) == table


def test_a_table_may_have_no_things(tmp_path: Path) -> None:
    assert read_class_table(write(tmp_path, "name,thing\nroad,0\ngrass,0\n")).things == ()
    assert read_class_table(write(tmp_path, "name,id\nroad,0\ngrass,1\n", "b.csv")).things is None


def test_names_alone_are_told_to_have_no_ids(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, "road\ngrass\n", "classes.txt")
    for _ in range(2):
        read_class_table(path)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "names only, taken as ids 0 (road) to 1 (grass)" in line
    assert "columns id,name" in line


def test_the_list_of_labelme_counts_from_minus_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`labelme2voc` writes masks with the id -1 of the first name, `__ignore__`, as 255."""
    table = read_class_table(write(tmp_path, "__ignore__\n_background_\nroad\n", "labels.txt"))
    assert (table.names, [*table.stored_values], table.ignored_values) == (("_background_", "road"), [0, 1], ())
    assert "taken as ids 0 (_background_) to 1 (road)" in caplog.text
    given = "id,name\n0,__ignore__\n1,road\n"
    assert read_class_table(write(tmp_path, given)).ignored_values == (0,)


def test_ids_are_told_as_masks_have_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = read_class_table(write(tmp_path, "ignored\nroad\ngrass\n", "classes.txt"))
    assert ([*table.stored_values], table.ignored_values) == ([1, 2], (0,))
    assert "taken as ids 1 (road) to 2 (grass)" in caplog.text
    assert "class" in refusal(tmp_path, "ignored\n", "classes.txt")


@pytest.mark.parametrize("content", ["road\n\ngrass\n", "# classes\n\nname,\nroad,\n,\ngrass,"])
def test_an_empty_line_between_names_is_refused(tmp_path: Path, content: str) -> None:
    assert "is empty, but the id of a class is its place among the names" in refusal(tmp_path, content, "classes.txt")
    assert read_class_table(write(tmp_path, "\n# classes\n\nroad\ngrass\n\n,\n", "a.txt")).names == ("road", "grass")
    assert read_class_table(write(tmp_path, PLAIN.replace("grass", "\ngrass"))) == ROAD  # colors say what is meant


def test_names_may_be_of_several_words(tmp_path: Path) -> None:
    assert read_class_table(write(tmp_path, "moving car\nlow vegetation\n")).names == ("moving car", "low vegetation")


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("1 road\n2 tall tree\n", (1, 2)),
        ("id name\n1 road\n2 tall tree\n", (1, 2)),
        ("road 1\ntall tree 2\n", (1, 2)),
        ("128 64 128 road\n0 255 0 tall tree\n", None),
        ("#804080 road\n#00ff00 tall tree\n", None),
    ],
)
def test_numbers_between_spaces_are_no_part_of_names(
    tmp_path: Path, content: str, values: tuple[int, ...] | None
) -> None:
    table = read_class_table(write(tmp_path, content, "labels.txt"))
    assert (table.names, table.mask_values) == (("road", "tall tree"), values)
    if values is None:
        assert table.colours == ((128, 64, 128), (0, 255, 0))


def test_lines_of_numbers_alone_are_no_names(tmp_path: Path) -> None:
    assert "is no header row" in refusal(tmp_path, "1 128 64 128\n2 0 102 0\n", "colors.txt")


@pytest.mark.parametrize("other", ["", ', "label2id": {"road": 0, "grass": 1}'])
def test_a_table_within_another_one_is_no_class(tmp_path: Path, other: str) -> None:
    text = refusal(tmp_path, f'{{"id2label": {{"0": "road", "1": "grass"}}{other}}}', "config.json")
    assert "id2label holds a table of its own" in text


def test_ansi_is_read_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = read_class_table(write(tmp_path, "name;r;g;b\nGeb\u00e4ude;1;2;3\n".encode("cp1252")))
    assert table.names == ("Geb\u00e4ude",)
    assert "read as Windows-1252 (Geb\u00e4ude): save it as UTF-8" in caplog.text


def test_ids_may_have_gaps(tmp_path: Path) -> None:
    table = read_class_table(write(tmp_path, "value,label\n21,c\n0,a\n7,b\n"))
    assert (table.names, table.mask_values) == (("a", "b", "c"), (0, 7, 21))
    assert table.dense.mask_values is None
    assert ClassTable.from_dict(table.to_dict()) == table


@pytest.mark.parametrize(
    ("rows", "values", "ignored"),
    [
        ("0,a\n1,b\n255,void\n", None, ()),
        ("0,a\n1,b\n255,Unlabeled\n-1,ignore\n", None, ()),
        ("0,a\n255,building\n", (0, 255), ()),
        ("0,ignored\n1,a\n2,b\n", (1, 2), (0,)),
        ("0,void\n1,a\n", None, ()),
    ],
)
def test_rows_of_pixels_without_a_label_are_no_classes(
    tmp_path: Path, rows: str, values: tuple[int, ...] | None, ignored: tuple[int, ...]
) -> None:
    table = read_class_table(write(tmp_path, "id,name\n" + rows))
    assert (table.mask_values, table.ignored_values) == (values, ignored)
    assert len(table) == 2


def test_colors_without_a_label_are_kept(tmp_path: Path) -> None:
    table = read_class_table(write(tmp_path, "id,name,color\n0,a,#010203\n255,void,#ffffff\n"))
    assert (table.names, table.ignored_colors) == (("a",), ((255, 255, 255),))
    assert ClassTable.from_dict(table.to_dict()) == table
    text = refusal(tmp_path, "id,name,color\n0,a,#010203\n255,void,#010203\n")
    assert "line 3 (void) has the color of a class" in text


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("id,name\n0,a\n1,b\n1,c\n", ("line 3 and line 4 have the same id 1",)),
        ("name,r,g\na,0,0\n", ("separator comma", "column b is missing among name, r, g")),
        ("name;r;g;b\na;0;0;0\nb;0;zero;1\n", ("UTF-8", "separator semicolon (;)", "line 3, column g: 'zero'")),
        ("name\tr\tg\tb\na\t0\t0\t256\n".encode("utf-16"), ("UTF-16", "separator tab", "line 2, column b: '256'")),
        ("name,r,g,b\na,0.5,0.2,1.0\n", ("column r: '0.5' is not a whole number",)),
        ("name,r,g,b\n", ("a header row and no classes",)),
        ("", ("it is empty",)),
        ("id,name,r,g,b\nx,a,0,0,1\n", ("line 2, column id: 'x'",)),
        ("name,r,g,b\nroad, paved,1,2,3\n", ("line 2 has 5 cells for the 4 columns", "double quotes")),
        ("Klasse;Rot;Gr\u00fcn;Blau\na;1;2;3\n", ("the first row (Klasse, Rot", "such as id,name,r,g,b")),
        ("lfd,name,r,g,b\n1,a,0,0,0\n2,b,1,1,1\n", ("column lfd holds values of an unknown meaning",)),
        ("name,ro,gr,bl\na,1,2,3\n", ("column ro holds values of an unknown meaning",)),
        ("name,id,trainId\na,7,0\nb,8,1\n", ("line 2 has two ids (7 and 0)",)),
        ("name,color,r,g,b\na,#010203,1,2,4\n", ("line 2 has two colors",)),
        ("name,color\na,#0102030405\n", ("column color", "write #RRGGBB")),
        ("1,2,3,4,a\n5,6,7,8,b\n", ("is no header row",)),
        ("a,b\nc,d\n", ("is no header row",)),
        ("id,name,color\n300,a,#010203\n", ("line 2 (a) has the id 300", "masks hold 0 to 255")),
        ("id,name\n-1,plate\n0,a\n", ("line 2 (plate) has the id -1",)),
        ("id,name\n0,\n", ("column name is empty",)),
        ("name,r,g,b\na,0,0,1\na,0,0,2\n", ("names a twice",)),
        ("name,id,thing\na,0,1\nb,1,2\n", ("line 3, column thing: '2' is neither 1 nor 0",)),
        ('{"classes": ["a"], "labels": ["b"]}', ("has classes and labels",)),
        ('{"a": ', ("not valid JSON",)),
        ('{"names": ["a"], "colors": []}', ("1 names and 0 colors",)),
        (b"PK\x03\x04\x14\x00", ("is a spreadsheet: save it as CSV",)),
        (b"\x81\x00\xff\xfe\x01", ("neither UTF-8 nor UTF-16 nor ANSI",)),
        ("x" * 70 + "\n", ("too long",)),
        ("This is a text about a dataset and how it was labeled\n", ("too long for names",)),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_cause(
    tmp_path: Path, content: str | bytes, parts: tuple[str, ...]
) -> None:
    text = refusal(tmp_path, content)
    for part in parts:
        assert part in text


def test_a_large_or_missing_file_is_refused(tmp_path: Path) -> None:
    assert "more than a class table can have" in refusal(tmp_path, "a" * (1 << 20) + "a")
    with pytest.raises(DataError) as caught:
        read_class_table(tmp_path / "nowhere.csv")
    assert str(caught.value) == (
        f"class table {tmp_path / 'nowhere.csv'} does not exist: give data.classes=drone or the path of a CSV file"
    )


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    assert read_class_table(write(tmp_path, PLAIN)) == ROAD
    assert read_class_table(write(tmp_path, PLAIN + "tree,1,1,1\n")).names == ("road", "grass", "tree")


def test_the_table_of_kaggle_and_the_built_in_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_class_table("drone") is DRONE
    rows = [f"{name}, {r}, {g}, {b}" for name, (r, g, b) in zip(DRONE.names, DRONE.colours, strict=True)]
    with caplog.at_level(logging.INFO):
        table = read_class_table(write(tmp_path, "\n".join(["name, r, g, b", *rows, "conflicting, 255, 0, 0"])))
    assert (table.names[:-1], table.colours[:-1], table.mask_values) == (DRONE.names, DRONE.colours, None)
    assert not caplog.records
