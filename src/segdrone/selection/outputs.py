"""Write what was chosen: a table, a list of ids, and a sheet of pictures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from segdrone.inference.inputs import InputImage
from segdrone.windows import Window

TABLE, LIST, SHEET = "picked.csv", "picked.txt", "contact_sheet.png"
SCORES = ".scores"
_COLUMNS = ("margin", "entropy", "disagreement", "rare", "distance")
_HEADER = ("rank", "photograph", "window", *_COLUMNS, "reason")


class Pick(NamedTuple):
    """A photograph, or a window of it, to label.

    Attributes:
        image: The photograph.
        window: The window in its pixels; None is all of it.
        scores: Scores by their names, and `distance`: that to the nearest labeled or picked one before. Those that
            were not computed are missing.
        reason: Why it was chosen, in words.
    """

    image: InputImage
    window: Window | None
    scores: dict[str, float]
    reason: str


def write_table(picks: Sequence[Pick], folder: Path) -> None:
    """Writes `picked.csv`, in the order to label, and `picked.txt` with the id of each photograph once."""
    with (folder / TABLE).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, _HEADER, restval="")
        writer.writeheader()
        for rank, pick in enumerate(picks, 1):
            row = {"rank": rank, "photograph": pick.image.path, "window": shown_window(pick.window)}
            scores = {name: f"{value:.6f}" for name, value in pick.scores.items()}
            writer.writerow({**row, **scores, "reason": pick.reason})
    names = dict.fromkeys(pick.image.name for pick in picks)
    text = "".join(f"{name}\n" for name in names)
    (folder / LIST).write_text(text, encoding="utf-8", errors="surrogateescape")


def shown_window(window: Window | None) -> str:
    """Returns a window as WIDTHxHEIGHT+LEFT+TOP, in pixels; empty for a whole photograph.

    Example:
        >>> shown_window(Window(top=10, left=20, height=30, width=40))
        '40x30+20+10'
    """
    return "" if window is None else f"{window.width}x{window.height}+{window.left}+{window.top}"
