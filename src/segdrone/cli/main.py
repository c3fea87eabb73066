"""The `segdrone` command: datasets and finished models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from segdrone.cli import compare, data, predict
from segdrone.errors import ConfigError, SegdroneError, exit_with_error, user_message
from segdrone.sweep import read_sweep, report

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Datasets and finished models. To train and to evaluate: python train.py --help, python evaluate.py --help",
)
commands.add_typer(data.commands, name="data")
commands.command()(predict.predict)
commands.command()(compare.compare)


@commands.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks instead of one-line errors.")] = False,
) -> None:
    """Takes the options that all commands share; `app` looks for --debug itself, as it must outlive this call."""


@commands.command()
def sweep(
    folder: Annotated[Path, typer.Argument(help="Of the sweep: where train.py -m wrote.", show_default=False)],
) -> None:
    """Compare the jobs of a sweep again: those of one that was cut short, or still runs on a cluster."""
    found = read_sweep(folder)
    if found is None:
        raise ConfigError(f"{folder} holds no job of train.py -m: give the folder of a sweep")
    report(found)


def app() -> None:
    """Runs the command; a mistake the user can mend becomes its text and exit code 2."""
    try:
        commands()
    except SegdroneError as error:
        if "--debug" in sys.argv[1:2]:
            raise
        exit_with_error(user_message(error))
