"""Choose the scale at which an image is predicted, so that things have the size that they had in training."""

from __future__ import annotations

import logging
import math

from segdrone.errors import ConfigError, DataError
from segdrone.spec import ModelSpec

log = logging.getLogger(__name__)

_FAR = 2.0  # times finer or coarser than all training photographs: said


def training_scale(spec: ModelSpec) -> float:
    """Returns by how much photographs were resized in training; 1 is their own size.

    Raises:
        ConfigError: The model was trained on whole photographs of unknown size.
    """
    if spec.sampling != "whole":
        return spec.scale
    statistics = spec.reference_statistics
    megapixels = None if statistics is None else statistics.columns.get("megapixels")
    if megapixels is None or not megapixels.median > 0:
        raise ConfigError(
            "the model was trained on whole photographs of unknown size, so the scale for a map is unknown: give "
            "--scale, such as 0.25 for maps that are four times as fine as what the network saw"
        )
    return math.sqrt(math.prod(spec.training_size) / (megapixels.median * 1e6))


def geometric_mean(gsd: tuple[float, float]) -> float:
    """Returns the ground sampling distance from which both ends of a range are as many times finer or coarser."""
    return math.sqrt(gsd[0] * gsd[1])


def ground_scale(spec: ModelSpec, name: str, gsd: float | None, wanted: str | float | None) -> float:
    """Returns the scale at which a photograph or a map is predicted.

    Args:
        spec: The model.
        name: Of the image, for messages.
        gsd: Ground sampling distance of the image in meters per pixel; None if it is unknown.
        wanted: None takes the scale of training, whatever a pixel covers. `auto` resizes it to the ground sampling
            distance of the training photographs, a number to this one in centimeters.

    Raises:
        ConfigError: The distance of the training is unknown.
        DataError: That of the image is unknown, or too far from that of the training.
    """
    scale = training_scale(spec)
    if wanted is None:
        _check_distance(spec, name, gsd)
        return scale
    if gsd is None:
        raise DataError(f"{name} does not say how much ground a pixel covers: leave --gsd out, and give --scale")
    if wanted == "auto":
        if spec.gsd is None:
            raise ConfigError(
                "--gsd auto: the model does not know how much ground a pixel of its training photographs covers: give "
                "it in centimeters, such as --gsd 2.5"
            )
        trained, coarsest = geometric_mean(spec.gsd), spec.gsd[1]
    else:
        trained = coarsest = float(wanted) / 100
    chosen = scale * gsd / trained
    if not 0.001 <= chosen <= 16:
        raise DataError(
            f"{name} has {100 * gsd:.3g} cm per pixel and the training {100 * trained:.3g}: too far apart to be resized"
        )
    seen = coarsest / min(scale, 1)  # training photographs were reduced
    if gsd > seen * _FAR:
        log.warning(
            "%s has %.3g cm per pixel, what the network saw in training had %.3g at most: it is enlarged, which adds "
            "no detail",
            name, 100 * gsd, 100 * seen,
        )  # fmt: skip
    log.info("%s: %.3g cm per pixel, in training %.3g: predicted at scale %.3g", name, 100 * gsd, 100 * trained, chosen)
    return chosen


def _check_distance(spec: ModelSpec, name: str, gsd: float | None) -> None:
    if gsd is None or spec.gsd is None or spec.gsd[0] / _FAR <= gsd <= spec.gsd[1] * _FAR:
        return
    low, high = (100 * value for value in spec.gsd)
    log.warning(
        "%s has %.3g cm per pixel, the training photographs had %.3g to %.3g, so things have another size: give --gsd "
        "auto",
        name, 100 * gsd, low, high,
    )  # fmt: skip
