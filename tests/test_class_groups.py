from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from segdrone import class_groups as module
from segdrone.class_groups import IGNORED_GROUP, load_class_groups, remap
from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError

PRESETS = {"drone12": 12, "landing_zone": 2}
PRESET_FILES = Path(module.__file__).parent / "class_group_presets"
TABLE = ClassTable(
    ("road", "grass", "tree", "dog", "cat"),
    ((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0)),
    ignore_index=200,
)


def refusal(groups: Any, table: ClassTable = TABLE) -> str:
    with pytest.raises(DataError) as caught:
        remap(table, load_class_groups(groups))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("preset", "count"), PRESETS.items())
def test_presets_group_every_class_of_the_drone_dataset(preset: str, count: int) -> None:
    table, lookup = remap(DRONE, load_class_groups(preset))
    groups = yaml.safe_load((PRESET_FILES / f"{preset}.yaml").read_text())
    assert table.names == tuple(groups)
    assert len(table) == count
    assert sorted(name for names in groups.values() for name in names) == sorted(DRONE.names)
    for old, name in enumerate(DRONE.names):
        assert name in groups[table.names[lookup[old]]]
    assert table.ignore_index == DRONE.ignore_index
    assert set(lookup[: len(DRONE)]) == {*range(count)}
    assert (lookup[len(DRONE) :] == 255).all()


def test_every_preset_is_tested() -> None:
    assert {path.stem for path in PRESET_FILES.glob("*.yaml")} == {*PRESETS}
    assert "neither one of drone12, landing_zone nor" in refusal("drone_12")


def test_ids_of_the_presets() -> None:
    assert remap(DRONE, load_class_groups("landing_zone"))[1][[1, 2, 3, 4]].tolist() == [0, 0, 0, 0]
    lookup = remap(DRONE, load_class_groups("drone12"))[1]
    assert [lookup[DRONE.names.index(name)] for name in ("unlabeled", "obstacle", "bald-tree", "car")] == [0, 0, 5, 11]


@pytest.mark.parametrize(
    "groups",
    [
        {"ground": ["road", "grass"], "animal": ["cat", "dog"]},
        {"animal": ["cat", "dog"], IGNORED_GROUP: ["road"]},
        {IGNORED_GROUP: ["grass", "cat"]},
        {"grass": ["tree", "grass"]},
        {"dog": ["cat"], "pets": ["dog"]},  # the class of that name is in another group
        {IGNORED_GROUP: []},
        {},
    ],
)
def test_the_lookup_equals_a_plain_loop(groups: Mapping[str, list[str]]) -> None:
    table, lookup = remap(TABLE, groups)
    mask = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    group_of = {name: group for group, names in groups.items() for name in names}
    expected = np.empty_like(mask)
    for pixel in np.ndindex(*mask.shape):
        value = int(mask[pixel])
        group = group_of.get(TABLE.names[value], TABLE.names[value]) if value < len(TABLE) else IGNORED_GROUP
        expected[pixel] = 200 if group == IGNORED_GROUP else table.names.index(group)
    assert {0, 1, 2, 3, 4, 5, 199, 200, 255} <= {*mask.ravel().tolist()}
    assert lookup.dtype == np.uint8
    np.testing.assert_array_equal(lookup[mask], expected)


def test_groups_come_first_in_the_color_of_their_first_class_and_other_classes_follow() -> None:
    table, _ = remap(TABLE, {"animal": ["cat", "dog"], IGNORED_GROUP: ["grass"], "ground": ["road"]})
    assert table == ClassTable(("animal", "ground", "tree"), ((5, 0, 0), (1, 0, 0), (3, 0, 0)), 200)


def test_ignored_and_unused_ids_become_the_ignored_id() -> None:
    _, lookup = remap(TABLE, {IGNORED_GROUP: ["dog"]})
    assert np.flatnonzero(lookup == 200).tolist() == [3, *range(5, 256)]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"animal": ["dog", "horse", "cow"]}, "names horse, cow, not in the class table (road, grass, tree, dog, cat)"),
        ({IGNORED_GROUP: ["horse"]}, "names horse, not in the class table"),
        ({"a": ["dog", "cat"], "b": ["cat"]}, "names cat twice: a class belongs to one group"),
        ({"a": ["dog"], IGNORED_GROUP: ["dog"]}, "names dog twice"),
        ({"a": ["dog", "dog"]}, "names dog twice"),
        ({"a": ["dog"], "b": [], "c": []}, "b, c has no classes: add some or remove it"),
        ({IGNORED_GROUP: [*TABLE.names]}, "ignores every class: keep at least one"),
        ({"grass": ["tree"]}, "group grass has the name of a class that it leaves out"),
        (
            {"animal": "dog"},
            "data.class_groups must give lists of classes, one group per line: `GROUP: [CLASS, CLASS]`",
        ),
        ({"animal": None}, "data.class_groups must give lists"),
        ({"ignore": ["dog"]}, "is called ignored, not ignore"),
        ({"animal": ["cat"], "Ignored": ["dog"]}, "is called ignored, not Ignored"),
        ({False: ["dog"]}, "holds a name that YAML takes for true, false or null"),
        ({"animal": ["dog", None]}, "holds a name that YAML takes for true, false or null"),
        ({1: ["dog"], "1": ["cat"]}, "has a group twice, with and without quotes"),
        ({"animal": {"dog": 1}}, "data.class_groups must give lists"),
    ],
)
def test_invalid_groups_are_refused_by_name(groups: Mapping[str, Any], message: str) -> None:
    text = refusal(groups)
    assert "data.class_groups" in text
    assert message in text


def test_a_preset_of_another_table_is_refused() -> None:
    assert "names unlabeled, ar-marker, obstacle, paved-area, dirt" in refusal("drone12", TABLE)


def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "groups.yaml"
    path.write_text("# comment\nstrasse: [road]\ntier:\n  - cat\n  - dog\nignored: [grass]\n1: [tree]\n", "utf-8")
    groups = load_class_groups(path)
    assert list(groups.items()) == [
        ("strasse", ["road"]),
        ("tier", ["cat", "dog"]),
        (IGNORED_GROUP, ["grass"]),
        ("1", ["tree"]),
    ]
    assert load_class_groups(str(path)) == groups == load_class_groups(groups)
    assert remap(TABLE, groups)[0].names == ("strasse", "tier", "1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [dog\nb: ]", "cannot be read"),
        (b"a: [dog]\na: [cat]", "cannot be read"),
        (b"a: [d\xf6g]", "cannot be read"),
        (b"a: ${", "must give lists of classes"),
        (b"a: &a [dog]\nb: *a", "cannot be read .*alias"),
        (b"a: " + b"[" * 9999, "nested too deeply"),
        (b"a: &a [*a]", "cannot be read .*alias"),
        (b"a: !!python/name:os.system", "cannot be read .*tag"),
        (b"- dog\n- cat", "must give lists of classes"),
        (b"dog", "must give lists of classes"),
        (b"a: dog", "must give lists of classes"),
    ],
)
def test_a_file_without_groups_is_refused_with_its_path(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "groups.yaml"
    path.write_bytes(content)
    text = refusal(str(path))
    assert text.startswith(f"{path} ")
    assert re.search(message, text)


@pytest.mark.parametrize("name", ["drone13", "groups.yaml", ""])
def test_a_missing_file_is_refused_with_the_names_of_the_presets(tmp_path: Path, name: str) -> None:
    source = tmp_path / name  # the empty name is a folder
    assert refusal(source) == (
        f"data.class_groups={source} is neither one of drone12, landing_zone nor a YAML file: fix the name or the path"
    )


@pytest.mark.parametrize("groups", [{"plants": ["e" * 100_000]}, {"e" * 100_000: ["grass"]}])
def test_very_long_name_is_not_printed(groups: dict[str, list[str]]) -> None:
    with pytest.raises(DataError, match="holds a name of more than 200 characters") as caught:
        load_class_groups(groups)
    assert len(str(caught.value)) < 200


def test_a_group_is_a_thing_if_all_its_classes_are() -> None:
    colors = ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3))
    table = ClassTable(("car", "truck", "road", "cow"), colors, things=("car", "truck", "cow"))
    merged, _ = remap(table, {"vehicle": ["car", "truck"], "farm": ["road", "cow"]})
    assert merged.things == ("vehicle",)
    assert remap(ClassTable(table.names, colors), {"vehicle": ["car", "truck"]})[0].things is None
