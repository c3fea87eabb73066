"""The commands of the README, and what --help prints."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text

from segdrone.cli.main import commands
from tests.helpers.commands import REPO, Command
from tests.helpers.small_run import compose_config, small


def without_torch(folder: Path) -> dict[str, str]:
    """Return an environment whose torch cannot be imported, nor waited for."""
    (folder / "torch.py").write_text("raise ImportError('--help must not import torch')")
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]), "PATH": ""}


@pytest.mark.parametrize(
    ("script", "parts"),
    [
        ("train.py", ["data=sample", "data.root=FOLDER", "experiment=article", "max_epochs: 15", "Exit code 2"]),
        ("evaluate.py", ["ckpt_path=", "split=all", "metrics.json", "Exit code 2"]),
    ],
)
def test_help_does_not_import_torch(script: str, parts: list[str], command: Command, tmp_path: Path) -> None:
    result = command(script, "--help", env=without_torch(tmp_path))
    assert result.returncode == 0, result.stderr
    for part in parts:
        assert part in result.stdout
    assert "${" not in result.stdout.split("All settings")[0]


def test_segdrone_help(command: Command) -> None:
    assert "sample" in command("segdrone", "data", "--help").stdout
    assert "--size" in command("segdrone", "data", "sample", "--help").stdout


def _texts(command: Any) -> Iterator[tuple[str, str]]:
    """Yields the name and the text of a command and those below it."""
    yield command.name, "\n".join([command.help or "", *(getattr(part, "help", "") or "" for part in command.params)])
    for below in getattr(command, "commands", {}).values():
        yield from _texts(below)


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name) for name, text in _texts(typer.main.get_command(commands))]
)
def test_help_loses_no_word_in_brackets(text: str) -> None:
    shown = Text.from_markup(text).plain  # as --help is printed: [labels] would be a style
    assert shown == text.replace("\\[", "[")


def test_predict_help_does_not_import_torch(command: Command, tmp_path: Path) -> None:
    result = command("segdrone", "predict", "--help", env=without_torch(tmp_path))
    assert result.returncode == 0, result.stderr
    for part in ("segdrone predict best.ckpt flights/ --out", "--redo", "summary.csv", "Exit code 0"):
        assert part in result.stdout


def test_sample_scenes_can_be_trained_on_and_scored(tmp_path: Path, command: Command) -> None:
    sample = ["--count", "12", "--size", "96x64", "--seed", "3"]
    made = command("segdrone", "data", "sample", tmp_path / "scenes", *sample)
    assert made.returncode == 0, made.stderr
    run = tmp_path / "run"
    trained = command("train.py", *small(tmp_path / "scenes", run))
    assert trained.returncode == 0, trained.stderr
    assert "mIoU" in trained.stdout
    scored = command("evaluate.py", f"ckpt_path={run}/checkpoints/best.ckpt", "split=val")
    assert scored.returncode == 0, scored.stderr
    written = list((tmp_path / "outputs" / "evaluate").glob("*/*/metrics.json"))
    assert len(written) == 1


def _readme_commands() -> list[str]:
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", (REPO / "README.md").read_text(), flags=re.S)
    lines = (line.split("#")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def test_readme_commands_exist() -> None:
    lines = _readme_commands()
    assert {"make demo", "make test"} <= set(lines)
    targets = set(re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(), flags=re.M))
    for line in lines:
        first, *rest = shlex.split(line)
        if first == "make":
            assert rest[0] in targets, line


@pytest.mark.parametrize("line", [line for line in _readme_commands() if re.match(r"(python|segdrone) ", line)])
def test_readme_commands_parse(line: str) -> None:
    _parse(re.sub(r"^python (train|evaluate)\.py", r"segdrone \1", line))


_COMMAND: Any = typer.main.get_command(commands)  # building it takes a while


def _parse(line: str) -> None:
    """Parses a command without running it."""
    _, *words = ("1" if word == "N" else word for word in shlex.split(line, comments=True) if word != "...")
    command = _COMMAND
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    if command.name not in ("train", "evaluate"):
        command.make_context("segdrone", words)
        return
    given = (word for word in words if word != "-m" and not word.startswith("hydra."))
    first = (re.sub(r"tag\(log, interval\(|,(?![^[]*\]).*", "", word) for word in given)  # job of a sweep
    compose_config(command.name, *(re.sub("^model=(?=.*[./])", "model_file=", word) for word in first))


def _pages() -> Iterator[tuple[str, list[str]]]:
    """Yields the name and the commands of each page of docs/, and of what --help prints."""
    for page in sorted((REPO / "docs").glob("*.md")):
        blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        yield page.name, [part for line in lines for part in line.split("&&")]
    for name, text in _texts(_COMMAND):
        yield f"{name} --help", re.findall("^ +.*", text.replace("\\\n", " "), flags=re.M)
    for name in ("train", "evaluate"):
        text = (REPO / "conf" / f"{name}.yaml").read_text(encoding="utf-8")
        yield f"{name} --help", [re.split(r" {3,}", line.strip())[0] for line in text.splitlines()]


@pytest.mark.parametrize("lines", [pytest.param(lines, id=name) for name, lines in _pages()])
def test_commands_of_docs_and_help_parse(lines: list[str]) -> None:
    for line in lines:
        if re.match(r"\s*(segdrone \w|python train\.py )", line) and "--config-dir" not in line:
            _parse(line.replace("python train.py", "segdrone train"))
