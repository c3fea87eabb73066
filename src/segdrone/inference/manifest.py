"""Decide which photographs of a folder of predictions are done, and keep its records and tables."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

from segdrone.class_files import CLASSES_FILE
from segdrone.errors import ConfigError, DataError
from segdrone.inference.inputs import SETTINGS, InputImage
from segdrone.inference.output_places import (
    CHANGED,
    check_place,
    clear_place,
    is_same_image,
    is_whole_image,
    remove_empty,
    set_aside,
)
from segdrone.inference.outputs import SUFFIXES, Outputs
from segdrone.inference.prediction_settings import LOST, differences, read_settings
from segdrone.inference.records import (
    MANIFEST,
    Record,
    append_record,
    read_records,
    write_records,
)
from segdrone.inference.summary import (
    SUMMARY,
    TOTALS,
    counted_twice,
    csv_line,
    is_row,
    read_lines,
    total_lines,
    write_lines,
)
from segdrone.utils.atomic import atomic_write, remove_stale_partials, sync_files, write_json
from segdrone.utils.digest import is_unchanged, measure_file
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

_THREADS = 4


class Manifest:
    """Settings and records of a folder of predictions, which all have the same settings.

    `predict.json` has the settings. `manifest.jsonl` has a record for each finished photograph, added when all its
    files are written; `summary.csv` shows the rows of the records. While photographs are predicted, none of these is
    flushed to disk: what a power cut leaves is recognized by sizes and digests, and made again. `finish` flushes all.
    A mask that somebody has changed is made again, too, and the changed one is kept as `changed/NAME-1.png`.

    Args:
        outputs: The files in the folder.
        settings: All that the files depend on, as plain values.

    Raises:
        ConfigError: The folder contains files that are not predictions.
    """

    def __init__(self, outputs: Outputs, settings: Mapping[str, Any]) -> None:
        self._outputs, self._folder = outputs, outputs.folder
        self._settings = json.loads(json.dumps(settings))
        self._records = {record.path: record for record in read_records(self._folder / MANIFEST)}
        self._old_settings = read_settings(self._folder, is_ours=bool(self._records))
        if self._old_settings == self._settings:
            self._records = {path: record for path, record in self._records.items() if is_row(record.row, outputs)}
        self._lines = {path: csv_line(record.row.values()) for path, record in self._records.items()}
        self._written: list[Path] = []
        self._changed: dict[str, Path] = {}  # masks that are predicted anew, where they are kept
        self._given: set[str] = set()  # paths of the photographs of this call

    def begin(self, images: Sequence[InputImage], *, redo: bool, progress: bool = False) -> list[InputImage]:
        """Writes the settings to the folder, and returns the photographs that are not done.

        A photograph is done if it has a record, and its files have the sizes and digests of the record. Temporary
        files of killed processes are removed.

        Args:
            images: The photographs.
            redo: Return all of them, and remove predictions with other settings.
            progress: Whether to show progress on stderr if checking takes time.

        Raises:
            ConfigError: The folder contains predictions with other settings, or of other photographs of the same path,
                and `redo` does not replace all of them; or files of others are in the places of predictions.
            DataError: A finished photograph cannot be read.
        """
        self._given = {image.path for image in images}
        replaces = self._old_settings is not None and self._old_settings != self._settings
        if replaces:
            self._check_replaceable(images, redo)
        else:
            self._refuse_shared_names(images)
            if not redo:
                self._refuse_other_summary()
        todo = [*images] if redo else self._unfinished(images, progress)
        places = [self._folder / name for name in (SETTINGS, MANIFEST, SUMMARY, TOTALS)]
        places += [self._folder / "masks" / CLASSES_FILE]
        places += [file for image in todo for file in self._outputs.files(image.name)]
        for file in places:
            check_place(file, self._folder)
        for file in places:
            clear_place(file)
        if not redo:
            for image in todo:
                self._set_aside(image)
        if replaces:
            self._clear(images)
        for image in todo:
            if image.path in self._records and self._records[image.path].name != image.name:
                self.drop(image)
        if self._old_settings != self._settings:
            write_json(self._settings, self._folder / SETTINGS)
        self._rewrite()
        with atomic_write(self._folder / "masks" / CLASSES_FILE) as partial:  # masks go to other places by themselves
            partial.write_text(self._outputs.table.to_csv(), encoding="utf-8")
        remove_stale_partials(self._folder)
        for kind in SUFFIXES:
            remove_stale_partials(self._folder / kind, deep=True)
        return todo

    def add(self, image: InputImage, cells: Sequence[str]) -> None:
        """Records a photograph whose files are written; its cells are those of `Outputs.columns`."""
        files = self._outputs.files(image.name)
        row = dict(zip(self._outputs.columns, cells, strict=True))
        record = Record(row, {self._relative(file): measure_file(file) for file in files})
        append_record(record, self._folder / MANIFEST)
        self._records[image.path], self._lines[image.path] = record, csv_line(cells)
        self._written += files
        self._compare_changed(image)
        self._write_summary(sync=False)

    def drop(self, image: InputImage) -> None:
        """Removes a photograph's row, if it has one, its files, and its record."""
        record = self._records.pop(image.path, None)
        if record is not None:
            self._lines.pop(image.path, None)
            self._write_summary(sync=False)
            self._outputs.remove(record.name)
            write_records(self._records.values(), self._folder / MANIFEST)
        self._outputs.remove(image.name)

    def finish(self) -> None:
        """Flushes to disk what was written, writes `totals.csv`, and tells what is to be known of both."""
        for path, kept in sorted(self._changed.items()):
            log.warning("the mask of %s was changed after it was predicted: the changed one is now %s", path, kept)
        if twice := counted_twice([record.row for record in self._records.values()], self._given):
            path, earlier = min(twice.items())
            log.warning(
                "%d photographs are in %s by two paths, such as %s and, from an earlier call, %s: both count in %s; "
                "give the same INPUT as then, or another --out", len(twice), self._folder, path, earlier, TOTALS,
            )  # fmt: skip
        sync_files(file for file in self._written if file.exists())
        write_records(self._records.values(), self._folder / MANIFEST)
        self._write_summary(sync=True)
        rows = [record.row for _, record in sorted(self._records.items())]
        write_lines(total_lines(self._outputs, rows), self._folder / TOTALS, sync=True)

    def _set_aside(self, image: InputImage) -> None:
        """Keeps the mask of a photograph that is predicted anew, if it is not the one that was predicted."""
        record = self._records.get(image.path)
        if record is None:
            return
        mask = self._outputs.file("masks", record.name)  # the photograph's name may be another one now
        if is_unchanged(mask, record.files.get(self._relative(mask))):
            return
        if mask.is_file() and is_whole_image(mask):
            place = self._folder / CHANGED / mask.relative_to(self._folder / "masks")
            self._changed[image.path] = set_aside(mask, place)

    def _compare_changed(self, image: InputImage) -> None:
        """Removes a mask that was kept but has the pixels of the one that is predicted."""
        kept = self._changed.get(image.path)
        if kept is not None and is_same_image(kept, self._outputs.file("masks", image.name)):
            kept.unlink()
            with suppress(OSError):  # has other files
                kept.parent.rmdir()
            del self._changed[image.path]

    def _rewrite(self) -> None:
        """Writes the rows, and then the records without the lines that are unfinished or replaced by later ones."""
        if self._records or (self._folder / SUMMARY).exists():
            self._write_summary(sync=False)
        write_records(self._records.values(), self._folder / MANIFEST)

    def _write_summary(self, *, sync: bool) -> None:
        lines = [csv_line(self._outputs.columns), *(self._lines[path] for path in sorted(self._lines))]
        write_lines(lines, self._folder / SUMMARY, sync=sync)

    def _check_replaceable(self, images: Sequence[InputImage], redo: bool) -> None:
        """Raises ConfigError unless `redo` replaces all predictions with other settings."""
        changed = list(differences(self._old_settings, self._settings))
        made = f"made with {', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''}"
        if self._old_settings == LOST:
            made = f"whose settings are lost ({SETTINGS} is missing or damaged)"
        if not redo:
            raise ConfigError(f"{self._folder} holds predictions {made}: give another --out, or --redo to replace them")
        names = {f"masks/{name}{SUFFIXES['masks']}" for name in self._names(images)}
        masks = (self._relative(path) for path in (self._folder / "masks").rglob(f"*{SUFFIXES['masks']}"))
        others = [mask for mask in masks if "/." not in mask and mask not in names]
        if others:
            raise ConfigError(
                f"{self._folder} holds {len(others)} predictions of other photographs, such as {min(others)}, "
                f"{made}: give another --out, or these photographs too"
            )

    def _clear(self, images: Sequence[InputImage]) -> None:
        """Removes predictions with other settings: tables first, then files and records, while the settings stay."""
        for name in (SUMMARY, TOTALS):
            (self._folder / name).unlink(missing_ok=True)
        for name in self._names(images):
            self._outputs.remove(name)
        for kind in SUFFIXES:  # an empty folder would be one of confidences, or of instance maps, that are missing
            remove_empty(self._folder / kind)
        self._records, self._lines = {}, {}

    def _names(self, images: Sequence[InputImage]) -> list[str]:
        records = (self._records.get(image.path) for image in images)
        return [*(image.name for image in images), *(record.name for record in records if record is not None)]

    def _unfinished(self, images: Sequence[InputImage], progress: bool) -> list[InputImage]:
        with ThreadPoolExecutor(_THREADS) as pool:  # digests release Python's lock
            checks = pool.map(self._is_done, images)
            bar = progress_bar(checks, "checking", total=len(images), delay=3, leave=False, disable=not progress)
            return [image for image, is_done in zip(images, bar, strict=True) if not is_done]

    def _is_done(self, image: InputImage) -> bool:
        record = self._records.get(image.path)
        if record is None:
            return False
        files = {self._relative(file): file for file in self._outputs.files(image.name)}
        is_whole = record.files.keys() == files.keys() and all(
            is_unchanged(file, record.files[name]) for name, file in files.items()
        )
        if not is_whole and not self._outputs.file("masks", record.name).is_file():
            return False  # nothing that another photograph's prediction would replace
        if not image.digest:
            raise DataError(f"{image.file} cannot be read: change its permissions; its prediction stays as it is")
        if record.row["digest"] != image.digest:
            raise ConfigError(
                f"{self._folder} holds the prediction of another {image.path} than {image.file}: give another "
                "--out, or --redo to replace it"
            )
        return is_whole

    def _refuse_shared_names(self, images: Sequence[InputImage]) -> None:
        by_name = {image.name: image for image in images}
        for path, record in self._records.items():
            if path not in self._given and record.name in by_name:
                raise ConfigError(
                    f"{self._folder} holds {record.row['mask']}, the prediction of {path}, which that of "
                    f"{by_name[record.name].file} would replace: give another --out, or both photographs"
                )

    def _refuse_other_summary(self) -> None:
        """Refuses a `summary.csv` whose form somebody has changed, or that has rows without a manifest."""
        path, columns = self._folder / SUMMARY, self._outputs.columns
        rows = [line for line in read_lines(path) if line != columns]
        if rows and not (self._folder / MANIFEST).exists():
            raise ConfigError(
                f"{self._folder} holds predictions without {MANIFEST}, by which finished ones are known: give "
                "another --out, or --redo to predict them again"
            )
        for row in rows:
            is_damaged = any("\0" in cell for cell in row)  # by a power cut
            if not is_damaged and not is_row(dict(zip_longest(columns, row)), self._outputs):
                raise ConfigError(f"{path} was changed by another program: move it, and it is written again")

    def _relative(self, file: Path) -> str:
        return file.relative_to(self._folder).as_posix()
