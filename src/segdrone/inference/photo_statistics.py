"""Measure a photograph and its prediction for monitoring: columns of `summary.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.inference.image_statistics import IMAGE_STATISTICS, image_statistics
from segdrone.inference.prediction_statistics import PREDICTION_STATISTICS, prediction_statistics
from segdrone.raster.capture import read_capture
from segdrone.raster.ground_view import view_ground
from segdrone.raster.jpeg_quality import read_jpeg_quality
from segdrone.raster.pixels import count_values

FILE_STATISTICS = {
    "megapixels": "megapixels",
    "jpeg_quality": "JPEG quality",
    "gsd": "ground sampling distance in meters",
}
"""What the file of a photograph says, in words."""

GROUND_COLUMNS = ("ground_area", "gsd_source", "gsd_uncertainty")
"""Columns of `summary.csv` about the ground: its area in square meters, how `gsd` and it are known, and the standard
uncertainty of `gsd` as a share of it, half of that of the area; see `segdrone.raster.ground_view.view_ground`."""

_DECIMALS = 6
_MAX_GSD, _MAX_AREA = 1000.0, 1e9  # meters, square meters: more is an error of the file


def statistics_columns(table: ClassTable) -> list[str]:
    """Returns the columns of `summary.csv` with statistics, in order."""
    classes = [f"confidence_{name}" for name in table.names]
    return [*PREDICTION_STATISTICS, *IMAGE_STATISTICS, *FILE_STATISTICS, *classes]


def monitored_columns(table: ClassTable) -> list[str]:
    """Returns the columns of `summary.csv` that monitoring compares: the statistics, and older ones."""
    return ["confidence", "no_data", *statistics_columns(table), *(f"share_{name}" for name in table.names)]


def forget_empty(values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Returns monitored columns `[N]` with NaN for the shares and the confidence of photographs without any data.

    In `summary.csv` these are 0, which is neither rare nor unsure.

    Example:
        >>> forget_empty({"no_data": np.array([0.5, 1.0]), "confidence": np.array([0.9, 0.0])})["confidence"].tolist()
        [0.9, nan]
    """
    empty = values["no_data"] == 1
    return {
        name: np.where(empty, np.nan, column) if name == "confidence" or name.startswith("share_") else column
        for name, column in values.items()
    }


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
) -> tuple[dict[str, str], dict[str, float]]:
    """Measures a photograph and its prediction; see `image_statistics` and `prediction_statistics`.

    A photograph of 24 megapixels takes about 0.1 s of one core, since a reduced copy is measured.

    Args:
        file: The photograph, whose header is read; of one that cannot be read, nothing is known.
        pixels: Its pixels, uint8 `[H, W, 3]`, RGB.
        mask: Class ids, uint8 `[H, W]`; the ignored id where it has no data.
        confidence: Probability of the class, uint8 `[H, W]`, 0 to 255 for 0 to 1.
        table: The classes.

    Returns:
        The texts `captured`, the time in the header as `Capture.time`, and `gsd_source`; and finite values by the names
        of `monitored_columns` and `GROUND_COLUMNS`, with six decimals as in `summary.csv`; those that are unknown are
        missing.
    """
    texts, known = _measure_file(file, mask.shape)
    return texts, {**_rounded(known), **measure_pixels(pixels, mask, confidence, table)}


def measure_pixels(
    pixels: NDArray[np.uint8], mask: NDArray[np.uint8], confidence: NDArray[np.uint8], table: ClassTable
) -> dict[str, float]:
    """Measures what does not depend on the file, such as of a frame of a video; as `measure_photograph` takes it.

    Returns:
        Finite values by the names of `monitored_columns`, with six decimals; those that are unknown are missing.
    """
    values = {"megapixels": mask.size / 1e6, **_shares(mask, confidence, table)}
    values |= image_statistics(pixels, mask != table.ignore_index) | prediction_statistics(mask, confidence, table)
    return _rounded(values)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in values.items()}


def _measure_file(file: Path, size: tuple[int, ...]) -> tuple[dict[str, str], dict[str, float]]:
    """Returns the texts of `measure_photograph`, and what the header of a photograph says in numbers."""
    pixels = size[0] * size[1]
    try:
        capture, quality = read_capture(file), read_jpeg_quality(file)
    except DataError:
        return {"captured": "", "gsd_source": ""}, {}
    view = view_ground(capture)
    area = view.area if view.area is not None and view.area < min(_MAX_AREA, _MAX_GSD**2 * pixels) else None
    gsd = None if area is None or view.gsd is None else (area / pixels) ** 0.5
    known = {"jpeg_quality": quality, "gsd": gsd, "ground_area": area}
    known["gsd_uncertainty"] = None if area is None else view.uncertainty
    texts = {"captured": capture.time, "gsd_source": "" if area is None else view.source}
    return texts, {name: value for name, value in known.items() if value is not None}


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
