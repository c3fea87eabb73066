"""Which photographs to predict, and what their outputs are called."""

from __future__ import annotations

import functools
import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segdrone.data.layout import find_layout
from segdrone.errors import ConfigError, DataError
from segdrone.raster.header import IMAGE_SUFFIXES

_SAMPLE = 1 << 16  # bytes
SETTINGS = "predict.json"  # what a folder of predictions holds


class InputImage(NamedTuple):
    """A photograph to predict.

    Attributes:
        file: The file.
        path: Its path below the input that led to it, with `/`, the same on every machine.
        name: What its outputs are called, without their own suffix: `path` without suffix, or with it
            where photographs would else get one name.
        digest: Of the file's size, and of its beginning, middle and end: drones name photographs alike in
            every flight, and another of the same path is known by it.
    """

    file: Path
    path: str
    name: str
    digest: str


def find_inputs(inputs: Iterable[str | Path], out: str | Path) -> list[InputImage]:
    """Returns every photograph that the inputs lead to, sorted by path, each file once.

    Files are taken as named, whatever their suffix. Folders are searched to any depth, but for hidden
    files, links to other folders, `out`, and predictions of other runs; of a dataset in a known layout
    only the photographs are taken; a pattern with `*`, `**`, `?` or `[` likewise, its paths
    counted from its last folder without a wildcard.

    Args:
        inputs: Files, folders, patterns.
        out: The folder of the outputs, which need not be there yet.

    Raises:
        DataError: An input is missing, cannot be read, or leads to no photograph.
        ConfigError: Two photographs would get one name, or `out` is itself a folder of photographs.
    """
    found_at: dict[str, tuple[str, Path]] = {}  # by absolute path
    for given in map(str, inputs):
        try:
            found = list(_found(given, Path(out).resolve()))
        except OSError as error:
            raise DataError(f"{error.filename} cannot be read ({error.strerror}): mend its permissions") from None
        if not found:
            raise DataError(f"{given} leads to no photographs ({', '.join(IMAGE_SUFFIXES)}): mend the path")
        for path, file in found:
            found_at.setdefault(os.path.abspath(file), (path, file))
    stems = Counter(_stem(path).casefold() for path, _ in found_at.values() if is_image(path))
    sources: dict[str, InputImage] = {}
    for path, file in sorted(found_at.values()):
        stem = _stem(path)
        name = stem if is_image(path) and stems[stem.casefold()] == 1 else path
        if name in sources:
            raise ConfigError(
                f"{sources[name].file} and {file} would both be predicted as {name}: give the folder above both, "
                "rename one of them, or predict them into two folders"
            )
        sources[name] = InputImage(file, path, name, file_digest(file))
    return list(sources.values())


def file_digest(file: Path) -> str:
    """Returns what tells a file from others of its name, without reading all of it: 16 hexadecimal digits.

    It is empty for a file that cannot be read.
    """
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            found = hashlib.sha256(str(size).encode())
            for place in (0, max(0, (size - _SAMPLE) // 2), max(0, size - _SAMPLE)):
                opened.seek(place)
                found.update(opened.read(_SAMPLE))
    except OSError:
        return ""
    return found.hexdigest()[:16]


def is_image(path: str | Path) -> bool:
    """Tells whether a file is one by its name."""
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


def _found(given: str, out: Path) -> Iterator[tuple[str, Path]]:
    """Yields files behind their paths below the input."""
    if not given:
        raise DataError("an INPUT is empty: give a photograph, a folder of them, or a pattern such as '*.jpg'")
    path = Path(given)
    if path.is_file():
        _refuse_as_out(path.parent, out)
        yield path.name, path
        return
    if not path.is_dir() and not glob.has_magic(given):
        raise DataError(f"{given} does not exist: give a photograph, a folder of them, or a pattern such as '*.jpg'")
    if path.is_dir():
        path = _photographs_of_dataset(path)
    base, files = (path, _walk(path)) if path.is_dir() else _matches(path)
    _refuse_as_out(base, out)
    predictions = functools.cache(lambda folder: (base / folder / SETTINGS).is_file())
    apart = out if base.resolve() in out.parents else None
    for file in files:
        below = file.relative_to(base)
        hidden = any(part.startswith(".") for part in below.parts)
        if any(map(predictions, below.parents)):  # masks and overlays of another run
            continue
        if not hidden and is_image(file) and (apart is None or not _lies_in(apart, file)):
            yield below.as_posix(), file


def _refuse_as_out(folder: Path, out: Path) -> None:
    if folder.resolve() == out:
        raise ConfigError(f"--out {out} is the folder of the photographs: give one of its own, such as {out}/predicted")


def _photographs_of_dataset(folder: Path) -> Path:
    """Returns where a dataset to train on has its photographs, whose masks are none; else the folder."""
    folders = find_layout(folder)
    return folder if folders is None else folders.images


def _matches(pattern: Path) -> tuple[Path, Iterator[Path]]:
    """Splits a pattern behind its last folder without a wildcard, and yields what it matches there."""
    wild = next(place for place, part in enumerate(pattern.parts) if glob.has_magic(part))
    base = Path(*pattern.parts[:wild])

    def files() -> Iterator[Path]:
        try:
            for match in base.glob(str(Path(*pattern.parts[wild:]))):
                yield from _walk(match) if match.is_dir() else [match]
        except ValueError as error:
            raise ConfigError(f"{pattern} is no pattern ({error}): mend it") from None

    return base, files()


def _walk(folder: Path) -> Iterator[Path]:
    def tell(error: OSError) -> None:
        raise error

    for above, folders, names in os.walk(folder, onerror=tell):
        folders[:] = [name for name in folders if not name.startswith(".")]  # systems keep some that nobody may read
        yield from (Path(above, name) for name in names)


def _lies_in(folder: Path, file: Path) -> bool:
    return file.parent.resolve().is_relative_to(folder)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))
