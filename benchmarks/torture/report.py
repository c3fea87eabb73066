"""Say what a campaign found: a table, and the failing trials with the command that repeats each."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.torture.outcome import Outcome

_SHOWN = 5  # failing trials of one kind and reason


def table(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """Returns a Markdown table: a row for each kind of trial."""
    lines = ["| kind | tried | held |", "|---|---:|---:|"]
    for name, results in outcomes.items():
        lines.append(f"| {name} | {len(results):,} | {sum(result.held for result in results):,} |")
    every = [result for results in outcomes.values() for result in results]
    lines.append(f"| **all** | **{len(every):,}** | **{sum(result.held for result in every):,}** |")
    return "\n".join(lines)


def failures(outcomes: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    """Yields a line for each failing trial; of many that end in the same way, the first ones."""
    for name, results in outcomes.items():
        by_reason: defaultdict[str, list[Outcome]] = defaultdict(list)
        for result in results:
            if not result.held:
                by_reason[_reason(result.detail)].append(result)
        for same in by_reason.values():
            yield f"{name}: {len(same)} of {len(results)}: {same[0].detail}"
            yield from (f'    python -m benchmarks.torture --repeat "{name}:{result.seed}"' for result in same[:_SHOWN])


def _reason(detail: str) -> str:
    """Returns what trials that end in the same way share: the place of an exception, or how the text begins."""
    return detail.rpartition("(")[2] if detail.startswith("other exception") else detail[:40]


def page(outcomes: Mapping[str, Sequence[Outcome]], command: str, spent: str) -> str:
    """Returns the Markdown file of a campaign, with what was spent on it, such as `55 minutes`."""
    failing = "\n".join(failures(outcomes))
    return (
        "# Torture\n\n"
        f"`{command}`: {spent}, on {len(os.sched_getaffinity(0))} cores, {platform.system()}, "
        f"Python {platform.python_version()}. What is tried, and what must hold, is in docs/reliability.md.\n\n"
        f"{table(outcomes)}\n" + (f"\nFailing:\n\n```\n{failing}\n```\n" if failing else "\nNone failed.\n")
    )
