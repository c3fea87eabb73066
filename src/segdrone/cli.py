"""The `segdrone` command: datasets and finished models."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from segdrone import cli_data
from segdrone.errors import SegdroneError, user_text

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Datasets and finished models. To train and to evaluate: python train.py --help, python evaluate.py --help",
)
commands.add_typer(cli_data.commands, name="data")


@commands.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks instead of one-line errors.")] = False,
) -> None:
    """Takes the options that all commands share; `app` looks for --debug itself, as it must outlive this call."""


def app() -> None:
    """Runs the command; a mistake the user can mend becomes its text and exit code 2."""
    try:
        commands()
    except SegdroneError as error:
        if "--debug" in sys.argv[1:2]:
            raise
        print(f"error: {user_text(error)}", file=sys.stderr)
        sys.exit(2)
