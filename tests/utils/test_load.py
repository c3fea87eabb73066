"""A busy machine is noticed."""

from __future__ import annotations

import os

import pytest

from segdrone.utils.load import busy_note


@pytest.mark.parametrize(
    ("load", "threads", "busy"), [(0.2, 8, False), (4.0, 8, False), (9.0, 8, True), (9.0, 2, True), (9.0, 1, False)]
)
def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch, load: float, threads: int, busy: bool) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    note = busy_note(threads)
    assert bool(note) == busy
    assert not busy or f"(load {load} on 4 cores)" in note


def test_an_unknown_load_is_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[float, float, float]:
        raise OSError("unobtainable")

    monkeypatch.setattr(os, "getloadavg", fail)
    assert busy_note(8) == ""
