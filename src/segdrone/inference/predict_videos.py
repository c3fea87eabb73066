"""Predict films into a folder, each once however often the work is interrupted."""

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
from segdrone.inference.inputs import file_digest
from segdrone.inference.predict_folder import PredictSummary, exclusive_dir
from segdrone.inference.predict_video import VIDEO_SUFFIXES, check_video_options, predict_video
from segdrone.inference.predictor import Predictor
from segdrone.utils.atomic import stale_partials, write_json

FOLDER = "films"
_DONE, _SKIPPED = "predicted", "done before"
_AS_PREDICTED = Cleanup()


def is_video(path: str | Path) -> bool:
    """Tells whether a path is a film's by its name."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def predict_videos(
    predictor: Predictor,
    films: Sequence[Path],
    out: str | Path,
    *,
    cleanup: Cleanup = _AS_PREDICTED,
    smooth: int = 1,
    redo: bool = False,
    progress: bool = True,
) -> PredictSummary:
    """Writes for each film `films/NAME.mp4`, `.csv` and, last, `.json`, which says what it was made with.

    A film is done when its `.json` is there; one that cannot be read is told, and the rest goes on.

    Args:
        predictor: Predicts each frame.
        films: The files.
        out: Folder to write to; made if need be.
        cleanup: What is done to each mask.
        smooth: As `predict_video` takes it.
        redo: Predict again what is done.
        progress: Whether to show bars, and each error as it comes.

    Raises:
        ConfigError: Two films would get one name, a film was predicted with other settings, or a choice
            is out of its range.
        DataError: The folder cannot be written to.
    """
    cleanup.check(predictor.table)
    check_video_options(smooth)
    targets = video_targets(films, out)
    with exclusive_dir(Path(out)):
        for half in stale_partials(Path(out) / FOLDER):
            half.unlink()
        outcomes = {
            film: _predict(predictor, film, target, cleanup, smooth, redo=redo, progress=progress)
            for target, film in targets.items()
        }
    failed = {str(film): text for film, text in outcomes.items() if text not in (_DONE, _SKIPPED)}
    counts = Counter(outcomes.values())
    return PredictSummary(counts[_DONE], counts[_SKIPPED], failed)


def video_targets(films: Sequence[Path], out: str | Path) -> dict[Path, Path]:
    """Returns each film, once, by the film that it becomes.

    Raises:
        ConfigError: Two films would get one name.
    """
    targets: dict[Path, Path] = {}
    for film in films:
        target = Path(out) / FOLDER / f"{film.stem}.mp4"
        if not film.samefile(targets.setdefault(target, film)):
            raise ConfigError(f"{targets[target]} and {film} would both be predicted as {target}: rename one of them")
    return targets


def _predict(
    predictor: Predictor, film: Path, target: Path, cleanup: Cleanup, smooth: int, *, redo: bool, progress: bool
) -> str:
    """Predicts a film unless it is done; returns what became of it, or why it could not be."""
    made_with = target.with_suffix(".json")
    settings = {
        "segdrone": __version__, "film": film.name, "digest": file_digest(film), "predictor": predictor.settings,
        "cleanup": cleanup.to_dict(), "smooth": smooth,
    }  # fmt: skip
    if not redo and all(target.with_suffix(suffix).is_file() for suffix in (".mp4", ".csv", ".json")):
        if _made_with(made_with) != settings:
            raise ConfigError(
                f"{target} was predicted with other settings, or from another film: give another --out, or --redo "
                "to replace it"
            )
        return _SKIPPED
    made_with.unlink(missing_ok=True)
    try:
        summary = predict_video(predictor, film, target, cleanup=cleanup, smooth=smooth, progress=progress)
    except DataError as error:
        if progress:
            tqdm.write(f"error: {error}", file=sys.stderr)
        return str(error)
    write_json({"made_with": settings, "frames": summary.frames, "missing_frames": summary.missing}, made_with)
    return _DONE


def _made_with(path: Path) -> Any:
    """Returns what a film was predicted with; None if the file does not say."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content.get("made_with") if isinstance(content, dict) else None
