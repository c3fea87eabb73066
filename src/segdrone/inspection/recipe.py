"""Load the augmentation of a training recipe from its YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.multi_image import MultiImageAugment
from segdrone.errors import ConfigError
from segdrone.utils.config import config_dir


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


def _load_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML file on top of the files that its `defaults` name, as Hydra does."""
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except (OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise ConfigError(f"{path} cannot be read ({' '.join(str(error).split())}): fix the YAML") from None
    if not isinstance(content, dict):
        return {}
    base: dict[str, Any] = {}
    for name in content.pop("defaults", []):
        base |= _load_yaml(path.with_name(f"{name}.yaml")) if name != "_self_" else {}
    return base | {str(key): value for key, value in content.items()}
