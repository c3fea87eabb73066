"""A run that was killed goes on as if nothing had happened."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from tests.conftest import REPO, Command, assert_one_line, small
from tests.helpers.background_run import started

EPOCHS = 4


def _weights(path: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["epoch"] == EPOCHS - 1
    return {name: tensor for name, tensor in checkpoint["state_dict"].items()}


def test_killed_in_the_third_epoch_and_resumed_ends_with_the_same_weights(
    all_scenes: Path, tmp_path: Path, command: Command
) -> None:
    def arguments(run: str) -> list[str]:
        hard = ["model=fpn_mbv2", "data.num_workers=1"]  # dropout, and a worker that prepares batches ahead
        steps = [f"trainer.max_epochs={EPOCHS}", "data.batch_size=1"]
        return [*small(all_scenes, tmp_path / run), *steps, *hard, "pictures=0"]

    assert command("train.py", *arguments("whole")).returncode == 0

    slow = "callbacks.progress_bar.refresh_rate=1"  # its line for each step tells where the run is
    with subprocess.Popen(
        [sys.executable, "-u", str(REPO / "train.py"), *arguments("killed"), f"+{slow}"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        seen = ""
        deadline = time.monotonic() + 200
        while "Epoch 2:  2" not in seen and "Epoch 2:  3" not in seen:  # 20 or 30 % of the third epoch
            seen = seen[-2000:] + process.stdout.read(20)
            assert process.poll() is None, seen
            assert time.monotonic() < deadline, seen
        process.send_signal(signal.SIGKILL)
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["epoch"] == 1

    resumed = command("train.py", *arguments("resumed"), f"ckpt_path={last}")
    assert resumed.returncode == 0, resumed.stderr
    assert f"output_dir={tmp_path / 'killed'} would go on" in resumed.stdout
    uninterrupted = _weights(tmp_path / "whole" / "checkpoints" / "last.ckpt")
    continued = _weights(tmp_path / "resumed" / "checkpoints" / "last.ckpt")
    assert uninterrupted.keys() == continued.keys()
    assert all(torch.equal(tensor, continued[name]) for name, tensor in uninterrupted.items())


def test_ctrl_c_ends_a_run_and_says_how_to_go_on(all_scenes: Path, tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    arguments = [*small(all_scenes, run), "trainer.max_epochs=1000", "callbacks.early_stopping=null"]
    with started(arguments, run) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    last = run / "checkpoints" / "last.ckpt"
    assert (
        f"interrupted: resume from the last epoch with the same options and output_dir={run} ckpt_path={last}" in errors
    )
    assert "Traceback" not in errors

    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert_one_line(command("train.py", *small(all_scenes, run)), "contains an earlier run", f"ckpt_path={last}")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    epochs = torch.load(last, weights_only=True)["epoch"] + 2
    resumed = command("train.py", *small(all_scenes, run), f"trainer.max_epochs={epochs}", f"ckpt_path={last}")
    assert resumed.returncode == 0, resumed.stderr
