"""The folder of uploads: private, removed at the end, and cleared of what killed services left."""

from __future__ import annotations

import stat
from pathlib import Path

import filelock
import pytest

from segdrone.errors import ConfigError
from segdrone.serve.spool import open_spool


@pytest.mark.parametrize("exists", [True, False])
def test_a_spool_is_private_and_is_removed(tmp_path: Path, exists: bool) -> None:
    parent = tmp_path if exists else tmp_path / "new" / "place"
    with open_spool(parent) as spool:
        assert spool.parent == parent
        assert stat.S_IMODE(spool.stat().st_mode) == 0o700
        (spool / "request").mkdir()
        (spool / "request" / "photograph.jpg").touch()
    assert [*parent.iterdir()] == []


def test_what_killed_services_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "segdrone-serve-left"
    (left / "request").mkdir(parents=True)
    (left / "lock").touch()
    for other in ("segdrone-serve-without-lock", "another"):
        (tmp_path / other).mkdir()
        (tmp_path / other / "file").touch()
    with open_spool(tmp_path) as spool:
        assert {path.name for path in tmp_path.iterdir()} == {spool.name, "segdrone-serve-without-lock", "another"}


def test_the_spool_of_a_service_that_runs_stays(tmp_path: Path) -> None:
    with open_spool(tmp_path) as first, open_spool(tmp_path) as second:
        assert first != second
        assert first.is_dir()
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(first / "lock", timeout=0, is_singleton=False).acquire()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/spool"])
def test_a_place_that_cannot_be_written_to(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="give another --spool"), open_spool(tmp_path / place):
        raise AssertionError
