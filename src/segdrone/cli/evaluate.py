"""`segdrone evaluate`: score a checkpoint, or predicted masks, on photographs with masks."""

from __future__ import annotations

import re
import sys

import hydra
from omegaconf import DictConfig

from segdrone.cli.hydra_main import run, task_wrapper
from segdrone.utils.config import config_dir


@hydra.main(config_path=str(config_dir()), config_name="evaluate", version_base="1.3")
@task_wrapper
def evaluate(cfg: DictConfig) -> float:
    """Evaluates as conf/evaluate.yaml says; returns the mIoU."""
    from segdrone import evaluation  # imports torch, which --help does not need

    return float(evaluation.evaluate(cfg)["miou"])


def main() -> None:
    """Runs the command with the arguments in `sys.argv`.

    `model=` is short for `model_file=`: Hydra would look for its value in conf/model.
    """
    sys.argv[1:] = [re.sub("^model=", "model_file=", argument) for argument in sys.argv[1:]]
    run(evaluate, "evaluate")


if __name__ == "__main__":  # also how Lightning starts further processes: python -m segdrone.cli.evaluate
    main()
