"""Predict films into a folder, each once however often the work is interrupted."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.files import alone, write_json
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.folder import Outcome
from segdrone.inference.predictor import Predictor
from segdrone.inference.video import SUFFIXES, predict_video

FOLDER = "films"
_AS_PREDICTED = Cleanup()


def is_film(path: str | Path) -> bool:
    """Tells whether a path is a film's by its name."""
    return Path(path).suffix.lower() in SUFFIXES


def predict_films(
    predictor: Predictor,
    films: Sequence[Path],
    out: str | Path,
    *,
    cleanup: Cleanup = _AS_PREDICTED,
    smooth: int = 1,
    redo: bool = False,
    progress: bool = True,
) -> Outcome:
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
    targets: dict[Path, Path] = {}
    for film in films:
        target = Path(out) / FOLDER / f"{film.stem}.mp4"
        if target in targets:
            raise ConfigError(f"{targets[target]} and {film} would both be predicted as {target}: rename one of them")
        targets[target] = film
    skipped, failed = 0, {}
    for target, film in targets.items():
        made_with = target.with_suffix(".json")
        settings = {
            "segdrone": __version__, "film": film.name, "bytes": film.stat().st_size, "predictor": predictor.settings,
            "cleanup": cleanup.to_dict(), "smooth": smooth,
        }  # fmt: skip
        with alone(target.with_suffix(".lock")):
            if not redo and made_with.is_file():
                if json.loads(made_with.read_text(encoding="utf-8")) != settings:
                    raise ConfigError(
                        f"{target} was predicted with other settings, or from another film: give another --out, or "
                        "--redo to replace it"
                    )
                skipped += 1
                continue
            made_with.unlink(missing_ok=True)
            try:
                predict_video(predictor, film, target, cleanup=cleanup, smooth=smooth, progress=progress)
            except DataError as error:
                failed[str(film)] = str(error)
                if progress:
                    tqdm.write(f"error: {error}", file=sys.stderr)
                continue
            write_json(settings, made_with)
    return Outcome(len(targets) - skipped - len(failed), skipped, failed)
