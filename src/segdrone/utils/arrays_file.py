"""Read the arrays of an `.npz` file of unknown origin, each of an expected shape."""

from __future__ import annotations

import sys
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from segdrone.utils.bounded import UnreadableError, wrap_parse_errors

_MAX_BYTES = 1 << 28  # of the file
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class ArraysFile:
    """An open `.npz` file; a context manager.

    `numpy.load` allocates what a header says, and takes what is no archive for a pickle. Here nothing is read that is
    larger than expected, whatever headers and the archive's directory say.

    Raises:
        UnreadableError: The file is no zip archive, or larger than 256 MiB.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "a.npz", counts=np.ones((2, 3), int))
        ...     with ArraysFile(Path(folder) / "a.npz") as file:
        ...         file.read("counts", kinds="iu", shape=(2, 3)).sum()
        np.int64(6)
    """

    def __init__(self, path: Path) -> None:
        with wrap_parse_errors():
            if path.stat().st_size > _MAX_BYTES:
                raise UnreadableError(f"it is larger than {_MAX_BYTES >> 20} MiB")
            self._archive = zipfile.ZipFile(path)

    def __enter__(self) -> ArraysFile:
        return self

    def __exit__(self, *args: object) -> None:
        self._archive.close()

    def read(self, name: str, *, kinds: str, shape: tuple[int | None, ...], most: int = 1 << 27) -> NDArray[Any]:
        """Returns an array.

        Args:
            name: Its name.
            kinds: Kinds of NumPy types that it may have, such as `iu` for integers.
            shape: The expected shape; None is any length.
            most: Most values, or characters, that it may have.

        Raises:
            UnreadableError: It is missing, of another kind or shape, larger or smaller than its header says, or a text
                is not Unicode.
        """
        with wrap_parse_errors(), self._archive.open(f"{name}.npy") as file:
            version = npy.read_magic(file)
            if version not in _HEADERS:
                raise UnreadableError(f"{name} has an unknown format")
            found, fortran, dtype = _HEADERS[version](file)
            if dtype.kind not in kinds or dtype.itemsize == 0:
                raise UnreadableError(f"{name} holds values of type {dtype}")
            fits = len(found) == len(shape) and all(b in (a, None) for a, b in zip(found, shape, strict=True))
            if not fits or min(found, default=0) < 0:
                raise UnreadableError(f"{name} has the shape {found}, not {shape}")
            size = prod(found) * dtype.itemsize
            if prod(found) * (dtype.itemsize // 4 if dtype.kind == "U" else 1) > most:
                raise UnreadableError(f"{name} has the shape {found}, which is too large")
            content = file.read(size + 1)
            if len(content) != size:
                raise UnreadableError(f"{name} has {len(content)} bytes, not the {size} of its shape")
            array = np.frombuffer(content, dtype) if size else np.empty(0, dtype)
            if dtype.kind == "U" and array.view(f"{dtype.byteorder}u4").max(initial=0) > sys.maxunicode:
                raise UnreadableError(f"{name} holds texts with characters beyond Unicode")  # NumPy makes str of them
            return array.reshape(found, order="F" if fortran else "C")
