"""What a trial came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Outcome(NamedTuple):
    """The end of one trial.

    Attributes:
        seed: Seed of the trial.
        held: Whether the promise held.
        detail: How it ended, or what went wrong, one line.
    """

    seed: int
    held: bool
    detail: str


class Kind(NamedTuple):
    """A kind of trial.

    Attributes:
        run: Runs the trials of some seeds. It is called in a forked process, which may end.
        batch: Seeds for one call.
        share: Part of the time that the kind gets, relative to others.
        full: Trials of a full campaign.
    """

    run: Callable[[Sequence[int]], list[Outcome]]
    batch: int
    share: float
    full: int


class TrialError(Exception):
    """A promise was broken; the text says which."""


def check(condition: bool, text: str) -> None:
    """Raises a TrialError unless a condition holds."""
    if not condition:
        raise TrialError(text)
