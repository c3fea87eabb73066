"""Keep the outcomes of a campaign in a file, so that it can be stopped and go on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.torture.outcome import Outcome


class Journal:
    """The outcomes of a campaign, a line of JSON for each batch.

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
                    name, results = json.loads(line)
                    outcomes[name] += [Outcome(*result) for result in results]
        return dict(outcomes)

    def add(self, name: str, results: Sequence[Outcome]) -> None:
        """Adds the outcomes of a batch of a kind."""
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(f"\n{json.dumps([name, results])}\n")  # apart from a line that was cut off
