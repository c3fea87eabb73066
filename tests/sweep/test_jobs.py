import math
from pathlib import Path

import pytest

from segdrone.errors import ConfigError
from segdrone.sweep import clear_failure, note_failure, read_sweep
from tests.helpers.sweep_folders import write_job


def test_jobs_are_sorted_best_first_and_failed_ones_last(tmp_path: Path) -> None:
    for number, reached in enumerate([0.2, None, 0.5, 0.4]):
        write_job(tmp_path, str(number), [f"seed={number}"], reached, miou=0.1, dice=None)
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert (sweep.objective, sweep.direction) == ("val/miou", "maximize")
    assert [job.name for job in sweep.jobs] == ["2", "3", "0", "1"]
    assert [job.name for job in sweep.failed] == ["1"]
    assert sweep.scored[0].scores["miou"] == 0.1
    assert math.isnan(sweep.scored[0].scores["dice"]) and math.isnan(sweep.scored[0].scores["accuracy"])


def test_the_lowest_score_is_the_best_if_the_objective_is_minimized(tmp_path: Path) -> None:
    for number, reached in enumerate([0.4, 0.2, 0.5]):
        write_job(tmp_path, str(number), [f"seed={number}"], reached, direction="minimize")
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert [job.reached for job in sweep.scored] == [0.2, 0.4, 0.5]


def test_the_objective_is_the_metric_that_the_jobs_were_ranked_by(tmp_path: Path) -> None:
    write_job(tmp_path, "0", ["seed=0"], 0.4, objective="train/miou")
    sweep = read_sweep(tmp_path)
    assert sweep is not None and sweep.objective == "train/miou"
    write_job(tmp_path, "1", ["seed=1"], 0.2)
    sweep = read_sweep(tmp_path)
    assert sweep is not None and sweep.objective == "train/miou, val/miou"


def test_a_failure_is_one_line_however_far_the_job_got(tmp_path: Path) -> None:
    write_job(tmp_path, "0", ["seed=0"], failure="out of memory:\n  12 GB needed")
    write_job(tmp_path, "1", ["seed=1"], reached=0.3, failure="the disk is full")
    write_job(tmp_path, "10", ["seed=10"])
    write_job(tmp_path, "9", ["seed=9"])
    sweep = read_sweep(tmp_path)
    assert sweep is not None and not sweep.scored
    assert [(job.name, job.failure) for job in sweep.failed] == [
        ("0", "out of memory: 12 GB needed"),
        ("1", "the disk is full"),
        ("9", "it did not finish"),
        ("10", "it did not finish"),
    ]


def test_a_failure_can_be_cleared(tmp_path: Path) -> None:
    clear_failure(tmp_path)
    write_job(tmp_path, "0", ["seed=0"], reached=0.3)
    note_failure(tmp_path / "0", "no", "")
    clear_failure(tmp_path / "0")
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert [job.failure for job in sweep.jobs] == [None]


def test_only_options_that_differ_are_parameters(tmp_path: Path) -> None:
    fixed = ["data.root='/a b'", "trainer=cpu"]
    write_job(tmp_path, "0", [*fixed, "optimizer.lr=1e-3", "loss=ce", "data.image_size=[64,96]"], 0.1)
    write_job(tmp_path, "1", [*fixed, "optimizer.lr=3e-3", "loss=ce", "data.image_size=[32,48]"], 0.2)
    write_job(tmp_path, "2", [*fixed, "optimizer.lr=3e-3", "loss=ce", "data.image_size=[32,48]", "+new=true"], 0.3)
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert sweep.parameters() == ["optimizer.lr", "data.image_size", "+new"]
    first = next(job for job in sweep.jobs if job.name == "0")
    assert (first.choices["optimizer.lr"], first.choices["data.image_size"]) == (0.001, "[64,96]")
    assert next(job for job in sweep.jobs if job.name == "2").choices["+new"] == "True"


def test_a_deleted_key_is_not_a_choice(tmp_path: Path) -> None:
    write_job(tmp_path, "0", ["~callbacks.early_stopping", "seed=1"], 0.1)
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert sweep.jobs[0].choices == {"seed": 1}


def test_a_folder_without_jobs_is_not_a_sweep(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert read_sweep(tmp_path) is None
    assert read_sweep(tmp_path / "none") is None


def test_jobs_of_another_script_are_refused(tmp_path: Path) -> None:
    write_job(tmp_path, "0", ["split=val"])
    (tmp_path / "0" / ".hydra" / "config.yaml").write_text("split: val\n")
    with pytest.raises(ConfigError, match=r"0 is not a job of train\.py -m"):
        read_sweep(tmp_path)
