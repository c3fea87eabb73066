"""Labeling tools say who drew shapes, each in its own way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.people import join_names, name_of
from segdrone.annotations.sources import read_source
from tests.annotations.conftest import document
from tests.annotations.test_cvat import CAR, cvat
from tests.annotations.test_label_studio import SQUARE, task
from tests.annotations.test_labelbox import SQUARE as LABELBOX_SQUARE
from tests.annotations.test_labelbox import ndjson, row
from tests.annotations.test_labelme_xml import CAR as XML_CAR
from tests.annotations.test_labelme_xml import labelme_xml, thing
from tests.annotations.test_supervisely import SQUARE as SUPERVISELY_SQUARE
from tests.annotations.test_supervisely import supervisely


def people(path: Path) -> list[str]:
    """The people of a photograph: who made its annotation, and then those of the further ones."""
    (image,) = read_source(path, None).annotations.images
    return [image.by, *(read().by for read in image.others)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (7, "7"),
        (" ben ", "ben"),
        ({"id": 7, "email": "a@b.org", "first_name": "A"}, "a@b.org"),
        ({"id": 7, "username": "anna"}, "anna"),
        ({"id": 7}, "7"),
        ({}, ""),
        (None, ""),
        (True, ""),
        ([1], ""),
        ("a\u202eb", ""),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_person_has_a_name_or_a_number(content: Any, name: str) -> None:
    assert name_of(CheckedNode(content, Path("a.json"))) == name
    assert name_of(None) == ""


def test_many_people_are_cut() -> None:
    assert join_names("gfedcba") == "a, b, c, d, e, ..."


def test_label_studio(tmp_path: Path) -> None:
    content = task(SQUARE, completed_by={"id": 3, "email": "anna@x.org"})
    content["annotations"].append({**content["annotations"][0], "completed_by": 4, "ground_truth": True})
    assert people(document(tmp_path / "a.json", [content])) == ["4", "anna@x.org"]


def test_further_annotations_are_read_when_they_are_called_for(tmp_path: Path) -> None:
    content = task(SQUARE)
    content["annotations"].insert(0, {**content["annotations"][0], "updated_at": "2000", "result": 7})
    assert [image.by for image in read_source(document(tmp_path / "a.json", [content]), None).annotations.images] == [
        ""
    ]


@pytest.mark.parametrize(
    ("meta", "by"),
    [
        ("<owner><username>boss</username></owner><assignee><username>anna</username></assignee>", "anna"),
        ("<owner><username>boss</username></owner><assignee></assignee>", "boss"),
        ("<assignee>anna</assignee>", "anna"),
        ("", ""),
    ],
)
def test_cvat(tmp_path: Path, meta: str, by: str) -> None:
    path = cvat(tmp_path / "a.xml", CAR.format(0))
    path.write_text(path.read_text().replace("<meta><job>", f"<meta><job>{meta}"))
    assert people(path) == [by]


def test_labelbox(tmp_path: Path) -> None:
    content = row(LABELBOX_SQUARE)
    (label,) = content["projects"]["p"]["labels"]
    other = json.loads(json.dumps(label))
    label["label_details"], other["label_details"] = {"created_by": "anna@x.org"}, {"created_by": "ben@x.org"}
    content["projects"]["p"]["labels"].append(other)
    assert people(ndjson(tmp_path / "a.ndjson", content)) == ["anna@x.org", "ben@x.org"]


def test_supervisely_and_labelme_xml(tmp_path: Path) -> None:
    squares = ({**SUPERVISELY_SQUARE, "labelerLogin": name} for name in ("ben", "anna"))
    supervisely(tmp_path / "one", *squares)
    assert people(tmp_path / "one") == ["anna, ben"]
    path = labelme_xml(tmp_path / "a.xml", thing("car", *XML_CAR))
    path.write_text(path.read_text().replace("<polygon>", "<polygon><username>eva</username>"))
    assert people(path) == ["eva"]
