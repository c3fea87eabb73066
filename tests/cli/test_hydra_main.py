"""Sweeps whose jobs fail, in a small script that uses the real `hydra_main` and the real conf/."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.commands import REPO, Command, assert_one_line

SCRIPT = """
import json, os, signal
from pathlib import Path
import hydra
from segdrone.cli.hydra_main import run, task_wrapper
from segdrone.errors import ConfigError

@hydra.main(config_path="conf", config_name="app", version_base="1.3")
@task_wrapper
def main(cfg):
    if cfg.kind == "wrong":
        raise ConfigError("kind=wrong is unknown: choose fine")
    if cfg.kind == "large":
        bytearray(2**62)  # a MemoryError, as a network that is too large raises
    if cfg.kind == "broken":
        raise RuntimeError("Caught it in worker 0.\\nTraceback (most recent call last):\\nRuntimeError: the end")
    if cfg.kind == "stopped":
        os.kill(os.getpid(), signal.SIGINT)
    value = float("nan") if cfg.kind == "diverged" else cfg.x
    reached = None if cfg.kind == "diverged" else value
    Path(cfg.output_dir, "run.json").write_text(json.dumps({"objective": cfg.objective, "reached": reached}))
    return value

if __name__ == "__main__":
    run(main, "app")
"""
CONFIG = f"""
defaults: [_self_, search: null, launcher: null]
kind: fine
x: 1.0
seed: 0
objective: val/miou
direction: maximize
output_dir: sweep
hydra:
  output_subdir: null
  searchpath: ["file://{REPO}/conf"]
  run: {{dir: "${{output_dir}}"}}
  sweep: {{dir: "${{output_dir}}", subdir: "${{hydra.job.num}}"}}
  callbacks: {{comparison: {{_target_: segdrone.sweep.CompareAtEnd}}}}
"""
Sweep = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sweep(tmp_path: Path, command: Command) -> Sweep:
    """Runs the script as a sweep that writes to tmp_path/sweep."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "app.yaml").write_text(CONFIG)
    (tmp_path / "app.py").write_text(SCRIPT)
    return lambda *overrides, **options: command(str(tmp_path / "app.py"), "-m", *overrides, **options)


def error_lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


OPTUNA = [
    "search=optuna",
    "hydra.sweeper.n_trials=8",
    "hydra.sweeper.sampler.seed=3",
]  # with this seed each kind below is drawn


@pytest.mark.parametrize("by", [[], OPTUNA, ["launcher=joblib"]], ids=["basic", "optuna", "joblib"])
def test_failed_jobs_are_named_and_the_best_of_the_others_is_reported(
    by: list[str], sweep: Sweep, tmp_path: Path
) -> None:
    fresh = "launcher=joblib" in by  # whose workers end only with a real interpreter
    result = sweep(*by, "kind=fine,wrong,large,broken,diverged", "x=1.0,2.0", fresh=fresh)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    rows = list(csv.DictReader((tmp_path / "sweep" / "comparison.csv").open()))
    assert {row["kind"] for row in rows} == {"fine", "wrong", "large", "broken", "diverged"}
    reasons = {
        "wrong": "kind=wrong is unknown: choose fine",
        "large": "MemoryError",
        "broken": "RuntimeError: the end",
        "diverged": "val/miou came out as nan",
        "fine": "",
    }
    for row in rows:
        assert row["error"] == reasons[row["kind"]]
    failed = [row for row in rows if row["kind"] != "fine"]
    assert sorted(error_lines(result)) == sorted(f"error: job {row['job']}: {row['error']}" for row in failed)
    for row in failed:
        assert f"no score: job {row['job']} (kind={row['kind']} x={row['x'].rstrip('.0')}" in result.stdout
    best = max((row for row in rows if row["kind"] == "fine"), key=lambda row: float(row["x"]))
    assert f"best: job {best['job']} (" in result.stdout
    assert (tmp_path / "sweep" / "sweep.png").is_file()


def test_the_traceback_of_a_failed_job_is_written_to_its_folder(sweep: Sweep, tmp_path: Path) -> None:
    result = sweep("kind=broken,fine")
    assert "Traceback" not in result.stderr
    written = (tmp_path / "sweep" / "0" / "error.txt").read_text()
    assert written.splitlines()[0] == "RuntimeError: the end"
    assert "app.py" in written and "in main" in written


def test_hydra_full_error_shows_the_traceback_and_the_sweep_goes_on(sweep: Sweep, tmp_path: Path) -> None:
    result = sweep("kind=broken,fine", env={**os.environ, "HYDRA_FULL_ERROR": "1"})
    assert result.returncode == 0
    assert "in main" in result.stderr
    assert "best: job 1" in result.stdout


@pytest.mark.parametrize("by", [[], ["search=optuna", "hydra.sweeper.n_trials=2"]], ids=["basic", "optuna"])
def test_a_sweep_without_any_score_fails(by: list[str], sweep: Sweep) -> None:
    result = sweep(*by, "kind=wrong,diverged")
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert error_lines(result)[-1].endswith("jobs has a score: fix the errors above")
    assert "best" not in result.stdout


@pytest.mark.parametrize("by", [[], ["search=optuna", "hydra.sweeper.n_trials=3"]], ids=["basic", "optuna"])
def test_a_job_in_the_folder_of_another_one_is_not_started(by: list[str], sweep: Sweep, tmp_path: Path) -> None:
    result = sweep(*by, "x=1.0,2.0,3.0", "hydra.sweep.subdir=${kind}")
    assert result.returncode == 0
    assert error_lines(result)[0].startswith("error: job 1: hydra.sweep.subdir=fine is the folder of another job")
    (row,) = csv.DictReader((tmp_path / "sweep" / "comparison.csv").open())
    assert float(row["reached"]) == json.loads((tmp_path / "sweep" / "fine" / "run.json").read_text())["reached"]
    assert f"x={row['reached']}" in OmegaConf.load(tmp_path / "sweep" / "fine" / ".hydra" / "overrides.yaml")


def test_jobs_that_would_not_be_compared_are_not_started(sweep: Sweep, tmp_path: Path) -> None:
    result = sweep("x=1.0,2.0", "hydra.sweep.subdir=x/${x}")
    assert result.returncode == 2
    first, _, last = error_lines(result)
    assert first.startswith("error: job 0: hydra.sweep.subdir=x/1.0 names a folder in a folder")
    assert last == "error: 2 of the jobs failed: fix the errors above"
    assert not [*tmp_path.rglob("run.json")]


def test_a_sweep_without_a_comparison_fails_if_a_job_failed(sweep: Sweep) -> None:
    overrides = ["~hydra.callbacks.comparison", "output_dir=done"]
    assert sweep("kind=fine", *overrides).returncode == 0
    result = sweep("kind=wrong,fine", *overrides)
    assert result.returncode == 2
    assert error_lines(result)[1:] == ["error: 1 of the jobs failed: fix the errors above"]


def test_optuna_can_minimize(sweep: Sweep, tmp_path: Path) -> None:
    result = sweep(*OPTUNA, "objective=val/loss", "direction=minimize", "x=1.0,2.0,3.0")
    assert result.returncode == 0, result.stderr
    assert "(x=1) with val/loss 1.0000" in result.stdout
    assert "best_value: 1.0" in (tmp_path / "sweep" / "optimization_results.yaml").read_text()


def test_an_interrupted_sweep_compares_the_finished_jobs(sweep: Sweep) -> None:
    result = sweep("kind=fine,stopped,fine", "x=1.0,2.0")
    assert result.returncode == 130
    assert "Traceback" not in result.stderr
    assert "best: job 1 (kind=fine x=2)" in result.stdout
    assert "job 2 (kind=stopped x=1): it did not finish" in result.stdout
    assert "3 jobs in" in result.stdout
    none_done = sweep("kind=stopped,fine", "output_dir=other")
    assert none_done.returncode == 130
    assert error_lines(none_done) == []


def test_an_earlier_sweep_is_not_overwritten(sweep: Sweep, tmp_path: Path) -> None:
    assert sweep("kind=fine").returncode == 0
    before = (tmp_path / "sweep" / "comparison.csv").read_text()
    assert_one_line(sweep("kind=wrong"), "sweep contains the jobs of an earlier sweep", "another output_dir")
    assert (tmp_path / "sweep" / "comparison.csv").read_text() == before
    assert not (tmp_path / "sweep" / "0" / "error.txt").exists()


def test_folders_whose_names_look_like_numbers_keep_them(command: Command, sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "conf" / "app.yaml").write_text(f"{CONFIG}predictions: null\n")
    result = sweep("output_dir=2024_05_12", "predictions=2024.10,2024_05,1e3,b/2024_05", "x=1_0")
    assert result.returncode == 0, result.stderr
    jobs = [OmegaConf.load(tmp_path / "2024_05_12" / str(i) / ".hydra" / "config.yaml") for i in range(4)]
    assert [(job.predictions, job.x) for job in jobs] == [
        ("2024.10", 10), ("2024_05", 10), ("1e3", 10), ("b/2024_05", 10),
    ]  # fmt: skip
    assert command(str(tmp_path / "app.py"), "output_dir=2024.10").returncode == 0
    assert (tmp_path / "2024.10" / "run.json").is_file()


def test_a_single_run_ends_with_its_error(command: Command, sweep: Sweep, tmp_path: Path) -> None:
    assert_one_line(command(str(tmp_path / "app.py"), "kind=wrong"), "choose fine")
    unexpected = command(str(tmp_path / "app.py"), "kind=broken")
    assert unexpected.returncode == 1
    assert "Traceback" in unexpected.stderr


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["direction=up"], ["direction=up", "maximize or minimize"]),
        (["hydra/sweeper=optuna"], ["hydra.sweeper.direction=minimize", "direction=maximize", "search=optuna"]),
        (["search=optuna", "direction=minimise"], ["direction=minimise"]),
        (["search=optuna", "hydra.sweeper.n_trials=0"], ["n_trials=0 must be a whole number of 1 or more"]),
        (["launcher=slurm"], ["the sweep stopped", "srun", "HYDRA_FULL_ERROR=1"]),
        (["kinds=fine,nan"], ["kinds", "--help"]),
        (["launcher=nonsense"], ["launcher/nonsense", "joblib"]),
    ],
    ids=lambda value: value[0],
)
def test_a_wrong_setting_ends_the_sweep_before_its_first_job(
    overrides: list[str], parts: list[str], sweep: Sweep, tmp_path: Path
) -> None:
    assert_one_line(sweep(*overrides, "x=1.0,2.0"), *parts)
    assert not (tmp_path / "sweep" / "0").exists()


def test_a_search_without_parameters_is_refused(sweep: Sweep) -> None:
    assert_one_line(sweep("search=optuna", "x=1.0"), "search=optuna has nothing to search", "search=basics")


@pytest.mark.parametrize(
    ("choice", "extra"),
    [
        ("search=optuna", "sweeps"),
        ("hydra/sweeper=optuna", "sweeps"),
        ("launcher=joblib", "sweeps"),
        ("launcher=slurm", "slurm"),
        ("launcher=ray", "ray"),
    ],
)
def test_a_missing_plugin_is_named_with_the_command_that_installs_it(
    choice: str, extra: str, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No plugin of Hydra can be imported.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['hydra_plugins'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    assert_one_line(sweep(choice, "x=1.0,2.0"), "is not installed", f"pip install 'segdrone[{extra}]'")


@pytest.mark.parametrize("arguments", [["--help"], ["data.root=x", "--cfg", "job"]], ids=lambda value: value[0])
def test_output_that_nobody_reads_ends_the_command_without_a_word(arguments: list[str], tmp_path: Path) -> None:
    """As in `segdrone train --help | head`."""
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-u", "-m", "segdrone", "train", *arguments], cwd=tmp_path, stdout=writer,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")
