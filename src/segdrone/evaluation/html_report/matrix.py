"""The confusion matrix as tables for the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable

SHADES = 20  # steps of a cell's background from a share of 0 to 1


@dataclass(frozen=True)
class Cell:
    """One cell: the step of its background, the percentage in it, and what it says in words."""

    shade: int
    text: str
    words: str


@dataclass(frozen=True)
class Matrix:
    """The matrix as shares of the truth (recall) or of the prediction (precision).

    Attributes:
        key: `truth` or `prediction`.
        ids: Classes that occur, one a row and one a column.
        rows: A row of cells for each of them; None where not a pixel is.
    """

    key: str
    ids: list[int]
    rows: list[list[Cell | None]]


def matrices(counts: NDArray[np.int64], table: ClassTable) -> list[Matrix]:
    """Returns both readings of pixel counts, `[C, C]`, rows are the truth."""
    ids = [int(i) for i in np.flatnonzero(counts.sum(0) + counts.sum(1))]
    return [
        _matrix("truth", counts, counts.sum(1, keepdims=True), ids, table),
        _matrix("prediction", counts, counts.sum(0, keepdims=True), ids, table),
    ]


@dataclass(frozen=True)
class Confusion:
    """Pixels of one class predicted as another, as shares of that class and of all pixels."""

    truth: int
    prediction: int
    of_class: float
    of_all: float


def most_confused(counts: NDArray[np.int64], table: ClassTable, most: int = 5) -> list[Confusion]:
    """Returns which classes are most often taken for which, the most pixels first."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(table)) for place in order if wrong.flat[place]]
    return [Confusion(t, p, wrong[t, p] / counts[t].sum(), wrong[t, p] / counts.sum()) for t, p in pairs]


def _matrix(
    key: str, counts: NDArray[np.int64], totals: NDArray[np.int64], ids: list[int], table: ClassTable
) -> Matrix:
    shares = counts / np.maximum(totals, 1)
    names = table.names

    def cell(truth: int, prediction: int) -> Cell | None:
        count, share = int(counts[truth, prediction]), float(shares[truth, prediction])
        if not count:
            return None
        whole = f"of the true {names[truth]}" if key == "truth" else f"of what is predicted as {names[prediction]}"
        verb = "found" if truth == prediction else f"predicted as {names[prediction]}"
        if key == "prediction":
            verb = "right" if truth == prediction else f"{names[truth]} in truth"
        percent = f"{100 * share:.2f}" if share >= 5e-5 else "< 0.01"
        text = f"{100 * share:.0f}" if share >= 0.005 else ""
        return Cell(round(share * SHADES), text, f"{percent} % {whole} is {verb}: {count:,} pixels")

    return Matrix(key, ids, [[cell(t, p) for p in ids] for t in ids])
