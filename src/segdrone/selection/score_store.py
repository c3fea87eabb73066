"""Keep the scores of each photograph, so that an interrupted command continues."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segdrone.selection.scores import Scores
from segdrone.utils.arrays_file import ArraysFile
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError


class ScoreStore:
    """A folder with a file for each photograph, named by the digest of its content.

    Args:
        folder: The folder; it may be missing.
        classes: Number of classes C.
    """

    def __init__(self, folder: Path, classes: int) -> None:
        self._folder, self._classes = folder, classes

    def read(self, digest: str) -> Scores | None:
        """Returns the scores of a photograph; None if they are missing or damaged."""
        try:
            with ArraysFile(self._folder / f"{digest}.npz") as file:
                parts = file.read("parts", kinds="i", shape=(None, 4))
                count = len(parts)
                shapes = {"margin": (count,), "entropy": (count, self._classes), "shares": (count, self._classes)}
                shapes["disagreement"] = (count,)
                return Scores(
                    parts, **{name: file.read(name, kinds="f", shape=shape) for name, shape in shapes.items()}
                )
        except (OSError, UnreadableError):
            return None

    def write(self, digest: str, scores: Scores) -> None:
        """Writes the scores of a photograph."""
        with atomic_write(self._folder / f"{digest}.npz", sync=False) as partial, partial.open("wb") as file:
            np.savez(file, **vars(scores))
