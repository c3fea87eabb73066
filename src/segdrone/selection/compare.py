"""Features of candidates and of what is labeled, in one space."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.inference.predictor import Predictor
from segdrone.raster import ImageSource
from segdrone.selection.candidates import Candidates
from segdrone.selection.features import color_features, encoder_features, has_encoder
from segdrone.selection.scores import score_photograph
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window

log = logging.getLogger(__name__)

Features = NDArray[np.float64]


def compare(
    predictor: Predictor, candidates: Candidates, chosen: NDArray[np.int64], labeled: Sequence[Path], *, progress: bool
) -> tuple[Features, Features]:
    """Returns features of some candidates and of labeled photographs, `[N, D]` and `[M, D]`.

    They are those of the network's encoder; of a model without one, class shares and colors, which is said once.

    Args:
        predictor: The model.
        candidates: All candidates.
        chosen: Indices of those to describe, int64 `[N]`.
        labeled: Files of the labeled photographs. Those that cannot be read are left out.
        progress: Whether to show a progress bar.

    Raises:
        DataError: A photograph of a candidate can no longer be read.
    """
    if not has_encoder(predictor):
        log.warning(
            "an exported or classical model has no encoder to compare photographs by: their classes and colors are "
            "compared; give the checkpoint of a network to compare its features"
        )
    groups = [*candidates.by_image(chosen)]
    bar = progress_bar(total=len(groups) + len(labeled), desc="comparing", unit="photograph", disable=not progress)
    with bar:
        rows: list[Features] = [np.empty(0)] * len(chosen)
        for image, positions in groups:
            source, indices = predictor.open(image.file), chosen[positions]
            parts, shares = candidates.scores.parts[indices], candidates.scores.shares[indices]
            for position, row in zip(positions, _features(predictor, source, parts, shares), strict=True):
                rows[position] = row
            bar.update()
        features, known, unreadable = np.stack(rows), list[Features](), list[Path]()
        for file in labeled:
            try:
                known.append(_of_labeled(predictor, file))
            except DataError:
                unreadable.append(file)
            bar.update()
    if unreadable:
        log.warning(
            "%d labeled photographs cannot be read, and are not compared with: %s", len(unreadable), unreadable[0]
        )
    return features, np.concatenate([np.empty((0, features.shape[1])), *known])


def _of_labeled(predictor: Predictor, file: Path) -> Features:
    """Returns the features of a labeled photograph, `[1, D]`; `[0, D]` of one without data."""
    source = predictor.open(file)
    if has_encoder(predictor):
        found = encoder_features(predictor, source, np.array([Window(0, 0, *source.size)]))
        return found[found.any(axis=1)]
    scores = score_photograph(predictor, source)
    return color_features(source, scores.parts, scores.shares)


def _features(
    predictor: Predictor, source: ImageSource, parts: NDArray[np.int64], shares: NDArray[np.float64]
) -> Features:
    return (
        encoder_features(predictor, source, parts) if has_encoder(predictor) else color_features(source, parts, shares)
    )
