"""Find the photographs that annotations name: names are looked up in a folder, paths are never followed."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from segdrone.annotations.names import fold
from segdrone.annotations.photograph_paths import common_folders, contradiction, posix_path, split_of_path
from segdrone.class_files import CLASSES_FILE
from segdrone.data.discovery.file_tree import is_output
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES

_MASK_FOLDERS = ("mask", "masks", "segmentationclass", "segmentationobject", "gt", "scribbles")
_UNREADABLE_SUFFIXES = (".bmp", ".dng", ".gif", ".heic", ".heif", ".jp2")  # a converted file has another one


class ImageFolder:
    """All photographs below a folder, by relative path, by file name and by stem. Folders of masks hold none.

    Args:
        root: The folder. Links to other folders are not followed; datasets that an import wrote, predictions and
            segments are passed over.
        exclude: Folder below it that is passed over, such as that of an earlier import.
        files: Its photographs, if they are known, such as those of a dataset; links among them may lead anywhere.

    Attributes:
        doubtful: Pairs of the path that annotations wrote and the photograph that was found by its name alone, in a
            folder of another name or split.

    Raises:
        DataError: `root` is not a folder.
    """

    def __init__(self, root: Path, exclude: Path | None = None, files: Iterable[Path] | None = None) -> None:
        if not root.is_dir():
            raise DataError(f"{root} is not a folder: give the folder of the photographs with --images")
        self.root = root.resolve()
        self.doubtful: list[tuple[str, Path]] = []
        self._by_path: dict[str, Path] = {}
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        self._by_folded_name: defaultdict[str, list[Path]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[Path]] = defaultdict(list)
        self._may_lead_out = files is not None
        for path in self._walk(exclude) if files is None else (self.root / file.relative_to(root) for file in files):
            self._by_path[path.relative_to(self.root).as_posix()] = path
            self._by_name[path.name].append(path)
            self._by_folded_name[fold(path.name)].append(path)
            self._by_stem[fold(path.stem)].append(path)

    def _walk(self, exclude: Path | None) -> Iterator[Path]:
        excluded = None if exclude is None else str(exclude.resolve())
        for folder, folders, names in os.walk(self.root):
            if folder != str(self.root) and is_output(folder, names):
                folders.clear()
                continue
            paths = ((name, os.path.join(folder, name)) for name in folders)
            folders[:] = [name for name, path in paths if path != excluded and not _is_import(path)]
            yield from (path for name in sorted(names) if self._is_photograph(path := Path(folder, name)))

    def _is_photograph(self, path: Path) -> bool:
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            return False
        return path.parent == self.root or path.parent.name.lower() not in _MASK_FOLDERS

    def __len__(self) -> int:
        return len(self._by_path)

    def find(
        self, names: Iterable[str], where: str, *, annotation: Path | None = None, split: str | None = None
    ) -> Path | None:
        """Returns the photograph with one of `names` as its path or, failing that, as its file name.

        Tools write paths of the computer they ran on: such a path is never followed. Its last folders choose among
        photographs of the same name. Case does not matter if only one photograph fits; a name without the suffix of
        an image, or with one that is not read here (BMP, HEIC, DNG), fits any suffix.

        Args:
            names: Paths or names as the tool wrote them, the most likely first.
            where: File and place that name the photograph, for errors.
            annotation: The annotation file; a path may be relative to its folder. A folder of its name holds masks.
            split: Split of the annotation; photographs in a folder of that name are preferred.

        Returns:
            Path of the photograph, or None if no photograph has one of the names.

        Raises:
            DataError: Several photographs fit, the only one is in a folder of another flight, or it is a link to a
                file outside the folder.
        """
        for name in names:
            written = posix_path(name)
            found = self._candidates(written, None if annotation is None else annotation.parent)
            if len(found) > 1:
                found = self._narrow(found, written, annotation, split)
            if len(found) > 1:
                raise DataError(
                    f"{where} names {str(written)!a}, but {found[0]} and {found[1]} fit: give the folder of its "
                    "photographs alone with --images"
                )
            if found:
                self._check(found[0], written, where, annotation, split)
                return found[0]
        return None

    def _candidates(self, written: PurePosixPath, beside: Path | None) -> list[Path]:
        if beside is not None and beside.resolve().is_relative_to(self.root):
            folder = beside.resolve().relative_to(self.root).as_posix()
            if path := self._by_path.get(posixpath.normpath(posixpath.join(folder, str(written)))):
                return [path]
        if path := self._by_path.get(str(written)):
            return [path]
        if found := self._by_name.get(written.name) or self._by_folded_name.get(fold(written.name)):
            return found
        if written.suffix.lower() in IMAGE_SUFFIXES:
            return []
        stem = written.stem if written.suffix.lower() in _UNREADABLE_SUFFIXES else written.name
        return self._by_stem.get(fold(stem), [])

    def _narrow(
        self, found: list[Path], written: PurePosixPath, annotation: Path | None, split: str | None
    ) -> list[Path]:
        """Returns those candidates that agree best with the written folders, the split and the annotation's place."""
        if split is not None:
            found = [path for path in found if split_of_path(self._relative(path), in_name=False) == split] or found
        agreement = [common_folders(written, self._relative(path)) for path in found]
        found = [path for path, count in zip(found, agreement, strict=True) if count == max(agreement)]
        if annotation is not None and len(found) > 1:
            folder = annotation.resolve().parent
            found = [path for path in found if path.parent != folder / annotation.stem] or found
            near = [len(os.path.commonpath([path.parent, folder])) for path in found]
            found = [path for path, length in zip(found, near, strict=True) if length == max(near)]
        return found

    def _check(
        self, path: Path, written: PurePosixPath, where: str, annotation: Path | None, split: str | None
    ) -> None:
        if not self._may_lead_out and not path.resolve().is_relative_to(self.root):
            raise DataError(
                f"{path} is a link to a file outside {self.root}: copy the photograph there, "
                "or give the folder of that file with --images"
            )
        relative = self._relative(path)
        difference = contradiction(written, self.root.name / relative)
        if difference == "series" or self._is_of_another_flight(relative, written, annotation):
            raise DataError(
                f"{where} names {str(written)!a}, but the only photograph of that name is {path}, in the folder of "
                "others: give the photographs that were annotated with --images, or rename their folder"
            )
        other_split = split is not None and split_of_path(relative, in_name=False) not in (None, split)
        if other_split or (difference == "name" and (not written.is_absolute() or relative.parent.parts)):
            self.doubtful.append((str(written), path))

    def _is_of_another_flight(self, relative: PurePosixPath, written: PurePosixPath, annotation: Path | None) -> bool:
        """Whether the folder of an annotation that writes no folders contradicts that of the photograph."""
        if annotation is None or written.parent.parts or not annotation.resolve().is_relative_to(self.root):
            return False
        return contradiction(self._relative(annotation.resolve()), relative) == "series"

    def _relative(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self.root).as_posix())


def _is_import(folder: str) -> bool:
    """Whether an import wrote a folder: its photographs are links to those that are looked for."""
    return all(os.path.exists(os.path.join(folder, name)) for name in ("images", "masks", CLASSES_FILE))
