"""Predict a video: write it with its masks laid over each frame, and a table of class shares."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError, DataError
from segdrone.figures import InsetLegend, draw_things, overlay
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.grouping import tell_apart
from segdrone.inference.photo_statistics import measure_pixels
from segdrone.inference.predictor import Predictor, Progress
from segdrone.inference.temporal import TemporalMajority
from segdrone.inference.tracking import ThingTracker
from segdrone.raster.channels import choose_of_three
from segdrone.utils.atomic import atomic_write
from segdrone.utils.progress import progress_bar

_NO_CLEANUP = Cleanup()
_TOLERANCE = 1  # frame: a header may announce one too many, since videos are cut by time

log = logging.getLogger(__name__)

MEASURED_SECONDS = 5.0
"""Time between two frames that are measured for monitoring: those beside each other show the same ground."""


class VideoSummary(NamedTuple):
    """Result of predicting a video.

    Attributes:
        frames: Number of frames that were read, and written.
        rate: Frames per second.
        shares: Share of the area per class, mean over all frames: float64 `[C]`, 0 to 1.
        missing: Number of frames that the video's header announces and that could not be read.
        things: Number of different things of each class that were seen; empty if they are not told apart.
        statistics: Of a frame in every `MEASURED_SECONDS`: `seconds` from the first frame on, and the statistics for
            monitoring, as `measure_pixels` returns them.
    """

    frames: int
    rate: Fraction
    shares: NDArray[np.float64]
    missing: int
    things: dict[str, int]
    statistics: list[dict[str, float]]


def check_video_options(smooth: int) -> None:
    """Checks that videos can be predicted, before anything that takes time.

    Raises:
        ConfigError: `smooth` is out of its range, or PyAV is not installed.
    """
    TemporalMajority(smooth)
    try:
        import_module("segdrone.inference.video_io")
    except ImportError as error:  # also if it is too old
        raise ConfigError(f"videos need PyAV ({error}): pip install 'segdrone[video]'") from None


def predict_video(
    predictor: Predictor,
    source: Path,
    target: Path,
    *,
    cleanup: Cleanup = _NO_CLEANUP,
    smooth: int = 1,
    things: Sequence[str] = (),
    opacity: float = 0.55,
    progress: bool = True,
    on_progress: Progress | None = None,
) -> VideoSummary:
    """Predicts every frame of a video, in memory that does not grow with its length.

    Writes `target`, an MP4 video (VP9, without sound) with the frames, times and size of the source, rotated as it is
    displayed. A table with the suffix `.csv` beside it has a row per frame: `frame` (from 0), `seconds` from the first
    frame on, the share of the area per class, 0 to 1, and the number of `things` of each class. Both files are written
    whole or not at all, the table last.

    A video that ends early, or has damaged frames, is predicted as far as it can be read; a warning says how many
    frames are missing.

    Args:
        predictor: The model.
        source: The video: MP4, MOV, Matroska, WebM or AVI.
        target: The video to write.
        cleanup: Clean-up of each mask.
        smooth: Number of masks, the frame's own and those before, of which each pixel gets the most frequent class; 1
            does not smooth.
        things: Classes whose things are told apart, numbered and counted; a thing keeps its number from frame to frame.
        opacity: Opacity of the class colors, 0 to 1.
        progress: Whether to show a progress bar.
        on_progress: Called after each frame with the number of finished frames, and of all that the file announces (0
            if it does not). An error that it raises ends the prediction.

    Raises:
        DataError: The source is missing, not a video, empty, without a frame rate or without a band that the model
            takes, or the target cannot be written.
        ConfigError: An option is out of its range, the target is the source, or PyAV is not installed.
    """
    check_video_options(smooth)
    from segdrone.inference.video_io import open_video, video_writer

    if target.resolve() == source.resolve():
        raise ConfigError(f"{source} would be replaced by its own prediction: choose another place to write to")
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity={opacity} must be between 0 and 1")
    smoother, table, tracker = TemporalMajority(smooth), predictor.table, ThingTracker()
    ids = [table.names.index(name) for name in things]
    frames, sums = 0, np.zeros(len(table))
    statistics: list[dict[str, float]] = []
    try:
        with (
            open_video(source) as video,
            atomic_write(target.with_suffix(".csv")) as table_path,
            atomic_write(target) as video_path,
            video_writer(video_path, video.size, video.rate, video.pixel_aspect) as write,
            table_path.open("w", newline="", encoding="utf-8") as file,
            progress_bar(
                video.frames(), source.name, total=video.expected_frames or None, unit="frame", disable=not progress
            ) as images,
        ):
            rows, legend = csv.writer(file), InsetLegend(table, video.size)
            rows.writerow(["frame", "seconds", *table.names, *(f"objects_{name}" for name in things)])
            for image, seconds in images:
                is_measured = not statistics or seconds >= statistics[-1]["seconds"] + MEASURED_SECONDS
                pixels = choose_of_three(image, predictor.backend.spec.bands, str(source))  # as of photographs
                prediction = predictor(pixels, confidence=is_measured, instances=bool(things))
                mask = smoother(cleanup(prediction.mask, pixels, table))
                numbers = np.zeros(0, np.int32)
                if things:
                    told = tell_apart(mask, prediction.planes, things, table)
                    mask, numbers = told.mask, tracker(image, told.mask, told.numbers)
                picture = overlay(image, mask, table, opacity)
                if things:
                    picture = draw_things(picture, numbers)
                legend.draw(picture)
                write(picture, seconds)
                shares = np.bincount(mask.ravel(), minlength=len(table)) / mask.size
                numbered = [len(np.unique(numbers[mask == class_id])) for class_id in ids]
                rows.writerow([frames, f"{seconds:.3f}", *(f"{share:.6f}" for share in shares), *numbered])
                if prediction.confidence is not None:
                    measured = measure_pixels(pixels, mask, prediction.confidence, table)
                    statistics.append({"seconds": round(seconds, 3), **measured})
                sums += shares
                frames += 1
                if on_progress is not None:
                    on_progress(frames, video.expected_frames)
    except OSError as error:
        raise DataError(
            f"{target} cannot be written ({error.strerror or error}): free some disk space or choose another folder"
        ) from error
    missing = video.missing_frames
    if missing <= _TOLERANCE:
        missing = 0
    else:
        log.warning(
            "%s: %d of %d frames could not be read, it is damaged or truncated: they are missing in the result",
            source, missing, frames + missing,
        )  # fmt: skip
    counts = tracker.counts()
    counted = {name: counts[class_id] for name, class_id in zip(things, ids, strict=True)}
    return VideoSummary(frames, video.rate, sums / frames, missing, counted, statistics)
