"""Score a checkpoint: `python evaluate.py --help`."""

import hydra
from omegaconf import DictConfig

from segdrone.cli.hydra_main import run, task_wrapper


@hydra.main(config_path="conf", config_name="evaluate", version_base="1.3")
@task_wrapper
def main(cfg: DictConfig) -> float:
    from segdrone.evaluation import evaluate  # here, so that --help need not wait for torch

    return float(evaluate(cfg)["miou"])


if __name__ == "__main__":
    run(main)
