"""What a folder of predictions says of itself: `predict.json`, how they were made, and `summary.csv`, a row each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segdrone.errors import ConfigError
from segdrone.inference.inputs import SETTINGS, InputImage
from segdrone.inference.outputs import SUFFIXES, Outputs
from segdrone.utils.atomic import atomic_write, stale_partials, write_json

SUMMARY = "summary.csv"


class Manifest:
    """The record of a folder of predictions, which are all made in one way.

    Attributes:
        rows: What stands in `summary.csv`, by path: these photographs are done.

    Args:
        outputs: What the folder holds.
        settings: All that the files depend on, as plain values.

    Raises:
        ConfigError: The folder holds something else than predictions, or they cannot be read.
    """

    def __init__(self, outputs: Outputs, settings: Mapping[str, Any]) -> None:
        self._outputs, self._folder = outputs, outputs.folder
        self._settings = json.loads(json.dumps(settings))
        self._known = self._read_settings()
        self.rows = self._read_rows()
        self._lines = {path: _line(list(row.values())) for path, row in self.rows.items()}

    def begin(self, sources: Sequence[InputImage], *, redo: bool) -> list[InputImage]:
        """Makes the folder one of these settings, and returns what is to be predicted.

        Files that a killed process left half-written are removed.

        Args:
            sources: The photographs.
            redo: Predict all of them, and remove what was made with other settings.

        Raises:
            ConfigError: The folder holds predictions with other settings, or of other photographs of the
                same path, and `redo` does not replace all of them.
        """
        if self._known is not None and self._known != self._settings:
            self._clear(sources, redo)
        todo = list(sources) if redo else [source for source in sources if not self._is_done(source)]
        self._refuse_shared_names(sources)
        for source in todo:
            if source.path in self.rows and _name(self.rows[source.path]) != source.name:
                self.drop(source)
        if self._known != self._settings:
            write_json(self._settings, self._folder / SETTINGS)
        own = [half for name in (SETTINGS, SUMMARY) for half in stale_partials(self._folder, Path(name).stem)]
        for half in [*own, *(half for kind in SUFFIXES for half in stale_partials(self._folder / kind, deep=True))]:
            half.unlink()
        return todo

    def add(self, cells: Sequence[str]) -> None:
        """Writes `summary.csv` with a row more, its cells those of `Outputs.columns`."""
        row = dict(zip(self._outputs.columns, cells, strict=True))
        self.rows[row["path"]], self._lines[row["path"]] = row, _line(cells)
        self._write_rows()

    def drop(self, source: InputImage) -> None:
        """Removes a photograph's row, if it has one, and then its files."""
        row = self.rows.pop(source.path, None)
        if row is not None:
            del self._lines[source.path]
            self._write_rows()
            self._outputs.remove(_name(row))
        self._outputs.remove(source.name)

    def _clear(self, sources: Sequence[InputImage], redo: bool) -> None:
        """Removes what was made with other settings: rows first, and the settings are the last to change."""
        assert self._known is not None
        differences = list(_differences(self._known, self._settings))
        made = f"made with {', '.join(differences[:3])}{' and more' if len(differences) > 3 else ''}"
        others = self.rows.keys() - {source.path for source in sources}
        if not redo:
            raise ConfigError(f"{self._folder} holds predictions {made}: give another --out, or --redo to replace them")
        if others:
            raise ConfigError(
                f"{self._folder} holds {len(others)} predictions of other photographs, such as {min(others)}, {made}: "
                "give another --out, or these photographs too"
            )
        names = [*map(_name, self.rows.values()), *(source.name for source in sources)]
        self.rows, self._lines = {}, {}
        self._write_rows()
        for name in names:
            self._outputs.remove(name)

    def _is_done(self, source: InputImage) -> bool:
        row = self.rows.get(source.path)
        if row is None or not self._outputs.complete(source.name):
            return False
        if row["digest"] != source.digest:
            raise ConfigError(
                f"{self._folder} holds the prediction of another {source.path} than {source.file}: give another --out, "
                "or --redo to replace it"
            )
        return True

    def _refuse_shared_names(self, sources: Sequence[InputImage]) -> None:
        here = {source.name: source for source in sources}
        paths = {source.path for source in sources}
        for path, row in self.rows.items():
            if path not in paths and _name(row) in here:
                raise ConfigError(
                    f"{self._folder} holds {row['mask']}, the prediction of {path}, which that of "
                    f"{here[_name(row)].file} would replace: give another --out, or both photographs"
                )

    def _read_settings(self) -> dict[str, Any] | None:
        path = self._folder / SETTINGS
        if path.is_file():
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                known = None
            if not isinstance(known, dict):
                raise ConfigError(f"{path} is not what segdrone predict wrote: give another --out")
            return known
        foreign = next((name for name in (SUMMARY, *SUFFIXES) if (self._folder / name).exists()), None)
        if foreign is not None:
            raise ConfigError(f"{self._folder} holds {foreign} that is not of segdrone predict: give another --out")
        return None

    def _read_rows(self) -> dict[str, dict[str, str]]:
        path = self._folder / SUMMARY
        if not path.is_file():
            return {}
        own = len(self._outputs.columns) if self._known == self._settings else 5  # the classes may be others
        try:
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                header, *rows = [*csv.reader(file)] or [[]]
        except csv.Error:
            header, rows = [], []
        if header[:own] != self._outputs.columns[:own] or any(len(row) != len(header) for row in rows):
            raise ConfigError(f"{path} was changed by another program: give another --out, or remove {self._folder}")
        return {row[0]: dict(zip(header, row, strict=True)) for row in rows}

    def _write_rows(self) -> None:
        lines = [_line(self._outputs.columns), *(self._lines[path] for path in sorted(self._lines))]
        with atomic_write(self._folder / SUMMARY) as partial:
            partial.write_text("".join(lines), encoding="utf-8", errors="surrogateescape", newline="")


def _name(row: Mapping[str, str]) -> str:
    return row["mask"].removeprefix("masks/").removesuffix(SUFFIXES["masks"])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _differences(known: Any, now: Any, name: str = "") -> Iterator[str]:
    """Names what two settings differ in, and both values where they are short."""
    if isinstance(known, dict) and isinstance(now, dict):
        for key in [*known, *(key for key in now if key not in known)]:
            yield from _differences(known.get(key), now.get(key), f"{name}.{key}".lstrip("."))
    elif known != now:
        values = f" {json.dumps(known)}, not {json.dumps(now)}"
        yield name + values if len(values) < 60 else f"another {name}"
