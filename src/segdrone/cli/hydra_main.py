"""Run a Hydra main function as a command: exit codes, one-line errors, and sweeps that survive failed jobs."""

from __future__ import annotations

import argparse
import functools
import gc
import logging
import math
import os
import re
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser  # hydra.main's own
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from segdrone.cli.hydra_errors import explain_config_error
from segdrone.cli.hydra_help import print_help
from segdrone.cli.lock_output_dir import LockOutputDir
from segdrone.errors import ConfigError, ProcessLostError, SegdroneError, explain_error
from segdrone.sweep import UNFINISHED, CompareAtEnd, Sweep, clear_failure, note_failure, read_sweep, report
from segdrone.utils.bounded import read_yaml
from segdrone.utils.config import config_dir, save_config
from segdrone.utils.console import exit_with_error, one_line, protect_console
from segdrone.utils.launch import silence_nonzero_ranks, single_job_argv, wait_for_rank_zero

_FULL_ERROR = "HYDRA_FULL_ERROR"
# What the user asked for, read before `run` sets HYDRA_FULL_ERROR itself. Processes started by this one inherit it.
_SHOW_TRACEBACKS = os.environ.setdefault("SEGDRONE_TRACEBACKS", os.environ.get(_FULL_ERROR, "0")) == "1"
_FOLDERS = (
    "output_dir", "predictions", "data.root", "data.images", "data.masks", "data.split_dir", "data.cache_dir",
    "data.replay",
)  # fmt: skip
_failed_jobs: list[int] = []  # numbers of the sweep's jobs that failed in this process


def task_wrapper(task: Callable[[DictConfig], float]) -> Callable[[DictConfig], float | None]:
    """Decorates a Hydra task: an error of the user ends it with one line on stderr and exit code 2.

    It ends with SystemExit, because Hydra would print lines of its own for any other exception. `output_dir`
    of the config becomes the job's own folder; in a sweep that is a folder below the sweep's.
    """

    @functools.wraps(task)
    def wrapped(cfg: DictConfig) -> float | None:
        hydra = HydraConfig.get()
        if hydra.mode == RunMode.MULTIRUN:
            if "objective" in cfg and (reason := _refuse_job_folder(hydra)):  # evaluations may be repeated
                _tell_failure(hydra.job.num, reason)
                return None
            save_config(cfg, Path(hydra.runtime.output_dir))  # the comparison reads it, also that of a killed job
        cfg.output_dir = hydra.runtime.output_dir
        if hydra.mode == RunMode.MULTIRUN:
            # _SHOW_TRACEBACKS is passed on: in a launcher's worker `run` has not been called.
            return _run_sweep_job(task, cfg, hydra.job.num, show_traceback=_SHOW_TRACEBACKS)
        try:
            return task(cfg)
        except (SegdroneError, OSError) as error:
            if _SHOW_TRACEBACKS or _is_unread(error):
                raise
            if isinstance(error, ProcessLostError):  # torch aborts while it clears up what is left of the group
                print(f"error: {one_line(explain_error(error))}", file=sys.stderr, flush=True)
                os._exit(2)
            _exit_after_rank_zero(explain_error(error))

    return wrapped


def run(main: Callable[[], None], config_name: str) -> None:
    """Runs a function decorated by `hydra.main` as a command.

    An error of the user outside of the task, such as an unknown key, ends it like one inside: one line, exit
    code 2. At the end of a sweep, even an interrupted one, the jobs are compared; the sweep fails if no job
    has a score. A sweep that compares nothing (of evaluations) fails if any job in this process failed.

    Args:
        main: The decorated function.
        config_name: Its primary config, whose help template `--help` prints.
    """
    protect_console()
    logging.raiseExceptions = False  # a log file on a full disk prints no tracebacks
    os.environ[_FULL_ERROR] = "1"  # Hydra then raises its errors instead of printing them
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network at import
    try:
        arguments = _parse_arguments()
        if arguments.help:
            print_help(arguments.config_name or config_name, arguments)
            return
        silence_nonzero_ranks()
        with LockOutputDir.locks, _compare_at_end():
            main()
    except KeyboardInterrupt:
        sys.exit(130)  # the exit code of a shell after Ctrl+C
    except Exception as error:
        if _is_unread(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
            sys.exit(1)  # as the other commands do
        text = explain_config_error(error)
        if text is None and CompareAtEnd.folder is not None:  # an error of a sweeper or a launcher
            text = f"the sweep stopped: {explain_error(error)} ({_FULL_ERROR}=1 shows the traceback)"
        if text is None or _SHOW_TRACEBACKS:
            raise
        _exit_after_rank_zero(text)


def _is_unread(error: Exception) -> bool:
    """Whether an error says that nobody reads stdout any more, as in `segdrone train --help | head`."""
    if not isinstance(error, BrokenPipeError):
        return False
    stdout = select.poll()
    stdout.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in stdout.poll(0))


def _parse_arguments() -> argparse.Namespace:
    """Parses Hydra's command line, and rewrites `sys.argv` with options before overrides.

    Lightning appends overrides to `sys.argv` for the processes that it starts, and argparse accepts overrides
    only in one piece. `--config-path` is taken relative to the working folder. Names of folders stay as they are.
    """
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        arguments, unknown = parser.parse_known_intermixed_args(sys.argv[1:])
    except argparse.ArgumentError as error:
        raise ConfigError(f"{error} (see --help)") from None
    if unknown:
        raise ConfigError(f"{unknown[0]} is not an option: give settings as KEY=VALUE (see --help)")
    options = [argument for argument in sys.argv[1:] if argument not in arguments.overrides]
    if arguments.config_path is not None:
        options.append(f"--config-path={Path(arguments.config_path).absolute()}")
    sys.argv[1:] = [*options, *map(_quote_folder, arguments.overrides)]
    return arguments


def _quote_folder(override: str) -> str:
    """Quotes names of folders that Hydra would read as numbers: 2024_05_12 as 20240512, and 2024.10 as 2024.1."""
    key, equals, value = override.partition("=")
    if key not in _FOLDERS or {*value} & {"'", '"'}:
        return override
    return key + equals + re.sub(r"(?<![^,])\d[\d._eE]*(?![^,])", r"'\g<0>'", value)


def _refuse_job_folder(hydra: HydraConf) -> str:
    """Returns why a job cannot be written to the folder that the user chose for it; nothing if it can."""
    subdir, other = str(hydra.sweep.subdir), Path(hydra.runtime.output_dir) / ".hydra" / "overrides.yaml"
    if len(Path(subdir).parts) > 1:
        return f"hydra.sweep.subdir={subdir} names a folder in a folder, where no job is compared: give one without /"
    if other.exists() and read_yaml(other) != [*hydra.overrides.task]:  # SLURM may start the same job again
        return (
            f"hydra.sweep.subdir={subdir} is the folder of another job, which would be lost: name all that differs "
            "between jobs, or leave it out"
        )
    return ""


def _run_sweep_job(
    task: Callable[[DictConfig], float], cfg: DictConfig, number: int, *, show_traceback: bool
) -> float | None:
    """Runs one job of a sweep. If it fails, or its score is NaN, the reason is printed and kept, and the sweep goes on.

    Returns:
        The score, or None: an exception would end Hydra's basic sweeper, and NaN Optuna's.
    """
    folder = Path(cfg.output_dir)
    note_failure(folder, UNFINISHED, "")  # remains if the process is killed
    try:
        with single_job_argv([*_config_options(), *HydraConfig.get().overrides.task]):
            score = task(cfg)
    except Exception as error:
        reason, details = explain_error(error), traceback.format_exc()
    else:
        if math.isfinite(score):
            clear_failure(folder)
            return score
        reason, details = f"{cfg.get('objective', 'the score')} came out as {score}", ""
    note_failure(folder, reason, details)
    _tell_failure(number, reason)
    if show_traceback:
        print(details, file=sys.stderr)
    gc.collect()  # networks contain reference cycles, and the next job may need their memory
    return None


def _tell_failure(number: int, reason: str) -> None:
    _failed_jobs.append(number)
    sys.stderr.write(f"error: job {number}: {one_line(reason)}\n")  # one write, because jobs may run in parallel


def _config_options() -> Sequence[str]:
    """Returns the options that lead the processes of a sweep's job to the same configuration files."""
    hydra = HydraConfig.get()
    paths = {source.provider: source.path for source in hydra.runtime.config_sources}
    options = []
    if paths["main"] != str(config_dir()):
        options.append(f"--config-path={paths['main']}")
    if hydra.job.config_name != hydra.job.name:  # named like the command unless the user chose another
        options.append(f"--config-name={hydra.job.config_name}")
    if "command-line" in paths:
        options.append(f"--config-dir={paths['command-line']}")
    return options


@contextmanager
def _compare_at_end() -> Iterator[None]:
    sweep: Sweep | None
    try:
        yield
    except BaseException as error:
        sweep = _report_sweep()
        # Optuna raises a ValueError if no trial has a score; the ConfigError below says it better.
        if sweep is None or sweep.scored or not isinstance(error, ValueError):
            raise
    else:
        sweep = _report_sweep()
    if sweep is not None and not sweep.scored:
        raise ConfigError(f"none of the {len(sweep.jobs)} jobs has a score: fix the errors above")
    if sweep is None and _failed_jobs:
        raise ConfigError(f"{len(_failed_jobs)} of the jobs failed: fix the errors above")


def _report_sweep() -> Sweep | None:
    sweep = None if CompareAtEnd.folder is None else read_sweep(CompareAtEnd.folder)
    if sweep is not None:
        report(sweep)
    return sweep


def _exit_after_rank_zero(text: str) -> NoReturn:
    """Exits with one line; a process other than the first waits, so that the first prints the same error once."""
    wait_for_rank_zero()
    exit_with_error(text)
