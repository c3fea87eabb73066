from __future__ import annotations

import json
from pathlib import Path

import pytest

from segdrone.data.maps.manifest import key_of, read_manifest, tiles_gsd
from segdrone.data.maps.summary import CutSummary
from segdrone.errors import DataError


def test_a_key_depends_on_content_and_not_on_order() -> None:
    assert key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1}) != key_of({"a": 1, "b": [3]})


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2}'])
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, content: str) -> None:
    assert read_manifest(tmp_path) is None
    (tmp_path / "maps.json").write_text(content)
    with pytest.raises(DataError, match=r"maps\.json cannot be read .*: remove .*, and cut the maps again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("gsd", [None, [1], [0, 1], [2, 1], ["a", 1], [1, 1e999]])
def test_a_distance_that_is_none_is_unknown(tmp_path: Path, gsd: object) -> None:
    (tmp_path / "maps.json").write_text(json.dumps({"version": 1, "gsd": gsd}).replace("Infinity", "1e999"))
    try:
        assert tiles_gsd(tmp_path) is None
    except DataError:
        assert gsd == [1, 1e999]
    with pytest.raises(DataError):
        CutSummary.read(tmp_path)
