"""Change tables and lists of names: cells, lines, separators and encodings."""

from __future__ import annotations

import random

from benchmarks.torture.change_trees import SCALARS


def change_text(content: bytes, rng: random.Random) -> bytes:
    """Returns a text file with some of its lines and cells changed."""
    lines = content.decode("utf-8").split("\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        action = rng.randrange(9)
        if action < 4:
            cells = lines[at].split(",")
            cells[rng.randrange(len(cells))] = str(rng.choice(SCALARS))
            lines[at] = ",".join(cells)
        elif action == 4:
            lines[at] += "," * rng.choice((1, 300))
        elif action == 5:
            del lines[at]
            lines = lines or [""]
        elif action == 6:
            lines.insert(at, rng.choice(lines))
        elif action == 7:
            lines[at] = lines[at].replace(",", rng.choice((";", "\t", " ", "|", '"', "")))
        elif len(lines) < 1000:
            lines *= rng.choice((2, 300))
    text = "\n".join(lines)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-32"))
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
