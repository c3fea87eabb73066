"""Check values of options of `conf/data` that have a form of their own; pydantic calls these before its own checks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from segdrone.windows import Size

_MAX_SIDE = 16384  # pixels: a larger sample does not fit into memory


def height_width(value: Any) -> Any:
    """Checks a height and a width in pixels."""
    if not (
        isinstance(value, tuple) and len(value) == 2 and all(type(v) is int and 1 <= v <= _MAX_SIDE for v in value)
    ):
        raise ValueError(f"must be [height, width] in pixels, whole numbers from 1 to {_MAX_SIDE}")
    return value


def three_channels(value: Any) -> Any:
    """Checks three values, each 0 or more."""
    if value is not None and not (
        isinstance(value, tuple) and len(value) == 3 and all(isinstance(v, int | float) and v >= 0 for v in value)
    ):
        raise ValueError("must be three values (red, green, blue), each 0 or more")
    return value


def three_positive(value: Any) -> Any:
    """Checks three values above 0."""
    if three_channels(value) is not None and min(value) == 0:
        raise ValueError("must be three values above 0")
    return value


def band_numbers(value: Any) -> Any:
    """Checks the numbers of three bands."""
    if value is not None and not (
        isinstance(value, tuple) and len(value) == 3 and all(type(v) is int and 1 <= v <= 1000 for v in value)
    ):
        raise ValueError("must be the numbers of three bands, counted from 1, such as [3,2,1]")
    return value


def black_and_white(value: Any) -> Any:
    """Checks the values that become 0 and 255, and returns them as numbers."""
    if value is not None and not (
        isinstance(value, tuple)
        and len(value) == 2
        and all(type(v) in (int, float) and abs(v) < math.inf for v in value)
        and value[0] < value[1]
    ):
        raise ValueError("must be two numbers, the smaller one first, such as [0,4095]")
    return value if value is None else (float(value[0]), float(value[1]))


def file_list(value: Any) -> Any:
    """Returns one file, or a list of them, as a list; None for none."""
    given = (value,) if isinstance(value, str | Path) else value
    if given is not None and not (isinstance(given, tuple | list) and all(isinstance(v, str | Path) for v in given)):
        raise ValueError("must be a list of files, such as [ortho.tif]")
    return None if not given else tuple(str(file) for file in given)


def gsd_range(value: Any) -> Any:
    """Returns `auto`, or the smallest and the largest centimeters per pixel."""
    numbers = (value, value) if type(value) in (int, float) else value
    if numbers in (None, "auto"):
        return numbers
    if not (
        isinstance(numbers, tuple)
        and len(numbers) == 2
        and all(type(v) in (int, float) and 0.001 <= v <= 1_000_000 for v in numbers)
        and numbers[0] <= numbers[1]
    ):
        raise ValueError("must be auto, centimeters per pixel such as 2.5, the smallest and the largest such as [2,4]")
    return (float(numbers[0]), float(numbers[1]))


HeightWidth = Annotated[Size, BeforeValidator(height_width)]
Files = Annotated[tuple[str, ...] | None, BeforeValidator(file_list)]
