"""Confusion and co-occurrence matrices."""

from __future__ import annotations

import numpy as np
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from segdrone.figures import plot_confusion, plot_cooccurrence
from tests.helpers.figures import TABLE, render, share_of


def shares(image: AxesImage) -> NDArray[np.float64]:
    """Values of a drawn matrix; NaN where it is blank."""
    values = image.get_array()
    assert values is not None
    return np.ma.filled(values.astype(np.float64), np.nan)


def test_confusion_shows_shares_of_each_true_class() -> None:
    counts = np.array([[30, 10, 0], [0, 5, 0], [0, 0, 0]], np.int64)
    figure = plot_confusion(counts, TABLE)
    axis = figure.axes[0]
    shown = shares(axis.images[0])
    np.testing.assert_allclose(shown, np.array([[0.75, 0.25, 0], [0, 1, 0], [np.nan] * 3]))
    assert {text.get_position(): text.get_text() for text in axis.texts} == {
        (0, 0): ".75",
        (1, 0): ".25",
        (1, 1): "1.00",
    }
    assert [label.get_text() for label in axis.get_yticklabels()] == list(TABLE.names)
    assert share_of(render(figure), (255, 255, 255)) < 1


def test_cooccurrence_shows_shares_of_the_photographs_of_each_row() -> None:
    figure = plot_cooccurrence(np.array([[4, 1, 0], [1, 2, 0], [0, 0, 0]], np.int64), TABLE)
    shown = shares(figure.axes[0].images[0])
    np.testing.assert_allclose(shown, [[1, 0.25, 0], [0.5, 1, 0], [np.nan, np.nan, np.nan]])
