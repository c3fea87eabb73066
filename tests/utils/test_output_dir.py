import os
import shutil
from pathlib import Path

import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.utils.output_dir import check_finished, claim_dir, exclusive_dir, staged_results

OWNED = ("scores.txt", "figures/worst.png", "logs")


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write_results(folder: Path, **texts: str) -> None:
    with staged_results(folder, OWNED) as results:
        for name, text in texts.items():
            path = results.path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        results.commit()


def test_two_commands_cannot_share_a_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with exclusive_dir(run, "output_dir"):
        with (
            pytest.raises(ConfigError, match="writes to .*run: wait until it ends, or give another output_dir"),
            exclusive_dir(run, "output_dir"),
        ):
            pass
        with exclusive_dir(tmp_path / "other"):
            pass
    assert list(run.iterdir()) == []


def test_only_the_first_process_of_a_run_locks_and_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with exclusive_dir(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with exclusive_dir(tmp_path), staged_results(tmp_path, OWNED) as results:
            assert not results.path.exists()


def test_error_of_the_body_is_raised_unchanged_and_unlocks(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), exclusive_dir(tmp_path):
        raise OSError("mine")
    with exclusive_dir(tmp_path):
        pass


def test_folder_that_cannot_be_made_is_named_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/run cannot be written to \(Not a directory\).*another output_dir"),
        exclusive_dir(tmp_path / "file" / "run", "output_dir"),
    ):
        pass


@pytest.mark.parametrize("name", [".running", ".finished"])
def test_folder_that_cannot_be_locked_or_cleared_is_named_with_the_option(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()  # a folder at the place of the lock; a result that cannot be moved to its place
    (tmp_path / name / "scores.txt").touch()
    (tmp_path / "scores.txt").mkdir()
    with (
        pytest.raises(DataError, match=r"cannot be written to \(Is a directory\).*give another output_dir"),
        exclusive_dir(tmp_path, "output_dir"),
    ):
        pass
    (tmp_path / "scores.txt").rmdir()
    if name == ".finished":
        with exclusive_dir(tmp_path):  # the lock was removed
            assert content(tmp_path)["scores.txt"] == ""


def test_results_that_cannot_be_started_name_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"file/run cannot be written to \(Not a directory\).*give another folder"),
        staged_results(tmp_path / "file" / "run", OWNED),
    ):
        pass


def test_results_replace_all_earlier_ones_and_nothing_else(tmp_path: Path) -> None:
    write_results(tmp_path, **{"scores.txt": "1", "figures__worst.png": "1", "logs__a__1": "1"})
    others = {"notes.txt": "mine", "figures/loss.png": "training"}
    for name, text in others.items():
        (tmp_path / name).write_text(text)
    write_results(tmp_path, **{"scores.txt": "2", "logs__b": "2"})
    assert content(tmp_path) == others | {"scores.txt": "2", "logs/b": "2"}


def test_results_that_are_not_finished_leave_the_earlier_ones(tmp_path: Path) -> None:
    write_results(tmp_path, **{"scores.txt": "1"})
    with pytest.raises(RuntimeError), staged_results(tmp_path, OWNED) as results:
        (results.path / "scores.txt").write_text("2")
        raise RuntimeError
    assert content(tmp_path) == {"scores.txt": "1"}


@pytest.mark.parametrize("moves", range(4))
def test_commit_that_was_killed_is_finished_by_the_next_command(
    tmp_path: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, **{"scores.txt": "1", "figures__worst.png": "1", "logs__a": "1"})
    calls = []

    def killed(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) > moves:
            raise KeyboardInterrupt
        real(source, target)

    real = os.replace
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("segdrone.utils.output_dir.os.replace", killed)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a killed process does not clean up
        write_results(tmp_path, **{"scores.txt": "2", "logs__a": "2", "logs__b": "2"})
    if moves:
        with pytest.raises(DataError, match="a killed command had begun to replace: run the same command again"):
            check_finished(tmp_path)
    with exclusive_dir(tmp_path):
        check_finished(tmp_path)
    new = {"scores.txt": "2", "logs/a": "2", "logs/b": "2"}
    old = {"scores.txt": "1", "figures/worst.png": "1", "logs/a": "1"}
    assert content(tmp_path) == (new if moves else old)


def test_unfinished_folder_of_a_stranger_removes_nothing_outside(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (outside / "precious").write_text("mine")
    (folder / ".finished" / "outdated").mkdir(parents=True)
    (folder / ".finished" / "outdated" / "link").symlink_to(outside)
    (folder / "link").symlink_to(outside)
    with exclusive_dir(folder):
        pass
    assert content(outside) == {"precious": "mine"}


def test_results_of_other_options_name_the_option_of_the_folder(tmp_path: Path) -> None:
    claim_dir(tmp_path, "options.json", {"seed": 1}, (), "a command", "--work")
    claim_dir(tmp_path, "options.json", {"seed": 1}, (), "a command", "--work")
    with pytest.raises(ConfigError, match="results of a command with other options: give another --work"):
        claim_dir(tmp_path, "options.json", {"seed": 2}, (), "a command", "--work")
