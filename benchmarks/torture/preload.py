"""Build the library that counts file operations, and makes one fail or kills at it."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
_VARIABLE = "LD_PRELOAD"


def build(folder: Path) -> Path | None:
    """Compiles the library; returns None, after a word on stdout, where there is no C compiler or it fails."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        print("no C compiler: kills by operation and failing writes are skipped", flush=True)
        return None
    library = folder / "preload.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        print(f"{compiler} fails, kills by operation and failing writes are skipped: {result.stderr.strip()[:200]}")
        return None
    return library


def is_loaded() -> bool:
    """Whether this process was started with the library."""
    return "preload.so" in os.environ.get(_VARIABLE, "")


def environment(library: Path | None) -> dict[str, str]:
    """Returns this process's environment, with the library loaded."""
    return dict(os.environ) if library is None else {**os.environ, _VARIABLE: str(library)}


class Counter:
    """Number of file operations that the processes of a trial have done, in a shared file.

    Args:
        path: The file, which is created.
        folder: Operations below it are counted.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        path.write_bytes(bytes(mmap.PAGESIZE))
        self.path, self._folder = path, folder

    def variables(self, action: str = "kill", at: int = 0) -> dict[str, str]:
        """Returns the variables of the environment that count, and act at an operation if `at` is not 0."""
        return {
            "TORTURE_FOLDER": str(self._folder),
            "TORTURE_COUNTER": str(self.path),
            "TORTURE_ACTION": action,
            "TORTURE_AT": str(at),
        }

    @property
    def value(self) -> int:
        """Operations so far."""
        return int(struct.unpack_from("q", self.path.read_bytes())[0])
