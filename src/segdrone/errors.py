"""Errors that a user can fix.

Each text says what is wrong, where, and what to do, in one line where possible. The commands print it and exit with
code 2; a library user catches `SegdroneError`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 1500  # characters of a text; names in files of others can be of any length


class SegdroneError(Exception):
    """Base class: a mistake that the user can fix."""

    def __str__(self) -> str:
        """Returns the text, without its middle if it is very long."""
        text = super().__str__()
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


class ConfigError(SegdroneError):
    """An invalid choice in the configuration."""


class DataError(SegdroneError):
    """Photographs, masks, class tables or split files that cannot be used as they are."""


class CheckpointError(SegdroneError):
    """A checkpoint or weights file that cannot be read, written, or used for this task."""


class ProcessLostError(SegdroneError):
    """Another process of the same run was killed, or its machine is lost."""


def user_message(error: SegdroneError) -> str:
    """Returns the part of an error's text that is meant for the user.

    A DataLoader worker re-raises an error with its whole traceback as the text. The user's part then comes last, after
    the name of the error's class.

    Example:
        >>> user_message(ConfigError("data.root is not set: give data.root=FOLDER"))
        'data.root is not set: give data.root=FOLDER'
    """
    name = f"{type(error).__module__}.{type(error).__qualname__}: "
    text = type(error)(str(error.args[0]).rsplit(name, maxsplit=1)[-1].strip()) if error.args else error
    return str(text)


def explain_error(error: Exception) -> str:
    """Returns one line for any error: what is wrong and, where it is known, what to do.

    Example:
        >>> explain_error(MemoryError())
        'MemoryError'
        >>> explain_error(FileNotFoundError(2, "No such file or directory", "a.png"))
        'a.png: No such file or directory: check the path, its permissions and the free disk space'
    """
    if isinstance(error, SegdroneError):
        return user_message(error)
    if isinstance(error, OSError):
        file = f"{error.filename}: " if error.filename else ""
        return f"{file}{error.strerror or error}: check the path, its permissions and the free disk space"
    text = f"{type(error).__name__}: {error}".strip(": \n")
    if "Traceback" in text:  # an error of a DataLoader worker contains the worker's traceback
        text = text.splitlines()[-1]
    return textwrap.shorten(text, 300, placeholder=" ...")


def format_options(options: Mapping[str, object]) -> str:
    """Returns options in the form of the command line, for the text of an error.

    Example:
        >>> format_options({"lr": 0.1, "momentum": 0.9})
        'lr=0.1, momentum=0.9'
    """
    return ", ".join(f"{key}={value}" for key, value in options.items()) or "no options"


def shorten_list(names: Sequence[T], most: int, show: Callable[[T], str] = str) -> str:
    """Returns the first names for a message, as `show` writes them, and how many more there are.

    Example:
        >>> shorten_list(["car", "tree", "roof"], 2)
        'car, tree and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(show, names[:most])) + more
