"""Collect the warnings of a job, and suppress Lightning's internal ones."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ABOUT_SPEED = ("segdrone.data.caching", "segdrone.data.loader")


@contextmanager
def suppress_lightning_warnings() -> Iterator[None]:
    """Suppresses the warning about Lightning's own use of torch, and that about layers that are frozen on purpose."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode at the start of training")
        yield


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collects the warnings that segdrone logs in the body, each once, in their order.

    A report that is read later shows them beside the scores, which they may put in doubt. Those of caches and loaders
    are about speed, and left out.

    Example:
        >>> with collect_warnings() as messages:
        ...     logging.getLogger("segdrone.data").warning("%d masks are JPEG", 3)
        >>> messages
        ['3 masks are JPEG']
    """
    messages: list[str] = []
    handler = _Collector(messages)
    logger = logging.getLogger("segdrone")
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        if logging.lastResort is not None and not logging.root.handlers:
            logging.lastResort.handle(record)  # Python shows a warning that has no handler, and this is one
        message = record.getMessage()
        if not record.name.startswith(_ABOUT_SPEED) and message not in self._messages:
            self._messages.append(message)
