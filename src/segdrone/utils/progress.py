"""Progress bars on stderr, which log files get at most once a minute."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, overload

from tqdm import tqdm

from segdrone.utils.console import one_line
from segdrone.utils.stall import mark_progress

T = TypeVar("T")
LOG_INTERVAL = 60.0
"""Seconds between two lines of a bar if stderr is not a terminal: each of them stays in the log file."""


@overload
def progress_bar(iterable: Iterable[T], desc: str | None = None, **options: Any) -> tqdm[T]: ...


@overload
def progress_bar(iterable: None = None, desc: str | None = None, **options: Any) -> tqdm[Any]: ...


def progress_bar(iterable: Iterable[T] | None = None, desc: str | None = None, **options: Any) -> tqdm[Any]:
    """Returns a progress bar on stderr.

    Args:
        iterable: What to go through; None if the caller updates the bar.
        desc: What is counted.
        **options: Further arguments of tqdm, such as `total`, `unit` or `disable`.
    """
    if not is_terminal():
        options = {**options, "mininterval": LOG_INTERVAL, "maxinterval": LOG_INTERVAL, "miniters": 1}
    return _Bar(iterable, desc and one_line(desc), **options)


class _Bar(tqdm):  # type: ignore[type-arg]
    """A bar whose progress counts against a stall."""

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            mark_progress(f"counting {getattr(self, 'desc', None) or 'files'}")
            yield item

    def update(self, n: float | None = 1) -> bool | None:
        mark_progress(f"counting {getattr(self, 'desc', None) or 'files'}")
        return super().update(n)


def is_terminal() -> bool:
    """Whether stderr is a terminal; a log file or a pipe is not."""
    return sys.stderr is not None and sys.stderr.isatty()
