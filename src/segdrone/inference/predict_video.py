"""A film in; the same film with its masks laid over it out, and a table of the classes' shares."""

from __future__ import annotations

import csv
import logging
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone.errors import ConfigError, DataError
from segdrone.figures import InsetLegend, overlay
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.predictor import Predictor
from segdrone.inference.temporal import TemporalMajority
from segdrone.utils.atomic import atomic_write

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")  # of films, in lower case

_AS_PREDICTED = Cleanup()
_ROUNDING = 1  # frames that a header may promise too many: films are cut by time

log = logging.getLogger(__name__)


class VideoSummary(NamedTuple):
    """What was found in a film.

    Attributes:
        frames: Number of frames read, and written.
        rate: Frames a second.
        shares: Each class's share of the area, the mean over all frames: float64 `[C]`, 0 to 1.
        missing: Number of frames that the film's header promises beyond those that could be read.
    """

    frames: int
    rate: Fraction
    shares: NDArray[np.float64]
    missing: int


def check_video_options(smooth: int) -> None:
    """Makes sure that films can be predicted, before anything else takes its time.

    Raises:
        ConfigError: `smooth` is out of its range, or PyAV is not installed.
    """
    TemporalMajority(smooth)
    try:
        import_module("segdrone.inference.video_io")
    except ImportError as error:  # or a newer one
        raise ConfigError(f"films need PyAV ({error}): pip install 'segdrone[video]'") from None


def predict_video(
    predictor: Predictor,
    source: Path,
    target: Path,
    *,
    cleanup: Cleanup = _AS_PREDICTED,
    smooth: int = 1,
    opacity: float = 0.55,
    progress: bool = True,
) -> VideoSummary:
    """Predicts every frame of a film, in memory that does not grow with its length.

    Writes `target`, an MP4 film (VP9, without sound) with as many frames, as large and as fast as the
    source's, turned as it is displayed, and beside it a table with the suffix `.csv`: a row a frame with
    `frame` (from 0), `seconds` and each class's share of the area, 0 to 1. Either appears whole or not
    at all, the table last. A source of varying frame rate becomes one of its mean rate.

    A film that ends before its header says, or holds damaged frames, is predicted as far as it can be
    read; a warning says how much is missing.

    Args:
        predictor: The model.
        source: The film: MP4, MOV, Matroska, WebM or AVI.
        target: The film to write.
        cleanup: What is done to each mask.
        smooth: Number of masks, the frame's and those before, of which each pixel takes the most
            frequent class; 1 takes each mask as it is.
        opacity: Of the classes' colours, 0 to 1.
        progress: Whether to show a progress bar.

    Raises:
        DataError: The source is missing, no film, empty or without a frame rate, or the target cannot
            be written.
        ConfigError: An option is out of its range, the target is the source, or PyAV is not installed.
    """
    check_video_options(smooth)
    from segdrone.inference.video_io import open_video, video_writer

    if target.resolve() == source.resolve():
        raise ConfigError(f"{source} would be replaced by its own prediction: choose another place to write to")
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity={opacity} must lie between 0 and 1")
    vote, table = TemporalMajority(smooth), predictor.table
    frames, sums = 0, np.zeros(len(table))
    try:
        with (
            open_video(source) as film,
            atomic_write(target.with_suffix(".csv")) as table_path,
            atomic_write(target) as film_path,
            video_writer(film_path, film.size, film.rate) as write,
            table_path.open("w", newline="", encoding="utf-8") as file,
            tqdm(film, source.name, film.promised or None, unit="frame", disable=not progress) as images,
        ):
            rows, legend = csv.writer(file), InsetLegend(table, film.size)
            rows.writerow(["frame", "seconds", *table.names])
            for image in images:
                mask = vote(cleanup(predictor(image).mask, image, table))
                picture = overlay(image, mask, table, opacity)
                legend.draw(picture)
                write(picture)
                shares = np.bincount(mask.ravel(), minlength=len(table)) / mask.size
                rows.writerow([frames, f"{float(frames / film.rate):.3f}", *(f"{share:.6f}" for share in shares)])
                sums += shares
                frames += 1
    except OSError as error:
        raise DataError(
            f"{target} cannot be written ({error.strerror or error}): free some disk space or choose another folder"
        ) from error
    missing = film.promised - frames
    if missing <= _ROUNDING:
        missing = 0
    else:
        log.warning(
            "%s: %d of %d frames could not be read, it is damaged or cut short: the result leaves them out",
            source, missing, film.promised,
        )  # fmt: skip
    return VideoSummary(frames, film.rate, sums / frames, missing)
