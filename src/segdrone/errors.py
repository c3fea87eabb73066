"""The errors that a user can meet and mend.

Each text says what is wrong, where, and what to do, in one line wherever that is possible. The
commands print it and exit with code 2; a library user catches `SegdroneError`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn


class SegdroneError(Exception):
    """Any mistake that the user can mend."""


class ConfigError(SegdroneError):
    """A choice in the configuration that cannot be carried out."""


class DataError(SegdroneError):
    """Photographs, masks, class tables or split files that cannot be used as they are."""


class CheckpointError(SegdroneError):
    """A checkpoint or a weights file that cannot be read, written, or used for this job."""


class ProcessLostError(SegdroneError):
    """Another process of the same run was killed, or its machine is gone."""


def user_message(error: SegdroneError) -> str:
    """Returns what the user should read of `error`.

    A DataLoader worker re-raises an error with its whole traceback as the text; the part that was
    meant for the user then stands last, behind the name of the error's class.
    """
    name = f"{type(error).__module__}.{type(error).__qualname__}: "
    return str(error).rsplit(name, maxsplit=1)[-1].strip()


def format_options(options: Mapping[str, object]) -> str:
    """Returns options as they are given on the command line: `lr=0.1, momentum=0.9`; for the text of an error."""
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "no options"


def exit_with_error(text: str) -> NoReturn:
    """Ends the command as a mistake of the user does: one line on stderr, and exit code 2."""
    print(f"error: {text}", file=sys.stderr)
    sys.exit(2)
