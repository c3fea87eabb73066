"""Read what the command line gives: keys, and groups of configuration files."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from segdrone.utils.bounded import UnreadableError, read_yaml, validate
from segdrone.utils.config import config_dir

log = logging.getLogger(__name__)

BY_KEY = ("data", "trainer")
"""Groups that a recipe, or an earlier run, adds to; of others it replaces all."""

_OF_RESUMING = ("ckpt_path", "output_dir")  # say which run is resumed, not how it trains
_RECIPES = ("experiment", "debug")  # groups whose files set keys of other groups
_REPLACED = ("augment", "model", "loss", "optimizer", "scheduler")  # groups of which a choice is a whole
_STARTS = ("_self_", "base", "default")  # of files: what each run has without being given


@dataclass
class Given:
    """What the command line gives.

    Attributes:
        keys: Keys such as `data.root`.
        groups: Groups such as `model`, which are then not taken over.
    """

    keys: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)


def parse_given(overrides: Sequence[str], folders: Sequence[Path]) -> Given:
    """Reads Hydra's overrides of the command line.

    Args:
        overrides: The overrides.
        folders: Folders of configuration files, which hold what a recipe gives.
    """
    given = Given()
    for override in OverridesParser.create().parse_overrides([*overrides]):
        key = override.key_or_group
        file = _find_file(f"{key}/{override.value()}", folders)
        if key in _RECIPES or (key in BY_KEY and file is not None):
            _add_file(given, file, key, folders)
        elif any((folder / key).is_dir() for folder in folders):
            given.groups.add(key)
        else:
            given.keys.add(key)
    return given


def settle_recipe_keys(cfg: DictConfig, overrides: Sequence[str], folders: Sequence[str | Path] = ()) -> None:
    """Fits what a recipe sets in a group to the file that the command line chooses there, such as `model=unet_mbv2`.

    Keys that the file does not have are left out; of those that it has too, the recipe's values stay. Both are told.

    Args:
        cfg: The composed config; changed in place.
        overrides: Hydra's overrides of the command line.
        folders: Folders of configuration files besides `conf/`.
    """
    places = [config_dir(), *map(Path, folders)]
    parsed = OverridesParser.create().parse_overrides([*overrides])
    chosen = {override.key_or_group: override.value() for override in parsed}
    for recipe in (f"{name}={chosen[name]}" for name in _RECIPES if name in chosen):
        keys = parse_given([recipe], places).keys
        for group in (group for group in _REPLACED if group in chosen):
            known = _nodes(f"{group}/{chosen[group]}", group, places)
            of_group = sorted(key for key in keys if key.startswith(f"{group}.") and key not in chosen)
            kept = [key for key in of_group if key in known]
            if kept:
                log.warning(
                    "%s sets %s, which %s=%s does not change: give those that you want otherwise",
                    recipe, ", ".join(f"{key}={OmegaConf.select(cfg, key)}" for key in kept), group, chosen[group],
                )  # fmt: skip
            if len(kept) < len(of_group):
                foreign = [key for key in of_group if key not in known]
                for key in foreign:
                    _remove(cfg, key, known)
                log.warning("%s sets %s, which %s=%s does not have: left out",
                            recipe, ", ".join(foreign), group, chosen[group])  # fmt: skip


def continue_overrides(folder: Path, overrides: Sequence[str]) -> list[str] | None:
    """Returns the overrides of the run in a folder, and those of a command that resumes it, which win.

    They lead to the config of the resumed run, and a sweep goes on to tell its jobs apart by them.

    Args:
        folder: The folder.
        overrides: Hydra's overrides of the command that resumes the run.

    Returns:
        The overrides; None if those of the run are unknown.
    """
    parser = OverridesParser.create()
    try:
        earlier = parser.parse_overrides(validate(list[str], read_yaml(folder / ".hydra" / "overrides.yaml")))
    except (UnreadableError, HydraException):
        return None
    given = [part for part in parser.parse_overrides([*overrides]) if part.key_or_group not in _OF_RESUMING]
    keys = {part.key_or_group for part in given}
    wholes = keys.difference(BY_KEY)
    kept = [part for part in earlier if part.key_or_group not in keys]
    kept = [part for part in kept if part.key_or_group.partition(".")[0] not in wholes]
    return [str(part.input_line) for part in (*kept, *given)]


def flatten(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Returns values by keys such as `data.root`.

    Example:
        >>> flatten({"data": {"root": "a", "bands": None}, "seed": 1})
        {'data.root': 'a', 'data.bands': None, 'seed': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        is_branch = isinstance(value, Mapping) and bool(value)
        flat |= flatten(value, f"{prefix}{key}.") if is_branch else {f"{prefix}{key}": value}
    return flat


def _find_file(name: str, folders: Sequence[Path]) -> Path | None:
    files = [folder / f"{name}.yaml" for folder in folders]
    return next((file for file in files if file.is_file()), None)


def _nodes(name: str, group: str, folders: Sequence[Path]) -> set[str]:
    """Returns the keys of a file of configuration, also those of branches, and of the files it starts from."""
    file = _find_file(name, folders)
    content = OmegaConf.to_container(OmegaConf.load(file)) if file is not None else {}
    assert isinstance(content, dict)
    bases = [entry for entry in content.pop("defaults", []) if isinstance(entry, str) and entry != "_self_"]
    nodes = set().union(*(_nodes(f"{group}/{base}", group, folders) for base in bases))
    for key in flatten(content, f"{group}."):
        parts = key.split(".")
        nodes |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return nodes


def _remove(cfg: DictConfig, key: str, known: Collection[str]) -> None:
    """Removes a key from a config, with the branches above it that are not known."""
    parts = key.split(".")
    end = next(end for end in range(1, len(parts) + 1) if ".".join(parts[:end]) not in known)
    parent = OmegaConf.select(cfg, ".".join(parts[: end - 1]))
    with open_dict(cfg):
        parent.pop(parts[end - 1], None)  # two keys of one branch


def _add_file(given: Given, file: Path | None, group: str, folders: Sequence[Path]) -> None:
    """Adds what a configuration file sets, and the groups that it chooses; also those of the files it starts from."""
    content = OmegaConf.to_container(OmegaConf.load(file)) if file is not None else {}
    assert isinstance(content, dict)
    defaults = content.pop("defaults", [])
    chosen = (str(name) for entry in defaults if isinstance(entry, dict) for name in entry)
    given.groups |= {name.removeprefix("override ").strip("/ ") for name in chosen}
    prefix = "" if group in _RECIPES else f"{group}."
    given.keys |= {prefix + key for key, value in flatten(content).items() if value is not None}
    for entry in defaults:
        if isinstance(entry, str) and entry not in _STARTS:
            _add_file(
                given, _find_file(entry[1:] if entry.startswith("/") else f"{group}/{entry}", folders), group, folders
            )
