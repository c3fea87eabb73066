"""Train a segmentation network: `python train.py --help`."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from segdrone.door import door, plain_errors


@hydra.main(config_path="conf", config_name="train", version_base="1.3")
@plain_errors
def main(cfg: DictConfig) -> float:
    from segdrone.training import claimed, objective, train  # here, so that --help need not wait for torch

    with claimed(Path(cfg.output_dir)):
        metrics, _ = train(cfg)
    return objective(cfg, metrics)


if __name__ == "__main__":
    door(main)
