"""Read the settings of a folder of predictions, and say how they differ from others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segdrone.errors import ConfigError
from segdrone.inference.inputs import SETTINGS
from segdrone.inference.outputs import SUFFIXES
from segdrone.inference.records import is_remnant
from segdrone.inference.summary import SUMMARY, is_summary
from segdrone.utils.bounded import UnreadableError, read_json

LOST: dict[str, Any] = {}
"""Settings that cannot be read."""


def read_settings(folder: Path, *, is_ours: bool) -> dict[str, Any] | None:
    """Returns the settings in `predict.json`, `LOST` if it is damaged, or None if nothing was predicted to the folder.

    Args:
        folder: The output folder.
        is_ours: Whether it has records of photographs.

    Raises:
        ConfigError: The folder contains files that are not predictions.
    """
    path = folder / SETTINGS
    is_ours |= is_summary(folder / SUMMARY)
    if path.exists():
        try:
            settings = read_json(path)
            if isinstance(settings, dict) and "segdrone" in settings:
                return settings
        except UnreadableError:
            is_ours |= is_remnant(path, "segdrone")
        if is_ours:
            return LOST
        raise ConfigError(f"{path} was not written by segdrone predict: give another --out")
    if is_ours:
        return LOST
    foreign = next((name for name in (SUMMARY, *SUFFIXES) if (folder / name).exists()), None)
    if foreign is not None:
        raise ConfigError(f"{folder} holds {foreign}, which segdrone predict did not write: give another --out")
    return None


def differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Yields the names of settings that differ, with both values if they are short."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        values = f" {json.dumps(old)}, not {json.dumps(new)}"
        yield name + values if len(values) < 60 else f"another {name}"
