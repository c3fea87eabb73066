"""Keep the manifest of a folder of predictions: `predict.json` with its settings, `summary.csv` with its rows."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segdrone.class_files import CLASSES_FILE
from segdrone.errors import ConfigError
from segdrone.inference.inputs import SETTINGS, InputImage
from segdrone.inference.outputs import SUFFIXES, Outputs
from segdrone.utils.atomic import atomic_write, remove_stale_partials, write_json

SUMMARY, TOTALS = "summary.csv", "totals.csv"
_FIXED_COLUMNS = 5  # the others depend on the classes


class Manifest:
    """Settings and rows of a folder of predictions, which all have the same settings.

    Attributes:
        rows: Rows of `summary.csv`, by path. A photograph with a row is done.

    Args:
        outputs: The files in the folder.
        settings: All that the files depend on, as plain values.

    Raises:
        ConfigError: The folder contains files that are not predictions, or they cannot be read.
    """

    def __init__(self, outputs: Outputs, settings: Mapping[str, Any]) -> None:
        self._outputs, self._folder = outputs, outputs.folder
        self._settings = json.loads(json.dumps(settings))
        self._old_settings = self._read_settings()
        self.rows = self._read_rows()
        self._lines = {path: _csv_line(list(row.values())) for path, row in self.rows.items()}

    def begin(self, images: Sequence[InputImage], *, redo: bool) -> list[InputImage]:
        """Writes the settings to the folder, and returns the photographs that are not done.

        Temporary files of killed processes are removed.

        Args:
            images: The photographs.
            redo: Return all of them, and remove predictions with other settings.

        Raises:
            ConfigError: The folder contains predictions with other settings, or of other photographs of the same path,
                and `redo` does not replace all of them.
        """
        if self._old_settings is not None and self._old_settings != self._settings:
            self._clear(images, redo)
        todo = list(images) if redo else [image for image in images if not self._is_done(image)]
        self._refuse_shared_names(images)
        for image in todo:
            if image.path in self.rows and _name(self.rows[image.path]) != image.name:
                self.drop(image)
        if self._old_settings != self._settings:
            write_json(self._settings, self._folder / SETTINGS)
        with atomic_write(self._folder / "masks" / CLASSES_FILE) as partial:  # masks go to other places by themselves
            partial.write_text(self._outputs.table.to_csv(), encoding="utf-8")
        remove_stale_partials(self._folder)
        for kind in SUFFIXES:
            remove_stale_partials(self._folder / kind, deep=True)
        return todo

    def add(self, cells: Sequence[str]) -> None:
        """Adds a row to `summary.csv`; its cells are those of `Outputs.columns`."""
        row = dict(zip(self._outputs.columns, cells, strict=True))
        self.rows[row["path"]], self._lines[row["path"]] = row, _csv_line(cells)
        self._write_rows()

    def write_totals(self) -> None:
        """Writes `totals.csv`: a row per class with its share of all photographs together, and its objects.

        They are a file of their own, since programs that read `summary.csv` would take a total for a photograph.
        `share` is weighted by the pixels with data of each photograph, `photographs` counts those with the class.
        """
        objects = dict.fromkeys(self._outputs.objects, 0)
        shares, photographs = dict.fromkeys(self._outputs.table.names, 0.0), Counter[str]()
        pixels = {
            path: int(row["height"]) * int(row["width"]) * (1 - float(row["no_data"]))
            for path, row in self.rows.items()
        }
        total = sum(pixels.values()) or 1
        for path, row in sorted(self.rows.items()):
            for name in shares:
                share = float(row[f"share_{name}"])
                shares[name] += share * pixels[path] / total
                photographs[name] += share > 0
            for name in objects:
                objects[name] += int(row[f"objects_{name}"])
        lines = [_csv_line(["class", "share", "photographs", "objects"])]
        lines += [
            _csv_line([name, f"{share:.6f}", str(photographs[name]), str(objects.get(name, ""))])
            for name, share in shares.items()
        ]
        with atomic_write(self._folder / TOTALS) as partial:
            partial.write_text("".join(lines), encoding="utf-8", newline="")

    def drop(self, image: InputImage) -> None:
        """Removes a photograph's row, if it has one, and then its files."""
        row = self.rows.pop(image.path, None)
        if row is not None:
            del self._lines[image.path]
            self._write_rows()
            self._outputs.remove(_name(row))
        self._outputs.remove(image.name)

    def _clear(self, images: Sequence[InputImage], redo: bool) -> None:
        """Removes predictions with other settings: rows first; the settings are replaced last."""
        assert self._old_settings is not None
        differences = list(_differences(self._old_settings, self._settings))
        made = f"made with {', '.join(differences[:3])}{' and more' if len(differences) > 3 else ''}"
        others = self.rows.keys() - {image.path for image in images}
        if not redo:
            raise ConfigError(f"{self._folder} holds predictions {made}: give another --out, or --redo to replace them")
        if others:
            raise ConfigError(
                f"{self._folder} holds {len(others)} predictions of other photographs, such as {min(others)}, "
                f"{made}: give another --out, or these photographs too"
            )
        names = [*map(_name, self.rows.values()), *(image.name for image in images)]
        self.rows, self._lines = {}, {}
        self._write_rows()
        for name in names:
            self._outputs.remove(name)

    def _is_done(self, image: InputImage) -> bool:
        row = self.rows.get(image.path)
        if row is None or not self._outputs.complete(image.name):
            return False
        if row["digest"] != image.digest:
            raise ConfigError(
                f"{self._folder} holds the prediction of another {image.path} than {image.file}: give another "
                "--out, or --redo to replace it"
            )
        return True

    def _refuse_shared_names(self, images: Sequence[InputImage]) -> None:
        by_name = {image.name: image for image in images}
        paths = {image.path for image in images}
        for path, row in self.rows.items():
            if path not in paths and _name(row) in by_name:
                raise ConfigError(
                    f"{self._folder} holds {row['mask']}, the prediction of {path}, which that of "
                    f"{by_name[_name(row)].file} would replace: give another --out, or both photographs"
                )

    def _read_settings(self) -> dict[str, Any] | None:
        path = self._folder / SETTINGS
        if path.is_file():
            try:
                settings = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                settings = None
            if not isinstance(settings, dict):
                raise ConfigError(f"{path} was not written by segdrone predict: give another --out")
            return settings
        foreign = next((name for name in (SUMMARY, *SUFFIXES) if (self._folder / name).exists()), None)
        if foreign is not None:
            raise ConfigError(
                f"{self._folder} holds {foreign}, which segdrone predict did not write: give another --out"
            )
        return None

    def _read_rows(self) -> dict[str, dict[str, str]]:
        path = self._folder / SUMMARY
        if not path.is_file():
            return {}
        known = len(self._outputs.columns) if self._old_settings == self._settings else _FIXED_COLUMNS
        try:
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                header, *rows = [*csv.reader(file)] or [[]]
        except csv.Error:
            header, rows = [], []
        if header[:known] != self._outputs.columns[:known] or any(len(row) != len(header) for row in rows):
            raise ConfigError(f"{path} was changed by another program: give another --out, or remove {self._folder}")
        return {row[0]: dict(zip(header, row, strict=True)) for row in rows}

    def _write_rows(self) -> None:
        lines = [_csv_line(self._outputs.columns), *(self._lines[path] for path in sorted(self._lines))]
        with atomic_write(self._folder / SUMMARY) as partial:
            partial.write_text("".join(lines), encoding="utf-8", errors="surrogateescape", newline="")


def _name(row: Mapping[str, str]) -> str:
    return row["mask"].removeprefix("masks/").removesuffix(SUFFIXES["masks"])


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Yields the names of settings that differ, with both values if they are short."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        values = f" {json.dumps(old)}, not {json.dumps(new)}"
        yield name + values if len(values) < 60 else f"another {name}"
