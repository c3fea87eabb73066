import csv
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image

from segdrone.sweep import Sweep, read_sweep, report, winning_command
from tests.helpers.commands import REPO
from tests.helpers.sweep_folders import write_job


def report_of(sweep: Path, capsys: pytest.CaptureFixture[str]) -> str:
    read = read_sweep(sweep)
    assert isinstance(read, Sweep)
    report(read)
    return capsys.readouterr().out


def write_three_jobs(sweep: Path) -> None:
    write_job(sweep, "0", ["output_dir=x", "optimizer.lr=1e-3", "augment=flips"], 0.25, miou=0.5, dice=0.625)
    write_job(sweep, "1", ["output_dir=x", "optimizer.lr=1e-2", "augment=[mean]"], 0.75, miou=0.125, dice=0.375)
    write_job(sweep, "2", ["output_dir=x", "optimizer.lr=1e-1", "augment=flips"], failure="the disk is full")


def test_the_table_is_sorted_best_first_and_failed_jobs_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_three_jobs(tmp_path)
    text = report_of(tmp_path, capsys)
    lines = text.splitlines()
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert [row[:5] for row in rows] == [
        ["1", "0.01", "[mean]", "0.7500", "0.1250"],
        ["0", "0.001", "flips", "0.2500", "0.5000"],
    ]
    assert "3 jobs in" in text and ", 1 without a score" in text
    assert "no score: job 2 (optimizer.lr=0.1 augment=flips): the disk is full" in lines
    assert lines[-2].startswith("best: job 1 (optimizer.lr=0.01 augment=[mean]) with val/miou 0.7500")
    assert lines[-1] == "segdrone train optimizer.lr=1e-2 'augment=[mean]'"


def test_the_csv_has_one_column_per_parameter_and_one_row_per_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_three_jobs(tmp_path)
    report_of(tmp_path, capsys)
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [(row["job"], row["optimizer.lr"], row["augment"], row["reached"], row["error"]) for row in rows] == [
        ("1", "0.01", "[mean]", "0.75", ""),
        ("0", "0.001", "flips", "0.25", ""),
        ("2", "0.1", "flips", "nan", "the disk is full"),
    ]
    assert {row["objective"] for row in rows} == {"val/miou"}
    assert rows[0]["dice"] == "0.375"


def test_the_plot_is_drawn_if_an_option_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_three_jobs(tmp_path / "three")
    report_of(tmp_path / "three", capsys)
    with Image.open(tmp_path / "three" / "sweep.png") as image:
        assert image.format == "PNG"
    write_job(tmp_path / "one", "0", ["seed=1"], 0.5)
    assert "best: job 0" in report_of(tmp_path / "one", capsys)
    assert not (tmp_path / "one" / "sweep.png").exists()


def test_a_sweep_without_scores_has_no_best_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_job(tmp_path, "0", ["seed=1"], failure="no photographs")
    write_job(tmp_path, "1", ["seed=2"])
    text = report_of(tmp_path, capsys)
    assert "job 0 (seed=1): no photographs" in text
    assert "best" not in text
    assert len(list(csv.DictReader((tmp_path / "comparison.csv").open()))) == 2


def test_the_command_gives_the_same_config_as_a_single_run(tmp_path: Path) -> None:
    given = [
        "search=optuna", "launcher=joblib", "output_dir='/a sweep'", "data.root='/my photos/it\\'s $HOME'",
        "data.image_size=[64,96]", "+trainer.val_check_interval=0.5", "~callbacks.early_stopping",
        "optimizer.lr=0.0005611516415334506", "data.classes=\"a=b.csv\"",
    ]  # fmt: skip
    write_job(tmp_path, "0", given, 0.5)
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    program, subcommand, *overrides = shlex.split(winning_command(sweep.scored[0]))
    assert (program, subcommand) == ("segdrone", "train")
    with initialize_config_dir(str(REPO / "conf"), version_base="1.3"):
        cfg = compose("train", overrides)
        job = compose("train", given[3:])
    assert OmegaConf.to_container(cfg) == OmegaConf.to_container(job)
    assert cfg.data.root == "/my photos/it's $HOME"
    assert not any(word in " ".join(overrides) for word in ("sweep", "search", "launcher"))


def test_the_command_names_other_configuration_files(tmp_path: Path) -> None:
    write_job(tmp_path, "0", ["seed=1"], 0.5)
    sources = [{"path": str(tmp_path), "provider": provider} for provider in ("main", "command-line")]
    hydra = {"job": {"config_name": "mine"}, "runtime": {"config_sources": sources}}
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), tmp_path / "0" / ".hydra" / "hydra.yaml")
    sweep = read_sweep(tmp_path)
    assert sweep is not None
    assert shlex.split(winning_command(sweep.scored[0])) == [
        "segdrone", "train", f"--config-path={tmp_path}", "--config-name=mine", f"--config-dir={tmp_path}", "seed=1",
    ]  # fmt: skip


def test_jobs_that_are_ranked_by_different_scores_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_job(tmp_path, "0", ["seed=1"], 0.5)
    assert "warning" not in report_of(tmp_path, capsys)
    write_job(tmp_path, "1", ["data.val_share=0"], 0.75, objective="train/miou")
    assert "warning: jobs are ranked by train/miou, val/miou: some had no val" in report_of(tmp_path, capsys)


def test_jobs_that_were_validated_on_different_pixels_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"root": "a", "sampling": "tiles", "scale": 0.5, "image_size": [64, 96], "batch_size": 2, "split_seed": 1}
    write_job(tmp_path, "0", ["data.split_seed=1"], 0.5, data=data)
    write_job(tmp_path, "1", ["data.batch_size=4"], 0.6, data={**data, "batch_size": 4, "image_size": [8, 8]})
    write_job(tmp_path, "2", ["data.root=c"], data={**data, "root": "c"}, failure="none")
    assert "warning" not in report_of(tmp_path, capsys)
    write_job(tmp_path, "3", ["data.split_seed=2"], 0.7, data={**data, "split_seed": 2, "class_groups": "drone12"})
    assert "warning: jobs differ in data.class_groups, data.split_seed, so their val/miou" in report_of(
        tmp_path, capsys
    )


def test_a_resumed_job_names_the_same_folder_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, root in (("0", "photographs"), ("1", str(tmp_path / "photographs"))):
        write_job(tmp_path, name, [f"seed={name}"], 0.5, data={"root": root})
        hydra = {"hydra": {"runtime": {"cwd": str(tmp_path)}}}
        OmegaConf.save(OmegaConf.create(hydra), tmp_path / name / ".hydra" / "hydra.yaml")
    assert "warning" not in report_of(tmp_path, capsys)
    write_job(tmp_path, "2", ["seed=2"], 0.5, data={"root": str(tmp_path / "others")})
    assert "warning: jobs differ in data.root" in report_of(tmp_path, capsys)


def test_jobs_whose_validation_photographs_were_augmented_otherwise_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by `experiment=article,baseline`: the recipe of the tutorial distorts them."""
    write_job(tmp_path, "0", ["augment=light"], 0.5, augment={"train": [{"transform": "VerticalFlip"}], "val": []})
    write_job(tmp_path, "1", ["augment=none"], 0.4, augment={"train": []})
    assert "warning" not in report_of(tmp_path, capsys)
    write_job(tmp_path, "2", ["augment=article_val"], 0.4, augment={"val": [{"transform": "GridDistortion"}]})
    assert "warning: jobs differ in augment.val, so their val/miou is not of" in report_of(tmp_path, capsys)


def test_the_size_of_batches_matters_where_validation_ends_after_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, limit in (("all", 1.0), ("one", 1), ("half", 0.5)):
        for size in (2, 4):
            data, trainer = {"batch_size": size}, {"limit_val_batches": limit}
            write_job(tmp_path / folder, str(size), [f"data.batch_size={size}"], 0.5, data=data, trainer=trainer)
    assert "warning" not in report_of(tmp_path / "all", capsys)
    for folder in ("one", "half"):
        assert "warning: jobs differ in data.batch_size, so their val/miou" in report_of(tmp_path / folder, capsys)


def test_jobs_of_which_one_holds_out_all_labeled_photographs_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for unlabeled in (False, True):
        write_job(tmp_path, str(int(unlabeled)), ["x=1"], 0.5, data={"root": "a", "unlabeled": unlabeled})
    assert "warning: jobs differ in data.unlabeled, so their val/miou" in report_of(tmp_path, capsys)


def test_jobs_that_are_ranked_by_different_losses_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, objective in (("losses", "val/loss"), ("scores", "val/miou")):
        write_job(tmp_path / folder, "0", ["loss=ce"], 0.5, objective=objective, loss={"name": "ce"})
        write_job(tmp_path / folder, "1", ["loss=dice"], 0.4, objective=objective, loss={"name": "dice"})
    assert "warning: jobs differ in loss, so their val/loss is not of" in report_of(tmp_path / "losses", capsys)
    assert "warning" not in report_of(tmp_path / "scores", capsys)


def test_the_table_says_which_photographs_were_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_job(tmp_path, "0", ["seed=1"], 0.5, miou=0.5, split="test")
    assert "those of the test photographs" in " ".join(report_of(tmp_path, capsys).split())
    write_job(tmp_path, "1", ["seed=2"], 0.6, miou=0.6, split="val")
    assert "those of the test and val photographs" in " ".join(report_of(tmp_path, capsys).split())
