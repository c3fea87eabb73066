"""Compute a job in a worker: `segdrone predict` of its folder, and the archive of what it writes."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segdrone.errors import ConfigError, DataError
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import InputImage, find_files
from segdrone.inference.predict_folder import PredictSummary, predict_folder
from segdrone.inference.predict_video import check_video_options
from segdrone.inference.predict_videos import predict_videos
from segdrone.inference.predictor import Predictor, Progress
from segdrone.utils.atomic import atomic_write

RESULT = "result.zip"


def predict_job(
    predictor: Predictor,
    folder: Path,
    cleanup: Cleanup,
    objects: Sequence[str],
    *,
    smooth: int,
    confidence: bool,
    regions: bool,
    on_progress: Progress,
) -> dict[str, Any]:
    """Predicts `input/` of a job's folder into `out/`, and packs that into `result.zip`; goes on where it was killed.

    What was begun with other settings is begun again.

    Args:
        predictor: The model.
        folder: Of the job.
        cleanup: Clean-up of each mask.
        objects: Names of the classes whose instances are counted.
        smooth: As for `predict_video`.
        confidence: Write the probability of the class.
        regions: Write regions as polygons.
        on_progress: As for `predict_folder`.

    Returns:
        `failed`: why photographs failed, or were taken for masks, by path.

    Raises:
        DataError: None could be predicted, or the folder cannot be written to.
        ConfigError: An option does not fit the classes, or the folder has videos alone and PyAV is not installed.
    """
    source, out = folder / "input", folder / "out"
    was_begun = out.exists()
    photographs, videos = find_files([source], out)
    passed_over = _passed_over(source, [*photographs, *videos])
    left_out = _left_out(videos, smooth, required=not photographs)
    videos = [] if left_out else videos
    shared: dict[str, Any] = {"cleanup": cleanup, "progress": False, "on_progress": on_progress}
    files: dict[str, Any] = {"confidence": confidence, "regions": regions, "objects": objects}

    def predict() -> list[PredictSummary]:
        of_photographs = [predict_folder(predictor, photographs, out, **files, **shared)] if photographs else []
        of_videos = [predict_videos(predictor, videos, out, smooth=smooth, **shared)] if videos else []
        return [*of_photographs, *of_videos]

    try:
        summaries = predict()
    except ConfigError:
        if not was_begun:
            raise
        shutil.rmtree(out)  # of a service of another version, or on another device, whose masks may be others
        summaries = predict()
    failed = {
        path: reason.replace(f"{source}/", "") for summary in summaries for path, reason in summary.failed.items()
    } | left_out
    if failed and not any(summary.predicted + summary.skipped for summary in summaries):
        raise DataError(next(iter(failed.values())))
    _pack(out, folder / RESULT)
    return {"failed": failed | passed_over}


def _passed_over(source: Path, found: Sequence[InputImage]) -> dict[str, str]:
    """Returns why files of an archive that looks like a dataset are not predicted, by path."""
    files = {image.file for image in found}
    others = sorted(path for path in source.rglob("*") if path.is_file() and path not in files)
    reason = (
        "it looks like the mask of another photograph, or lies beside those of a dataset: send it in another archive"
    )
    return {path.relative_to(source).as_posix(): f"{path.name}: {reason}" for path in others}


def _left_out(videos: Sequence[InputImage], smooth: int, *, required: bool) -> dict[str, str]:
    """Returns why videos cannot be predicted here, by path; photographs beside them can.

    Raises:
        ConfigError: `smooth` is out of its range, or PyAV is not installed and videos are all there is.
    """
    try:
        if videos:  # before the photographs, which may take hours
            check_video_options(smooth)
    except ConfigError as error:
        if required or "PyAV" not in str(error):
            raise
        return {video.path: str(error) for video in videos}
    return {}


def _pack(folder: Path, target: Path) -> None:
    """Writes the files of a folder to an archive, but hidden ones. They are compressed already."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    with atomic_write(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
