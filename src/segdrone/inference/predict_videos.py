"""Predict videos into a folder; after an interruption, continue without repeating finished ones."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.output_dir import exclusive_dir
from segdrone.inference.predict_folder import PredictSummary
from segdrone.inference.predict_video import VIDEO_SUFFIXES, check_video_options, predict_video
from segdrone.inference.predictor import Predictor
from segdrone.utils.atomic import stale_partials, write_json
from segdrone.utils.digest import file_digest

FOLDER = "films"  # below the output folder
_PREDICTED, _SKIPPED = "predicted", "done before"
_NO_CLEANUP = Cleanup()


def is_video(path: str | Path) -> bool:
    """Whether a file name has the suffix of a video.

    Example:
        >>> is_video("flight/DJI_0001.MP4"), is_video("flight/DJI_0001.JPG")
        (True, False)
    """
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def predict_videos(
    predictor: Predictor,
    videos: Sequence[Path],
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
        videos: The files.
        out: Output folder; created if needed.
        cleanup: Clean-up of each mask.
        smooth: As for `predict_video`.
        redo: Predict finished videos again.
        progress: Whether to show progress bars and errors on stderr.

    Raises:
        ConfigError: Two videos would have the same name, a video was predicted with other settings, or an option is
            out of its range.
        DataError: The folder cannot be written to.
    """
    cleanup.check(predictor.table)
    check_video_options(smooth)
    targets = video_targets(videos, out)
    with exclusive_dir(Path(out)):
        for partial in stale_partials(Path(out) / FOLDER):
            partial.unlink()
        results = {
            video: _predict(predictor, video, target, cleanup, smooth, redo=redo, progress=progress)
            for target, video in targets.items()
        }
    failed = {str(video): result for video, result in results.items() if result not in (_PREDICTED, _SKIPPED)}
    counts = Counter(results.values())
    return PredictSummary(counts[_PREDICTED], counts[_SKIPPED], failed)


def video_targets(videos: Sequence[Path], out: str | Path) -> dict[Path, Path]:
    """Returns each video, once, by the path that its prediction is written to.

    Raises:
        ConfigError: Two videos would have the same name.
    """
    targets: dict[Path, Path] = {}
    for video in videos:
        target = Path(out) / FOLDER / f"{video.stem}.mp4"
        if not video.samefile(targets.setdefault(target, video)):
            raise ConfigError(f"{targets[target]} and {video} would both be predicted as {target}: rename one of them")
    return targets


def _predict(
    predictor: Predictor, video: Path, target: Path, cleanup: Cleanup, smooth: int, *, redo: bool, progress: bool
) -> str:
    """Predicts a video unless it is done; returns `_PREDICTED`, `_SKIPPED` or the reason for a failure."""
    manifest = target.with_suffix(".json")
    settings = {
        "segdrone": __version__, "film": video.name, "digest": file_digest(video), "predictor": predictor.settings,
        "cleanup": cleanup.to_dict(), "smooth": smooth,
    }  # fmt: skip
    if not redo and all(target.with_suffix(suffix).is_file() for suffix in (".mp4", ".csv", ".json")):
        if _read_settings(manifest) != settings:
            raise ConfigError(
                f"{target} was predicted with other settings, or from another video: give another --out, or --redo "
                "to replace it"
            )
        return _SKIPPED
    manifest.unlink(missing_ok=True)
    try:
        summary = predict_video(predictor, video, target, cleanup=cleanup, smooth=smooth, progress=progress)
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
