"""Runs that adapt the checkpoint of a small run."""

from __future__ import annotations

import shutil
from pathlib import Path

from omegaconf import DictConfig

from tests.helpers.small_run import compose_config, small


def write_photographs(folder: Path, scenes: Path, count: int) -> Path:
    """Copies photographs of scenes, without masks."""
    folder.mkdir(parents=True)
    for file in sorted((scenes / "original_images").iterdir())[:count]:
        shutil.copyfile(file, folder / file.name)
    return folder


def adapt_config(run: Path, root: Path, output_dir: Path, *overrides: str, recipe: str = "adapt") -> DictConfig:
    """Composes a small run that adapts the best checkpoint of another one."""
    init = f"init_from={run / 'checkpoints' / 'best.ckpt'}"
    return compose_config("train", *small(root, output_dir), f"experiment={recipe}", init, *overrides)
