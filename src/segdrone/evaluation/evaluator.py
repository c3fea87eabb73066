"""Takes true and predicted masks, photograph by photograph, and keeps what scores and pictures need of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch.distributed as dist
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.evaluation.counts import Counts, Mask, count_image, stack_counts
from segdrone.evaluation.detection import DetectionScores
from segdrone.evaluation.scores import score
from segdrone.figures import ImageTruthPrediction
from segdrone.utils.launch import rank_and_world_size


class EvalSample(NamedTuple):
    """A photograph as it is scored.

    Args:
        name: The photograph's id.
        truth: uint8 `[H, W]`, class ids and the ignored id.
        prediction: uint8 `[H, W]`, class ids.
        confidence: uint8 `[H, W]`, probability of the predicted class, 0 to 255 for 0 to 1; None where it
            is not known.
        image: Reads the photograph, uint8 `[H, W, 3]`, RGB; None where there is none.
    """

    name: str
    truth: Mask
    prediction: Mask
    confidence: Mask | None
    image: Callable[[], NDArray[np.uint8]] | None


class Evaluator:
    """Counts photographs as they come, and keeps pictures of the best and the worst.

    Its memory is that of one photograph, and of as many pictures as it keeps.

    Attributes:
        counts: Of each photograph, by name.
        objects: The objects found in them.

    Args:
        table: The classes.
        pictures: How many of the best and how many of the worst photographs to keep pictures of.
    """

    def __init__(self, table: ClassTable, pictures: int) -> None:
        self.table, self.most = table, pictures
        self.counts: dict[str, Counts] = {}
        self.objects = DetectionScores(table)
        self._pictures: list[tuple[float, str, ImageTruthPrediction]] = []  # by mIoU, the best first

    def add(self, photograph: EvalSample) -> None:
        """Counts a photograph."""
        name, truth, prediction, confidence, _ = photograph
        ignored = truth == self.table.ignore_index
        if ignored.any():  # neither class: no boundary runs between truth and prediction there
            prediction = np.where(ignored, truth, prediction)
        counts = count_image(truth, prediction, confidence, self.table)
        self.counts[name] = counts
        self.objects.update(name, truth, prediction, confidence)
        miou = float(score(stack_counts([counts])).photographs["miou"][0])
        if not math.isnan(miou):
            self._keep(miou, photograph)

    def gather(self) -> None:
        """Puts together what all processes have counted; each then has all photographs."""
        self.objects.gather()
        _, world = rank_and_world_size()
        if world > 1:
            shares: list[Any] = [None] * world
            dist.all_gather_object(shares, (self.counts, self._pictures))
            self.counts = {name: counts for share, _ in shares for name, counts in share.items()}
            self._pictures = sorted((kept for _, share in shares for kept in share), key=_rank)
        self.counts = dict(sorted(self.counts.items()))

    def best_and_worst(self) -> tuple[list[ImageTruthPrediction], list[ImageTruthPrediction]]:
        """Returns pictures of the best photographs, best first, and of the worst, worst first; none is in both."""
        scored = sum(bool(counts.confusion.any()) for counts in self.counts.values())
        best = min(self.most, math.ceil(scored / 2))
        worst = min(self.most, scored - best)
        pictures = [picture for _, _, picture in self._pictures]
        return pictures[:best], pictures[::-1][:worst]

    def _keep(self, miou: float, photograph: EvalSample) -> None:
        """Makes a picture of a photograph, if it may be among the best or the worst."""
        rank = (-miou, photograph.name)
        above = sum(_rank(kept) < rank for kept in self._pictures)
        if min(above, len(self._pictures) - above) >= self.most:
            return
        image = None if photograph.image is None else photograph.image()
        picture = ImageTruthPrediction(photograph.name, image, photograph.truth, photograph.prediction).downscale()
        self._pictures.insert(above, (miou, photograph.name, picture))
        if len(self._pictures) > 2 * self.most:
            del self._pictures[self.most]


def _rank(kept: tuple[float, str, ImageTruthPrediction]) -> tuple[float, str]:
    return -kept[0], kept[1]
