"""Suppress Lightning's internal warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def suppress_lightning_warnings() -> Iterator[None]:
    """Suppresses the warning about Lightning's own use of torch, which every call of its Trainer shows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        yield
