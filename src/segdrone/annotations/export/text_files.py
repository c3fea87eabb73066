"""Write texts and JSON documents in UTF-8 without going through one large string."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segdrone.utils.atomic import atomic_write


def write_text(lines: Iterable[str], path: Path) -> None:
    """Writes lines.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path, sync=False) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(lines):
            file.write(f"\n{line}" if number else line)


def write_json_parts(parts: Iterable[str], path: Path) -> None:
    """Writes a JSON document given in parts.

    Raises:
        OSError: The file cannot be written.
    """
    with atomic_write(path, sync=False) as partial, partial.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(parts)


def join_items(items: Iterable[str]) -> Iterable[str]:
    """Yields the text of a JSON array of items that are JSON already.

    Example:
        >>> "".join(join_items(["1", "2"])).split()
        ['[1,', '2]']
    """
    yield "["
    for number, item in enumerate(items):
        yield f",\n{item}" if number else item
    yield "]"


def compact(content: Any) -> str:
    """Returns JSON without spaces."""
    return json.dumps(content, separators=(",", ":"))
