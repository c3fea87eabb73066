"""Score a module on photographs, and leave the report of it in a folder."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch

from segdrone.data import DroneDataModule
from segdrone.data.dataset import SegmentationDataset
from segdrone.errors import DataError
from segdrone.evaluation.report import draw_scores, print_scores, write_scores
from segdrone.evaluation.scores import Scores, score
from segdrone.evaluation.tiled import count_photographs, triple
from segdrone.figures import Triple
from segdrone.inference import Predictor
from segdrone.model import SegmentationModule

Draw = Callable[[str, str], Triple]  # from a photograph's name and the title of the picture

log = logging.getLogger(__name__)


def score_split(
    trainer: L.Trainer,
    module: SegmentationModule,
    datamodule: DroneDataModule,
    split: str,
    folder: Path,
    pictures: int,
    inference: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Scores a split, prints the table, and writes `metrics.json`, `per_class.csv` and `figures/`.

    Of several processes each predicts its share, and the first one prints, writes and draws.

    Args:
        trainer: Runs the network where it says.
        module: The network.
        datamodule: The photographs, set up.
        split: `train`, `val`, `test` or `all`.
        folder: Where the files go.
        pictures: How many of the best and how many of the worst photographs are drawn.
        inference: Options of `Predictor`, to score photographs at their masks' own size, in windows;
            None scores them at the size that `datamodule` gives.

    Returns:
        The content of `metrics.json`.

    Raises:
        DataError: The split is empty, or a photograph or mask cannot be read.
        ConfigError: An option of `inference` is out of its range.
    """
    predictor = None
    if inference is not None:
        predictor = Predictor(module, **inference, device=str(trainer.strategy.root_device))
        counted = count_photographs(predictor, datamodule.splits[split], datamodule.labels)
    else:
        datamodule.trainer = trainer  # it knows how many processes share the machine
        trainer.test(module, datamodule.test_dataloader(split), verbose=False)
        counted = module.photograph_counts
    counts = {name: matrix.numpy() for name, matrix in sorted(counted.by_id.items())}
    scores = score(counts)
    if math.isnan(scores.miou):
        raise DataError(
            f"no pixel of the {split} split of {datamodule.config.root} is labelled: there is nothing to score"
        )
    title = f"{len(scores.photographs)} photographs of the {split} split of {datamodule.config.root}"
    metrics: dict[str, Any] = {}
    if trainer.is_global_zero:
        print_scores(scores, module.table, title)
        root = str(Path(datamodule.config.root).resolve())
        facts = {"split": split, "root": root, "inference": None if predictor is None else predictor.settings}
        metrics = write_scores(scores, module.table, folder, **facts)
    metrics = trainer.strategy.broadcast(metrics)
    if not trainer.is_global_zero:
        return metrics
    draw = _draws_tiled(predictor, datamodule, split) if predictor else _draws_whole(module, datamodule, split)
    shown = {
        name: [draw(photograph, f"{photograph}   mIoU {scores.photographs[photograph]:.3f}") for photograph in chosen]
        for name, chosen in _best_and_worst(scores, pictures).items()
    }
    draw_scores(np.sum([*counts.values()], axis=0), shown, module.table, folder / "figures")
    log.info("scores are in %s, pictures in %s", folder / "metrics.json", folder / "figures")
    return metrics


def _best_and_worst(scores: Scores, most: int) -> dict[str, list[str]]:
    """The best photographs, best first, and the worst, worst first; none is in both."""
    ranked = sorted((-miou, name) for name, miou in scores.photographs.items() if not math.isnan(miou))
    names = [name for _, name in ranked]
    best = names[: min(most, math.ceil(len(names) / 2))]
    worst = names[::-1][: min(most, len(names) - len(best))]
    return {name: chosen for name, chosen in (("best", best), ("worst", worst)) if chosen}


def _draws_tiled(predictor: Predictor, datamodule: DroneDataModule, split: str) -> Draw:
    pairs = {pair.id: pair for pair in datamodule.splits[split]}
    return lambda name, title: triple(predictor, pairs[name], datamodule.labels, title)


def _draws_whole(module: SegmentationModule, datamodule: DroneDataModule, split: str) -> Draw:
    dataset = datamodule.test_dataset(split)
    module.eval()
    return lambda name, title: _triple(module, dataset, name, title)


@torch.inference_mode()
def _triple(module: SegmentationModule, dataset: SegmentationDataset, name: str, title: str) -> Triple:
    """Predicts one photograph, from its tiles if it has some."""
    places = [place for place, item in enumerate(dataset.items) if item.pair.id == name]
    height, width = dataset.items[places[0]].size
    image = np.zeros((height, width, 3), np.uint8)
    truth, prediction = (np.full((height, width), module.table.ignore_index, np.uint8) for _ in range(2))
    for place in places:
        window = dataset.items[place].window
        assert window is not None
        pixels, mask = dataset.read(dataset.items[place])
        assert mask is not None
        logits = module(dataset[place]["image"][None].to(module.device))
        predicted = logits.argmax(1)[0].byte().cpu().numpy()
        target, shown = image[window.rows, window.columns], truth[window.rows, window.columns]
        inside = (slice(target.shape[0]), slice(target.shape[1]))
        target[:] = pixels[inside]
        prediction[window.rows, window.columns] = predicted[inside]
        shown[:] = np.where(mask[inside] == module.table.ignore_index, shown, mask[inside])
    return Triple(title, image, truth, prediction).reduced()
