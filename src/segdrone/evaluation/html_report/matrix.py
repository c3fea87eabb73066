"""Prepare the confusion matrix for the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable

SHADES = 20  # steps of a cell's background from a share of 0 to 1


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix.

    Attributes:
        shade: Step of its background, 0 to `SHADES`.
        text: The percentage in it; empty below 0.5.
        sentence: The meaning of the cell, as a sentence.
    """

    shade: int
    text: str
    sentence: str


@dataclass(frozen=True)
class Matrix:
    """The matrix as shares of the true class (recall) or of the predicted class (precision).

    Attributes:
        key: `truth` or `prediction`.
        ids: Classes that occur: one row and one column each.
        rows: Cells of each row; None for a cell without a pixel.
    """

    key: str
    ids: list[int]
    rows: list[list[Cell | None]]


def matrices(counts: NDArray[np.int64], table: ClassTable) -> list[Matrix]:
    """Returns the matrix as shares of the true and of the predicted classes.

    Args:
        counts: Pixels, int64 `[C, C]`, rows are the truth.
        table: The classes.
    """
    ids = [int(i) for i in np.flatnonzero(counts.sum(0) + counts.sum(1))]
    return [
        _matrix("truth", counts, counts.sum(1, keepdims=True), ids, table),
        _matrix("prediction", counts, counts.sum(0, keepdims=True), ids, table),
    ]


@dataclass(frozen=True)
class Confusion:
    """Pixels of one class that are predicted as another.

    Attributes:
        truth: Id of the true class.
        prediction: Id of the predicted class.
        of_class: Share of the true class's pixels.
        of_all: Share of all pixels.
    """

    truth: int
    prediction: int
    of_class: float
    of_all: float


def most_confused(counts: NDArray[np.int64], table: ClassTable, limit: int = 5) -> list[Confusion]:
    """Returns the pairs of classes with the most wrong pixels, in descending order, at most `limit`.

    Args:
        counts: Pixels, int64 `[C, C]`, rows are the truth.
        table: The classes.
        limit: Number of pairs.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(index), len(table)) for index in order if wrong.flat[index]]
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
        if key == "truth":
            total = f"of the true {names[truth]}"
            outcome = "predicted right" if truth == prediction else f"predicted as {names[prediction]}"
        else:
            total = f"of what is predicted as {names[prediction]}"
            outcome = "right" if truth == prediction else f"{names[truth]} in truth"
        percent = f"{100 * share:.2f}" if share >= 5e-5 else "< 0.01"
        text = f"{100 * share:.0f}" if share >= 0.005 else ""
        return Cell(round(share * SHADES), text, f"{percent} % {total} is {outcome}: {count:,} pixels")

    return Matrix(key, ids, [[cell(t, p) for p in ids] for t in ids])
