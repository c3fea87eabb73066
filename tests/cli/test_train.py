"""`segdrone train` and `segdrone evaluate` as a user runs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.helpers.commands import Command, assert_one_line
from tests.helpers.small_run import small

RECIPE = """# @package _global_
# A recipe of one's own.
trainer: {max_epochs: 1, limit_train_batches: 1, limit_val_batches: 1, limit_test_batches: 1}
callbacks: {pictures: null, curves: null, progress_bar: null}
seed: 7
"""
DDP = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """A folder of configuration files outside of conf/, with the recipe experiment=mine."""
    folder = tmp_path / "my recipes" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(RECIPE)
    return folder.parent


def run_settings(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "run.json").read_text())
    assert isinstance(content, dict)
    return content


def test_a_rendered_sample_can_be_trained_on_and_scored_in_an_empty_folder(tmp_path: Path, command: Command) -> None:
    overrides = [*small(Path("datasets/tiny"), Path("run")), "trainer.limit_train_batches=2"]
    sample = ["data=sample", "data.sample={count:12,height:64,width:96,seed:0}"]
    trained = command("segdrone", "train", *sample, *overrides)
    assert trained.returncode == 0, trained.stderr
    assert "mIoU" in trained.stdout
    run = tmp_path / "run"
    assert {"metrics.json", "run.json", "train.log"} <= {path.name for path in run.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == {"datasets", "run"}

    choices = ["ckpt_path=run/checkpoints/best.ckpt", "data.num_workers=0", "output_dir=scored"]
    scored = command("segdrone", "evaluate", *choices)
    assert scored.returncode == 0, scored.stderr
    metrics = [json.loads((tmp_path / folder / "metrics.json").read_text()) for folder in ("run", "scored")]
    assert (
        "1 class is absent from all 12 masks" in metrics[0]["warnings"][0]
    )  # training looks at the masks of all splits
    assert {**metrics[0], "warnings": []} == metrics[1]


@pytest.mark.slow
def test_each_job_of_a_sweep_trains_in_two_processes_with_the_recipe_of_another_folder(
    all_scenes: Path, recipes: Path, tmp_path: Path, command: Command
) -> None:
    overrides = [override for override in small(all_scenes, tmp_path / "sweep") if override != "trainer=cpu"]
    search = ["search=optuna", "hydra.sweeper.n_trials=2", "optimizer.lr=1e-3,2e-3"]
    result = command("segdrone", "train", "experiment=mine", *DDP, *overrides, *search, "--config-dir", recipes.name)
    assert result.returncode == 0, result.stderr
    for job in ("0", "1"):
        settings = run_settings(tmp_path / "sweep" / job)
        assert (settings["processes"], settings["seed"]) == (2, 7)
        assert f"segdrone train '--config-dir={recipes}' " in str(settings["command"])
    assert result.stdout.count("photographs of the test split") == 2
    assert "best: job " in result.stdout
    assert (tmp_path / "sweep" / "comparison.csv").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"my recipes", "sweep"}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["train", "optimiser.lr=1"], ["optimiser.lr is not a known setting: fix the name", "--help"]),
        (["train", "data.root=nowhere", "data.root"], ["data.root is not a setting: give KEY=VALUE"]),
        (["train", "experiment=mine"], ["experiment/mine", "laptop"]),
        (["train", "--epochs", "3"], ["--epochs is not an option: give settings as KEY=VALUE"]),
        (["train", "--config-dir"], ["--config-dir", "expected one argument"]),
        (["train", "--config-dir", "nowhere"], ["nowhere' not found"]),
        (["train", "data.root=nowhere", "trainer=cpu"], ["nowhere does not exist"]),
        (["evaluate"], ["give one of these to score: ckpt_path="]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_an_error_is_one_line(arguments: list[str], parts: list[str], command: Command) -> None:
    assert_one_line(command("segdrone", *arguments), *parts)


@pytest.mark.parametrize("arguments", [["train", "optimiser.lr=1"], ["sweep", "nowhere"]], ids=lambda value: value[0])
def test_debug_shows_the_traceback(arguments: list[str], command: Command) -> None:
    result = command("segdrone", "--debug", *arguments)
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_options_may_stand_between_settings(command: Command) -> None:
    result = command("segdrone", "train", "seed=3", "--cfg", "job", "data.root=x", "--package", "data")
    assert result.returncode == 0, result.stderr
    assert "root: x" in result.stdout
    assert "seed: 3" not in result.stdout


def test_help_lists_the_recipes_of_a_folder_and_applies_settings(recipes: Path, command: Command) -> None:
    result = command("segdrone", "train", "--help", "--config-dir", recipes, "optimizer=sgd")
    assert result.returncode == 0, result.stderr
    groups = dict(line.split(": ", 1) for line in result.stdout.splitlines() if ": " in line and line[0] != " ")
    assert {"mine", "laptop", "demo"} <= set(groups["experiment"].split(", "))
    assert "momentum: 0.9" in result.stdout


def test_help_of_train_and_of_the_script_are_the_same(command: Command) -> None:
    outputs = [command(*start, "--help").stdout for start in (["segdrone", "train"], ["train.py"])]
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("Train a segmentation network")


def test_all_commands_are_listed_with_one_line_each(command: Command) -> None:
    result = command("segdrone", "--help", env={**os.environ, "COLUMNS": "120"})
    names = (
        "train", "evaluate", "predict", "export", "data", "weights", "geo", "compare", "serve", "monitor", "sweep",
        "segment", "ensemble",
    )  # fmt: skip
    for name in names:
        assert sum(line.strip("│ ").split(" ")[0] == name for line in result.stdout.splitlines()) == 1, name
    table = result.stdout[result.stdout.index("Commands") :].splitlines()
    assert len([line for line in table if line.startswith("│")]) == len(names)
