"""How well the objects of masks are found: average precision as COCO counts it, and recall by size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from pycocotools import mask as cocotools
from pycocotools.cocoeval import Params
from torchmetrics.detection import MeanAveragePrecision

from segdrone.classes import ClassTable
from segdrone.inference.instances import find_instances, thing_classes
from segdrone.utils.launch import rank_and_world_size

MAX_DETECTIONS = 1000
"""Of the predicted objects of a class in a photograph those of the highest scores count. COCO, whose photographs
have 0.3 megapixels, takes 100: a car park from the air has more cars than that."""

SIZES = tuple(side**2 for side in (0, 32, 96, 288, 864))
"""Least area in pixels of each class of size. COCO ends at 32² and 96², where its sides triple, and so they go on:
at 5 mm a pixel, from a low flight, a car of 4.5 m x 1.8 m has 324,000 pixels, and all cars would be one size."""

IOUS: list[float] = Params("segm").iouThrs.tolist()
RECALLS: list[float] = Params("segm").recThrs.tolist()

Mask = tuple[tuple[int, int], bytes]  # height and width, and COCO's compressed RLE


class _True(NamedTuple):
    class_id: int
    mask: Mask
    area: int
    found: bool


class _Predicted(NamedTuple):
    class_id: int
    mask: Mask
    score: float


class _Photograph(NamedTuple):
    truth: list[_True]
    predicted: list[_Predicted]  # the best `MAX_SIDE` of each class, best first
    numbers: Counter[int]  # of all predicted objects, by class


class DetectionScores:
    """Compares the objects of predicted masks with those of true ones, photograph by photograph.

    Objects are the connected regions of the classes that are `countable`. Their outlines are kept as run lengths:
    a few kilobytes each, where a mask of each would take as many bytes as the photograph has pixels.

    Args:
        table: The classes.
    """

    def __init__(self, table: ClassTable) -> None:
        self.table = table
        self.photographs: dict[str, _Photograph] = {}

    def update(
        self, name: str, truth: NDArray[np.uint8], prediction: NDArray[np.uint8], confidence: NDArray[np.uint8] | None
    ) -> None:
        """Compares one photograph; one of a known name takes that one's place.

        Average precision needs the predicted objects ranked. Their score is the mean confidence over their pixels;
        where that is not known, the share of the photograph that they cover: larger ones are seldom noise, but
        average precision says less then.

        Args:
            name: Of the photograph.
            truth: uint8 `[H, W]`, class ids.
            prediction: uint8 `[H, W]`, class ids, and the ignored id wherever the truth has it.
            confidence: uint8 `[H, W]`, 0 to 255 for 0 to 1, if known.
        """
        height, width = truth.shape
        true_objects = find_instances(truth, None, self.table)
        predicted_objects = find_instances(prediction, confidence, self.table)
        numbers = Counter(thing.class_id for thing in predicted_objects)
        scores = [
            thing.area / truth.size if thing.confidence is None else thing.confidence for thing in predicted_objects
        ]
        ranked = sorted(zip(predicted_objects, scores, strict=True), key=lambda pair: -pair[1])
        photograph = _Photograph([], [], numbers)
        for class_id in sorted({thing.class_id for thing in true_objects} | numbers.keys()):
            best = [(thing, score) for thing, score in ranked if thing.class_id == class_id][:MAX_DETECTIONS]
            predicted = [_Predicted(class_id, _packed(thing.counts, height, width), score) for thing, score in best]
            true = [thing for thing in true_objects if thing.class_id == class_id]
            masks = [_packed(thing.counts, height, width) for thing in true]
            found = _found(masks, [one.mask for one in predicted])
            photograph.predicted.extend(predicted)
            photograph.truth.extend(
                _True(class_id, mask, thing.area, hit) for thing, mask, hit in zip(true, masks, found, strict=True)
            )
        self.photographs[name] = photograph

    def gather(self) -> None:
        """Shares what all processes have compared; each then has all photographs."""
        _, world = rank_and_world_size()
        if world > 1:
            shares: list[dict[str, _Photograph]] = [{}] * world
            dist.all_gather_object(shares, self.photographs)
            self.photographs = {name: one for share in shares for name, one in share.items()}

    def compute(self) -> dict[str, Any] | None:
        """Returns the scores, from 0 to 1, as JSON has them; None where the table has no class that is `countable`.

        - `map`: Average precision of masks, the mean over classes and over the IoUs 0.5, 0.55, ... 0.95 (Lin et al.,
          "Microsoft COCO", 2014, and cocodataset.org/#detection-eval); `map_50`, `map_75`: at these IoUs alone.
          Classes that the truth lacks do not count, and it is None where the truth has no object.
        - `classes`: For each class that is countable its `map`, None where the truth lacks it, and the numbers of true
          objects (`truth`), predicted ones (`predicted`), and true ones that were found (`found`).
        - `sizes`: For true objects `from` so many pixels and below so many (`to`, None for the largest) their number,
          how many of them were found, and that share (`recall`), None where there are none.

        A true object is found if a predicted one of its class has an IoU above 0.5 with it, which only one can have
        (Kirillov et al., "Panoptic Segmentation", 2019, section 4.1). Of the predicted objects of a class in a
        photograph only the `MAX_SIDE` of the highest scores can find something; `predicted` counts all.
        """
        names = thing_classes(self.table)
        if not names:
            return None
        truth = [one for photograph in self.photographs.values() for one in photograph.truth]
        predicted = sum((photograph.numbers for photograph in self.photographs.values()), Counter[int]())
        precision = self._average_precision()
        whole = np.array([*precision.values()]).reshape(-1, len(IOUS))
        classes = {}
        for name in names:
            class_id = self.table.names.index(name)
            found = [one.found for one in truth if one.class_id == class_id]
            numbers = {"truth": len(found), "predicted": predicted[class_id], "found": sum(found)}
            classes[name] = {"map": _mean(precision.get(class_id, np.empty(0))), **numbers}
        return {
            "map": _mean(whole),
            "map_50": _mean(whole[:, IOUS.index(0.5)]),
            "map_75": _mean(whole[:, IOUS.index(0.75)]),
            "classes": classes,
            "sizes": _by_size(truth),
        }

    def _average_precision(self) -> dict[int, NDArray[np.float64]]:
        """Average precision at each of `IOUS` of each class that the truth has, by class id."""
        present = sorted({one.class_id for photograph in self.photographs.values() for one in photograph.truth})
        if not any(photograph.predicted for photograph in self.photographs.values()):
            return {class_id: np.zeros(len(IOUS)) for class_id in present}  # torchmetrics would say -1
        # By its default torchmetrics counts in single precision, where 0.6 > 0.6: an IoU of 3/5 would be too little.
        # Its "map" is -1 unless it looks at 100 objects, so that the mean is taken here, of the precisions themselves.
        metric = MeanAveragePrecision(
            iou_type="segm",
            iou_thresholds=IOUS,
            rec_thresholds=RECALLS,
            max_detection_thresholds=[1, 10, MAX_DETECTIONS],
            extended_summary=True,
            sync_on_compute=False,  # each process has all photographs, and may compute alone
        )
        metric.update([], [])  # else it warns that there was nothing to compute
        for _, photograph in sorted(self.photographs.items()):
            _append(metric, photograph)
        values = metric.compute()
        precision = values["precision"][:, :, :, 0, -1].mean(1).numpy()  # IoU, recall, class, area, limit
        classes = values["classes"].reshape(-1).tolist()
        return {class_id: precision[:, classes.index(class_id)] for class_id in present}


def _append(metric: MeanAveragePrecision, photograph: _Photograph) -> None:
    """Does what `metric.update` does, which wants a bool mask as large as the photograph for each object."""
    truth, predicted = photograph.truth, photograph.predicted
    crowd = 0
    if predicted and not truth:
        # torchmetrics leaves out photographs without a true object, and so what is wrongly found there.
        # A "crowd" is a true object that nobody need find, and of no pixel nobody can.
        (height, width), _ = predicted[0].mask
        truth, crowd = [_True(predicted[0].class_id, _packed([height * width], height, width), 0, False)], 1
    states: dict[str, Any] = {
        "detection_mask": tuple(one.mask for one in predicted),
        "detection_scores": torch.tensor([one.score for one in predicted], dtype=torch.float64),
        "detection_labels": torch.tensor([one.class_id for one in predicted], dtype=torch.int64),
        "groundtruth_mask": tuple(one.mask for one in truth),
        "groundtruth_labels": torch.tensor([one.class_id for one in truth], dtype=torch.int64),
        "groundtruth_crowds": torch.full((len(truth),), crowd),
        "groundtruth_area": torch.tensor([one.area for one in truth], dtype=torch.int64),
    }
    for name, value in states.items():
        getattr(metric, name).append(value)


def _packed(counts: list[int], height: int, width: int) -> Mask:
    packed = cocotools.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return (height, width), packed["counts"]


def _found(truth: Sequence[Mask], predicted: Sequence[Mask]) -> list[bool]:
    """Says of each true object of a class whether a predicted one has an IoU > 0.5 with it."""
    if not truth or not predicted:
        return [False] * len(truth)
    one, other = ([{"size": size, "counts": counts} for size, counts in masks] for masks in (predicted, truth))
    found: list[bool] = (cocotools.iou(one, other, [0] * len(truth)) > 0.5).any(0).tolist()
    return found


def _by_size(truth: Iterable[_True]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for least, limit in zip(SIZES, (*SIZES[1:], None), strict=True):
        found = [one.found for one in truth if least <= one.area and (limit is None or one.area < limit)]
        numbers = {"truth": len(found), "found": sum(found)}
        rows.append({"from": least, "to": limit, **numbers, "recall": sum(found) / len(found) if found else None})
    return rows


def _mean(values: NDArray[np.float64]) -> float | None:
    # COCO adds 2e-16 to what it divides by: without rounding, all right would be 0.9999999999999998.
    return round(float(values.mean()), 12) if values.size else None
