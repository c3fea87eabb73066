"""Count images one by one for the scores, and keep some of them for the figures."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch.distributed as dist
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.data.masks.instance_maps import InstanceMaps
from segdrone.evaluation.counts import Counts, Mask, count_image, stack_counts
from segdrone.evaluation.detection import DetectionScores
from segdrone.evaluation.overlaps import Segments, overlap_segments
from segdrone.evaluation.panoptic import SegmentCounts, count_segments, panoptic_quality, sum_counts
from segdrone.evaluation.scores import score
from segdrone.evaluation.thing_errors import find_thing_errors
from segdrone.evaluation.worst_things import WorstThings
from segdrone.figures import ImageTruthPrediction
from segdrone.inference.grouping import Planes, Things, number_things, tell_apart
from segdrone.utils.launch import rank_and_world_size
from segdrone.utils.stall import mark_progress

log = logging.getLogger(__name__)

_MOST_THINGS = 8  # pictures of things that were split, and of merged ones: 1.4 MB of the page


class EvalSample(NamedTuple):
    """One image to evaluate.

    Attributes:
        name: Id of the image.
        truth: True mask, uint8 `[H, W]`, class ids and the ignored id.
        prediction: Predicted mask, uint8 `[H, W]`, class ids.
        confidence: Probability of the predicted class, uint8 `[H, W]`, 0 to 255 for 0 to 1; None if unknown.
        read_image: Reads the image, uint8 `[H, W, 3]`, RGB; None if there are only masks.
        things: The predicted things, told apart; None takes the connected components of the prediction.
    """

    name: str
    truth: Mask
    prediction: Mask
    confidence: Mask | None
    read_image: Callable[[], NDArray[np.uint8]] | None
    things: Things | None = None


class Evaluator:
    """Counts images one by one, and keeps pictures of the best and the worst ones.

    It needs the memory of one image and of the pictures that it keeps.

    Args:
        table: The classes.
        pictures: How many of the best and how many of the worst images to keep pictures of, and of the
            split and of the merged things, 8 of each at most; None draws nothing at all.
        things: Names of the classes that are counted as objects; None is `thing_classes(table)`.
        instances: Numbers of the true things; None takes connected components.

    Attributes:
        counts: Counts of each image, by name.
        objects: Scores of the objects.
        segments: Counts of the segments of each image, by name; empty if no class is counted as objects.
        component_segments: The same with connected components as things; empty unless the predicted things are told
            apart.
        is_drawn: Whether there will be figures and a page.
    """

    def __init__(
        self,
        table: ClassTable,
        pictures: int | None,
        things: Sequence[str] | None = None,
        instances: InstanceMaps | None = None,
    ) -> None:
        self.table, self.pictures, self.is_drawn = table, pictures or 0, pictures is not None
        self.counts: dict[str, Counts] = {}
        self.objects = DetectionScores(table, things)
        self.segments: dict[str, SegmentCounts] = {}
        self.component_segments: dict[str, SegmentCounts] = {}
        self.worst_things = WorstThings(min(self.pictures, _MOST_THINGS))
        self.instances = instances or InstanceMaps()
        if self.instances and things is None and not self.objects.things:
            log.warning(
                "the photographs have instance maps, but none of the classes %s is known as a thing: add the column "
                "thing to the class table, or give objects=[CLASS]", ", ".join(table.names[:10]),
            )  # fmt: skip
        self._kept: list[tuple[float, str, ImageTruthPrediction]] = []  # mIoU, name and picture, best first

    def group(self, mask: Mask, planes: Planes | None) -> Things | None:
        """Tells the counted things of a prediction apart by the output of an instance head; None without one."""
        things = self.objects.things
        return tell_apart(mask, planes, things, self.table) if planes is not None and things else None

    def update(self, sample: EvalSample) -> None:
        """Counts one image."""
        mark_progress("scoring photographs")
        if sample.read_image is not None:
            sample = sample._replace(read_image=cache(sample.read_image))  # for several pictures
        name, truth, prediction, confidence, _, _ = sample
        cut = self._cut(prediction, truth)
        counts = count_image(truth, cut, confidence, self.table)
        self.counts[name] = counts
        if self.objects.things:
            self._update_things(sample, cut)
        miou = float(score(stack_counts([counts])).images["miou"][0])
        if not math.isnan(miou):
            self._keep(miou, sample)

    def panoptic(self) -> dict[str, Any] | None:
        """Returns `panoptic_quality` of all images, and what things are; None if no class is counted.

        If the predicted things are told apart, `components` are the scores of their connected components.
        """
        if not self.segments:
            return None
        sides = {"truth": bool(self.instances), "prediction": bool(self.component_segments)}
        what = {side: "instance maps" if numbered else "connected components" for side, numbered in sides.items()}
        scores, components = (
            panoptic_quality(sum_counts([*segments.values()]), self.table, self.objects.things) if segments else None
            for segments in (self.segments, self.component_segments)
        )
        return {**what, **(scores or {}), "components": components}

    def _update_things(self, sample: EvalSample, cut: Mask) -> None:
        """Counts the objects and segments of an image. Pixels of true things without a number count for neither.

        Args:
            sample: The image.
            cut: Its prediction, ignored where the truth is.
        """
        name, truth, prediction, confidence, read_image, predicted = sample
        things = self.objects.things
        if predicted is not None:
            cut = self._cut(predicted.mask, truth)
        numbers = None
        if self.instances:
            numbers = self.instances.read(name, (truth.shape[0], truth.shape[1]))
            unnumbered = np.isin(truth, self._thing_ids) & (numbers == 0)
            truth = np.where(unnumbered, np.uint8(self.table.ignore_index), truth)
            cut = self._cut(cut, truth)
        self.objects.update(name, truth, cut, confidence, numbers, None if predicted is None else predicted.numbers)
        if numbers is None:
            numbers = number_things(truth, self._thing_ids).numbers
        true, found = Segments(truth, numbers), Segments(*number_things(prediction, self._thing_ids))
        overlaps = overlap_segments(true, found, self.table, things)
        if predicted is not None:
            self.component_segments[name] = count_segments(overlaps, self.table)
            found = Segments(*predicted)
            overlaps = overlap_segments(true, found, self.table, things)
        self.segments[name] = count_segments(overlaps, self.table)
        self.worst_things.update(name, find_thing_errors(overlaps), true, found, read_image)

    @property
    def _thing_ids(self) -> list[int]:
        return [self.table.names.index(name) for name in self.objects.things]

    def _cut(self, prediction: Mask, truth: Mask) -> Mask:
        """Returns a prediction that is ignored where the truth is, so that no boundary of a class arises there."""
        ignored = truth == self.table.ignore_index
        return np.where(ignored, truth, prediction) if ignored.any() else prediction

    def sync(self) -> None:
        """Gives every process the images of all processes, and sorts them by name."""
        self.objects.sync()
        _, world = rank_and_world_size()
        if world > 1:
            shares: list[Any] = [None] * world
            own = (self.counts, self.segments, self.component_segments, self._kept, self.worst_things.worst())
            dist.all_gather_object(shares, own)
            counts, segments, components, kept, crops = zip(*shares, strict=True)
            self.counts, self.segments, self.component_segments = map(_merged, (counts, segments, components))
            self._kept = sorted((picture for share in kept for picture in share), key=_rank)
            self.worst_things.merge(crop for share in crops for crop in share)
        self.counts = dict(sorted(self.counts.items()))

    def best_and_worst(self) -> tuple[list[ImageTruthPrediction], list[ImageTruthPrediction]]:
        """Returns pictures of the best images, best first, and of the worst, worst first. None is in both lists."""
        scored = sum(bool(counts.confusion.any()) for counts in self.counts.values())
        best = min(self.pictures, math.ceil(scored / 2))
        worst = min(self.pictures, scored - best)
        pictures = [picture for _, _, picture in self._kept]
        return pictures[:best], pictures[::-1][:worst]

    def _keep(self, miou: float, sample: EvalSample) -> None:
        """Keeps a picture of an image if it may be among the best or the worst."""
        rank = (-miou, sample.name)
        above = sum(_rank(kept) < rank for kept in self._kept)
        if min(above, len(self._kept) - above) >= self.pictures:
            return
        image = None if sample.read_image is None else sample.read_image()
        picture = ImageTruthPrediction(sample.name, image, sample.truth, sample.prediction).downscale()
        self._kept.insert(above, (miou, sample.name, picture))
        if len(self._kept) > 2 * self.pictures:
            del self._kept[self.pictures]


def _merged(shares: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for share in shares for name, value in share.items()}


def _rank(kept: tuple[float, str, ImageTruthPrediction]) -> tuple[float, str]:
    return -kept[0], kept[1]
