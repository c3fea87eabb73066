from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.trained_data import find_split
from segdrone.export.source import ExportSource
from segdrone.model.origin import trained_anywhere
from tests.helpers.small_dataset import write_set
from tests.helpers.training import THREE, tiny_checkpoint


def change(path: Path, data: dict[str, Any], **hparams: Any) -> Path:
    """Changes hyper-parameters of a checkpoint."""
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["hyper_parameters"].update(hparams)
    checkpoint["hyper_parameters"]["data"] = {**checkpoint["hyper_parameters"]["data"], **data}
    torch.save(checkpoint, path)
    return path


def test_a_description_names_no_folder_of_the_training(tmp_path: Path) -> None:
    home = "/home/anna"
    data = {
        "root": f"{home}/drone", "images": f"{home}/images", "masks": f"{home}/masks", "split_dir": f"{home}/lists",
        "cache_dir": f"{home}/cache", "classes": f"{home}/classes.csv",
    }  # fmt: skip
    path = change(tiny_checkpoint(tmp_path / "a.ckpt"), data, split_by=f"by the lists in {home}/lists")
    described = ExportSource(path).describe("fp32")
    assert "anna" not in described.to_json()
    assert described.training is not None and described.training["split_by"] == "by the lists in lists"


def test_a_description_holds_what_an_evaluation_needs(tmp_path: Path) -> None:
    data = {"test_image_size": [96, 128], "mask_encoding": "colours", "num_workers": 7}
    splits = {"train": ["a"], "val": ["b"], "test": []}
    path = change(tiny_checkpoint(tmp_path / "a.ckpt"), data, splits=splits)
    training = ExportSource(path).describe("int8").training
    assert training is not None and training["splits"] == splits
    assert training["data"]["test_image_size"] == [96, 128] and training["data"]["mask_encoding"] == "colours"
    assert "num_workers" not in training["data"]  # of the machine that trained


def test_an_adapted_model_is_evaluated_beside_photographs_without_masks(tmp_path: Path) -> None:
    root, splits = write_set(tmp_path / "set"), {"train": ["000"], "val": ["001"], "test": []}
    (root / "masks" / "000.png").unlink()
    names = replace(THREE, names=("grass", "road", "roof"))
    path = change(tiny_checkpoint(tmp_path / "a.ckpt", names), {"unlabeled": True}, splits=splits)
    source = ExportSource(path)
    training = source.describe("fp32").training
    assert training is not None
    opened = find_split(source.spec, training, "val", {"root": str(root)})
    assert [pair.id for pair in opened.splits["val"]] == ["001"]


@pytest.mark.parametrize("names", [("grass", "road", "roof"), ("grass", "road", "pool")])
def test_why_photographs_cannot_be_opened_names_no_option_of_an_evaluation(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    """They are missing, or their masks have other classes than in training."""
    root, splits = write_set(tmp_path / "set"), {"train": ["000"], "val": ["missing"], "test": []}
    path = change(tiny_checkpoint(tmp_path / "a.ckpt", replace(THREE, names=names)), {"root": str(root)}, splits=splits)
    with pytest.raises(DataError, match=r"cannot be opened \(.*[^)]\): give their dataset by --data FOLDER$") as error:
        ExportSource(path).open_split("val")
    assert "split=" not in str(error.value) and "data.classes" not in str(error.value)


def test_a_description_names_what_was_trained_on_elsewhere_without_its_folder(tmp_path: Path) -> None:
    elsewhere = [{"root": "/home/anna/a", "photographs": ["2", "1"]}, {"root": "/home/anna/b", "photographs": ["3"]}]
    origin = {"checkpoint": "/home/anna/first.ckpt", "sha256": "9", "trained_on": elsewhere}
    path = change(tiny_checkpoint(tmp_path / "a.ckpt"), {}, splits={"train": ["4"]}, origin=origin)
    described = ExportSource(path).describe("fp32")
    assert described.training is not None and trained_anywhere(described.training) == {"1", "2", "3", "4"}
    assert "anna" not in described.to_json()


def test_a_window_that_the_network_does_not_take_is_refused_with_the_next_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--window 100x60 is no size of this network: .* such as 128x64"):
        ExportSource(tiny_checkpoint(tmp_path / "a.ckpt"), (60, 100))
