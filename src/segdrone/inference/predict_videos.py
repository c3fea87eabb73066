"""Predict videos into a folder; after an interruption, continue without repeating finished ones."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import InputImage
from segdrone.inference.predict_folder import PredictSummary
from segdrone.inference.predict_video import check_video_options, predict_video
from segdrone.inference.predictor import Predictor
from segdrone.utils.atomic import is_too_long, remove_stale_partials, writable_dir, write_json
from segdrone.utils.output_dir import exclusive_dir

log = logging.getLogger(__name__)

FOLDER = "films"  # below the output folder
_PREDICTED, _SKIPPED = "predicted", "done before"
_NO_CLEANUP = Cleanup()


def choose_videos(
    found: Sequence[InputImage], inputs: Sequence[str | Path], smooth: int, *, required: bool
) -> list[InputImage]:
    """Returns the videos to predict, and warns of those that no input names.

    Args:
        found: All videos of the inputs.
        inputs: What the user gave: files, folders, patterns.
        smooth: As for `predict_video`.
        required: Whether there is nothing else to predict.

    Raises:
        ConfigError: `smooth` is out of its range, or PyAV is not installed and a video was named or is `required`.
    """
    if not found:
        return []
    given = [Path(name).absolute() for name in inputs]
    unnamed = [video for video in found if video.file.absolute() not in given]
    try:
        check_video_options(smooth)
    except ConfigError as error:
        if required or len(unnamed) < len(found) or "PyAV" not in str(error):
            raise
        log.warning("%d videos are left out, such as %s: %s", len(found), found[0].path, error)
        return []
    if unnamed and not required:
        log.warning(
            "%d videos are predicted too, after the photographs, such as %s: a pattern such as 'FOLDER/**/*.jpg' "
            "leaves them out", len(unnamed), unnamed[0].path,
        )  # fmt: skip
    return [*found]


def predict_videos(
    predictor: Predictor,
    videos: Sequence[InputImage],
    out: str | Path,
    *,
    cleanup: Cleanup = _NO_CLEANUP,
    smooth: int = 1,
    redo: bool = False,
    progress: bool = True,
) -> PredictSummary:
    """Writes for each video `films/NAME.mp4`, `.csv` and, last, `.json` with its settings.

    A video is done when its `.json` exists. One that cannot be read is reported, and the others are predicted.

    Args:
        predictor: The model.
        videos: The files, as `find_inputs` returns them.
        out: Output folder; created if needed.
        cleanup: Clean-up of each mask.
        smooth: As for `predict_video`.
        redo: Predict finished videos again.
        progress: Whether to show progress bars and errors on stderr.

    Raises:
        ConfigError: A video was predicted with other settings, or an option is out of its range.
        DataError: The folder cannot be written to.
    """
    cleanup.check(predictor.table)
    check_video_options(smooth)
    with writable_dir(Path(out)), exclusive_dir(Path(out)):
        remove_stale_partials(Path(out) / FOLDER, deep=True)
        results = {
            video.path: _predict(predictor, video, Path(out), cleanup, smooth, redo=redo, progress=progress)
            for video in videos
        }
    failed = {path: result for path, result in results.items() if result not in (_PREDICTED, _SKIPPED)}
    counts = Counter(results.values())
    return PredictSummary(counts[_PREDICTED], counts[_SKIPPED], failed)


def _predict(
    predictor: Predictor, video: InputImage, out: Path, cleanup: Cleanup, smooth: int, *, redo: bool, progress: bool
) -> str:
    """Predicts a video unless it is done; returns `_PREDICTED`, `_SKIPPED` or the reason for a failure."""
    target, *others = (out / FOLDER / (video.name + suffix) for suffix in (".mp4", ".csv", ".json"))
    manifest = others[-1]
    settings = {
        "segdrone": __version__, "film": video.file.name, "digest": video.digest, "predictor": predictor.settings,
        "cleanup": cleanup.to_dict(), "smooth": smooth,
    }  # fmt: skip
    too_long = any(map(is_too_long, (target, *others)))
    if not redo and not too_long and all(file.is_file() for file in (target, *others)):
        if _read_settings(manifest) != settings:
            raise ConfigError(
                f"{target} was predicted with other settings, or from another video: give another --out, or --redo "
                "to replace it"
            )
        return _SKIPPED
    try:
        if too_long:
            raise DataError(f"{video.file}: the names of its files in {FOLDER}/ would be too long: rename the video")
        manifest.unlink(missing_ok=True)
        summary = predict_video(predictor, video.file, target, cleanup=cleanup, smooth=smooth, progress=progress)
    except DataError as error:
        if progress:
            tqdm.write(f"error: {error}", file=sys.stderr)
        return str(error)
    write_json({"made_with": settings, "frames": summary.frames, "missing_frames": summary.missing}, manifest)
    return _PREDICTED


def _read_settings(manifest: Path) -> Any:
    """Returns the settings that a video was predicted with; None if the file cannot be read."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content.get("made_with") if isinstance(content, dict) else None
