"""Remember what the files of a map were made from, so that they are made once, and again when something changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segdrone.inference.output_places import CHANGED, set_aside
from segdrone.utils.atomic import write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.digest import is_unchanged, measure_file

log = logging.getLogger(__name__)


@dataclass
class MapRecord:
    """The record of a map: a JSON file beside its results.

    Attributes:
        path: The JSON file.
        stages: By name, such as `mask`: `made_from`, plain values that its files depend on; `files`, the size and
            SHA-256 of each; `earlier`, the same of files that it made from other values before; and what else the stage
            wants to know again.
    """

    path: Path
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> MapRecord:
        """Returns the record in a file; an empty one if there is none, or it is damaged."""
        try:
            content = read_json(path)
        except UnreadableError:
            content = None
        stages = content.get("stages") if isinstance(content, dict) else None
        if not isinstance(stages, dict):
            stages = {}
        return cls(path, {name: stage for name, stage in stages.items() if isinstance(stage, dict)})

    def made_from(self, stage: str) -> Any:
        """Returns what the files of a stage were made from; None if it has none."""
        return self.stages.get(stage, {}).get("made_from")

    def names(self, stage: str, file: Path) -> bool:
        """Whether a stage has written a file of this path."""
        files = self.stages.get(stage, {}).get("files")
        return isinstance(files, dict) and _relative(file, self.path.parent) in files

    def has_written(self, stage: str, file: Path) -> bool:
        """Whether a stage has written a file of this path, now or from other values before."""
        return _relative(file, self.path.parent) in self._files_of(stage)

    def is_done(self, stage: str, made_from: Mapping[str, Any]) -> bool:
        """Whether all files of a stage are there, as they were made, from equal things.

        `FILE.aux.xml` has to be there: a GIS that shows the file adds statistics to it.
        """
        known = self.stages.get(stage, {})
        files = known.get("files")
        if known.get("made_from") != made_from or not isinstance(files, dict):
            return False
        folder = self.path.parent
        return all(
            (folder / name).is_file() if name.endswith(".aux.xml") else is_unchanged(folder / name, facts)
            for name, facts in files.items()
        )

    def keep_changed(self, stage: str, again: Iterable[Path]) -> None:
        """Moves files of a stage that somebody changed to `changed/`, before they are made anew, and tells it.

        Those of a stage that is reopened are not kept.

        Args:
            stage: The stage.
            again: The files that it will write.
        """
        known = self._files_of(stage) if self.made_from(stage) is not None else {}
        for file in again:
            facts = known.get(_relative(file, self.path.parent))
            if facts is not None and file.is_file() and not is_unchanged(file, facts):
                kept = set_aside(file, file.parent / CHANGED / file.name)
                log.warning("%s was changed after it was written: the changed one is now %s", file, kept)

    def finish(self, stage: str, made_from: Mapping[str, Any], files: list[Path], **more: Any) -> None:
        """Writes down that the files of a stage are finished.

        Raises:
            OSError: A file cannot be read, or the record cannot be written.
        """
        measured = {_relative(file, self.path.parent): measure_file(file) for file in files}
        earlier = {name: facts for name, facts in self._files_of(stage).items() if name not in measured}
        self.stages[stage] = {"made_from": made_from, "files": measured, "earlier": earlier, **more}
        write_json({"stages": self.stages}, self.path)

    def reopen(self) -> None:
        """Writes down that no stage is done; what each was made from becomes its `former`.

        Raises:
            OSError: The record cannot be written.
        """
        for stage in self.stages.values():
            if (made_from := stage.pop("made_from", None)) is not None:
                stage["former"] = made_from
        if self.stages:
            write_json({"stages": self.stages}, self.path)

    def discard(self, stage: str) -> None:
        """Removes the files that a stage has ever written below the folder of the record; others are no longer done.

        Raises:
            OSError: A file cannot be removed.
        """
        kept = {}
        for name, facts in self._files_of(stage).items():
            if Path(name).is_absolute() or ".." in Path(name).parts:
                kept[name] = facts
            else:
                (self.path.parent / name).unlink(missing_ok=True)
        self.stages[stage] = {"files": kept}

    def _files_of(self, stage: str) -> dict[str, Any]:
        """Returns the files of a stage, and those that it had before, each with what is known of it."""
        known = self.stages.get(stage, {})
        parts = [known.get(key) for key in ("earlier", "files")]
        return {name: facts for part in parts if isinstance(part, dict) for name, facts in part.items()}


def _relative(file: Path, folder: Path) -> str:
    file, folder = file.absolute(), folder.absolute()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
