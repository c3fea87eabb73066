"""The `segdrone` command: datasets and finished models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from segdrone.errors import ConfigError, SegdroneError, user_text
from segdrone.scenes import write_scenes

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Datasets and finished models. To train and to evaluate: python train.py --help, python evaluate.py --help",
)
data = typer.Typer(no_args_is_help=True, help="Make and understand datasets.")
commands.add_typer(data, name="data")


@commands.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks instead of one-line errors.")] = False,
) -> None:
    """Takes the options that all commands share; `app` looks for --debug itself, as it must outlive this call."""


@data.command("sample")
def sample(
    out: Annotated[Path, typer.Argument(help="Folder to write to; made if need be.")],
    count: Annotated[int, typer.Option(help="Number of scenes.")] = 60,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT in pixels, 64x64 to 12000x12000.")] = "1056x704",
    seed: Annotated[int, typer.Option(help="The same seed renders the same scenes.")] = 0,
) -> None:
    """Render scenes as a drone might see them, with their masks.

    They come in the layout and the 23 classes of the Semantic Drone Dataset: original_images/,
    label_images_semantic/, class_dict_seg.csv. An interrupted run goes on where it stopped.

    Train on them: python train.py data.root=OUT
    """
    width, height = _size(size)
    write_scenes(out, count=count, height=height, width=width, seed=seed)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--size {text} must be WIDTHxHEIGHT in pixels, such as 1056x704")
    return int(parts[0]), int(parts[1])


def app() -> None:
    """Runs the command; a mistake the user can mend becomes its text and exit code 2."""
    try:
        commands()
    except SegdroneError as error:
        if "--debug" in sys.argv[1:2]:
            raise
        print(f"error: {user_text(error)}", file=sys.stderr)
        sys.exit(2)
