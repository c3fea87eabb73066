"""The doors train.py and evaluate.py: what a user reads when something is wrong."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from segdrone.errors import SegdroneError, user_text
from segdrone.rank import job_alone, leave_to_first, wait_for_first

_FULL_ERROR = "HYDRA_FULL_ERROR"
# What the user asked for, before `door` asks for more; the processes that this one starts take it over.
_TRACEBACKS = os.environ.setdefault("SEGDRONE_TRACEBACKS", os.environ.get(_FULL_ERROR, "0")) == "1"


def plain_errors(job: Callable[[DictConfig], float]) -> Callable[[DictConfig], float]:
    """Makes a job end with the text of a `SegdroneError` and exit code 2, not with a traceback.

    It leaves by SystemExit, since Hydra would add lines of its own to any other error. `output_dir`
    becomes the job's own folder, which in a sweep is one below the sweep's.
    """

    @functools.wraps(job)
    def wrapped(cfg: DictConfig) -> float:
        cfg.output_dir = HydraConfig.get().runtime.output_dir
        try:
            if not _sweeping():
                return job(cfg)
            with job_alone(HydraConfig.get().overrides.task):
                return job(cfg)
        except (SegdroneError, OSError) as error:
            if _TRACEBACKS:
                raise
            if _sweeping():
                print(f"error: job {HydraConfig.get().job.num}: {_text(error)}", file=sys.stderr)
                return float("nan")  # the other jobs of the sweep go on
            _leave(_text(error))

    return wrapped


def door(main: Callable[[], None]) -> None:
    """Runs a Hydra main function; a mistake in the configuration ends like one in `plain_errors`.

    Hydra is told to let its errors through, so that they can be caught here.
    """
    os.environ[_FULL_ERROR] = "1"
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network at import
    try:
        leave_to_first()
        main()
    except (SegdroneError, OSError) as error:
        if _TRACEBACKS:
            raise
        _leave(_text(error))
    except OverrideParseException as error:
        if _TRACEBACKS:
            raise
        _leave(
            f"{error.override} cannot be read: a path or text with other signs than letters, digits, spaces and ._-/ "
            "needs quotes of its own within the shell's: 'data.root=\"FOLDER\"'"
        )
    except (HydraException, OmegaConfBaseException) as error:
        if _TRACEBACKS:
            raise
        _leave(f"{' '.join(str(error).split())} (see --help for all keys)")


def _text(error: SegdroneError | OSError) -> str:
    if isinstance(error, SegdroneError):
        return user_text(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}: check the path, its permissions and the free disk space"


def _sweeping() -> bool:
    return HydraConfig.get().mode == RunMode.MULTIRUN


def _leave(text: str) -> NoReturn:
    wait_for_first()
    print(f"error: {text}", file=sys.stderr)
    sys.exit(2)
