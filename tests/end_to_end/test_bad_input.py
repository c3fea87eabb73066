"""A mistake in the input or the configuration ends each command with one line."""

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from segdrone.errors import SegdroneError
from segdrone.training import train
from tests.helpers.commands import Command, assert_one_line
from tests.helpers.small_run import compose_config, small

IMAGES, MASKS = "original_images", "label_images_semantic"


def _no_masks(root: Path) -> None:
    (root / MASKS / "003.png").unlink()
    (root / IMAGES / "005.jpg").unlink()


def _empty(root: Path) -> None:
    for path in (root / IMAGES).iterdir():
        path.unlink()


def _truncate(root: Path) -> None:
    for path in (root / IMAGES).iterdir():  # each split has one
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _text(root: Path) -> None:
    (root / IMAGES / "003.jpg").write_text("not a photograph")


def _mask_of_another_size(root: Path) -> None:
    cv2.imwrite(str(root / MASKS / "003.png"), np.zeros((32, 48), np.uint8))


def _unknown_id(root: Path) -> None:
    for path in (root / MASKS).iterdir():
        mask = np.zeros((64, 96), np.uint8)
        mask[:2, :5] = 77
        cv2.imwrite(str(path), mask)


def _unknown_color(root: Path) -> None:
    for path in (root / MASKS).iterdir():
        mask = np.zeros((64, 96, 3), np.uint8)
        mask[:2, :5] = (3, 2, 1)  # OpenCV writes blue first
        cv2.imwrite(str(path), mask)


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (shutil.rmtree, ["does not exist", "data=sample", "data.root=FOLDER", "data.download=true"]),
        (_empty, ["holds no images", "give the folder that does"]),
        (_no_masks, ["003.jpg", "without a mask", "005.png", "without a photograph", "data.allow_unpaired=true"]),
        (_text, ["003.jpg is not an image", "replace or remove"]),
        (_mask_of_another_size, ["003.png is 48 x 32", "96 x 64", "export the mask again"]),
        (_truncate, [".jpg cannot be decoded", "truncated", "copy it again"]),
        (_unknown_id, [".png holds id 77 (10 pixels)", "23 classes", "data.classes"]),
        (_unknown_color, [".png holds color rgb(1, 2, 3) (10 pixels)", "data.classes"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_dataset(damage: Callable[[Path], None], parts: list[str], scenes: Path, tmp_path: Path) -> None:
    damage(scenes)
    assert_refused(compose_config("train", *small(scenes, tmp_path / "run")), str(scenes), *parts)


def assert_refused(cfg: DictConfig, *parts: str) -> None:
    """Assert that training refuses a config with an error that a command prints as one line."""
    with pytest.raises(SegdroneError) as error:
        train(cfg)
    for part in parts:
        assert part in str(error.value)


def test_error_in_a_dataloader_worker_is_the_same_line(scenes: Path, tmp_path: Path, command: Command) -> None:
    _truncate(scenes)
    result = command("train.py", *small(scenes, tmp_path / "run"), "data.num_workers=1")
    assert_one_line(result, ".jpg cannot be decoded", "copy it again")


def test_unpaired_files_can_be_skipped(scenes: Path, tmp_path: Path, command: Command) -> None:
    _no_masks(scenes)
    result = command("train.py", *small(scenes, tmp_path / "run"), "data.allow_unpaired=true")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "metrics.json").is_file()


def _doubled_class_id(root: Path) -> list[str]:
    (root / "t.csv").write_text("id, name, r, g, b\n0, a, 1, 2, 3\n0, b, 4, 5, 6\n")
    return [f"data.classes={root}/t.csv"]


def _missing_split_id(root: Path) -> list[str]:
    (root / "splits").mkdir()
    (root / "splits" / "train.txt").write_text("001\n002\n999")
    return [f"data.split_dir={root}/splits"]


def _id_in_two_splits(root: Path) -> list[str]:
    (root / "splits").mkdir()
    (root / "splits" / "train.txt").write_text("001\n002\n003")
    (root / "splits" / "val.txt").write_text("003\n004")
    return [f"data.split_dir={root}/splits"]


@pytest.mark.parametrize(
    ("mistake", "parts"),
    [
        (_doubled_class_id, ["t.csv", "id 0", "must differ"]),
        (_missing_split_id, ["train.txt", "999", "do not exist"]),
        (_id_in_two_splits, ["003", "train.txt", "val.txt", "list it once"]),
        (lambda root: ["data.batch_size=50"], ["data.batch_size=50", "15 training samples", "lower it"]),
        (lambda root: ["callbacks=[default,swa,ema]"], ["callbacks.averaging cannot be built", "start"]),
        (lambda root: ["model.encoder_name=hf-hub:someone/model"], ["model.encoder_name", "unknown"]),
        (lambda root: ["model.encoder_weights=imagenet"], ["could not be downloaded", "model.encoder_weights=null"]),
        (lambda root: [f"model.encoder_weights={root}/none.pth"], ["none.pth does not exist"]),
        (lambda root: ["data.image_size=256"], ["data.image_size=256", "whole numbers"]),
        (lambda root: ["seed=-1"], ["seed=-1", "whole number"]),
        (lambda root: ["ckpt_path=none.ckpt"], ["the checkpoint none.ckpt does not exist"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else getattr(value, "__name__", ""),
)
def test_an_invalid_choice(
    mistake: Callable[[Path], list[str]], parts: list[str], scenes: Path, tmp_path: Path
) -> None:
    assert_refused(compose_config("train", *small(scenes, tmp_path / "run"), *mistake(scenes)), *parts)


@pytest.mark.parametrize(
    ("mistake", "parts"),
    [
        ("trainer.max_epoch=3", ["trainer.max_epoch"]),
        ("optimiser.lr=3", ["optimiser.lr is not a known setting", "--help"]),
        ("optimizer.lr", ["optimizer.lr is not a setting", "KEY=VALUE"]),
        ("callbacks=null", ["a config group, such as callbacks="]),
        ("model=unet_resnet", ["model/unet_resnet"]),
        ("data.root=~/flights", ["data.root=~/flights", "needs quotes of its own", "FOLDER"]),
        ("seed=-1", ["seed=-1", "whole number"]),
        ("output_dir=file.txt/x", ["file.txt", "give another output_dir"]),
    ],
)
def test_an_invalid_override(mistake: str, parts: list[str], tmp_path: Path, command: Command) -> None:
    (tmp_path / "file.txt").touch()
    assert_one_line(command("train.py", *small(tmp_path, tmp_path / "run"), mistake), *parts)


@pytest.fixture
def checkpoint(trained_run: Path) -> Path:
    return trained_run / "checkpoints" / "best.ckpt"


def test_checkpoint_of_other_classes(checkpoint: Path, scenes: Path, tmp_path: Path, command: Command) -> None:
    table = scenes / "two.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("name", "r", "g", "b"), ("land", 0, 0, 0), ("water", 0, 0, 255)])
    result = command("evaluate.py", f"ckpt_path={checkpoint}", f"data.root={scenes}", f"data.classes={table}")
    assert_one_line(
        result, "are land, water", "those of the checkpoint are unlabeled, paved-area", "the latter lack land"
    )
    for path in (scenes / MASKS).iterdir():
        cv2.imwrite(str(path), np.eye(64, 96, dtype=np.uint8))
    result = command("train.py", *small(scenes, tmp_path / "run"), f"data.classes={table}", f"ckpt_path={checkpoint}")
    assert_one_line(result, "23 classes", "has 2", "init_from=")


def test_checkpoint_cut_short(checkpoint: Path, tmp_path: Path, command: Command) -> None:
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes(checkpoint.read_bytes()[: checkpoint.stat().st_size // 2])
    assert_one_line(command("evaluate.py", f"ckpt_path={cut}"), "cut.ckpt is truncated", "copy it again")


class _Trap:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch trapped",)


def test_checkpoint_that_would_run_code(tmp_path: Path, command: Command) -> None:
    torch.save({"state_dict": {}, "hyper_parameters": _Trap()}, tmp_path / "trap.ckpt")
    result = command("evaluate.py", f"ckpt_path={tmp_path / 'trap.ckpt'}")
    assert_one_line(result, "trap.ckpt", "could run code")
    assert not (tmp_path / "trapped").exists()


def test_evaluation_without_a_checkpoint(command: Command) -> None:
    assert_one_line(command("evaluate.py"), "give one of these to score: ckpt_path=")


def test_evaluation_of_other_photographs(checkpoint: Path, scenes: Path, command: Command) -> None:
    for folder in (IMAGES, MASKS):
        for path in (scenes / folder).iterdir():
            path.rename(path.with_stem(f"other{path.stem}"))
    result = command("evaluate.py", f"ckpt_path={checkpoint}", f"data.root={scenes}")
    assert_one_line(result, "not in data.root", "split=all")


def test_full_disk_leaves_the_previous_checkpoint(
    trained_run: Path, scenes: Path, tmp_path: Path, command: Command
) -> None:
    run = Path(shutil.copytree(trained_run, tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    resumed = [*small(scenes, run), "trainer.max_epochs=2", f"ckpt_path={run}/checkpoints/last.ckpt"]
    result = command("train.py", *resumed, file_size_limit=len(before["best.ckpt"]) // 2)
    assert_one_line(result, "could not be written", "free some disk space", f"ckpt_path={run}/checkpoints/last.ckpt")
    assert {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 0


@pytest.mark.parametrize("arguments", [["--size", "big"], ["--size", "10x10"], ["--count", "0"]])
def test_sample_command(arguments: list[str], tmp_path: Path, command: Command) -> None:
    assert_one_line(command("segdrone", "data", "sample", tmp_path / "out", *arguments))
