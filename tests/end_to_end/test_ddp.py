"""Two processes of one run: the scores of one process, one folder, one end."""

import csv
import json
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
import torch

from segdrone.evaluation import evaluate
from segdrone.training import train
from tests.helpers.background_run import background_run
from tests.helpers.commands import Command, assert_one_line
from tests.helpers.small_run import Compose, compose_config, drawn, small

TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
QUIET = ["callbacks.progress_bar=null", "+trainer.enable_progress_bar=false"]


def two(overrides: list[str]) -> list[str]:
    return [*(override for override in overrides if override != "trainer=cpu"), *TWO, *QUIET]


def evaluated(checkpoint: Path, split: str, out: Path, *choices: str) -> dict[str, object]:
    overrides = [f"ckpt_path={checkpoint}", f"split={split}", f"output_dir={out}", "trainer=cpu", "pictures=1"]
    return evaluate(compose_config("evaluate", *overrides, *choices))


def logged(run: Path, metric: str) -> list[float]:
    with (run / "metrics.csv").open() as file:
        return [float(row[metric]) for row in csv.DictReader(file) if row[metric]]


def written(run: Path) -> set[str]:
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    return {file for file in files if "events" not in file and ".hydra" not in file and file != "train.log"}


def test_two_processes_learn_and_score_what_one_process_does(
    all_scenes: Path, tmp_path: Path, command: Command, drawn_config: Compose
) -> None:
    choices = [  # a network without batch-norm, whose statistics each process has of its own
        "model.encoder_name=tu-test_convnext", "model.decoder_channels=[32,16,16,16,16]",
        "+model.decoder_use_norm=false", "trainer.precision=64-true", "optimizer=sgd", "scheduler=constant",
        "callbacks=[default,freeze_encoder]", "callbacks.freeze_encoder.epochs=1",
        "trainer.max_epochs=2", "trainer.log_every_n_steps=1", "trainer.gradient_clip_val=1.0", *QUIET,
    ]  # fmt: skip
    pair, one = tmp_path / "pair", tmp_path / "one"
    result = command("train.py", *two(drawn(all_scenes, pair)), *choices[:-2], "data.batch_size=1")
    assert result.returncode == 0, result.stderr
    train(drawn_config(*choices, "data.batch_size=2", f"output_dir={one}"))

    for metric, values in (("train/loss_step", 16), ("train/loss_epoch", 2), ("val/loss", 2), ("test/loss", 1)):
        assert len(logged(pair, metric)) == values  # 15 photographs: the last batch of an epoch is not full
        assert logged(pair, metric) == pytest.approx(logged(one, metric), abs=1e-6)

    run = json.loads((pair / "run.json").read_text())
    assert run["processes"] == 2
    best = pair / "checkpoints" / "best.ckpt"
    assert evaluated(best, "val", tmp_path / "val")["miou"] == pytest.approx(
        run["reached"], abs=1e-6
    )  # of 3 photographs
    reported = json.loads((pair / "metrics.json").read_text())
    assert {**evaluated(best, "test", tmp_path / "test"), "warnings": reported["warnings"]} == reported

    assert written(pair) == written(one)
    assert result.stdout.count("photographs of the test split") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"pair", "one", "val", "test"}


def epoch(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, weights_only=True)["epoch"])


@pytest.mark.slow
def test_a_lost_process_ends_the_run_and_it_resumes_from_its_last_epoch(
    all_scenes: Path, tmp_path: Path, command: Command
) -> None:
    run = tmp_path / "run"
    last = run / "checkpoints" / "last.ckpt"
    arguments = [
        *two(small(all_scenes, run)),
        "trainer.max_epochs=1000",
        "callbacks.early_stopping=null",
        "data.batch_size=1",
    ]

    with background_run(arguments, run) as first:
        [second] = psutil.Process(first.pid).children()
        second.kill()
        result = subprocess.CompletedProcess(arguments, first.wait(60), *first.outputs())
    assert_one_line(result, "process 1 was lost (SIGKILL)", f"ckpt_path={last}")
    before = epoch(last)

    with background_run([*arguments, f"ckpt_path={last}"], run) as first:
        [second] = psutil.Process(first.pid).children()
        first.send_signal(signal.SIGKILL)
        second.wait(timeout=60)
        errors = first.outputs()[1]  # of both processes
    assert_one_line(subprocess.CompletedProcess(arguments, 2, "", errors), "the first process was lost")
    assert epoch(last) > before

    out, tiles = tmp_path / "pair", ["data.sampling=tiles", "data.tile_size=[40,40]"]
    choices = [f"ckpt_path={last}", "split=val", f"output_dir={out}", "pictures=1", *tiles]
    pair = command("evaluate.py", *choices, *TWO)
    assert pair.returncode == 0, pair.stderr
    assert json.loads((out / "metrics.json").read_text()) == evaluated(last, "val", tmp_path / "one", *tiles)
    drawn = {path.name for path in (out / "figures").iterdir()}
    assert drawn == {"best.png", "worst.png", "confusion.png", "reliability.png", "recall_by_size.png"}
