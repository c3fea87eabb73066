"""Measure a photograph and its prediction for monitoring: the last columns of `summary.csv`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.inference.image_statistics import IMAGE_STATISTICS, image_statistics
from segdrone.inference.prediction_statistics import PREDICTION_STATISTICS, prediction_statistics
from segdrone.raster.capture import read_capture
from segdrone.raster.jpeg_quality import read_jpeg_quality
from segdrone.raster.pixels import count_values

FILE_STATISTICS = {
    "megapixels": "megapixels",
    "jpeg_quality": "JPEG quality",
    "gsd": "ground sampling distance in meters",
}
"""What the file of a photograph says, in words."""

_DECIMALS = 6
_MAX_GSD = 1000.0  # meters: more is an error of the file


def statistics_columns(table: ClassTable) -> list[str]:
    """Returns the columns of `summary.csv` with statistics, in order."""
    classes = [f"confidence_{name}" for name in table.names]
    return [*PREDICTION_STATISTICS, *IMAGE_STATISTICS, *FILE_STATISTICS, *classes]


def monitored_columns(table: ClassTable) -> list[str]:
    """Returns the columns of `summary.csv` that monitoring compares: the statistics, and older ones."""
    return ["confidence", "no_data", *statistics_columns(table), *(f"share_{name}" for name in table.names)]


def describe_statistic(column: str) -> str:
    """Returns a column in words.

    Example:
        >>> describe_statistic("share_grass"), describe_statistic("noise")
        ('share of grass', 'noise')
    """
    known = {"confidence": "mean confidence", "no_data": "share without data"}
    known |= PREDICTION_STATISTICS | IMAGE_STATISTICS | FILE_STATISTICS
    if column in known:
        return known[column]
    kind, _, name = column.partition("_")
    return f"{kind} {'of' if kind == 'share' else 'in'} {name}"


def measure_photograph(
    file: Path, pixels: NDArray[np.uint8], mask: NDArray[np.uint8], confidence: NDArray[np.uint8], table: ClassTable
) -> tuple[str, dict[str, float]]:
    """Measures a photograph and its prediction; see `image_statistics` and `prediction_statistics`.

    A photograph of 24 megapixels takes about 0.1 s of one core, since a reduced copy is measured.

    Args:
        file: The photograph, whose header is read; of one that cannot be read, nothing is known.
        pixels: Its pixels, uint8 `[H, W, 3]`, RGB.
        mask: Class ids, uint8 `[H, W]`; the ignored id where it has no data.
        confidence: Probability of the class, uint8 `[H, W]`, 0 to 255 for 0 to 1.
        table: The classes.

    Returns:
        The time in the header, as `Capture.time`, and finite values by the names of `monitored_columns`, with six
        decimals as in `summary.csv`; statistics that are unknown are missing.
    """
    captured, values = _measure_file(file, mask.shape)
    values |= _shares(mask, confidence, table)
    values |= image_statistics(pixels, mask != table.ignore_index) | prediction_statistics(mask, confidence, table)
    return captured, {name: round(value, _DECIMALS) for name, value in values.items()}


def _measure_file(file: Path, size: tuple[int, ...]) -> tuple[str, dict[str, float]]:
    megapixels = {"megapixels": size[0] * size[1] / 1e6}
    try:
        capture, quality = read_capture(file), read_jpeg_quality(file)
    except DataError:
        return "", megapixels
    gsd = None if capture.footprint is None else capture.footprint / size[1]
    known = {"jpeg_quality": quality, "gsd": gsd if gsd is not None and gsd < _MAX_GSD else None}
    return capture.time, megapixels | {name: value for name, value in known.items() if value is not None}


def _shares(mask: NDArray[np.uint8], confidence: NDArray[np.uint8], table: ClassTable) -> dict[str, float]:
    """Returns the share of each class and the mean confidence of the pixels with data, and the share of the others.

    The first two are 0 if no pixel has data.
    """
    counts = count_values(mask)[: len(table)]
    with_data = int(counts.sum())
    divisor = max(1, with_data)
    return {
        "confidence": float(confidence.sum(dtype=np.uint64) / (255 * divisor)),
        "no_data": (mask.size - with_data) / mask.size,
        **{f"share_{name}": float(count / divisor) for name, count in zip(table.names, counts, strict=True)},
    }
