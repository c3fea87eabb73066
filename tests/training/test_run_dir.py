from pathlib import Path

import pytest

from segdrone.errors import ConfigError
from segdrone.training import run_dir_lock


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with run_dir_lock(run):
        with (
            pytest.raises(ConfigError, match="another run writes to .*run: give another output_dir"),
            run_dir_lock(run),
        ):
            pass
        with run_dir_lock(tmp_path / "other"):
            pass
    assert list(run.iterdir()) == []


def test_error_of_the_run_is_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mine"), run_dir_lock(tmp_path):
        raise ConfigError("mine")


def test_only_the_first_process_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_dir_lock(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with run_dir_lock(tmp_path):
            pass
