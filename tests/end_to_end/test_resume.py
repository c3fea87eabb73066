"""A killed or interrupted run resumes, and ends as if nothing had happened."""

import signal
import time
from pathlib import Path

import torch

from tests.helpers.background_run import background_run
from tests.helpers.commands import TIMEOUT, Command, ForkedCommand, assert_one_line
from tests.helpers.small_run import small

EPOCHS = 4


def _weights(path: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["epoch"] == EPOCHS - 1
    return {name: tensor for name, tensor in checkpoint["state_dict"].items()}


def test_killed_in_the_third_epoch_and_resumed_ends_with_the_same_weights(
    all_scenes: Path, tmp_path: Path, command: Command
) -> None:
    def arguments(run: str) -> list[str]:
        # Dropout, and a worker that prepares batches ahead, are what is hard to resume.
        network = ["model=fpn_mbv2", "model.encoder_name=tu-test_efficientnet", "model.decoder_pyramid_channels=32"]
        steps = [f"trainer.max_epochs={EPOCHS}", "data.batch_size=1", "data.num_workers=1"]
        return [*small(all_scenes, tmp_path / run, network), *steps]

    assert command("train.py", *arguments("uninterrupted")).returncode == 0

    progress = "callbacks.progress_bar.refresh_rate=1"  # a line per step
    with ForkedCommand(tmp_path, "train.py", *arguments("killed"), progress) as process:
        output, deadline = "", time.monotonic() + TIMEOUT
        while "Epoch 2:  2" not in output and "Epoch 2:  3" not in output:  # 20 or 30 % of the third epoch
            output = process.outputs()[0]
            assert process.poll() is None and time.monotonic() < deadline, output
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["epoch"] == 1

    resumed = command("train.py", *arguments("resumed"), f"ckpt_path={last}")
    assert resumed.returncode == 0, resumed.stderr
    assert f"with output_dir={tmp_path / 'killed'} the earlier ones count too" in resumed.stdout
    uninterrupted = _weights(tmp_path / "uninterrupted" / "checkpoints" / "last.ckpt")
    continued = _weights(tmp_path / "resumed" / "checkpoints" / "last.ckpt")
    assert uninterrupted.keys() == continued.keys()
    assert all(torch.equal(tensor, continued[name]) for name, tensor in uninterrupted.items())


def test_ctrl_c_ends_a_run_and_says_how_to_resume(all_scenes: Path, tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    arguments = [*small(all_scenes, run), "trainer.max_epochs=1000", "callbacks.early_stopping=null"]
    with background_run(arguments, run) as process:
        process.send_signal(signal.SIGINT)
        code, errors = process.wait(60), process.outputs()[1]
    assert code == 130, errors
    last = run / "checkpoints" / "last.ckpt"
    assert f"interrupted: resume from the last epoch with output_dir={run} ckpt_path={last}" in errors
    assert "Traceback" not in errors

    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert_one_line(command("train.py", *small(all_scenes, run)), "contains an earlier run", f"ckpt_path={last}")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    epochs = torch.load(last, weights_only=True)["epoch"] + 2
    resumed = command("train.py", *small(all_scenes, run), f"trainer.max_epochs={epochs}", f"ckpt_path={last}")
    assert resumed.returncode == 0, resumed.stderr
