"""Divide photographs into segments by a classical method: outlines and numbers, without any training."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone import __version__
from segdrone.classic.libraries import check_installed
from segdrone.classic.methods import Segmenter, build_segmenter
from segdrone.data.discovery.file_tree import SEGMENTS
from segdrone.errors import ConfigError, DataError
from segdrone.inference.inputs import InputImage
from segdrone.raster import ImageSource, open_image
from segdrone.raster.encode import write_gray_png, write_jpeg
from segdrone.raster.header import without_training_options
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.utils.atomic import atomic_write, writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.output_dir import claim_dir, exclusive_dir
from segdrone.utils.progress import progress_bar
from segdrone.utils.regular_file import open_regular
from segdrone.windows import Size, Window

DEFAULT_PIXELS = 1_000_000
"""Pixels that a photograph is reduced to before a method divides it."""

_MOST_PIXELS, _MOST_SEGMENTS = 50_000_000, 65_535
_LONGEST_JPEG = 65_500  # pixels of a side
_LINE = (255, 255, 0)
_TABLE, _COLUMNS = "segments.csv", ["path", "segments", "median_pixels", "labels", "digest"]
_RESULTS = ("outlines", "labels", _TABLE)


class Segments(NamedTuple):
    """Segments of a photograph.

    Attributes:
        labels: Number of each pixel's segment, uint16 `[H, W]`, from 1; 0 where the photograph has no data.
        outlines: The photograph at the size of the method, with the outlines of the segments, uint8 `[h, w, 3]`.
        areas: Pixels of each segment in `labels`, int64 `[S]`.
    """

    labels: NDArray[np.uint16]
    outlines: NDArray[np.uint8]
    areas: NDArray[np.int64]


def segment_photograph(source: ImageSource, segmenter: Segmenter, max_pixels: int = DEFAULT_PIXELS) -> Segments:
    """Divides a photograph into segments.

    Args:
        source: The photograph.
        segmenter: The method.
        max_pixels: A larger photograph is reduced to so many pixels; its numbers are then brought to its own size.

    Raises:
        DataError: It cannot be read, or has more segments than 16 bits can number.

    Example:
        >>> from segdrone.raster import ArraySource
        >>> image = np.full((40, 60, 3), 90, np.uint8)
        >>> image[:, 30:] = 200
        >>> found = segment_photograph(ArraySource(image), build_segmenter("threshold", {"levels": 2}))
        >>> found.labels[0, [0, 59]].tolist(), found.areas.tolist()
        ([1, 2], [1200, 1200])
    """
    size: Size = source.size
    scale = min(1.0, (max_pixels / (size[0] * size[1])) ** 0.5)
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    image = source.read(Window(0, 0, *size), small)
    labels = segmenter(image) + 1
    if labels.max() > _MOST_SEGMENTS:
        raise DataError(
            f"{labels.max()} segments are more than the {_MOST_SEGMENTS} that a label map can number: give larger ones "
            "by --set spacing=, min_size= or scale=, or a lower --max-pixels"
        )
    numbers = labels.astype(np.uint16)
    full = numbers if small == size else resize_mask(numbers, size)
    if not source.fully_valid:
        full[~source.valid(Window(0, 0, *size))] = 0
    areas = np.bincount(full.ravel(), minlength=int(labels.max()) + 1)[1:]
    return Segments(full, draw_outlines(image, labels), areas)


def draw_outlines(image: NDArray[np.uint8], labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Returns an image with a line along the border of each segment, uint8 `[H, W, 3]`.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        labels: Number of each pixel's segment, `[H, W]`.
    """
    drawn = image.copy()
    drawn[:, :-1][labels[:, :-1] != labels[:, 1:]] = _LINE
    drawn[:-1][labels[:-1] != labels[1:]] = _LINE
    return drawn


def segment_photographs(
    method: str,
    options: Mapping[str, Any],
    images: Sequence[InputImage],
    out: str | Path,
    *,
    max_pixels: int = DEFAULT_PIXELS,
    progress: bool = True,
) -> dict[str, str]:
    """Divides photographs into segments, and writes outlines, label maps and `segments.csv` to a folder.

    A photograph that cannot be read leaves no files, and the others are done. Files and rows of other photographs,
    which an earlier call wrote, stay.

    Args:
        method: A key of `METHODS`.
        options: Options of the method.
        images: The photographs, as `find_inputs` returns them.
        out: Output folder; created if needed.
        max_pixels: As for `segment_photograph`.
        progress: Whether to show a progress bar.

    Returns:
        The reason for each photograph that failed, by path, one line each.

    Raises:
        ConfigError: The method or an option is unknown or out of its range, a package is not installed, or the folder
            has other files, or those of another photograph of the same name.
        DataError: The folder cannot be written to.
    """
    segmenter = build_segmenter(method, options)
    check_installed()
    if not 1000 <= max_pixels <= _MOST_PIXELS:
        raise ConfigError(f"--max-pixels {max_pixels} must be from 1000 to {_MOST_PIXELS}")
    out, failed = Path(out), dict[str, str]()
    parts: Any = segmenter
    settings = {"segdrone": __version__, "method": method, "options": _plain(vars(parts)), "max_pixels": max_pixels}
    with writable_dir(out), exclusive_dir(out):
        claim_dir(out, SEGMENTS, settings, _RESULTS, "segdrone segment")
        rows = _earlier_rows(out, images)
        for image in progress_bar(images, unit="photograph", disable=not progress):
            outlines, labels = out / "outlines" / f"{image.name}.jpg", out / "labels" / f"{image.name}.png"
            try:
                found = segment_photograph(open_image(image.file), segmenter, max_pixels)
            except DataError as error:
                text = str(error) if str(image.file) in str(error) else f"{image.file}: {error}"
                failed[image.path] = " ".join(without_training_options(text).split())
                print(f"error: {one_line(failed[image.path])}", file=sys.stderr)
                for outdated in (outlines, labels):  # of an earlier call, when it could be read
                    outdated.unlink(missing_ok=True)
                continue
            write_jpeg(_within_jpeg(found.outlines), outlines)
            write_gray_png(found.labels, labels)
            area = np.sort(found.areas[found.areas > 0])
            median = int(area[len(area) // 2]) if len(area) else 0
            cells = (image.path, len(area), median, labels.relative_to(out).as_posix(), image.digest)
            rows.append(dict(zip(_COLUMNS, cells, strict=True)))
            _write_rows(rows, out, sync=False)
        _write_rows(rows, out, sync=True)
    return failed


def _within_jpeg(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a picture reduced to sides that a JPEG can have, such as that of a strip of a line scanner."""
    height, width = picture.shape[:2]
    factor = _LONGEST_JPEG / max(height, width)
    size = max(1, int(height * factor)), max(1, int(width * factor))
    return picture if factor >= 1 else resize_image(picture, size, "area")


def _write_rows(rows: Sequence[Mapping[str, Any]], out: Path, *, sync: bool) -> None:
    with (
        atomic_write(out / _TABLE, sync=sync) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: str(row["path"])))


def _earlier_rows(out: Path, images: Sequence[InputImage]) -> list[dict[str, Any]]:
    """Returns the rows of the table of a folder but those of photographs whose files are written now.

    Raises:
        ConfigError: Files of another photograph would be replaced: drones reuse file names in every flight.
    """
    paths, by_name = {image.path for image in images}, {f"labels/{image.name}.png": image for image in images}
    try:
        with open_regular(out / _TABLE) as file:
            found = [*csv.DictReader(io.TextIOWrapper(file, newline="", encoding="utf-8", errors="surrogateescape"))]
    except (OSError, csv.Error):
        return []
    rows = [row for row in found if [*row] == _COLUMNS and None not in row.values()]
    for row in rows:
        image = by_name.get(row["labels"])
        if image is not None and row["digest"] != image.digest and (out / row["labels"]).exists():
            raise ConfigError(
                f"{out / row['labels']} is of another {row['path']} than {image.file}: give another --out, or remove it"
            )
    return [row for row in rows if row["path"] not in paths and row["labels"] not in by_name]


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
