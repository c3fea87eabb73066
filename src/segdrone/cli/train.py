"""`segdrone train`: train a network, then score it on the test split."""

from __future__ import annotations

import math
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from segdrone.cli.hydra_main import run, task_wrapper
from segdrone.sweep import clear_failure
from segdrone.utils.config import config_dir
from segdrone.utils.launch import is_rank_zero
from segdrone.utils.output_dir import run_dir


@hydra.main(config_path=str(config_dir()), config_name="train", version_base="1.3")
@task_wrapper
def train(cfg: DictConfig) -> float:
    """Trains and tests as conf/train.yaml says; returns the objective of a sweep."""
    from segdrone import training  # imports torch, which --help does not need

    hydra_config = HydraConfig.get()
    folders = [source.path for source in hydra_config.runtime.config_sources if source.schema == "file"]
    training.settle_recipe_keys(cfg, hydra_config.overrides.task, folders)
    training.inherit_options(cfg, hydra_config.overrides.task, folders)
    metrics, _ = training.train(cfg)
    value, folder = training.objective(cfg, metrics), Path(cfg.output_dir)
    resumed = None if cfg.ckpt_path is None else run_dir(cfg.ckpt_path)
    if resumed == folder.resolve() and math.isfinite(value) and is_rank_zero():
        clear_failure(folder)  # of a job of a sweep that is resumed by itself
    return value


def main() -> None:
    """Runs the command with the arguments in `sys.argv`."""
    run(train, "train")


if __name__ == "__main__":  # also how Lightning starts further processes: python -m segdrone.cli.train
    main()
