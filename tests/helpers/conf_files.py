"""Read the files of conf/ as they are written."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from tests.helpers.small_run import CONF


def file_names(group: str) -> list[str]:
    """Return the names of the files of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def load_file(path: Path) -> dict[str, Any]:
    """Return the content of a file, which the caller may change."""
    content: Any = OmegaConf.to_container(_read(path))
    assert isinstance(content, dict)
    return content


@functools.cache
def _read(path: Path) -> Any:
    return OmegaConf.load(path)


def read_choice(group: str, name: str) -> dict[str, Any]:
    """Return the content of a file of conf/, on top of the files of its group that it starts from."""
    content = load_file(CONF / group / f"{name}.yaml")
    merged: dict[str, Any] = {}
    for base in content.pop("defaults", []):
        if isinstance(base, str):
            merged |= read_choice(group, base)
    return merged | content
