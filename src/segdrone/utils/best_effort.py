"""Write what a run can do without: a full disk costs a warning, not the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class BestEffort:
    """Turns the errors of writing something into one warning.

    Args:
        what: What is written, for the warning.

    Example:
        >>> best_effort = BestEffort("the plots")
        >>> with best_effort():
        ...     raise OSError(28, "No space left on device")
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._has_failed = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Ends the body at an OSError; the first one is logged."""
        try:
            yield
        except OSError as error:
            if not self._has_failed:
                reason = error.strerror or error
                log.warning(
                    "%s cannot be written (%s): the run goes on without; free some disk space", self._what, reason
                )
            self._has_failed = True
