"""Open the models of an audit, and choose for each photograph those that were not trained on it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.scored_model import ScoredModel, open_model_file
from segdrone.inference import Predictor
from segdrone.model.origin import trained_among, trained_anywhere

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judge:
    """A model that judges labels.

    Attributes:
        path: Its file.
        model: What the file holds.
        predictor: Predicts photographs with it.
    """

    path: Path
    model: ScoredModel
    predictor: Predictor

    def trained_on(self) -> set[str]:
        """Returns the names of photographs that it was trained on, in whatever folder they were then."""
        return trained_anywhere(self.model.training)


def open_judges(paths: Sequence[Path], *, device: str = "auto", **options: Any) -> list[Judge]:
    """Opens models that have the same classes, in any order.

    Args:
        paths: Checkpoints, or files that `segdrone export` wrote.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
        **options: Options of `Predictor`.

    Raises:
        CheckpointError: A file cannot be opened.
        ConfigError: The same file is given twice, or a device or an option cannot be used.
        DataError: The models have different classes.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise ConfigError("--model names the same file twice: give the models of different parts of the photographs")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    judges = []
    for path in paths:
        model = open_model_file(path)
        judges.append(Judge(path, model, Predictor(model.open_backend(device), **options)))
        first, table = judges[0].predictor.table, judges[-1].predictor.table
        if other := sorted({*table.names} ^ {*first.names}):
            raise DataError(
                f"{paths[0]} has the classes {', '.join(first.names)}, and {path} has {', '.join(table.names)} (they "
                f"differ in {other[0]}): give models of the same classes"
            )
    return judges


def assign_judges(judges: Sequence[Judge], names: Sequence[str]) -> dict[str, list[Judge]]:
    """Returns the models that judge each photograph: those that were not trained on it, else all of them.

    What the models were trained on is known by the names of photographs. Where no model is left, or what a model was
    trained on is unknown, that is said once.

    Args:
        judges: The models.
        names: Names of the photographs.
    """
    trained = [trained_among(judge.model.training, names) for judge in judges]
    assigned = {
        name: [judge for judge, seen in zip(judges, trained, strict=True) if name not in seen] for name in names
    }
    left = [name for name in names if not assigned[name]]
    unknown = [str(judge.path) for judge in judges if not judge.trained_on()]
    if left:
        log.warning(
            "%d of %d photographs have the names of ones that %s trained on: their wrong labels may have been learned, "
            "and score too high; train a model on each half of them (data.split_dir), and give both with --model",
            len(left), len(names), "the model was" if len(judges) == 1 else "all models were",
        )  # fmt: skip
    if unknown:
        log.warning(
            "%s does not say which photographs it was trained on: if these are among them, wrong labels score too high",
            ", ".join(unknown),
        )
    return {name: assigned[name] or list(judges) for name in names}
