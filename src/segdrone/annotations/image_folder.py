"""Find the photographs that annotations name: names are looked up in a folder, paths are never followed."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES


class ImageFolder:
    """All photographs below a folder, by relative path and by file name.

    Args:
        root: The folder. Links to other folders are not followed.

    Raises:
        DataError: `root` is not a folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{root} is not a folder: give the folder of the photographs with --images")
        self.root = root.resolve()
        self._by_path: dict[str, Path] = {}
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for folder, _, names in os.walk(self.root):
            for name in sorted(names):
                path = Path(folder, name)
                if path.suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                    self._by_path[path.relative_to(self.root).as_posix()] = path
                    self._by_name[name].append(path)

    def __len__(self) -> int:
        return len(self._by_path)

    def find(self, names: Iterable[str], where: str) -> Path | None:
        """Returns the photograph with one of `names` as its relative path or, failing that, as its file name.

        Tools write paths of the computer they ran on; only the file name of such a path is used.

        Args:
            names: Paths or names as the tool wrote them, the most likely first.
            where: File and place that name the photograph, for errors.

        Returns:
            Path of the photograph, or None if no photograph has one of the names.

        Raises:
            DataError: Several photographs have the name, or it is a link to a file outside the folder.
        """
        for name in names:
            path = PurePosixPath(name.replace("\\", "/"))
            found = [self._by_path[str(path)]] if str(path) in self._by_path else self._by_name.get(path.name, [])
            if len(found) > 1:
                raise DataError(
                    f"{where} names {path.name!a}, but {found[0]} and {found[1]} have that name: rename one of them"
                )
            if found and not found[0].resolve().is_relative_to(self.root):
                raise DataError(
                    f"{found[0]} is a link to a file outside {self.root}: copy the photograph there, "
                    "or give the folder of that file with --images"
                )
            if found:
                return found[0]
        return None
