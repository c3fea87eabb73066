"""Turn what a model says of regions into probabilities of their classes, by what it says of other regions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

_PARTS = 5
_PENALTY = 10.0  # of squared weights, in regions: without many regions, the model's own probabilities stay
_STEPS = 60
_MOST_REGIONS = 30_000  # that are learned from


def class_probabilities(
    log_probabilities: NDArray[np.float32],
    context: NDArray[np.float32],
    labels: NDArray[np.int64],
    photographs: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Returns the probability of each class for each region, learned from the labels of other photographs.

    A model calls gravel grass and small things background again and again: that alone makes no label wrong. How the
    labels of a class look to the model, and what is usually around them, is therefore learned, by a multinomial
    regression that starts at the model's own probabilities ("matrix scaling" of Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017, of regions instead of images). Each region is judged by a regression without its own
    photograph. It is fitted twice, the second time without the labels that the first one doubts (Northcutt et al.,
    "Confident Learning", JAIR 2021, section 3).

    Args:
        log_probabilities: Mean logarithm of the model's probabilities, `[N, C]`.
        context: What else is known, `[N, F]`.
        labels: Ids of the given classes, `[N]`.
        photographs: Number of the photograph of each region, `[N]`.

    Returns:
        float32 `[N, C]`, with rows that sum to 1. With a single photograph, the model's own.
    """
    own = log_probabilities - np.logaddexp.reduce(log_probabilities, axis=1, keepdims=True)
    parts = np.unique(photographs, return_inverse=True)[1] % _PARTS
    if not parts.any():
        return np.exp(own).astype(np.float32)
    known = np.hstack([log_probabilities, context])
    inputs = np.hstack([(known - known.mean(0)) / (known.std(0) + 1e-6), np.ones((len(known), 1))])
    trusted = np.ones(len(labels), bool)
    for _ in range(2):
        result = np.zeros_like(own, np.float32)
        for part in range(parts.max() + 1):
            own_part, other = parts == part, np.flatnonzero(trusted & (parts != part))
            if len(other) > _MOST_REGIONS:
                other = np.random.default_rng(part).choice(other, _MOST_REGIONS, replace=False)
            if not len(other):  # all are doubted: nothing is left to learn from
                result[own_part] = np.exp(own[own_part])
                continue
            weights = _fit(inputs[other], own[other], labels[other])
            logits = own[own_part] + inputs[own_part] @ weights
            result[own_part] = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        trusted = ~doubted(result, labels)
    return result


def doubted(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns which labels are off the diagonal of the confident joint, bool `[N]`.

    A label is doubted if another class is likelier, and at least as probable as that class is on average where it is
    the label (Northcutt et al., "Confident Learning", JAIR 2021, section 3.1).

    Args:
        probabilities: Of each class, `[N, C]`.
        labels: Ids of the given classes, `[N]`.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.9, 0.1]], np.float32)
        >>> doubted(probabilities, np.array([0, 0, 1, 1])).tolist()
        [False, False, False, True]
    """
    every = np.arange(len(labels))
    given = probabilities[every, labels]
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    thresholds = np.bincount(labels, given, minlength=probabilities.shape[1]) / np.maximum(counts, 1)
    confident = np.where((counts > 0) & (probabilities >= thresholds), probabilities, 0)
    best = confident.argmax(axis=1)
    return np.asarray((confident[every, best] > given) & (best != labels), bool)


def _fit(inputs: NDArray[np.float64], offsets: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Returns the weights of a multinomial regression, `[F, C]`, by which `offsets + inputs @ weights` are logits."""
    features, start, target = (
        torch.from_numpy(np.ascontiguousarray(values)).to(kind)
        for values, kind in ((inputs, torch.float32), (offsets, torch.float32), (labels, torch.int64))
    )
    weights = torch.zeros(features.shape[1], start.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = cross_entropy(start + features @ weights, target) + _PENALTY * weights.square().sum() / 2 / len(target)
        error.backward()
        return error

    optimizer.step(loss)
    return weights.detach().numpy()
