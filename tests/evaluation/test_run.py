import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from segdrone.classes import DRONE, ClassTable
from segdrone.data.splits.split import random_split
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation import evaluate
from segdrone.evaluation.trained_data import find_split
from segdrone.spec import ModelSpec
from tests.helpers.adapting import adapt_config, write_photographs
from tests.helpers.small_run import Compose, compose_config, fit_config


@pytest.fixture
def trained(trained_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


def _evaluate(trained: Path, *overrides: str) -> dict[str, Any]:
    out = trained.parent / "evaluation"
    run = [f"ckpt_path={trained}/checkpoints/best.ckpt", f"output_dir={out}", "trainer=cpu", "pictures=null"]
    metrics = evaluate(compose_config("evaluate", *run, *overrides))
    assert json.loads((out / "metrics.json").read_text()) == metrics
    return metrics


def test_a_checkpoint_alone_gets_the_scores_that_training_reported(trained: Path) -> None:
    metrics = _evaluate(trained, "pictures=1")
    reported = json.loads((trained / "metrics.json").read_text())
    assert metrics.pop("warnings") == []  # those of the training are about the training's masks
    assert metrics == {key: value for key, value in reported.items() if key != "warnings"}
    assert {path.name for path in (trained.parent / "evaluation" / "figures").iterdir()} == {
        "confusion.png", "best.png", "worst.png", "reliability.png", "recall_by_size.png",
    }  # fmt: skip


def test_hardware_that_is_missing_is_one_line(trained: Path) -> None:
    with pytest.raises(ConfigError, match=r"^conf/trainer: Lightning refuses these options \([^\n]*accelerator"):
        _evaluate(trained, "trainer.accelerator=abacus")


@pytest.mark.parametrize("method", ["__init__", "write", "flush"])
def test_scores_do_not_wait_for_tensorboard(
    method: str, trained: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    monkeypatch.setattr(f"tensorboard.summary.writer.record_writer.RecordWriter.{method}", fail)
    assert _evaluate(trained)["miou"] == json.loads((trained / "metrics.json").read_text())["miou"]
    assert [text for text in caplog.messages if "tensorboard" in text] == [
        "tensorboard/ cannot be written (No space left on device): the run goes on without; free some disk space"
    ]
    assert not printed


def test_split_all_scores_every_photograph_of_another_folder_and_names_those_trained_on(
    trained: Path, all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other, learned = tmp_path / "other", random_split([f"{i:03d}" for i in range(20)])["train"][:2]
    for folder in ("original_images", "label_images_semantic"):
        (other / folder / "north").mkdir(parents=True)
        (other / folder / "south").mkdir()
        for path in sorted((all_scenes / folder).iterdir()):
            if path.stem in learned:
                shutil.copy(path, other / folder / "north")
        for place in ("north", "south"):  # a name that occurs twice gives all of them folders
            shutil.copy(path, other / folder / place / f"x{path.name}")
    metrics = _evaluate(trained, f"data.root={other}", "split=all")
    assert metrics["photographs"] == 4
    assert "2 of these photographs have the names of photographs that were trained on" in caplog.text


def test_photographs_of_the_place_that_a_model_was_adapted_from_are_named(
    trained_run: Path, all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photographs = write_photographs(tmp_path / "photographs", all_scenes, 4)
    adapted = tmp_path / "run"
    fit_config(adapt_config(trained_run, photographs, adapted, recipe="adapt_bn"))
    assert 0 <= _evaluate(adapted, f"data.root={all_scenes}", "split=all")["miou"] <= 1
    assert "15 of these photographs were trained on earlier" in caplog.text
    with pytest.raises(DataError, match="nothing there holds masks|the test split is empty"):
        _evaluate(adapted)


def test_photographs_that_were_trained_on_in_a_folder_of_another_place_are_named(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = trained / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    tested = checkpoint["hyper_parameters"]["splits"]["test"]
    elsewhere = [{"root": "/moved", "photographs": tested}]
    checkpoint["hyper_parameters"]["origin"] = {"checkpoint": None, "sha256": None, "trained_on": elsewhere}
    torch.save(checkpoint, path)
    _evaluate(trained)
    assert f"{len(tested)} of these photographs have the names of photographs that were trained on" in caplog.text


def test_photographs_that_were_trained_on_earlier_do_not_hide_its_own(
    trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = trained / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    splits, root = checkpoint["hyper_parameters"]["splits"], checkpoint["hyper_parameters"]["data"]["root"]
    earlier = [{"root": root, "photographs": [*splits["test"], splits["train"][0]]}]
    checkpoint["hyper_parameters"]["origin"] = {"checkpoint": None, "sha256": None, "trained_on": earlier}
    torch.save(checkpoint, path)
    _evaluate(trained, "split=all")
    number, others = len(splits["test"]) + 1, len(splits["train"]) - 1
    assert f"{number} of these photographs were trained on earlier" in caplog.text
    assert f"teachers, and {others} others by itself: their scores are not a test" in caplog.text


def test_photographs_of_another_folder_are_not_said_to_be_those_of_the_training(
    trained: Path, scenes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = [f"data.images={scenes}/original_images", f"data.masks={scenes}/label_images_semantic"]
    _evaluate(trained, "split=all", *given)  # the root stays that of the training
    assert "15 of these photographs have the names of photographs that were trained on" in caplog.text


def test_a_split_needs_only_its_own_photographs(trained: Path, scenes: Path) -> None:
    before = json.loads((trained / "metrics.json").read_text())
    tested = random_split([f"{i:03d}" for i in range(20)])["test"]
    (warning,) = _evaluate(trained, f"data.root={scenes}")["warnings"]
    assert warning.startswith(f"{len(tested)} of the 20 photographs are scored, which have the names of the test split")
    for path in [*scenes.rglob("*.jpg"), *scenes.rglob("*.png")]:
        if path.stem not in tested:
            path.unlink()
    after = _evaluate(trained, f"data.root={scenes}")
    assert (after["iou"], after["warnings"]) == (before["iou"], [])


def test_tiles_score_every_pixel_once(trained: Path) -> None:
    metrics = _evaluate(trained, "split=val", "data.sampling=tiles", "data.tile_size=[48,80]", "data.batch_size=2")
    assert metrics["photographs"] == 3
    assert sum(iou is not None for iou in metrics["iou"].values()) > 3


def test_a_split_that_the_checkpoint_lacks_is_an_error(small_config: Compose, tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "train.txt").write_text("000\n001\n002\n")
    (splits / "val.txt").write_text("003")
    fit_config(small_config(f"data.split_dir={splits}", "trainer.limit_train_batches=1"))
    with pytest.raises(DataError, match="the test split is empty.*split=all"):
        _evaluate(tmp_path / "run")


SPEC = ModelSpec(DRONE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), training_size=(64, 96))


def test_a_split_is_that_of_the_checkpoint_and_not_of_lists_that_changed(all_scenes: Path, tmp_path: Path) -> None:
    lists = {"root": str(all_scenes), "classes": DRONE.to_dict(), "split_dir": str(tmp_path)}
    training = {"data": lists, "splits": {"train": ["000", "001"], "val": ["003"]}}
    (tmp_path / "val.txt").write_text("000\n001\n")
    for _ in ("changed", "removed"):
        assert [pair.id for pair in find_split(SPEC, training, "val", {}).splits["val"]] == ["003"]
        (tmp_path / "val.txt").unlink(missing_ok=True)


def test_other_masks_of_the_same_photographs_have_classes_of_their_own(all_scenes: Path, tmp_path: Path) -> None:
    training = {"data": {"root": str(all_scenes), "classes": DRONE.to_dict()}, "splits": {}}
    masks = Path(shutil.copytree(all_scenes / "label_images_semantic", tmp_path / "masks"))
    (masks / "classes.csv").write_text(ClassTable(DRONE.names[::-1], DRONE.colours[::-1]).to_csv())
    same: list[dict[str, str]] = [{}, {"root": str(all_scenes)}]
    for overrides in same:
        assert find_split(SPEC, training, "all", overrides).encoding.source == DRONE
        folders = {"images": str(all_scenes / "original_images"), "masks": str(masks)}
        other = find_split(SPEC, training, "all", {**overrides, **folders}).encoding
        assert (other.source.names, other.table) == (DRONE.names[::-1], DRONE)


def test_a_folder_may_be_called_by_a_number(all_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = {"data": {"root": str(all_scenes), "classes": DRONE.to_dict()}, "splits": {}}
    (tmp_path / "2024").symlink_to(all_scenes)
    monkeypatch.chdir(tmp_path)
    assert len(find_split(SPEC, training, "all", {"root": 2024}).splits["all"]) == 20


def test_photographs_that_were_trained_on_are_reported(trained: Path, caplog: pytest.LogCaptureFixture) -> None:
    _evaluate(trained, "split=train")
    assert "15 of these photographs were trained on" in caplog.text


def test_a_checkpoint_cannot_make_evaluation_write_files_elsewhere(trained: Path, tmp_path: Path) -> None:
    path, elsewhere = trained / "checkpoints" / "best.ckpt", tmp_path / "elsewhere"
    checkpoint = torch.load(path, weights_only=True)
    data = checkpoint["hyper_parameters"]["data"]
    data |= {"cache": "disk", "cache_dir": str(elsewhere / "cache")}
    torch.save(checkpoint, path)
    assert _evaluate(trained)["photographs"] == 2
    data |= {"root": str(elsewhere / "scenes"), "sample": {"count": 9, "height": 64, "width": 96, "seed": 0}}
    torch.save(checkpoint, path)
    with pytest.raises(DataError, match="elsewhere/scenes does not exist: give data.root=FOLDER"):
        _evaluate(trained)
    data |= {"sample": None, "download": True}
    torch.save(checkpoint, path)
    with pytest.raises(DataError, match="elsewhere/scenes does not exist: give data.root=FOLDER"):
        _evaluate(trained)
    assert not elsewhere.exists()


def test_evaluation_replaces_the_earlier_one_when_it_is_finished(trained: Path, scenes: Path) -> None:
    out = trained.parent / "evaluation"

    def content() -> dict[str, bytes]:
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    _evaluate(trained, f"data.root={scenes}", "pictures=1")
    earlier = content()
    photographs = [*scenes.rglob("*.jpg")]
    whole = [path.read_bytes() for path in photographs]
    for path, data in zip(photographs, whole, strict=True):
        path.write_bytes(data[:-700])
    with pytest.raises(DataError, match="cannot be decoded"):
        _evaluate(trained, f"data.root={scenes}", "split=val")
    assert content() == earlier
    for path, data in zip(photographs, whole, strict=True):
        path.write_bytes(data)
    _evaluate(trained, f"data.root={scenes}", "split=val")
    later = content()
    assert earlier.keys() - later.keys() >= {"figures/best.png", "figures/worst.png", "report.html"}
    assert {*later} >= {"metrics.json", "per_class.csv", "confusion.csv", "counts.npz"}
    assert not [name for name in later if name.startswith(("figures/", "report"))]  # pictures=null
    assert not {name for name in earlier.keys() & later.keys() if "tfevents" in name}
