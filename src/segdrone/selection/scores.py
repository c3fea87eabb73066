"""Score how unsure a model is of a photograph, or of windows of it, in memory that does not grow with its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.inference.argmax import argmax
from segdrone.inference.predictor import Predictor
from segdrone.inference.tta import AUGMENTS
from segdrone.inference.window_network import WindowNetwork
from segdrone.raster import ImageSource
from segdrone.selection.cells import CellMeans
from segdrone.selection.uncertainty import FLIPS, disagreement, entropy_part, margin
from segdrone.windows import Size, Window, divide

_CELLS = 1 << 14  # of a photograph: scores of windows are means of cells

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores of K parts of a photograph that have data; each is a mean over the part's pixels with data.

    Attributes:
        parts: Their windows in pixels of the photograph, int64 `[K, 4]`: top, left, height, width.
        margin: `[K]`, 0 to 1.
        entropy: What each class adds to the entropy, `[K, C]`; the sum over classes is 0 to 1.
        shares: Mean probability of each class, `[K, C]`.
        disagreement: `[K]`, 0 to 1; NaN if flips were not predicted.
    """

    parts: NDArray[np.int64]
    margin: Values
    entropy: Values
    shares: Values
    disagreement: Values

    def by(self, way: str, weights: Values) -> Values:
        """Returns the scores of one way, a key of `WAYS`, `[K]`; `weights` are those of the classes, `[C]`."""
        if way == "margin":
            return self.margin
        if way == "disagreement":
            return self.disagreement
        return np.asarray(self.entropy @ (weights if way == "rare" else np.ones_like(weights)))


def score_photograph(
    predictor: Predictor, source: ImageSource, window: Size | None = None, *, flips: bool = False
) -> Scores:
    """Predicts a photograph, and scores it as a whole, or windows of it.

    Args:
        predictor: The model.
        source: The photograph, as `Predictor.open` returns it.
        window: Largest height and width of a window in pixels, as of `segdrone.windows.divide`; None is the whole
            photograph.
        flips: Also predict its flips, and score how much the predictions disagree.

    Raises:
        DataError: The photograph cannot be read.

    Example:
        >>> predictor = Predictor.from_file("best.ckpt")  # doctest: +SKIP
        >>> score_photograph(predictor, predictor.open("photograph.jpg")).margin  # doctest: +SKIP
        array([0.31])
    """
    classes, size = len(predictor.table), predictor.network_size(source.size)
    cells = CellMeans(2 * classes + 2, size, _CELLS)
    for predicted in predict_windows(predictor, source, flips=flips):
        cells.add(predicted.window, _planes(predicted.versions), predicted.valid)
    parts = divide(source.size, source.size if window is None else window)
    means = np.array([cells.mean(scale_window(part, source.size, size)) for part in parts])
    kept = np.isfinite(means).all(1)
    parts, means = [part for part, is_kept in zip(parts, kept, strict=True) if is_kept], means[kept]
    disagreements = means[:, -1] if flips else np.full(len(means), np.nan)
    places = np.array(parts, np.int64).reshape(-1, 4)
    return Scores(places, means[:, -2], means[:, classes:-2], means[:, :classes], disagreements)


def _planes(versions: Sequence[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Yields what is averaged: probabilities and entropies of the classes, margin, disagreement; all `[h, w]`."""
    probabilities = versions[0]
    yield from probabilities
    for plane in probabilities:
        yield entropy_part(plane, len(probabilities))
    yield margin(probabilities)
    yield disagreement(versions) if len(versions) > 1 else np.zeros_like(probabilities[0])


class UncertaintyMap(NamedTuple):
    """Where a model is unsure.

    Attributes:
        values: The score of each cell of a grid over the photograph, float32 `[h, w]`; 0 without data.
        classes: Predicted class ids at the network's scale, uint8 `[H, W]`.
    """

    values: NDArray[np.float32]
    classes: NDArray[np.uint8]


def map_uncertainty(predictor: Predictor, source: ImageSource, way: str, weights: Values, cells: int) -> UncertaintyMap:
    """Predicts a photograph, and returns where the model is unsure.

    Args:
        predictor: The model.
        source: The photograph.
        way: A key of `WAYS`.
        weights: Weights of the classes, `[C]`, for `rare`.
        cells: About how many cells the map has.

    Raises:
        DataError: The photograph cannot be read.
    """
    size, table = predictor.network_size(source.size), predictor.table
    means, classes = CellMeans(1, size, cells), np.full(size, table.ignore_index, np.uint8)
    for predicted in predict_windows(predictor, source, flips=way == "disagreement"):
        probabilities = predicted.versions[0]
        if way == "disagreement":
            plane = disagreement(predicted.versions)
        elif way == "margin":
            plane = margin(probabilities)
        else:
            plane = np.zeros(probabilities.shape[1:], np.float32)
            for weight, probability in zip(weights, probabilities, strict=True):
                plane += entropy_part(probability, len(table)) * np.float32(weight if way == "rare" else 1)
        means.add(predicted.window, plane[None], predicted.valid)
        chosen = argmax(probabilities).classes
        if predicted.valid is not None:
            chosen[~predicted.valid] = table.ignore_index
        classes[predicted.window.rows, predicted.window.columns] = chosen
    return UncertaintyMap(np.nan_to_num(means.means()[0]).astype(np.float32), classes)


class PredictedWindow(NamedTuple):
    """A window at the network's scale: probabilities of each version, float32 `[C, h, w]`, and valid pixels."""

    window: Window
    versions: Sequence[NDArray[np.float32]]
    valid: NDArray[np.bool_] | None


def predict_windows(predictor: Predictor, source: ImageSource, *, flips: bool = False) -> Iterator[PredictedWindow]:
    """Yields the probabilities of the windows of an image, as the predictor computes them.

    Args:
        predictor: The model.
        source: The image.
        flips: Yield also those of the flips of each window, turned back.
    """
    backend, windows = predictor.backend, predictor.windows(source.size)
    resized = predictor.resize(source)
    networks = [
        WindowNetwork(backend, (transform,), (1.0,), backend.batch_size)
        for transform in AUGMENTS[FLIPS if flips else "none"]
    ]
    computed = [network.probabilities(source, resized, windows, None) for network in networks]
    for window, *versions in zip(windows, *computed, strict=True):
        valid = None
        if not source.fully_valid:
            own = scale_window(window, resized.size, source.size)
            valid = source.valid(own, (window.height, window.width))
        yield PredictedWindow(window, versions, valid)
    source.release_pages()


def scale_window(window: Window, size: Size, other: Size) -> Window:
    """Returns a window of an image of `size` in the pixels of the same image at another size."""
    begins, lengths = [], []
    for begin, length, side, new in zip(window[:2], window[2:], size, other, strict=True):
        first = min(round(begin * new / side), new - 1)
        begins.append(first)
        lengths.append(max(1, round((begin + length) * new / side) - first))
    return Window(*begins, *lengths)
