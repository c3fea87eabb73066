"""Read the windows on which int8 is calibrated and judged, with the pixels that prediction sees."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.evaluation.sliding_window import read_truth
from segdrone.export.source import ExportSource
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.raster.header import without_training_options
from segdrone.raster.pixels import resize_mask
from segdrone.windows import Window

log = logging.getLogger(__name__)

CALIBRATION_WINDOWS = 32
"""Measured with FPN on MobileNetV2: with 4, 8, 16, 32, 64 and 128 windows, 98.6, 98.8, 98.8, 98.9, 98.9
and 98.9 % of the pixels kept their class; it took 16, 14, 17, 27, 47 and 126 s on two busy cores."""

VALIDATION_WINDOWS = 128
_SEED = 0  # fixed, so that the same checkpoint and photographs give the same file


class LabeledWindow(NamedTuple):
    """A window of a validation photograph at the network's scale.

    Attributes:
        pixels: uint8 `[h, w, 3]`, RGB.
        truth: uint8 `[h, w]`, class ids and the ignored id.
    """

    pixels: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def calibration_windows(source: ExportSource, predictor: Predictor) -> list[NDArray[np.uint8]]:
    """Returns windows of training photographs, or of those in `source.calibrate`, each uint8 `[h, w, 3]`.

    Args:
        source: The model.
        predictor: Says at which scale and in which windows the model sees photographs.

    Raises:
        DataError: There are no photographs, or one cannot be read.
    """
    if source.calibrate is not None:
        files = [image.file for image in find_inputs([source.calibrate], os.devnull)]  # nothing is written there
    else:
        try:
            files = [pair.image for pair in source.open_split("train").splits["train"]]
        except DataError as error:
            raise DataError(
                f"int8 needs photographs to calibrate on: give any by --calibrate FOLDER, as {error}"
            ) from None
    rng = np.random.default_rng(_SEED)
    chosen = sorted(rng.permutation(len(files))[:CALIBRATION_WINDOWS])
    counts = _share(CALIBRATION_WINDOWS, len(chosen))
    return [
        pixels for i, count in zip(chosen, counts, strict=True) for _, pixels in _cut(predictor, files[i], count, rng)
    ]


def validation_windows(source: ExportSource, predictor: Predictor) -> list[LabeledWindow]:
    """Returns windows of all validation photographs; none, with a warning, if these are not there.

    Args:
        source: The model.
        predictor: As for `calibration_windows`.

    Raises:
        DataError: The photographs are not in the folder that was given, or one cannot be read.
    """
    try:
        datamodule = source.open_split("val")
    except DataError as error:
        if source.data_root is not None and source.hparams["splits"].get("val"):
            raise
        log.warning("what int8 costs is not measured, as there are no masks: %s", error)
        return []
    pairs, rng = datamodule.splits["val"], np.random.default_rng(_SEED)
    windows = []
    for pair, count in zip(pairs, _share(max(VALIDATION_WINDOWS, len(pairs)), len(pairs)), strict=True):
        truth = read_truth(pair, datamodule.encoding, pair.size)
        truth = resize_mask(truth, predictor.network_size(pair.size), source.spec.interpolation)
        for window, pixels in _cut(predictor, pair.image, count, rng):
            windows.append(LabeledWindow(pixels, truth[window.rows, window.columns]))
    return windows


def _share(number: int, photographs: int) -> Sequence[int]:
    """Returns how many of a number of windows each photograph gives."""
    return [number // photographs + (i < number % photographs) for i in range(photographs)]


def _cut(
    predictor: Predictor, file: Path, count: int, rng: np.random.Generator
) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """Yields up to `count` windows of a photograph, chosen at random, with their pixels."""
    try:
        image = predictor.open(file)
    except DataError as error:
        raise DataError(without_training_options(str(error))) from None
    windows = predictor.windows(image.size)
    chosen = sorted(rng.permutation(len(windows))[:count])
    resized = predictor.resize(image)
    yield from ((windows[i], resized.read(windows[i])) for i in chosen)
