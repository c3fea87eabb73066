"""Keep the outcomes of a campaign in a file, so that it can be stopped and go on, also on another machine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from benchmarks.torture.outcome import Outcome


class Journal:
    """The outcomes of a campaign: lines of JSON, each the kind, the first and the last seed, and what went wrong.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def read(self) -> dict[str, list[Outcome]]:
        """Returns the outcomes of each kind so far."""
        outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
        if self.path is not None and self.path.exists():
            for line in self.path.read_text().splitlines():
                with suppress(json.JSONDecodeError):  # cut off, or empty
                    name, first, last, wrong = json.loads(line)
                    held = wrong is None
                    outcomes[name] += [Outcome(seed, held, wrong or "") for seed in range(first, last + 1)]
        return dict(outcomes)

    def add(self, name: str, results: Sequence[Outcome]) -> None:
        """Adds the outcomes of a batch of a kind."""
        if self.path is not None:
            with self.path.open("a") as file:
                file.write("\n" + "".join(_lines(name, results)))  # apart from a line that was cut off

    def rewrite(self, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        """Writes all outcomes in as few lines as they need."""
        if self.path is not None:
            partial = self.path.with_name(self.path.name + ".part")
            partial.write_text("".join(line for name, results in outcomes.items() for line in _lines(name, results)))
            partial.replace(self.path)


def _lines(name: str, results: Sequence[Outcome]) -> Iterator[str]:
    """Yields a line for each run of seeds that held, and for each seed that did not."""
    in_order = enumerate(sorted(results))
    for _, group in groupby(in_order, key=lambda item: (item[1].held, item[1].seed - item[0] if item[1].held else item)):
        seeds = [outcome for _, outcome in group]
        yield json.dumps([name, seeds[0].seed, seeds[-1].seed, None if seeds[0].held else seeds[0].detail]) + "\n"
