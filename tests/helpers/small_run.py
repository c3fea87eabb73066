"""Overrides of conf/ that make a training run small enough for a test."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, open_dict

from tests.helpers.commands import REPO

Compose = Callable[..., DictConfig]
CONF = REPO / "conf"

# Drawing takes more than half of the time of a run on small photographs: tests of figures do not use these.
UNDRAWN = ["logger.tensorboard=null", "callbacks.curves=null", "callbacks.pictures=null", "pictures=null"]
# A U-Net of 0.3 million parameters, which trains in a third of the time of the default network.
TINY = ["model.encoder_name=tu-test_efficientnet", "model.decoder_channels=[16,16,8,8,8]"]


def drawn(root: Path, output_dir: Path, network: Sequence[str] = TINY) -> list[str]:
    """Return the overrides of a small run that draws everything a run draws.

    Args:
        root: The dataset.
        output_dir: The run's folder.
        network: Overrides of the network; none for one of conf/model.
    """
    return [
        f"data.root={root}",
        "data.image_size=[64,96]",
        "data.test_image_size=[64,96]",
        "data.cache=disk",
        "data.num_workers=0",
        "model.encoder_weights=null",
        *network,
        "trainer=cpu",
        "trainer.max_epochs=1",
        "trainer.precision=32-true",  # on any machine
        "pictures=1",
        f"output_dir={output_dir}",
    ]


def small(root: Path, output_dir: Path, network: Sequence[str] = TINY) -> list[str]:
    """Return the overrides of a small run that draws little."""
    return [*drawn(root, output_dir, network)[:-2], *UNDRAWN, f"output_dir={output_dir}"]


def compose_config(name: str, *overrides: str) -> DictConfig:
    """Return conf/`name`.yaml with overrides applied, as `hydra.compose` does.

    Hydra reads some thirty files, which takes longer than many a test: here once for each choice of files.
    """
    files, values = _split(overrides)
    cfg = copy.deepcopy(_compose_files(name, files))
    with open_dict(cfg):
        del cfg["hydra"]
    ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
    return cfg


def chosen_files(name: str, *overrides: str) -> dict[str, str]:
    """Return the file that is chosen in each group of conf/, as Hydra sees it."""
    choices = _compose_files(name, _split(overrides)[0]).hydra.runtime.choices
    return {str(group): str(file) for group, file in choices.items()}


def _split(overrides: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
    """Tell the overrides that choose files, as given, from those of values."""
    parsed = OverridesParser.create().parse_overrides([*overrides])
    of_files = [(CONF / override.key_or_group).is_dir() for override in parsed]
    files = tuple(text for text, is_file in zip(overrides, of_files, strict=True) if is_file)
    return files, [override for override, is_file in zip(parsed, of_files, strict=True) if not is_file]


@functools.cache
def _compose_files(name: str, files: tuple[str, ...]) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, [*files], return_hydra_config=True)


def fit_config(cfg: DictConfig) -> dict[str, Any]:
    """Fit as `segdrone.training.train` does, without its scores and report, which take most of a small run's time.

    Returns:
        `cfg`, `datamodule`, `module` and `trainer`.
    """
    import lightning.pytorch as L  # not imported by tests that need no torch

    from segdrone.training.build import build_datamodule, build_module
    from segdrone.training.build_trainer import build_callbacks, build_trainer, instantiate_all
    from segdrone.training.fit import fit

    L.seed_everything(cfg.seed, workers=True, verbose=False)
    datamodule = build_datamodule(cfg)
    module = build_module(cfg, datamodule)
    callbacks = build_callbacks(cfg, datamodule)
    trainer = build_trainer(cfg, callbacks, instantiate_all(cfg.get("logger"), "logger"), Path(cfg.output_dir))
    fit(cfg, trainer, module, datamodule)
    return {"cfg": cfg, "datamodule": datamodule, "module": module, "trainer": trainer}
