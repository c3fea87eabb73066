"""How unsure a model is of each pixel, from its class probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WAYS = {
    "margin": "1 less the lead of the most probable class over the next one",
    "entropy": "entropy of the class probabilities",
    "disagreement": "how much the predictions of the photograph and of its flips differ; four times the time",
    "rare": "entropy in which rare classes weigh more",
}
"""Scores of uncertainty, by the name that `--by` takes."""

DEFAULT_WAY = "margin"
FLIPS = "flips"
"""Test-time augmentation whose predictions are compared, a key of `segdrone.inference.tta.AUGMENTS`."""

_TINY = np.float32(1e-12)

Plane = NDArray[np.float32]


def margin(probabilities: Plane) -> Plane:
    """Returns 1 less the difference of the two largest probabilities of each pixel, `[h, w]`, 0 to 1.

    Best-versus-second-best margin: Scheffer, Decomain and Wrobel, Active hidden Markov models for information
    extraction, IDA 2001.

    Args:
        probabilities: float32 `[C, h, w]`, which sum to 1 over the classes.

    Example:
        >>> margin(np.array([0.5, 0.25, 0.25], np.float32).reshape(3, 1, 1)).tolist()
        [[0.75]]
    """
    first, second = probabilities[0].copy(), np.zeros_like(probabilities[0])
    for plane in probabilities[1:]:
        np.maximum(second, np.minimum(first, plane), out=second)
        np.maximum(first, plane, out=first)
    return np.asarray(1 - (first - second), np.float32)


def entropy_part(probability: Plane, classes: int) -> Plane:
    """Returns what a class adds to the entropy, -p log p, `[h, w]`; over all `classes` the sum is 0 to 1.

    Shannon's entropy, divided by that of equal probabilities. With a weight for each class, the sum is the weighted
    entropy of Guiasu, Weighted entropy, Reports on Mathematical Physics 2(3), 1971.

    Args:
        probability: Probability of the class, float32 `[h, w]`.
        classes: Number of classes C.

    Example:
        >>> entropy_part(np.full((1, 1), 0.5, np.float32), classes=2).tolist()
        [[0.5]]
    """
    part = np.maximum(probability, _TINY)
    np.log(part, out=part)
    part *= probability
    part /= -np.log(np.float32(max(2, classes)))
    return part


def disagreement(versions: Sequence[Plane]) -> Plane:
    """Returns how much several predictions of the same pixels differ, `[h, w]`, 0 to 1.

    The Jensen-Shannon divergence: the entropy of their mean less the mean of their entropies (Lin, Divergence measures
    based on the Shannon entropy, IEEE Transactions on Information Theory 37(1), 1991). With
    samples of a model it is the information that a label gives about the model (Houlsby et al., BALD, 2011); here flips
    take their place.

    Args:
        versions: Probabilities float32 `[C, h, w]`, each of one prediction.

    Example:
        >>> one, other = (np.array(p, np.float32).reshape(2, 1, 1) for p in ([1, 0], [0, 1]))
        >>> disagreement([one, other]).tolist(), disagreement([one, one]).tolist()
        ([[1.0]], [[0.0]])
    """
    classes = len(versions[0])
    total = np.zeros(versions[0].shape[1:], np.float32)
    for planes in zip(*versions, strict=True):
        mean = np.asarray(np.mean(planes, axis=0, dtype=np.float32))
        total += entropy_part(mean, classes)
        for plane in planes:
            total -= entropy_part(plane, classes) / np.float32(len(versions))
    return np.maximum(total, 0)
