from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.annotations.conftest import document, imported, mask, photograph, refusal

CORNERS = [{"x": x, "y": y} for x, y in ((10, 10), (50, 10), (50, 40), (10, 40), (10, 10))]
SQUARE = {"name": "road", "value": "road", "annotation_kind": "ImagePolygon", "polygon": CORNERS}
BOX = {
    "name": "car",
    "annotation_kind": "ImageBoundingBox",
    "bounding_box": {"top": 5, "left": 60, "height": 20, "width": 10},
}


def row(*objects: Any, name: str = "a.png", **more: Any) -> dict[str, Any]:
    labels = [{"id": "l", "annotations": {"objects": list(objects), "classifications": []}}] if objects else []
    data = {"id": "d", "external_id": name, "row_data": f"https://storage/x%2F{name}?token=1"}
    media = {"height": 64, "width": 96}
    return {"data_row": data, "media_attributes": media, "projects": {"p": {"name": "p", "labels": labels}}, **more}


def ndjson(path: Path, *rows: Any) -> Path:
    return document(path, "".join(json.dumps(content) + "\n" for content in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "ab":
        photograph(tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


@pytest.mark.parametrize("suffix", ["ndjson", "json", "jsonl"])
def test_lines_are_photographs(folder: Path, suffix: str) -> None:
    line = {"name": "edge", "annotation_kind": "ImageLine", "line": []}
    ndjson(folder / f"export.{suffix}", row(SQUARE, BOX, line), row(name="b.png"))
    summary = imported(folder, folder.parent / "out")
    expected = np.full((64, 96), 255, np.uint8)
    expected[10:40, 10:50] = 1
    expected[5:25, 60:70] = 0
    np.testing.assert_array_equal(mask(folder.parent / "out"), expected)
    assert summary.skipped == {"lines and points": 1, "photographs without a shape": 1}


def test_photograph_is_found_by_the_url_if_there_is_no_name(folder: Path) -> None:
    content = row(SQUARE)
    content["data_row"]["external_id"] = ""
    ndjson(folder / "export.ndjson", content)
    assert imported(folder, folder.parent / "out").photographs == 1


def test_split_of_the_export_is_kept(folder: Path) -> None:
    ndjson(
        folder / "export.ndjson", row(SQUARE, data_split="TRAINING"), row(SQUARE, name="b.png", data_split="VALIDATION")
    )
    assert imported(folder, folder.parent / "out").splits == {"train": 1, "val": 1}


def test_masks_on_the_server_are_refused_by_name(folder: Path) -> None:
    object_ = {"name": "car", "annotation_kind": "ImageSegmentationMask", "mask": {"url": "https://api.labelbox.com/x"}}
    path = ndjson(folder / "export.ndjson", row(SQUARE), row(SQUARE, object_, name="b.png"))
    text = refusal(folder, folder.parent / "out", background="ground")
    place = f"{path}: line 2.projects.p.labels[0].annotations.objects[1]"
    assert f"{place} is a mask on Labelbox's server ('car'), which is not fetched: annotate with polygons" in text


def test_old_export_is_read(folder: Path) -> None:
    objects = [{"title": "road", "value": "road", "polygon": CORNERS}]
    document(folder / "a.json", [{"ID": "1", "Labeled Data": "https://x/a.png", "Label": {"objects": objects}}])
    imported(folder, folder.parent / "out")
    assert (mask(folder.parent / "out") == 0).sum() == 1200


def test_labels_in_two_projects_are_refused(folder: Path) -> None:
    content = row(SQUARE)
    content["projects"]["q"] = content["projects"]["p"]
    ndjson(folder / "export.ndjson", content)
    assert "line 1 has labels in several projects: export one project" in refusal(folder, folder.parent / "out")
