"""The public datasets of docs/datasets.md open as they unpack."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from hydra.core.override_parser.overrides_parser import OverridesParser

from segdrone.cli.main import commands
from segdrone.data import DataConfig, open_dataset
from segdrone.data.discovery.find_dataset import dataset_photographs
from segdrone.data.discovery.layout import LAYOUTS
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.inference.inputs import find_inputs
from tests.helpers.public_datasets import PAGE, PUBLIC, SPLITS, write_public


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_dataset_opens_as_it_unpacks(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    public, table = PUBLIC[name], write_public(tmp_path, name)
    dataset = open_dataset(DataConfig(root=str(tmp_path), **public.options))
    labeled = [i for i, split in enumerate(SPLITS) if split not in public.unlabeled]
    assert dataset.files.layout == public.layout
    assert dataset.table.names == tuple(name for name in table.names if name != "conflicting")
    expected = {tmp_path / part for i in labeled for part in public.files(SPLITS[i], i)}
    assert {path for pair in dataset.pairs for path in (pair.image, pair.mask)} == expected
    assert len({pair.id for pair in dataset.pairs}) == len(labeled)
    assert {pair.split for pair in dataset.pairs} == {*(public.splits or [None])}
    for pair in dataset.pairs:
        mask = read_pair_mask(pair, dataset.encoding)
        assert mask.shape == pair.size
        assert np.isin(mask, range(len(dataset.table))).all()
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) <= 2


@pytest.mark.parametrize("name", PUBLIC)
def test_only_the_photographs_of_a_public_dataset_are_predicted(tmp_path: Path, name: str) -> None:
    write_public(tmp_path, name)
    found = find_inputs([tmp_path], tmp_path.parent / f"{tmp_path.name}-out")
    expected = {tmp_path / PUBLIC[name].files(split, i)[0] for i, split in enumerate(SPLITS)}
    assert {image.file for image in found} == expected
    assert {image.name for image in found} == {*dataset_photographs(tmp_path).values()}


def test_every_layout_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in LAYOUTS if f"| `{name}` |" not in text] == []


def test_the_semantic_drone_dataset_gives_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_public(tmp_path, "Semantic Drone Dataset")
    assert len(open_dataset(DataConfig(root=str(tmp_path))).pairs) == len(SPLITS)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


def page_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", page_commands())
def test_commands_of_the_page_can_be_typed(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert program == "segdrone"
    if name == "train":
        overrides = {
            override.key_or_group: override.value() for override in OverridesParser.create().parse_overrides(words)
        }
        assert overrides["data"] == "folder"
        assert {key.removeprefix("data.") for key in overrides} - {"data"} <= {*DataConfig.model_fields}
    else:
        command = typer.main.get_command(commands)
        for word in (name, words.pop(0)):
            command = command.commands[word]  # type: ignore[attr-defined]
        command.make_context("segdrone", words)  # parses, and does not run
