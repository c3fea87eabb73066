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

FILE_STATISTICS = {
    "megapixels": "megapixels",
    "jpeg_quality": "JPEG quality",
    "gsd": "ground sampling distance in meters",
}
"""What the file of a photograph says, in words."""


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


def photo_statistics(
    pixels: NDArray[np.uint8], mask: NDArray[np.uint8], confidence: NDArray[np.uint8], table: ClassTable
) -> dict[str, float]:
    """Measures a photograph and its prediction; see `image_statistics` and `prediction_statistics`.

    A photograph of 24 megapixels takes about 0.1 s of one core, since a reduced copy is measured.

    Args:
        pixels: The photograph, uint8 `[H, W, 3]`, RGB.
        mask: Class ids, uint8 `[H, W]`; the ignored id where it has no data.
        confidence: Probability of the class, uint8 `[H, W]`, 0 to 255 for 0 to 1.
        table: The classes.

    Returns:
        Finite values; statistics that are unknown are missing.
    """
    megapixels = {"megapixels": mask.size / 1e6}
    valid = mask != table.ignore_index
    return megapixels | image_statistics(pixels, valid) | prediction_statistics(mask, confidence, table)


def file_statistics(file: Path, width: int) -> tuple[str, dict[str, float]]:
    """Returns what the header of a photograph says: its time, as `Capture.time`, and `jpeg_quality` and `gsd` if known.

    Args:
        file: The photograph; of one that cannot be read, nothing is known.
        width: Its width in pixels.
    """
    try:
        capture, quality = read_capture(file), read_jpeg_quality(file)
    except DataError:
        return "", {}
    known = {"jpeg_quality": quality, "gsd": None if capture.footprint is None else capture.footprint / width}
    return capture.time, {name: value for name, value in known.items() if value is not None and value < 1e6}
