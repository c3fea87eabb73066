from __future__ import annotations

import logging
import shlex
import sys
from pathlib import Path

import pytest
import typer.main
from hydra.core.override_parser.overrides_parser import OverridesParser

from segdrone.cli.data import commands
from segdrone.cli.data_options import name_options
from segdrone.cli.main import app
from segdrone.data.config import DataConfig, describe
from segdrone.data.discovery.layout_errors import why_no_pairs
from tests.helpers.commands import Command, assert_one_line
from tests.helpers.dataset_folders import numbered, write_pairs
from tests.helpers.discovery import refusal
from tests.helpers.small_dataset import write_set


def test_options_of_a_dataset_are_described_by_the_config() -> None:
    group = typer.main.get_command(commands)
    for name in ("check", "stats", "show"):
        helps = {option.name: option.help for option in group.commands[name].params}  # type: ignore[attr-defined]
        shared = {key: text for key, text in helps.items() if key in DataConfig.model_fields and key != "image_size"}
        assert shared.keys() >= {"root", "classes", "mask_encoding", "split_dir", "split_by", "split_distance"}, name
        assert shared == {key: name_options(describe(key)) for key in shared}
        assert not any("data." in text for text in shared.values())


def test_error_messages_name_the_options_of_the_command() -> None:
    keys = {"images", "masks", "classes", "class_groups", "mask_encoding", "colour_tolerance", "mask_threshold"}
    for key in (*keys, "unknown", "bands", "stretch", "split_dir"):
        assert name_options(f"give data.{key}=X") == f"give --{key.replace('_', '-')} X"
        assert name_options(f"see data.{key}: it") == f"see --{key.replace('_', '-')}: it"
    assert name_options("give data.allow_unpaired=true") == "give --allow-unpaired"
    assert name_options("'data.split_by=\"^(.+)_[0-9]+$\"' keeps") == "--split-by '^(.+)_[0-9]+$' keeps"
    too_few = "with data.test_share=0.1 no photograph is left: give data.split_dir=FOLDER"
    assert name_options(too_few) == "with data.test_share=0.1 no photograph is left: give --split-dir FOLDER"
    assert name_options("give data.test_share=0, data.map_gsd=2", cut=True) == "give --test-share 0, --gsd 2"
    assert name_options("data.root=data.root=scenes does not exist") == "data.root=scenes does not exist"
    assert name_options("data.batch_size=3, data.classes_x=1") == "data.batch_size=3, data.classes_x=1"


def test_patterns_that_errors_name_are_what_training_and_the_commands_take(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("photos/{}.jpg", "truth/png/{}.png"))
    for text in (refusal(tmp_path), why_no_pairs(tmp_path / "images", tmp_path / "masks")):
        overrides = [word for word in shlex.split(text) if "{id}" in word and "data." in word]
        patterns = [OverridesParser.create().parse_override(override).value() for override in overrides]
        assert patterns
        assert [word for word in shlex.split(name_options(text)) if "{id}" in word] == patterns


def test_an_error_of_a_data_command_names_its_option(command: Command, tmp_path: Path) -> None:
    result = command("segdrone", "data", "check", tmp_path, "--class-groups", "nothing")
    assert_one_line(result, "--images")
    assert "data." not in result.stderr


def test_warnings_name_the_options_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_set(tmp_path / "set")
    (tmp_path / "set" / "classes.csv").unlink()
    factory = logging.getLogRecordFactory()
    monkeypatch.setattr(sys, "argv", ["segdrone", "data", "stats", str(tmp_path / "set"), "-q"])
    try:
        with pytest.raises(SystemExit):
            app()
    finally:
        logging.setLogRecordFactory(factory)
    assert "give --classes FILE.csv with name, r, g, b (or --classes drone)" in caplog.text
