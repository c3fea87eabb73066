"""Which photographs to predict, and what their outputs are called."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segdrone.data.layout import SUFFIXES
from segdrone.errors import ConfigError, DataError


class Source(NamedTuple):
    """A photograph to predict.

    Attributes:
        file: The file.
        path: Its path below the input that led to it, with `/`, the same on every machine.
        name: What its outputs are called, without their own suffix: `path` without suffix, or with it
            where photographs would else get one name.
        bytes: Size of the file, by which another photograph of the same path is known.
    """

    file: Path
    path: str
    name: str
    bytes: int


def find_sources(inputs: Iterable[str | Path], out: str | Path) -> list[Source]:
    """Returns every photograph that the inputs lead to, sorted by path, each file once.

    Files are taken as named, whatever their suffix. Folders are searched to any depth, but for hidden
    files, links to other folders, and `out`; a pattern with `*`, `**`, `?` or `[` likewise, its paths
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
            raise DataError(f"{given} leads to no photographs ({', '.join(SUFFIXES)}): mend the path")
        for path, file in found:
            found_at.setdefault(os.path.abspath(file), (path, file))
    stems = Counter(_stem(path).casefold() for path, _ in found_at.values() if is_photograph(path))
    sources: dict[str, Source] = {}
    for path, file in sorted(found_at.values()):
        stem = _stem(path)
        name = stem if is_photograph(path) and stems[stem.casefold()] == 1 else path
        if name in sources:
            raise ConfigError(
                f"{sources[name].file} and {file} would both be predicted as {name}: give the folder above both, "
                "rename one of them, or predict them into two folders"
            )
        sources[name] = Source(file, path, name, file.stat().st_size if file.exists() else 0)  # else a broken link
    return list(sources.values())


def is_photograph(path: str | Path) -> bool:
    """Tells whether a file is one by its name."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def _found(given: str, out: Path) -> Iterator[tuple[str, Path]]:
    """Yields files behind their paths below the input."""
    path = Path(given)
    if path.is_file():
        yield path.name, path
        return
    if not path.is_dir() and not glob.has_magic(given):
        raise DataError(f"{given} does not exist: give a photograph, a folder of them, or a pattern such as '*.jpg'")
    base, files = (path, _walk(path)) if path.is_dir() else _matches(path)
    if base.resolve() == out:
        raise ConfigError(f"--out {out} is the folder of the photographs: give one of its own, such as {out}/predicted")
    apart = out if base.resolve() in out.parents else None
    for file in files:
        below = file.relative_to(base)
        hidden = any(part.startswith(".") for part in below.parts)
        if not hidden and is_photograph(file) and (apart is None or not _lies_in(apart, file)):
            yield below.as_posix(), file


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
