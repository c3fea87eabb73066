from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import CheckpointError
from segdrone.model import load_network, load_pretrained, read_checkpoint
from segdrone.model.combine import combine_checkpoints
from segdrone.model.origin import trained_elsewhere
from segdrone.model.weights_file import save_plain
from segdrone.runtime.torch_backend import TorchBackend
from tests.helpers.training import tiny_checkpoint, tiny_module


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("members")
    return [tiny_checkpoint(folder / f"{seed}.ckpt", seed=seed) for seed in range(2)]


def _changed(path: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    content = read_checkpoint(path)
    change(content["hyper_parameters"])
    save_plain(content, out)
    return out


def test_an_ensemble_predicts_the_mean(members: list[Path], tmp_path: Path) -> None:
    save_plain(combine_checkpoints(members), path := tmp_path / "two.ckpt")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 50, 70, 3), np.uint8)
    mean, first, second = (TorchBackend.from_checkpoint(file, device="cpu")(pixels) for file in (path, *members))
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-5)


def test_photographs_of_every_member_count_as_trained_on(members: list[Path], tmp_path: Path) -> None:
    def train_on(root: str, **splits: list[str]) -> Callable[[dict[str, Any]], None]:
        return lambda hparams: hparams.update(data={**hparams["data"], "root": root}, splits=splits)

    first = _changed(members[0], tmp_path / "a.ckpt", train_on("here", train=["1", "2"], val=["3", "4"]))
    second = _changed(members[1], tmp_path / "b.ckpt", train_on("here", train=["1", "3"], val=["2", "4"]))
    third = _changed(members[1], tmp_path / "c.ckpt", train_on("there", train=["9"], val=[]))
    hparams = combine_checkpoints([first, second, third])["hyper_parameters"]
    assert hparams["splits"] == {"train": ["1", "2", "3"], "val": ["4"]}
    assert hparams["split_by"].endswith("without photographs that another network of the ensemble was trained on")
    assert trained_elsewhere(hparams, "there") == {"9"}
    longer = _changed(members[1], tmp_path / "d.ckpt", train_on("here", train=["north/1", "north/3"], val=["north/4"]))
    assert combine_checkpoints([first, longer])["hyper_parameters"]["splits"]["val"] == ["4"]


def test_other_sizes_are_told(members: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    larger = _changed(members[1], tmp_path / "b.ckpt", lambda hparams: hparams["data"].update(image_size=(128, 192)))
    with caplog.at_level(logging.WARNING):
        spec = combine_checkpoints([members[0], larger])["spec"]
    assert spec["training_size"] == [64, 96]
    assert "training_size=(128, 192)" in caplog.text


@pytest.mark.parametrize(
    ("licenses", "expected"), [(("B", "A"), "A and B"), (("A", "A"), "A"), (("A", None), None), ((None, None), None)]
)
def test_a_license_is_known_if_that_of_all_data_is(
    licenses: tuple[str | None, str | None], expected: str | None, members: list[Path], tmp_path: Path
) -> None:
    files = []
    for number, (member, license_) in enumerate(zip(members, licenses, strict=True)):
        content = read_checkpoint(member)
        spec = replace(load_network(member)[1], data_license=license_)
        save_plain({**content, "spec": spec.to_dict()}, file := tmp_path / f"{number}.ckpt")
        files.append(file)
    assert combine_checkpoints(files)["spec"]["data_license"] == expected


def test_other_classes_are_refused(members: list[Path], tmp_path: Path) -> None:
    names = (DRONE.names[1], DRONE.names[0], *DRONE.names[2:])
    other = tiny_checkpoint(tmp_path / "other.ckpt", table=replace(DRONE, names=names))
    with pytest.raises(CheckpointError, match="in the same order"):
        combine_checkpoints([members[0], other])


def test_other_bands_are_refused(members: list[Path], tmp_path: Path) -> None:
    other = _changed(members[1], tmp_path / "b.ckpt", lambda hparams: hparams["data"].update(bands=(3, 2, 1)))
    with pytest.raises(CheckpointError, match=r"bands=\(3, 2, 1\)"):
        combine_checkpoints([members[0], other])
    spec = replace(load_network(members[1])[1], map_stretch=(0.0, 4095.0))
    save_plain({**read_checkpoint(members[1]), "spec": spec.to_dict()}, other)
    with pytest.raises(CheckpointError, match=r"map_stretch=\(0\.0, 4095\.0\)"):
        combine_checkpoints([members[0], other])


def test_an_ensemble_is_neither_a_member_nor_a_start(members: list[Path], tmp_path: Path) -> None:
    save_plain(combine_checkpoints(members), path := tmp_path / "two.ckpt")
    with pytest.raises(CheckpointError, match="is an ensemble"):
        combine_checkpoints([members[0], path])
    with pytest.raises(CheckpointError, match="is an ensemble"):
        load_pretrained(tiny_module(), path)


def test_weights_that_are_missing_are_refused(members: list[Path], tmp_path: Path) -> None:
    content = read_checkpoint(members[1])
    content["state_dict"].popitem()
    save_plain(content, path := tmp_path / "b.ckpt")
    with pytest.raises(CheckpointError, match=r"b\.ckpt does not fit"):
        combine_checkpoints([members[0], path])


def test_a_model_that_is_given_twice_is_refused(members: list[Path], tmp_path: Path) -> None:
    (tmp_path / "copy.ckpt").write_bytes(members[0].read_bytes())
    with pytest.raises(CheckpointError, match=r"copy\.ckpt is the same model as .*0\.ckpt"):
        combine_checkpoints([*members, tmp_path / "copy.ckpt"])


def test_an_ensemble_needs_two(members: list[Path]) -> None:
    with pytest.raises(CheckpointError, match="two checkpoints or more"):
        combine_checkpoints(members[:1])


def test_an_ensemble_cannot_ask_for_more_than_its_weights(members: list[Path], tmp_path: Path) -> None:
    content = combine_checkpoints(members)
    content["hyper_parameters"]["model"]["members"] *= 3
    save_plain(content, path := tmp_path / "six.ckpt")
    with pytest.raises(CheckpointError, match="does not fit the network"):
        TorchBackend.from_checkpoint(path, device="cpu")


def test_normalizations_of_members_are_their_own(tmp_path: Path) -> None:
    table = ClassTable(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    files = [tiny_checkpoint(tmp_path / f"{seed}.ckpt", table, seed) for seed in range(2)]
    half = _changed(
        files[1], tmp_path / "half.ckpt", lambda hparams: hparams["data"].update(mean=[0.0] * 3, std=[1.0] * 3)
    )
    save_plain(combine_checkpoints([files[0], half]), path := tmp_path / "two.ckpt")
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8).numpy()
    mean, first, second = (TorchBackend.from_checkpoint(file, device="cpu")(pixels) for file in (path, files[0], half))
    np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-5)
