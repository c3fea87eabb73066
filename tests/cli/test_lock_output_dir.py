from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from segdrone.cli.lock_output_dir import LockOutputDir
from segdrone.utils.output_dir import exclusive_dir
from tests.helpers.training import tiny_checkpoint


@pytest.fixture(autouse=True)
def unlock() -> Iterator[None]:
    with LockOutputDir.locks:
        yield


def start(command: str, folder: Path, ckpt_path: Path | None = None) -> None:
    with LockOutputDir.locks:
        LockOutputDir(command).on_run_start(config(folder, ckpt_path))


def config(folder: Path, ckpt_path: Path | None = None) -> DictConfig:
    resumed = None if ckpt_path is None else str(ckpt_path)
    hydra = {"run": {"dir": str(folder)}, "sweep": {"dir": str(folder)}, "overrides": {"task": []}}
    return OmegaConf.create({"hydra": hydra, "ckpt_path": resumed})


def error_of(capsys: pytest.CaptureFixture[str], command: str, folder: Path, ckpt_path: Path | None = None) -> str:
    with pytest.raises(SystemExit) as left:
        start(command, folder, ckpt_path)
    assert left.value.code == 2
    return capsys.readouterr().err


def test_earlier_run_is_resumed_and_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    start("train", tmp_path)  # one that came to no checkpoint
    last.touch()
    for resumed in (None, tmp_path / "other" / "checkpoints" / "last.ckpt"):
        assert f"contains an earlier run: give another output_dir, or resume it with ckpt_path={last}" in (
            error_of(capsys, "train", tmp_path, resumed)
        )
    start("train", tmp_path, last)
    with monkeypatch.context() as started_again:
        started_again.setenv("SLURM_RESTART_COUNT", "1")
        start("train", tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "1")  # of a process beside the first
    start("train", tmp_path)


def test_run_that_was_killed_while_it_wrote_its_first_checkpoint_starts_again(tmp_path: Path) -> None:
    half = tmp_path / "checkpoints" / ".best.0123abcd.part.ckpt"
    half.parent.mkdir()
    half.write_bytes(b"half")
    start("train", tmp_path)
    assert not half.exists()


def save_best(folder: Path, **content: object) -> Path:
    path = folder / "checkpoints" / "best.ckpt"
    path.parent.mkdir(exist_ok=True)
    checkpoint = torch.load(tiny_checkpoint(path), weights_only=True)
    torch.save({**checkpoint, **content}, path)
    return path


def test_run_that_ended_between_the_checkpoints_of_its_first_epoch_starts_again(tmp_path: Path) -> None:
    best = save_best(tmp_path, epoch=0)
    start("train", tmp_path)
    assert best.exists()


@pytest.mark.parametrize("beside", ["metrics.json", "checkpoints/last.ckpt", "checkpoints/other.ckpt"])
def test_finished_and_resumable_runs_do_not_start_again(
    tmp_path: Path, beside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_best(tmp_path, epoch=0)
    (tmp_path / beside).touch()
    assert "contains an earlier run" in error_of(capsys, "train", tmp_path)


@pytest.mark.parametrize("content", [{"epoch": 1}, {"epoch": 0, "optimizer_states": []}, {}])
def test_checkpoint_of_more_than_an_epoch_is_not_replaced(
    tmp_path: Path, content: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    save_best(tmp_path, **content)
    assert "contains an earlier run" in error_of(capsys, "train", tmp_path)


def test_only_what_is_there_is_named_to_resume_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = tmp_path / "checkpoints" / "best.ckpt"
    best.parent.mkdir()
    best.touch()
    assert "or remove it: it has no last.ckpt to resume" in error_of(capsys, "train", tmp_path)


def test_training_and_evaluation_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evaluation.json").touch()
    assert "contains an evaluation: give another output_dir" in error_of(capsys, "train", tmp_path)
    start("evaluate", tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert "contains a training run" in error_of(capsys, "evaluate", tmp_path)


def test_an_evaluation_does_not_remove_logs_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tensorboard").mkdir()
    assert f"{tmp_path}/tensorboard was not written by an evaluation" in error_of(capsys, "evaluate", tmp_path)
    start("train", tmp_path)
    (tmp_path / "evaluation.json").touch()
    start("evaluate", tmp_path)


@pytest.mark.parametrize("event", ["on_run_start", "on_multirun_start"])
def test_second_command_in_a_folder_is_refused_before_anything_is_written(
    tmp_path: Path, event: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with exclusive_dir(tmp_path), pytest.raises(SystemExit) as left:
        getattr(LockOutputDir("evaluate"), event)(config(tmp_path))
    assert left.value.code == 2
    assert "another segdrone command writes to" in capsys.readouterr().err
    getattr(LockOutputDir("evaluate"), event)(config(tmp_path))
    with pytest.raises(Exception, match="another segdrone command"), exclusive_dir(tmp_path):
        pass
