"""Warnings of a library to itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def suppress_lightning_warnings() -> Iterator[None]:
    """Holds back what Lightning says of its own use of torch, at the start of whatever its Trainer does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)`")
        yield
