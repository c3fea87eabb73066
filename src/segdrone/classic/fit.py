"""Fit a classical model to labeled photographs: a bounded, seeded sample of their pixels or segments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classic.features import Image, pixel_features
from segdrone.classic.model import ClassicModel, ClassicOptions, describe_segments
from segdrone.classic.trees import check_size
from segdrone.errors import DataError

Mask = NDArray[np.uint8]
_LABELED = 0.5  # share of a segment's pixels that its class must have


def fit_model(
    options: ClassicOptions, photographs: Iterable[tuple[Image, Mask]], count: int, classes: int, seed: int
) -> tuple[ClassicModel, NDArray[np.int64]]:
    """Fits a model.

    Args:
        options: The model.
        photographs: Image, uint8 `[H, W, 3]`, RGB, and mask, uint8 `[H, W]`, ids below `classes` and others that are
            ignored; of each photograph or part of one.
        count: Number of `photographs`.
        classes: Number of classes C.
        seed: Seed of the sample and of the classifier.

    Returns:
        The model, and how many samples it learned each class from, int64 `[C]`.

    Raises:
        DataError: No pixel or segment is labeled.
        ConfigError: The model is too large to be opened again.
    """
    rng = np.random.default_rng(seed)
    drawn: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = []
    left = options.samples
    for number, (image, mask) in enumerate(photographs):
        budget = -(-left // max(1, count - number))  # what others could not use goes to those that follow
        rows, ids = _draw(options, image, mask, classes, budget, rng)
        drawn.append((rows, ids))
        left = max(0, left - len(ids))
    if not any(len(ids) for _, ids in drawn):
        what = "pixel" if options.segmenter is None else "segment"
        raise DataError(f"no {what} of the {count} training photographs is labeled: label some, or check the masks")
    rows, ids = np.concatenate([rows for rows, _ in drawn]), np.concatenate([ids for _, ids in drawn])
    fitted = options.classifier.fit(rows, ids, classes, seed)
    check_size(fitted.to_arrays())
    model = ClassicModel(options, fitted, classes)
    model.check()
    return model, np.bincount(ids, minlength=classes)


def _draw(
    options: ClassicOptions, image: Image, mask: Mask, classes: int, budget: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns features, float32 `[R, F]`, and classes, int64 `[R]`, of at most `budget` pixels or segments."""
    if not (mask < classes).any():
        return np.empty((0, options.features), np.float32), np.empty(0, np.int64)
    if options.segmenter is None:
        flat = mask.ravel()
        chosen = draw_balanced(flat, classes, budget, options.balance, rng)
        planes = pixel_features(image, options.scales).reshape(options.features, -1)
        return np.ascontiguousarray(planes[:, chosen].T), flat[chosen].astype(np.int64)
    labels, rows = describe_segments(image, options.segmenter, options.scales)
    ids = majority(labels, mask, classes)
    chosen = draw_balanced(ids, classes, budget, options.balance, rng)
    return rows[chosen], ids[chosen]


def majority(labels: NDArray[np.int32], mask: Mask, classes: int) -> NDArray[np.int64]:
    """Returns the class that at least half of a segment's pixels have, int64 `[S]`; `classes` where none has.

    Example:
        >>> majority(np.array([[0, 0, 0, 1]], np.int32), np.array([[2, 2, 1, 255]], np.uint8), classes=3).tolist()
        [2, 3]
    """
    count = int(labels.max()) + 1
    known = np.minimum(mask, classes).astype(np.int64).ravel()
    cells = np.bincount(labels.ravel() * (classes + 1) + known, minlength=count * (classes + 1))
    table = cells.reshape(count, classes + 1)
    best = table[:, :classes].argmax(1)
    enough = table[np.arange(count), best] >= _LABELED * table.sum(1)
    return np.where(enough, best, classes)


def draw_balanced(
    ids: NDArray[np.integer[Any]], classes: int, budget: int, balance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Returns the places of a sample in which the n of a class are about as many as n^(1 - balance) of others.

    Args:
        ids: Class of each item, `[N]`; those of `classes` and above are never drawn.
        classes: Number of classes.
        budget: Most items.
        balance: 0 to 1.
        rng: Draws them.

    Example:
        >>> ids = np.array([0] * 900 + [1] * 100)
        >>> np.bincount(ids[draw_balanced(ids, 2, 100, 1.0, np.random.default_rng(0))]).tolist()
        [50, 50]
    """
    counts = np.bincount(ids, minlength=classes)[:classes]
    wanted = np.where(counts > 0, counts.astype(float) ** (1 - balance), 0)
    quotas = np.minimum(counts, np.floor(budget * wanted / max(wanted.sum(), 1e-12) + 1e-9)).astype(int)
    quotas = np.maximum(quotas, np.minimum(counts, 1))  # at least one of each class that is there
    order = rng.permutation(len(ids))
    shuffled = ids[order]
    parts = [order[np.flatnonzero(shuffled == class_id)[: quotas[class_id]]] for class_id in np.flatnonzero(counts)]
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)
