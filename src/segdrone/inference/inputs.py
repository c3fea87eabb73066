"""Find the photographs and videos to predict, and name their outputs."""

from __future__ import annotations

import functools
import glob
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segdrone.data.discovery.file_tree import PICKS, SEGMENTS
from segdrone.data.discovery.find_dataset import photographs_and_others
from segdrone.data.discovery.mask_names import masks_among
from segdrone.errors import ConfigError, DataError
from segdrone.raster.file_kind import describe_others
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.raster.map_file import MAP_SUFFIXES
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.digest import file_digest

log = logging.getLogger(__name__)

SETTINGS = "predict.json"  # the file by which a folder of predictions is recognized
VIDEOS = "films"  # folder of the predicted videos in it
_RECORDS = (  # ends of names of predicted maps and films, those of the records beside them, and a key of these
    ("_mask.tif", "_record.json", "stages"),
    ("_confidence.tif", "_record.json", "stages"),
    (".mp4", ".json", "made_with"),
)

_MAPS = (".jp2", ".j2k")  # found in folders; the sources of a VRT lie beside it
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")  # in lower case


@dataclass(frozen=True)
class InputImage:
    """A photograph to predict, or a video.

    Attributes:
        file: The file.
        path: Its path below the input that it was found in, with `/`, the same on every machine.
        name: Path of its outputs without their suffix: `path` without its suffix, or with it if two photographs
            would have the same name otherwise.
    """

    file: Path
    path: str
    name: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file when it is first asked for; empty if it cannot be read.

        Drones reuse file names in every flight; the digest recognizes another photograph of the same path.
        """
        return file_digest(self.file)


class Inputs(NamedTuple):
    """The photographs and the videos to predict, each sorted by path."""

    photographs: list[InputImage]
    videos: list[InputImage]


def find_inputs(inputs: Iterable[str | Path], out: str | Path) -> list[InputImage]:
    """Returns every photograph of the inputs, sorted by path, each file once; `find_files` returns the videos too.

    Args:
        inputs: Files, folders, patterns.
        out: The output folder; it need not exist.

    Raises:
        DataError: An input is missing or cannot be read, or they contain no photograph.
        ConfigError: As `find_files`.
    """
    inputs = [*inputs]
    photographs, _ = find_files(inputs, out)
    if not photographs:
        raise DataError(f"{', '.join(map(str, inputs))}: no photographs ({', '.join(IMAGE_SUFFIXES)}), only videos")
    return photographs


def find_files(inputs: Iterable[str | Path], out: str | Path) -> Inputs:
    """Returns every photograph and every video of the inputs, each file once.

    Files are taken as given, with any suffix. Folders are searched to any depth, without hidden files, links to
    other folders, `out`, and predictions of other runs. In a dataset of a known layout only the photographs are taken.
    Patterns with `*`, `**`, `?` or `[` are searched in the same way; paths are relative to the last folder
    before the first wildcard.

    Args:
        inputs: Files, folders, patterns.
        out: The output folder; it need not exist.

    Raises:
        DataError: An input is missing, cannot be read, or contains neither a photograph nor a video.
        ConfigError: Two files would have the same name, or `out` is itself a folder of photographs.
    """
    by_file: dict[str, tuple[str, Path]] = {}  # by absolute path
    for given in map(str, inputs):
        try:
            files = list(_find(given, Path(out).resolve()))
        except OSError as error:
            raise DataError(f"{error.filename} cannot be read ({error.strerror}): change its permissions") from None
        if not files:
            known = ", ".join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)
            raise DataError(f"{given} leads to no photographs or videos ({known}): check the path")
        for path, file in files:
            by_file.setdefault(os.path.abspath(file), (path, file))
    found = sorted(by_file.values())
    return Inputs(
        _name([(path, file) for path, file in found if not is_video(path)], _is_image_or_map),
        _name([(path, file) for path, file in found if is_video(path)], is_video),
    )


def _name(files: Sequence[tuple[str, Path]], is_known: Callable[[str], bool]) -> list[InputImage]:
    """Names the outputs of files by their paths: without the suffix where it is known and the name stays the only one.

    Raises:
        ConfigError: Two files would have the same name.
    """
    stems = Counter(_stem(path).casefold() for path, _ in files if is_known(path))
    images: dict[str, InputImage] = {}
    for path, file in files:
        stem = _stem(path)
        name = stem if is_known(path) and stems[stem.casefold()] == 1 else path
        if name in images:
            raise ConfigError(
                f"{images[name].file} and {file} would both be predicted as {name}: give the folder above both, "
                "rename one of them, or predict them into two folders"
            )
        images[name] = InputImage(file, path, name)
    return list(images.values())


def is_image(path: str | Path) -> bool:
    """Whether a file name has the suffix of an image.

    Example:
        >>> is_image("flight/DJI_0001.JPG"), is_image("flight/DJI_0001.MP4")
        (True, False)
    """
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES


def _is_image_or_map(path: str) -> bool:
    return is_image(path) or PurePosixPath(path).suffix.lower() in MAP_SUFFIXES


def is_video(path: str | Path) -> bool:
    """Whether a file name has the suffix of a video.

    Example:
        >>> is_video("flight/DJI_0001.MP4"), is_video("flight/DJI_0001.JPG")
        (True, False)
    """
    return PurePosixPath(path).suffix.lower() in VIDEO_SUFFIXES


def _find(given: str, out: Path) -> Iterator[tuple[str, Path]]:
    """Yields the files of an input, after their paths below it."""
    if not given:
        raise DataError("an INPUT is empty: give a photograph, a folder of them, or a pattern such as '*.jpg'")
    path = Path(given)
    if path.is_file():
        _refuse_as_out(path.parent, out)
        yield path.name, path
        return
    if not path.is_dir() and not glob.has_magic(given):
        raise DataError(f"{given} does not exist: give a photograph, a folder of them, or a pattern such as '*.jpg'")
    photographs, others = photographs_and_others(path) if path.is_dir() else ({}, [])
    if photographs:
        for folder in {path, *(file.parent for file in photographs)}:
            _refuse_as_out(folder, out)
        is_left_out, excluded = _left_out(path), _excluded(path, out)

        def is_given(file: Path) -> bool:
            return excluded is None or not _is_inside(excluded, file)

        films = [file for file in _walk(path) if is_video(file) and not is_left_out(file)]
        found = photographs | {file: file.relative_to(path).with_suffix("").as_posix() for file in films}
        yield from ((name + file.suffix, file) for file, name in found.items() if is_given(file))
        if passed := [file for file in others if is_given(file) and not is_left_out(file)]:
            log.warning(
                "%d images in %s are none of the photographs of the dataset there and not predicted, such as %s: give "
                "a pattern to predict them", len(passed), path, passed[0].relative_to(path),
            )  # fmt: skip
        return
    base, files = (path, _walk_photographs(path)) if path.is_dir() else _match(path)
    _refuse_as_out(base, out)
    is_left_out = _left_out(base)
    excluded = _excluded(base, out)
    taken, unread = set[Path](), list[Path]()
    for file in files:
        is_known = is_image(file) or is_video(file) or file.suffix.lower() in _MAPS
        if is_left_out(file) or (excluded is not None and _is_inside(excluded, file)):
            continue
        if is_known:
            taken.add(file.with_suffix(""))
            yield file.relative_to(base).as_posix(), file
        else:
            unread.append(file)
    if path.is_dir() and (kinds := describe_others(file for file in unread if file.with_suffix("") not in taken)):
        log.warning("passed over in %s: %s", path, "; ".join(kinds))  # a raw file beside its JPEG is not missed


def _left_out(base: Path) -> Callable[[Path], bool]:
    """Returns a function that tells whether a file below a folder is hidden, or made by another run, such as a mask."""
    made_by_us = functools.cache(
        lambda folder: any((base / folder / name).is_file() for name in (SETTINGS, SEGMENTS, PICKS))
    )

    def is_left_out(file: Path) -> bool:
        below = file.relative_to(base)
        is_hidden = any(part.startswith(".") for part in below.parts)
        return is_hidden or any(map(made_by_us, below.parents)) or _is_predicted(file)

    return is_left_out


def _is_predicted(file: Path) -> bool:
    """Whether a file is a predicted map or film: maps and films alone leave no settings in the folder of a run."""
    for end, record, key in _RECORDS:
        if file.name.endswith(end):
            with suppress(UnreadableError):
                content = read_json(file.with_name(file.name.removesuffix(end) + record))
                return isinstance(content, dict) and key in content
    return False


def _refuse_as_out(folder: Path, out: Path) -> None:
    if folder.resolve() == out:
        raise ConfigError(f"--out {out} is the folder of the photographs: give one of its own, such as {out}/predicted")


def _match(pattern: Path) -> tuple[Path, Iterator[Path]]:
    """Returns the last folder before the first wildcard, and the files that match the pattern there."""
    first = next(i for i, part in enumerate(pattern.parts) if glob.has_magic(part))
    base = Path(*pattern.parts[:first])

    def files() -> Iterator[Path]:
        try:
            for match in base.glob(str(Path(*pattern.parts[first:]))):
                yield from _walk(match) if match.is_dir() else [match]
        except ValueError as error:
            raise ConfigError(f"{pattern} is not a pattern ({error}): fix it") from None

    return base, files()


def _walk_photographs(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder, without masks that lie beside their photographs."""
    by_folder: dict[Path, list[Path]] = {}
    for file in _walk(folder):
        by_folder.setdefault(file.parent, []).append(file)
    passed: list[Path] = []
    for files in by_folder.values():
        masks = masks_among(file.stem for file in files if is_image(file))
        passed += (file for file in files if is_image(file) and file.stem in masks)
        yield from (file for file in files if not (is_image(file) and file.stem in masks))
    if passed:
        log.warning(
            "%d files in %s are taken for masks and not predicted, such as %s: give a pattern to predict them",
            len(passed), folder, passed[0].relative_to(folder),
        )  # fmt: skip


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]  # systems have some that nobody may read
        yield from (Path(parent, name) for name in names)


def _excluded(base: Path, out: Path) -> Path | None:
    """Returns the output folder if it is below a folder that is searched, so that its files are left out."""
    return out if base.resolve() in out.parents else None


def _is_inside(folder: Path, file: Path) -> bool:
    return file.parent.resolve().is_relative_to(folder)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))
