"""The doors train.py and evaluate.py: what a user reads when something is wrong."""

from __future__ import annotations

import functools
import gc
import math
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from segdrone.errors import ConfigError, SegdroneError, exit_with_error, user_message
from segdrone.sweep import UNFINISHED, CompareAtEnd, Sweep, clear_failure, note_failure, read_sweep, report
from segdrone.utils.launch import silence_nonzero_ranks, single_job_argv, wait_for_rank_zero

_EXTRAS = {  # what brings the plugins of Hydra that conf/search and conf/launcher choose
    "hydra/sweeper/optuna": "sweeps",
    "hydra/launcher/joblib": "sweeps",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/ray": "ray",
}
_FULL_ERROR = "HYDRA_FULL_ERROR"
_FAILED: list[int] = []  # jobs of a sweep that this process ran
# What the user asked for, before `door` asks for more; the processes that this one starts take it over.
_TRACEBACKS = os.environ.setdefault("SEGDRONE_TRACEBACKS", os.environ.get(_FULL_ERROR, "0")) == "1"


def task_wrapper(job: Callable[[DictConfig], float]) -> Callable[[DictConfig], float | None]:
    """Makes a job end with the text of a `SegdroneError` and exit code 2, not with a traceback.

    It leaves by SystemExit, since Hydra would add lines of its own to any other error. `output_dir`
    becomes the job's own folder, which in a sweep is one below the sweep's.
    """

    @functools.wraps(job)
    def wrapped(cfg: DictConfig) -> float | None:
        hydra = HydraConfig.get()
        cfg.output_dir = hydra.runtime.output_dir
        if hydra.mode == RunMode.MULTIRUN:
            # _TRACEBACKS is handed on: a launcher's worker, in which `door` was not run, would read it anew.
            return _attempt(job, cfg, hydra.job.num, tracebacks=_TRACEBACKS)
        try:
            return job(cfg)
        except (SegdroneError, OSError) as error:
            if _TRACEBACKS:
                raise
            _leave(_text(error))

    return wrapped


def _attempt(job: Callable[[DictConfig], float], cfg: DictConfig, number: int, *, tracebacks: bool) -> float | None:
    """Runs a job of a sweep; one that fails, or whose score is NaN, is told and noted, and the others go on.

    Returns:
        The score; None where there is none, which no sweeper of Hydra's stumbles over: an exception
        would end the basic one, NaN Optuna's.
    """
    folder = Path(cfg.output_dir)
    note_failure(folder, UNFINISHED, "")  # stands if the process is killed, whatever an earlier job left here
    try:
        with single_job_argv(HydraConfig.get().overrides.task):
            score = job(cfg)
    except Exception as error:
        reason, details = _text(error), traceback.format_exc()
    else:
        if math.isfinite(score):
            clear_failure(folder)
            return score
        reason, details = f"{cfg.get('objective', 'its score')} came out as {score}", ""
    note_failure(folder, reason, details)
    _FAILED.append(number)
    sys.stderr.write(f"error: job {number}: {reason}\n")  # in one piece, as jobs may run side by side
    if tracebacks:
        print(details, file=sys.stderr)
    gc.collect()  # networks lie in circles of references, and the next job may need their memory
    return None


def run(main: Callable[[], None]) -> None:
    """Runs a Hydra main function; a mistake in the configuration ends like one in `task_wrapper`.

    The jobs of a sweep are compared at its end, however that comes; it fails where none reached a score. One that
    compares nothing, of evaluations, fails where a job in this process did.

    Hydra is told to let its errors through, so that they can be caught here.
    """
    os.environ[_FULL_ERROR] = "1"
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network at import
    try:
        silence_nonzero_ranks()
        with _compared():
            main()
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell makes of it
    except Exception as error:
        text = _mistake(error)
        if text is None or _TRACEBACKS:
            raise
        _leave(text)


@contextmanager
def _compared() -> Iterator[None]:
    sweep: Sweep | None
    try:
        yield
    except BaseException as error:
        sweep = _report()
        if sweep is None or sweep.scored or not isinstance(error, ValueError):
            raise  # but not what Optuna says where no trial is the best
    else:
        sweep = _report()
    if sweep is not None and not sweep.scored:
        raise ConfigError(f"none of the {len(sweep.jobs)} jobs reached a score: mend what is said of them above")
    if sweep is None and _FAILED:
        raise ConfigError(f"{len(_FAILED)} of the jobs failed: mend what is said of them above")


def _report() -> Sweep | None:
    sweep = None if CompareAtEnd.folder is None else read_sweep(CompareAtEnd.folder)
    if sweep is not None:
        report(sweep)
    return sweep


def _mistake(error: Exception) -> str | None:
    """Returns what the user should read of an error outside of a job; None where only the traceback tells."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file in _EXTRAS:
        extra = _EXTRAS[error.missing_cfg_file]
        return f"{error.missing_cfg_file} is not installed: pip install 'segdrone[{extra}]'"
    if isinstance(error, OverrideParseException) and "=" not in error.override.strip("="):
        return f"{error.override} is no choice: give KEY=VALUE, without spaces around the ="
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override} cannot be read: a path or text with other signs than letters, digits, spaces and ._-/ "
            "needs quotes of its own within the shell's: 'data.root=\"FOLDER\"'"
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return f"{_of_hydra(' '.join(str(error).split()))} (see --help for all keys)"
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return "a group of conf/, such as callbacks= or model=, takes the name of a file, or several (see --help)"
    if isinstance(error, SegdroneError | OSError):
        return _text(error)
    if CompareAtEnd.folder is not None:  # of a sweeper or a launcher
        return f"the sweep broke off: {_text(error)} ({_FULL_ERROR}=1 shows the traceback)"
    return None


def _of_hydra(text: str) -> str:
    """Says what an unknown key may be: Hydra's advice, to append it, is no good for a key that nothing would read."""
    unknown = re.match(r"Could not override '(.+?)'", text)
    if unknown is None:
        return text.partition(" Config search path:")[0]
    key = unknown[1]
    other = f", or give +{key}=VALUE if the part itself takes it" if "." in key else ""
    return f"{key} is no setting here: mend the name{other}"


def _text(error: Exception) -> str:
    if isinstance(error, SegdroneError):
        return user_message(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}: check the path, its permissions and the free disk space"
    text = f"{type(error).__name__}: {error}".strip(": \n")
    if "Traceback" in text:  # a DataLoader's worker sends all of its own
        text = text.splitlines()[-1]
    return textwrap.shorten(text, 300, placeholder=" ...")


def _leave(text: str) -> NoReturn:
    wait_for_rank_zero()
    exit_with_error(text)
