"""What a user reads of a sweep whose jobs fail, through a small script with the real doors and the real conf/."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REPO, Command, assert_one_line

SCRIPT = """
import json, os, signal
from pathlib import Path
import hydra
from segdrone.door import door, plain_errors
from segdrone.errors import ConfigError

@hydra.main(config_path="conf", config_name="app", version_base="1.3")
@plain_errors
def main(cfg):
    if cfg.kind == "mistaken":
        raise ConfigError("kind=mistaken cannot be carried out: choose fine")
    if cfg.kind == "greedy":
        bytearray(2**62)  # a MemoryError, as a network too large would raise
    if cfg.kind == "broken":
        raise RuntimeError("Caught it in worker 0.\\nTraceback (most recent call last):\\nRuntimeError: the end")
    if cfg.kind == "stopped":
        os.kill(os.getpid(), signal.SIGINT)
    value = float("nan") if cfg.kind == "diverged" else cfg.x
    reached = None if cfg.kind == "diverged" else value
    Path(cfg.output_dir, "run.json").write_text(json.dumps({"objective": cfg.objective, "reached": reached}))
    return value

if __name__ == "__main__":
    door(main)
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
  searchpath: ["file://{REPO}/conf"]
  run: {{dir: "${{output_dir}}"}}
  sweep: {{dir: "${{output_dir}}", subdir: "${{hydra.job.num}}"}}
  callbacks: {{comparison: {{_target_: segdrone.sweep.Comparison}}}}
"""
Sweep = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sweep(tmp_path: Path, command: Command) -> Sweep:
    """Runs the script as a sweep that writes to tmp_path/sweep."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "app.yaml").write_text(CONFIG)
    (tmp_path / "app.py").write_text(SCRIPT)
    return lambda *overrides, **options: command(str(tmp_path / "app.py"), "-m", *overrides, **options)


def told(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


OPTUNA = ["search=optuna", "hydra.sweeper.n_trials=8", "hydra.sweeper.sampler.seed=3"]  # which draws each kind below


@pytest.mark.parametrize("by", [[], OPTUNA, ["launcher=joblib"]], ids=["basic", "optuna", "joblib"])
def test_jobs_that_fail_are_named_and_the_best_of_the_rest_is_found(
    by: list[str], sweep: Sweep, tmp_path: Path
) -> None:
    result = sweep(*by, "kind=fine,mistaken,greedy,broken,diverged", "x=1.0,2.0")
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    rows = list(csv.DictReader((tmp_path / "sweep" / "comparison.csv").open()))
    assert {row["kind"] for row in rows} == {"fine", "mistaken", "greedy", "broken", "diverged"}
    reasons = {
        "mistaken": "kind=mistaken cannot be carried out: choose fine",
        "greedy": "MemoryError",
        "broken": "RuntimeError: the end",
        "diverged": "val/miou came out as nan",
        "fine": "",
    }
    for row in rows:
        assert row["error"] == reasons[row["kind"]]
    failed = [row for row in rows if row["kind"] != "fine"]
    assert sorted(told(result)) == sorted(f"error: job {row['job']}: {row['error']}" for row in failed)
    for row in failed:
        assert f"no score: job {row['job']} (kind={row['kind']} x={row['x'].rstrip('.0')}" in result.stdout
    best = max((row for row in rows if row["kind"] == "fine"), key=lambda row: float(row["x"]))
    assert f"best: job {best['job']} (" in result.stdout
    assert (tmp_path / "sweep" / "sweep.png").is_file()


def test_the_traceback_of_a_failed_job_lies_in_its_folder(sweep: Sweep, tmp_path: Path) -> None:
    result = sweep("kind=broken,fine")
    assert "Traceback" not in result.stderr
    written = (tmp_path / "sweep" / "0" / "error.txt").read_text()
    assert written.splitlines()[0] == "RuntimeError: the end"
    assert "app.py" in written and "in main" in written


def test_the_full_error_is_shown_where_it_is_asked_for_and_the_others_go_on(sweep: Sweep, tmp_path: Path) -> None:
    import os

    result = sweep("kind=broken,fine", env={**os.environ, "HYDRA_FULL_ERROR": "1"})
    assert result.returncode == 0
    assert "in main" in result.stderr
    assert "best: job 1" in result.stdout


@pytest.mark.parametrize("by", [[], ["search=optuna", "hydra.sweeper.n_trials=2"]], ids=["basic", "optuna"])
def test_a_sweep_without_any_score_is_a_failure(by: list[str], sweep: Sweep) -> None:
    result = sweep(*by, "kind=mistaken,diverged")
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert told(result)[-1].endswith("jobs reached a score: mend what is said of them above")
    assert "best" not in result.stdout


def test_a_sweep_that_compares_nothing_fails_where_a_job_did(sweep: Sweep) -> None:
    choices = ["~hydra.callbacks.comparison", "output_dir=done"]
    assert sweep("kind=fine", *choices).returncode == 0
    result = sweep("kind=mistaken,fine", *choices)
    assert result.returncode == 2
    assert told(result)[1:] == ["error: 1 of the jobs failed: mend what is said of them above"]


def test_the_lowest_wins_by_optuna_too(sweep: Sweep, tmp_path: Path) -> None:
    result = sweep(*OPTUNA, "direction=minimize", "x=1.0,2.0,3.0")
    assert result.returncode == 0, result.stderr
    assert "(x=1) with val/miou 1.0000" in result.stdout
    assert "best_value: 1.0" in (tmp_path / "sweep" / "optimization_results.yaml").read_text()


def test_an_interrupted_sweep_compares_what_was_done(sweep: Sweep) -> None:
    result = sweep("kind=fine,stopped,fine", "x=1.0,2.0")
    assert result.returncode == 130
    assert "Traceback" not in result.stderr
    assert "best: job 1 (kind=fine x=2)" in result.stdout
    assert "job 2 (kind=stopped x=1): it has not come to its end" in result.stdout
    assert "3 jobs in" in result.stdout
    nothing_done = sweep("kind=stopped,fine", "output_dir=other")
    assert nothing_done.returncode == 130
    assert told(nothing_done) == []


def test_jobs_of_an_earlier_sweep_are_left_alone(sweep: Sweep, tmp_path: Path) -> None:
    assert sweep("kind=fine").returncode == 0
    before = (tmp_path / "sweep" / "comparison.csv").read_text()
    assert_one_line(sweep("kind=mistaken"), "sweep holds the jobs of an earlier sweep", "another output_dir")
    assert (tmp_path / "sweep" / "comparison.csv").read_text() == before
    assert not (tmp_path / "sweep" / "0" / "error.txt").exists()


def test_a_single_run_still_ends_at_its_error(command: Command, sweep: Sweep, tmp_path: Path) -> None:
    assert_one_line(command(str(tmp_path / "app.py"), "kind=mistaken"), "choose fine")
    unexpected = command(str(tmp_path / "app.py"), "kind=broken")
    assert unexpected.returncode == 1
    assert "Traceback" in unexpected.stderr


@pytest.mark.parametrize(
    ("choices", "parts"),
    [
        (["direction=up"], ["direction=up", "maximize or minimize"]),
        (["hydra/sweeper=optuna"], ["hydra.sweeper.direction=minimize", "direction=maximize", "search=optuna"]),
        (["search=optuna", "direction=minimise"], ["direction=minimise"]),
        (["search=optuna", "hydra.sweeper.n_trials=0"], ["n_trials=0 must be a whole number from 1 up"]),
        (["launcher=slurm"], ["the sweep broke off", "srun", "HYDRA_FULL_ERROR=1"]),
        (["kinds=fine,nan"], ["kinds", "--help"]),
        (["launcher=nonsense"], ["launcher/nonsense", "joblib"]),
    ],
    ids=lambda value: value[0],
)
def test_a_mistake_ends_before_any_job(choices: list[str], parts: list[str], sweep: Sweep, tmp_path: Path) -> None:
    assert_one_line(sweep(*choices, "x=1.0,2.0"), *parts)
    assert not (tmp_path / "sweep" / "0").exists()


def test_a_search_of_nothing_is_a_mistake(sweep: Sweep) -> None:
    assert_one_line(sweep("search=optuna", "x=1.0"), "search=optuna has nothing to draw", "search=basics")


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
def test_a_plugin_that_is_missing_is_named_with_its_remedy(
    choice: str, extra: str, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An interpreter to which no plugin of Hydra is installed.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['hydra_plugins'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    assert_one_line(sweep(choice, "x=1.0,2.0"), "is not installed", f"pip install 'segdrone[{extra}]'")
