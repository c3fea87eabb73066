"""Strips on disk, and what a killed process leaves of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segdrone.geo.strip_store import StripStore
from segdrone.inference.strips import Strip

SIZE, ENDS = (10, 7), [4, 8, 10]


def strips() -> list[Strip]:
    rng = np.random.default_rng(0)
    parts = []
    for top, end in zip((0, 4, 8), ENDS, strict=True):
        classes, confidence = rng.integers(0, 256, (2, end - top, 7), np.uint8)
        parts.append(Strip(top, classes, confidence))
    return parts


def filled(folder: Path, count: int) -> StripStore:
    store = StripStore(folder, SIZE, ENDS)
    for strip in strips()[store.done : count]:
        store.add(strip)
    return store


def test_files_hold_all_strips_row_by_row(tmp_path: Path) -> None:
    store = filled(tmp_path / "work", 3)
    assert store.done == 3
    for name, file in store.files.items():
        expected = np.concatenate([getattr(strip, name) for strip in strips()])
        assert file.read_bytes() == expected.tobytes()
    with pytest.raises(ValueError, match="not the next one"):
        store.add(strips()[2])


@pytest.mark.parametrize("damage", ["none", "longer", "shorter", "other byte", "half a line", "no journal", "not JSON"])
def test_what_a_killed_process_leaves_is_right_or_done_again(tmp_path: Path, damage: str) -> None:
    store = filled(tmp_path, 2)
    confidence, journal = store.files["confidence"], tmp_path / "strips.jsonl"
    left = 2
    if damage == "longer":
        confidence.write_bytes(confidence.read_bytes() + b"\0" * 9)
    elif damage == "shorter":
        confidence.write_bytes(confidence.read_bytes()[:-1])
        left = 1
    elif damage == "other byte":
        content = bytearray(confidence.read_bytes())
        content[3] ^= 1
        confidence.write_bytes(content)
        left = 0
    elif damage == "half a line":
        journal.write_text(journal.read_text()[:-5])
        left = 1
    elif damage == "no journal":
        journal.unlink()
        left = 0
    elif damage == "not JSON":
        journal.write_text(journal.read_text() + '{"classes": "x"}\n')
    assert StripStore(tmp_path, SIZE, ENDS).done == left
    finished = filled(tmp_path, 3)
    assert finished.files["confidence"].read_bytes() == filled(tmp_path / "other", 3).files["confidence"].read_bytes()
