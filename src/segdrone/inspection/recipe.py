"""Load the augmentation of a training recipe from its YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.multi_image import MultiImageAugment
from segdrone.errors import ConfigError
from segdrone.utils.bounded import UnreadableError, read_yaml, validate
from segdrone.utils.config import config_dir

_MAX_DEFAULTS = 4  # files deep, and per file


class Recipe(NamedTuple):
    """The augmentation that training applies to photographs."""

    pipeline: Pipeline
    combine: MultiImageAugment


def load_recipe(source: str) -> Recipe:
    """Loads the augmentation of a YAML file such as those in conf/augment.

    Args:
        source: Path of the file, or the name of one in conf/augment without `.yaml`.

    Raises:
        ConfigError: The file does not exist, or has no valid list of transforms under `train`.
    """
    folder = config_dir() / "augment"
    path = next((path for path in (Path(source), folder / f"{source}.yaml") if path.is_file()), None)
    if path is None:
        names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise ConfigError(f"--augment {source} is neither a YAML file nor one of {names}: give one of them, or a path")
    content = _load_yaml(path)
    if not isinstance(content.get("train"), list):
        raise ConfigError(f"{path} has no list of transforms under `train`: write one as in conf/augment")
    transforms = build_transforms(content["train"], "augment.train")
    return Recipe(
        Pipeline(transforms, mean=(0, 0, 0), std=(1, 1, 1)), MultiImageAugment.from_dict(content.get("combine") or {})
    )


def _load_yaml(path: Path, depth: int = 0) -> dict[str, Any]:
    """Reads a YAML file on top of the files that its `defaults` name, as Hydra does."""
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            return {}
        names = validate(list[str], content.pop("defaults", []))
        if depth > _MAX_DEFAULTS or len(names) > _MAX_DEFAULTS:
            raise UnreadableError("its defaults name too many files, or itself")
        if elsewhere := [name for name in names if Path(name).name != name]:
            raise UnreadableError(f"its defaults name {elsewhere[0]}, and only files beside it are read")
    except UnreadableError as error:
        raise ConfigError(f"{path} cannot be read ({error}): fix the YAML") from None
    merged: dict[str, Any] = {}
    for name in names if "_self_" in names else [*names, "_self_"]:
        own = content if name == "_self_" else _load_yaml(path.with_name(f"{name}.yaml"), depth + 1)
        merged = _merge(merged, own)
    return merged


def _merge(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns two configurations as Hydra merges them: mappings key by key, anything else is replaced."""
    both = {str(key): value for key, value in below.items()}
    for key, value in above.items():
        old = both.get(str(key))
        both[str(key)] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both
