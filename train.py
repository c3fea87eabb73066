"""Train a segmentation network: `python train.py --help`."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from segdrone.cli.hydra_main import run, task_wrapper


@hydra.main(config_path="conf", config_name="train", version_base="1.3")
@task_wrapper
def main(cfg: DictConfig) -> float:
    from segdrone.training import objective, run_dir_lock, train  # here, so that --help need not wait for torch

    with run_dir_lock(Path(cfg.output_dir)):
        metrics, _ = train(cfg)
    return objective(cfg, metrics)


if __name__ == "__main__":
    run(main)
