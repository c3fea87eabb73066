"""Print --help of train and evaluate: the help template of their config, filled in.

Hydra fills it in as well, but copies its whole registry for every group that it lists, which takes two seconds.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Iterable
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from segdrone.utils.config import config_dir


def print_help(config_name: str, arguments: argparse.Namespace) -> None:
    """Prints the template `hydra.help.template` with all settings and the files of all groups.

    Args:
        config_name: The primary config: `train` or `evaluate`.
        arguments: Hydra's parsed command line. Overrides, `--config-dir` and `--resolve` apply.
    """
    folders, overrides = [config_dir()], list(arguments.overrides)
    if arguments.config_dir is not None:
        folders.append(Path(arguments.config_dir).absolute())
        quoted = str(folders[-1]).replace("'", r"\'")
        overrides.append(f"hydra.searchpath=['file://{quoted}']")
    with initialize_config_dir(str(config_dir()), job_name=config_name, version_base="1.3"):
        config = compose(config_name, overrides, return_hydra_config=True)
    template = string.Template(config.hydra.help.template)
    with open_dict(config):
        del config["hydra"]
    settings = OmegaConf.to_yaml(config, resolve=arguments.resolve)
    print(template.safe_substitute(CONFIG=settings, APP_CONFIG_GROUPS=_list_groups(folders)))


def _list_groups(folders: Iterable[Path]) -> str:
    """Returns one line per config group: its name and the names of its files."""
    groups: dict[str, set[str]] = {}
    for folder in folders:
        for path in folder.rglob("?*/*.yaml"):
            groups.setdefault(path.parent.relative_to(folder).as_posix(), set()).add(path.stem)
    return "".join(f"{group}: {', '.join(sorted(groups[group]))}\n" for group in sorted(groups))
