"""Warnings of a job are collected, and shown as they would be without it."""

import logging

import pytest

from segdrone.utils.warnings import collect_warnings

log = logging.getLogger("segdrone.data")


def test_a_warning_is_shown_where_no_program_has_set_up_logging(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    with collect_warnings() as messages:
        log.warning("%d masks are JPEG", 3)
        log.info("read")
    assert messages == ["3 masks are JPEG"]
    assert capsys.readouterr().err == "3 masks are JPEG\n"


def test_a_warning_is_left_to_the_handlers_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = logging.NullHandler()
    monkeypatch.setattr(logging.root, "handlers", [seen])
    with collect_warnings() as messages:
        log.warning("twice")
        log.warning("twice")
    assert messages == ["twice"]
    assert capsys.readouterr().err == ""
