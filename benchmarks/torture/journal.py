"""Keep the outcomes of a campaign in a file, so that it can be stopped and go on, also on another machine."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
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
    run: list[int] = []
    for outcome in sorted(results):
        if run and not (outcome.held and outcome.seed == run[-1] + 1):
            yield _line(name, run[0], run[-1], None)
            run = []
        if outcome.held:
            run.append(outcome.seed)
        else:
            yield _line(name, outcome.seed, outcome.seed, outcome.detail)
    if run:
        yield _line(name, run[0], run[-1], None)


def _line(*values: str | int | None) -> str:
    return json.dumps(values) + "\n"
