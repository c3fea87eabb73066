from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import pytest

from segdrone.errors import DataError
from segdrone.utils.atomic import (
    atomic_write,
    file_lock,
    is_too_long,
    remove_stale_partials,
    sync_files,
    writable_dir,
    write_json,
)


def test_success_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("old")
    with atomic_write(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_is_beside_the_file_and_has_its_suffix(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "figure.png") as partial:
        partial.touch()
        assert partial.parent == tmp_path
        assert partial.suffix == ".png"
        assert partial.name != "figure.png"


def test_the_folder_is_created(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a" / "b" / "x.txt") as partial:
        partial.write_text("x")
    assert (tmp_path / "a" / "b" / "x.txt").read_text() == "x"


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path, kind: type[BaseException]) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("old")
    with pytest.raises(kind), atomic_write(path) as partial:
        partial.write_text("half")
        raise kind
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_before_anything_is_written_is_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "x.txt"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_json_is_indented(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json({"miou": 0.5, "absent": None}, path)
    assert json.loads(path.read_text()) == {"miou": 0.5, "absent": None}
    assert path.read_text() == '{\n  "miou": 0.5,\n  "absent": null\n}\n'


def test_json_refuses_nan_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"miou": float("nan")}, tmp_path / "metrics.json")
    assert list(tmp_path.iterdir()) == []


def test_two_writers_in_one_process_do_not_collide(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt") as one, atomic_write(tmp_path / "a.txt") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a.txt").read_text() == "one"  # it ended last
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_process_that_waits_for_the_lock_runs_after_the_other(tmp_path: Path) -> None:
    lock, entered, order = tmp_path / "new" / ".lock", threading.Event(), []

    def second() -> None:
        entered.wait()
        with file_lock(lock):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with file_lock(lock):
        entered.set()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert list((tmp_path / "new").iterdir()) == []


def test_an_error_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), file_lock(tmp_path / ".lock"):
        raise OSError("full")
    with file_lock(tmp_path / ".lock"):
        pass


def test_a_lock_that_is_held_raises_a_timeout_without_waiting(tmp_path: Path) -> None:
    lock = tmp_path / "new" / ".lock"
    with file_lock(lock), pytest.raises(filelock.Timeout), file_lock(lock, wait=False):
        pytest.fail("two hold the lock")
    with file_lock(lock, wait=False):
        pass
    assert list((tmp_path / "new").iterdir()) == []


def _write_until_killed(path: Path, ready: Any) -> None:
    with atomic_write(path) as partial:
        partial.write_text("half")
        ready.set()
        time.sleep(60)


def test_only_files_that_a_killed_process_left_are_removed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_write_until_killed, args=(tmp_path / "sub" / "a.b.png", ready))
    process.start()
    assert ready.wait(30)
    (half,) = (tmp_path / "sub").iterdir()
    others = [".a.part.png", "a.0123abcd.part.png", ".a.0123abcd.parts", ".a.0123abcx.part.png", ".hidden"]
    for name in others:
        (tmp_path / "sub" / name).touch()
    (tmp_path / "sub" / ".a.0123abcd.part").mkdir()
    os.mkfifo(tmp_path / "sub" / ".b.0123abcd.part")
    remove_stale_partials(tmp_path, deep=True)
    assert half.read_text() == "half"
    process.kill()
    process.join()
    remove_stale_partials(tmp_path)
    assert half.exists()
    remove_stale_partials(tmp_path, deep=True)
    left = {path.name for path in (tmp_path / "sub").iterdir()}
    assert left == {*others, ".a.0123abcd.part", ".b.0123abcd.part"}
    remove_stale_partials(tmp_path / "none")


def test_files_in_use_by_this_process_stay(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.png") as partial:
        partial.write_bytes(b"content")  # opens the file again
        remove_stale_partials(tmp_path)
        assert partial.exists()
    assert (tmp_path / "a.png").read_bytes() == b"content"


def test_files_and_folders_are_flushed_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        flushed.append((os.readlink(f"/proc/self/fd/{descriptor}"), [path.name for path in tmp_path.iterdir()]))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_json({}, tmp_path / "a.json")
    (file, before), (folder, after) = flushed
    assert before == [Path(file).name] != ["a.json"] == after
    assert folder == str(tmp_path)
    flushed.clear()
    with atomic_write(tmp_path / "b.png", sync=False) as partial:
        partial.touch()
    assert not flushed
    sync_files([tmp_path / "b.png", tmp_path / "a.json"])
    assert sorted(path for path, _ in flushed) == [
        str(tmp_path),
        *(str(tmp_path / name) for name in ("a.json", "b.png")),
    ]


def test_a_folder_that_cannot_be_written_to_is_reported_before_and_in_the_body(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/stats cannot be written to \(.*choose another place with --out$"),
        writable_dir(tmp_path / "file" / "stats"),
    ):
        pytest.fail("the body ran")
    with pytest.raises(DataError, match=r"new cannot be written to \(full\)"), writable_dir(tmp_path / "new"):
        raise OSError("full")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "new" / ".sheet.0123abcd.part.png").write_bytes(b"half")
    with writable_dir(tmp_path / "new"):
        assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 251 + ".png", "ä" * 125 + ".png", "日" * 83 + ".json", "x." + "y" * 253])
def test_names_of_255_bytes_can_be_written_and_leave_nothing_else(tmp_path: Path, name: str) -> None:
    with atomic_write(tmp_path / name) as partial:
        partial.write_text("whole")
        remove_stale_partials(tmp_path)
        assert partial.exists()
    assert (tmp_path / name).read_text() == "whole"
    with pytest.raises(KeyError), atomic_write(tmp_path / name) as partial:
        partial.write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_too_long_names_are_recognized(tmp_path: Path) -> None:
    assert not is_too_long(tmp_path / ("a" * 255))
    assert is_too_long(tmp_path / ("ä" * 128))
    assert is_too_long(tmp_path / ("a" * 256) / "b")
    assert is_too_long(tmp_path.joinpath(*["a" * 100] * 42))
