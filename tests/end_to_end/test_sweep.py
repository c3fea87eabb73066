"""Sweeps of real runs: by Optuna with trials that fail, and in parallel."""

import csv
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from PIL import Image

from segdrone.sweep import UNFINISHED, Job, note_failure, read_sweep
from tests.helpers.commands import Command, assert_one_line, run_command
from tests.helpers.shared import make_once
from tests.helpers.small_run import small

LIMITS = ["trainer.limit_train_batches=2"]
Searched = tuple[Path, subprocess.CompletedProcess[str]]


def rows_of(sweep: Path) -> dict[str, dict[str, str]]:
    return {row["job"]: row for row in csv.DictReader((sweep / "comparison.csv").open())}


@pytest.fixture(scope="module")
def searched(all_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A sweep by Optuna in which a network is unknown and a learning rate diverges."""
    choices = [
        "search=optuna", "hydra.sweeper.n_trials=5",
        "hydra.sweeper.sampler.seed=124",  # draws each failure once
        "objective=val/loss", "direction=minimize",
        "optimizer.weight_decay=tag(log, interval(1e-5, 1e-3))",
        "optimizer.lr=1e-3,3e-3,1e30", "callbacks.divergence=null",  # the last one gives NaN
        "+trainer.detect_anomaly=false,true",  # and torch then raises
        "model.name=unet,nonsense",
    ]  # fmt: skip

    def search_once(folder: Path) -> None:
        folder.mkdir(parents=True)
        result = run_command(folder, "train.py", *small(all_scenes, folder / "sweep"), *LIMITS, *choices)
        (folder / "result.json").write_text(json.dumps([result.returncode, result.stdout, result.stderr]))

    folder = make_once(tmp_path_factory, "search", search_once)
    result: Any = json.loads((folder / "result.json").read_text())
    return folder / "sweep", subprocess.CompletedProcess(choices, *result)


def test_a_search_ends_and_names_the_trials_that_failed(searched: Searched) -> None:
    sweep, result = searched
    assert result.returncode == 0, result.stderr
    assert "Traceback (most recent call last)" not in result.stderr
    rows = rows_of(sweep)
    assert len(rows) == 5
    failed = {job: row["error"] for job, row in rows.items() if row["error"]}
    unknown, raised = "model.name=nonsense is unknown", "RuntimeError: Function"
    diverged = "the output of the model is not a number at some pixels"
    assert {
        what: [job for job, error in failed.items() if error.startswith(what)] for what in (unknown, raised, diverged)
    } == {
        unknown: [job for job, row in rows.items() if row["model.name"] == "nonsense"],
        raised: ["3"],
        diverged: ["2"],
    }
    for job, error in failed.items():
        assert f"error: job {job}: {error}" in result.stderr
        assert f"no score: job {job} (" in result.stdout and f"): {error}" in result.stdout
    assert "Traceback (most recent call last)" in (sweep / "3" / "error.txt").read_text()


def test_a_search_reports_the_best_of_the_rest(searched: Searched, command: Command) -> None:
    sweep, result = searched
    rows = rows_of(sweep)
    scored = [row for row in rows.values() if not row["error"]]
    assert len(scored) == 2
    losses = [float(row["reached"]) for row in scored]
    assert losses == sorted(losses)
    best = scored[0]["job"]
    assert f"best: job {best} " in result.stdout
    assert OmegaConf.load(sweep / "optimization_results.yaml").best_value == pytest.approx(losses[0])
    with Image.open(sweep / "sweep.png") as image:
        assert image.width > image.height  # three panels above one

    program, subcommand, *overrides = shlex.split(result.stdout.splitlines()[-1])
    assert (program, subcommand) == ("segdrone", "train")
    shown = command(program, subcommand, *overrides, "--cfg", "job")
    assert shown.returncode == 0, shown.stderr
    again, trained = OmegaConf.create(shown.stdout), OmegaConf.load(sweep / best / ".hydra" / "config.yaml")
    again.output_dir = trained.output_dir  # a folder of its own
    assert again == trained


def test_a_sweep_can_be_compared_again(searched: Searched, command: Command, tmp_path: Path) -> None:
    searched_sweep, result = searched
    sweep = Path(shutil.copytree(searched_sweep, tmp_path / "copy"))
    (sweep / "comparison.csv").unlink()
    again = command("segdrone", "sweep", sweep)
    assert again.returncode == 0, again.stderr
    shown = again.stdout.replace(str(sweep), str(searched_sweep))
    assert shown.splitlines() == result.stdout[result.stdout.index("\n5 jobs in") :].splitlines()
    assert len(rows_of(sweep)) == 5
    (tmp_path / "empty").mkdir()
    assert_one_line(command("segdrone", "sweep", tmp_path / "empty"), "contains no job of segdrone train -m")


def test_a_job_that_was_killed_is_compared_when_it_was_resumed(
    searched: Searched, command: Command, tmp_path: Path
) -> None:
    sweep = Path(shutil.copytree(searched[0], tmp_path / "copy"))
    job = next(name for name, row in rows_of(sweep).items() if not row["error"])
    note_failure(sweep / job, UNFINISHED, "")
    killed, resumed = _job(sweep, job), [f"output_dir={sweep / job}", f"ckpt_path={sweep / job}/checkpoints/last.ckpt"]
    assert killed.failure == UNFINISHED
    result = command("train.py", *resumed, "trainer.max_epochs=2")
    assert result.returncode == 0, result.stderr
    again = _job(sweep, job)
    assert again.failure is None and again.reached != killed.reached
    assert again.overrides == (*(text for text in killed.overrides if "max_epochs" not in text), "trainer.max_epochs=2")


def _job(sweep: Path, name: str) -> Job:
    read = read_sweep(sweep)
    assert read is not None
    return next(job for job in read.jobs if job.name == name)


@pytest.mark.slow
def test_jobs_run_in_parallel_and_are_compared(all_scenes: Path, tmp_path: Path, command: Command) -> None:
    sweep = tmp_path / "sweep"
    result = command(
        "train.py", "-m", "launcher=joblib", *small(all_scenes, sweep), *LIMITS,
        "model.encoder_name=tu-test_efficientnet,nonsense,tu-mobilenetv3_small_050",
        fresh=True,  # joblib's workers end only with a real interpreter
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Traceback (most recent call last)" not in result.stderr
    rows = rows_of(sweep)
    assert sorted(rows) == ["0", "1", "2"]
    scores = [float(row["reached"]) for row in rows.values() if not row["error"]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 2
    assert "model.encoder_name=nonsense" in rows["1"]["error"]
    assert {row["objective"] for row in rows.values()} == {"val/miou"}
    assert (sweep / "2" / "checkpoints" / "best.ckpt").is_file()


def test_jobs_are_submitted_to_slurm_with_the_resources_they_ask_for(tmp_path: Path, command: Command) -> None:
    """An sbatch that keeps the script, and fails as a cluster does for an unknown partition."""
    for name, text in {
        "srun": "exit 0",
        "sbatch": f'for last; do :; done; cp "$last" {tmp_path}/script; echo "invalid partition: large" >&2; exit 1',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    choices = ["launcher=slurm", "hydra.launcher.partition=large", "hydra.launcher.timeout_min=90", "data.root=x"]
    result = command("train.py", "-m", *choices, "seed=1,2,3", env={**os.environ, **path})
    assert_one_line(result, "the sweep stopped", "invalid partition: large")
    script = (tmp_path / "script").read_text()
    for option in ("array=0-2%3", "partition=large", "time=90", "gpus-per-node=1", "ntasks-per-node=1", "mem=32GB"):
        assert f"#SBATCH --{option}\n" in script
