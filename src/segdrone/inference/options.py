"""Check the options of `Predictor`, also before there is a model to predict with, and choose its windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segdrone.errors import ConfigError
from segdrone.inference.tta import AUGMENTS
from segdrone.spec import ModelSpec
from segdrone.windows import Size

_LEAST_WINDOW = 3  # pixels: neighbors overlap by 2, to interpolate between them
_LARGEST_DOUBLED = 1024 * 1536  # pixels of a window of twice the training size


def check_options(
    *,
    scale: Any = None,
    window: Any = None,
    overlap: Any = 0.25,
    augment: Any = "none",
    scales: Any = (1.0,),
    batch_size: Any = None,
) -> None:
    """Checks types and ranges of options that come from a config or a command line.

    Args:
        scale: As for `Predictor`, like the others.
        window: Height and width.
        overlap: Share of a window.
        augment: A key of `AUGMENTS`.
        scales: Factors of TTA.
        batch_size: Windows per batch.

    Raises:
        ConfigError: An option has another type or is out of its range.

    Example:
        >>> check_options(scale=0.5, window=(704, 1056), augment="flips")
    """
    for name, value in {"scale": 1.0 if scale is None else scale, "overlap": overlap}.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ConfigError(f"{name}={value} must be a number")
    if scale is not None and not 0 < scale <= 16:
        raise ConfigError(f"scale={scale} must be above 0 and at most 16: 1 is the photograph's own size")
    if window is not None and not (
        isinstance(window, list | tuple) and len(window) == 2 and all(type(side) is int for side in window)
    ):
        raise ConfigError(f"window={window} must be [height, width] in whole pixels")
    if window is not None and min(window) < _LEAST_WINDOW:
        raise ConfigError(f"window={window} must be a height and a width of {_LEAST_WINDOW} pixels or more")
    if not 0 <= overlap <= 0.9:
        raise ConfigError(f"overlap={overlap} must be between 0 and 0.9 of a window")
    if augment not in AUGMENTS:
        raise ConfigError(f"augment={augment} is unknown: choose one of {', '.join(AUGMENTS)}")
    if not isinstance(scales, list | tuple) or not all(isinstance(value, int | float) for value in scales):
        raise ConfigError(f"scales={scales} must be a list of numbers, such as [0.75, 1, 1.25]")
    if not scales or not all(0.1 <= value <= 4 for value in scales):
        raise ConfigError(f"scales={list(scales)} must be numbers from 0.1 to 4, such as 0.75, 1, 1.25")
    if batch_size is not None and type(batch_size) is not int:
        raise ConfigError(f"batch_size={batch_size} must be a whole number")
    if batch_size is not None and batch_size < 1:
        raise ConfigError(f"batch_size={batch_size} must be 1 or more")


def check_window(window: Size, own: Size, augment: str, scales: Sequence[float]) -> None:
    """Checks that a model of one size takes the windows of `Predictor`, also those of test-time augmentation.

    Args:
        window: Height and width of a window.
        own: Those that the model takes.
        augment: A key of `AUGMENTS`.
        scales: Factors of TTA.

    Raises:
        ConfigError: It does not.
    """
    if window[0] > own[0] or window[1] > own[1]:
        raise ConfigError(f"window={window} is larger than the model's own of {own[0]} x {own[1]}: leave it out")
    height, width = (round(max(scales) * side) for side in window)
    if any(transform.turns % 2 for transform in AUGMENTS[augment]):
        height = width = max(height, width)
    if height > own[0] or width > own[1]:
        raise ConfigError(
            f"augment={augment} with scales={[float(scale) for scale in scales]} turns or enlarges windows of "
            f"{window[0]} x {window[1]} pixels beyond the model's own of {own[0]} x {own[1]}: give a smaller window, "
            "or augment=flips and scales of at most 1"
        )


def default_window(spec: ModelSpec) -> Size:
    """Returns height and width of the windows of a model, in pixels at the network's scale: those of its training.

    With an instance head they have twice the sides, unless that is more pixels than 1024 x 1536: a thing that is longer
    than half a window has a center in each of its parts.

    Example:
        >>> from segdrone.classes import ClassTable
        >>> table = ClassTable(("road", "car"), ((90, 90, 90), (9, 143, 150)), things=("car",))
        >>> default_window(ModelSpec(table, (0.5,) * 3, (0.5,) * 3, training_size=(256, 384), instances=True))
        (512, 768)
    """
    height, width = spec.training_size
    factor = 2 if spec.instances and 4 * height * width <= _LARGEST_DOUBLED else 1
    return factor * height, factor * width
