"""Documents of every format with random changes: imported, or refused in one line, and nothing else."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segdrone.annotations import ANNOTATION_FORMATS, import_annotations
from segdrone.errors import DataError
from tests.annotations.conftest import photograph
from tests.helpers.annotation_exports import EXPORTS

JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    0.5,
    1e308,
    "",
    "x",
    "../../etc/passwd",
    "\x00",
    "nan",
    [],
    {},
    [[]],
    [1],
    {"a": 1},
    [None],
)
CHANGES = 40


def nodes(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, child in children:
        yield from nodes(child, (*path, key))


def changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return None if value is KeyError else value
    content = copy.deepcopy(content)
    parent = content
    for key in place[:-1]:
        parent = parent[key]
    if value is KeyError and isinstance(parent, dict):
        del parent[place[-1]]
    else:
        parent[place[-1]] = None if value is KeyError else value
    return content


@pytest.mark.parametrize("kind", [key for key, known in ANNOTATION_FORMATS.items() if ".json" in known.suffixes])
def test_changed_json_is_imported_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    random_ = random.Random(kind)
    for name in ("a.png", "a.jpg"):
        photograph(tmp_path / "photographs" / name)
    (tmp_path / "photographs" / ("a.png" if kind == "coco-panoptic" else "a.jpg")).unlink()
    path = EXPORTS[kind](tmp_path / "export")
    original = json.loads(path.read_text())
    places = list(nodes(original))
    refused = 0
    for _ in range(CHANGES):
        content = changed(original, random_.choice(places), random_.choice((*JUNK, KeyError)))
        path.write_text(json.dumps(content))
        try:
            import_annotations(path, tmp_path / "out", images=tmp_path / "photographs", progress=False)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > CHANGES // 10
    assert sorted(file.name for file in tmp_path.iterdir()) in (
        ["export", "out", "photographs"],
        ["export", "photographs"],
    )
