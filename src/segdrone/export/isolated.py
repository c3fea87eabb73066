"""Run a converter whose libraries clash with those of segdrone, in an environment of its own that uv makes once."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segdrone.errors import CheckpointError, ConfigError
from segdrone.utils.atomic import file_lock
from segdrone.utils.cache_folder import cache_folder

log = logging.getLogger(__name__)

_PYTHON = "3.11"  # has wheels of all requirements; uv fetches it where it is missing
_READY = "ready"  # written when everything is installed


@dataclass(frozen=True)
class Environment:
    """Packages that are installed together, apart from segdrone's.

    Args:
        name: Name of the folder.
        requirements: Packages, with the versions that were tried.
        needs_torch: Whether they need torch, whose CPU build is then installed.
    """

    name: str
    requirements: tuple[str, ...]
    needs_torch: bool = False

    @property
    def folder(self) -> Path:
        """Its folder in the user's cache; other requirements have another."""
        digest = hashlib.sha256(" ".join(self.requirements).encode()).hexdigest()[:8]
        return cache_folder() / "environments" / f"{self.name}-{digest}"

    def python(self) -> Path:
        """Returns the interpreter of the environment, which is made if needed.

        Raises:
            ConfigError: uv is missing, or the packages cannot be installed.
        """
        python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        with file_lock(self.folder.with_suffix(".lock")):
            if not (self.folder / _READY).exists():
                self._make(python)
                (self.folder / _READY).touch()
        return python

    def _make(self, python: Path) -> None:
        uv = find_uv()
        log.warning("installing %s into %s, once ...", ", ".join(self.requirements), self.folder)
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), *self.requirements]
        made = _run([*uv, "venv", "--quiet", "--clear", "--python", _PYTHON, str(self.folder)])
        # torch's own index has builds without CUDA, which are a tenth of the size; some networks reach PyPI alone.
        attempts = [[*install, "--torch-backend", "cpu"], install] if self.needs_torch else [install]
        for command in attempts if made.returncode == 0 else []:
            made = _run(command)
            if made.returncode == 0:
                break
        if made.returncode != 0:
            raise ConfigError(
                f"{', '.join(self.requirements)} cannot be installed into {self.folder} ({_last_line(made.stderr)}): "
                "check the network and the disk, or leave out the format"
            )
        size = sum(file.lstat().st_size for file in self.folder.rglob("*") if file.is_file())
        log.warning("installed %.1f GB; later exports use it, and it can be removed at any time", size / 1e9)


def find_uv() -> list[str]:
    """Returns the command of uv.

    Raises:
        ConfigError: It is not installed.
    """
    if path := shutil.which("uv"):
        return [path]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise ConfigError("this format is converted in an environment of its own, which uv makes: run pip install uv")


def run_script(environment: Environment, script: Path, arguments: Sequence[str]) -> None:
    """Runs a script by the interpreter of an environment, apart from the packages and settings of this one.

    Raises:
        CheckpointError: The script failed.
        ConfigError: The environment cannot be made.
    """
    finished = _run([str(environment.python()), "-I", str(script), *arguments])
    if finished.returncode != 0:
        raise CheckpointError(_last_line(finished.stderr))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason is given"
