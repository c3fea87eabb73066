"""Keep what was written for each photograph in `manifest.jsonl`, with the sizes and digests of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from segdrone.inference.outputs import SUFFIXES
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError, parse_json
from segdrone.utils.regular_file import open_regular

MANIFEST = "manifest.jsonl"
_MAX_LINE = 1 << 20  # bytes; 23 classes take 1300


class Record(NamedTuple):
    """A finished photograph.

    Attributes:
        row: Its row of `summary.csv`, by column.
        files: Size and SHA-256 of each of its files, by path below the output folder.
    """

    row: dict[str, str]
    files: dict[str, Any]

    @property
    def path(self) -> str:
        """Path of the photograph, as `InputImage.path`."""
        return self.row["path"]

    @property
    def name(self) -> str:
        """Name of its files, as `InputImage.name`."""
        return self.row["mask"].removeprefix("masks/").removesuffix(SUFFIXES["masks"])


def is_remnant(file: Path, key: str) -> bool:
    """Whether a file holds what a power cut or a full disk leaves of an object whose first key is `key`."""
    begin = json.dumps({key: 0}, indent=2).partition(":")[0].encode()
    try:
        with open_regular(file) as opened:
            content = opened.read(_MAX_LINE).strip(b"\0")
    except OSError:
        return False
    return content.startswith(begin) or begin.startswith(content)


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records of a file in order; of two with the same path, the later one counts.

    Lines that a killed process or a power cut left unfinished, and others that hold no record, are passed over.
    """
    try:
        with open_regular(path) as file:
            for line in iter(partial(file.readline, _MAX_LINE), b""):
                if (record := _parse(line)) is not None:
                    yield record
    except OSError:
        return


def write_records(records: Iterable[Record], path: Path) -> None:
    """Writes records in the order of their paths."""
    with atomic_write(path) as file:
        file.write_bytes(b"".join(map(_format, sorted(records, key=lambda record: record.path))))


def append_record(record: Record, path: Path) -> None:
    """Adds a record to a file whose last line is finished.

    It is not flushed to disk: if a power cut loses it, the photograph is predicted again.
    """
    with path.open("ab") as file:
        file.write(_format(record))


def _format(record: Record) -> bytes:
    return json.dumps(record._asdict()).encode("ascii") + b"\n"


def _parse(line: bytes) -> Record | None:
    try:
        content = parse_json(line.decode("ascii"))
    except (UnreadableError, UnicodeDecodeError):
        return None
    if not line.endswith(b"\n") or not isinstance(content, dict) or content.keys() != {*Record._fields}:
        return None
    row, files = content["row"], content["files"]
    if not isinstance(row, dict) or not isinstance(files, dict) or not {"path", "mask"} <= row.keys():
        return None
    if not all(isinstance(cell, str) for cell in row.values()) or not is_mask(row["mask"]):
        return None
    return Record(row, files)


def is_mask(path: str) -> bool:
    """Whether a path is one of a mask below the output folder: its files may be removed."""
    parts = PurePosixPath(path).parts
    return len(parts) > 1 and parts[0] == "masks" and ".." not in parts and path.endswith(SUFFIXES["masks"])
