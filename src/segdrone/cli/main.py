"""The `segdrone` command. Each subcommand imports what it needs when it runs, so that --help is fast."""

from __future__ import annotations

import os
import runpy
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.cli import compare, data, ensemble, export, geo, monitor, predict, segment, serve, weights
from segdrone.cli.data_options import name_options
from segdrone.errors import ConfigError, SegdroneError, explain_error
from segdrone.utils.console import exit_with_error, protect_console

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, evaluate and use segmentation networks for drone photographs.",
)
_HYDRA: dict[str, Any] = {  # all arguments, --help included, are Hydra's
    "add_help_option": False,
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
}


@commands.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks instead of one-line errors.")] = False,
) -> None:
    """Takes the options of all commands."""
    if debug:
        os.environ["HYDRA_FULL_ERROR"] = "1"


commands.add_typer(data.commands, name="data")
commands.add_typer(weights.commands, name="weights")
commands.add_typer(geo.commands, name="geo")


@commands.command(**_HYDRA)
def train(context: typer.Context) -> None:
    """Train a network, then score it on the test split."""
    _run_module("segdrone.cli.train", context.args)


@commands.command(**_HYDRA)
def evaluate(context: typer.Context) -> None:
    """Score a checkpoint or predicted masks."""
    _run_module("segdrone.cli.evaluate", context.args)


commands.command()(predict.predict)
commands.command(help=export.HELP)(export.export)
commands.command()(ensemble.ensemble)
commands.command(cls=segment.SegmentCommand)(segment.segment)
commands.command()(compare.compare)
commands.command()(serve.serve)
commands.command()(monitor.monitor)


@commands.command()
def sweep(
    folder: Annotated[Path, typer.Argument(help="Folder of a sweep by segdrone train -m.", show_default=False)],
) -> None:
    """Compare the jobs of a sweep again.

    Also of one that was interrupted, or still runs on a cluster. A job that was
    killed counts again once it was resumed:

        segdrone train output_dir=SWEEP/3 ckpt_path=SWEEP/3/checkpoints/last.ckpt
    """
    from segdrone.sweep import read_sweep, report

    jobs = read_sweep(folder)
    if jobs is None:
        raise ConfigError(f"{folder} contains no job of segdrone train -m: give the folder of a sweep")
    report(jobs)


def _run_module(module: str, arguments: list[str]) -> None:
    """Becomes `python -m MODULE ARGUMENTS`: Lightning starts further processes by the name of the main module."""
    sys.argv = [sys.argv[0], *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def app() -> None:
    """Runs the command. An error of the user or of the system ends it with one line on stderr and exit code 2."""
    debug = "--debug" in sys.argv[1:2]
    group, command = [*sys.argv[1 + debug : 3 + debug], "", ""][:2]
    reword = partial(_name_options, command=command) if group == "data" else str
    protect_console(reword)
    try:
        commands()
    except ModuleNotFoundError as error:  # in an environment for exported models alone
        if debug or (error.name or "").startswith("segdrone"):
            raise
        exit_with_error(f"this command needs {error.name}, which is not installed: pip install segdrone")
    except (SegdroneError, OSError) as error:
        if debug:
            raise
        exit_with_error(reword(explain_error(error)))


def _name_options(text: str, command: str) -> str:
    """Names the options of a `segdrone data` command in a message."""
    group: Any = typer.main.get_command(data.commands)
    found = group.commands.get(command)
    options = None if found is None else {name for param in found.params for name in param.opts}
    return name_options(text, cut=command == "cut", options=options)
