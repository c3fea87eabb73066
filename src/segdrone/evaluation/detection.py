"""Score the objects of thing classes: average precision as in COCO, and recall by size."""

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

from segdrone.classes import ClassTable, thing_classes
from segdrone.evaluation.bootstrap import ratio_intervals
from segdrone.evaluation.sizes import SIZES
from segdrone.inference.instances import check_classes, find_instances
from segdrone.utils.launch import rank_and_world_size

MAX_DETECTIONS = 1000
"""Predicted objects per class and image that count, highest scores first. COCO uses 100 for images of 0.3 megapixels,
but a car park seen from the air has more cars than that."""

IOUS: list[float] = Params("segm").iouThrs.tolist()
RECALLS: list[float] = Params("segm").recThrs.tolist()

RunLengths = tuple[tuple[int, int], bytes]
"""A mask as height and width, and COCO's compressed run-length encoding."""


class _TrueObject(NamedTuple):
    class_id: int
    mask: RunLengths
    area: int
    found: bool


class _PredictedObject(NamedTuple):
    class_id: int
    mask: RunLengths
    score: float


class _ImageObjects(NamedTuple):
    truth: list[_TrueObject]
    predicted: list[_PredictedObject]  # the best `MAX_DETECTIONS` of each class, best first
    num_predicted: Counter[int]  # all predicted objects, by class


class DetectionScores:
    """Compares the objects of predicted masks with those of true masks.

    Objects are the connected components of thing classes; where things are numbered, those of a number. Their
    outlines are kept as run lengths: a few kilobytes each, while a mask of each would take as many bytes as the image
    has pixels.

    Args:
        table: The classes.
        things: Names of the thing classes; None is `thing_classes(table)`.

    Raises:
        ConfigError: The table does not have one of `things`.

    Attributes:
        images: The objects of each image, by the name of the image.
    """

    def __init__(self, table: ClassTable, things: Sequence[str] | None = None) -> None:
        self.table = table
        self.things = thing_classes(table) if things is None else check_classes(things, table)
        self.images: dict[str, _ImageObjects] = {}

    def update(
        self,
        name: str,
        truth: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        confidence: NDArray[np.uint8] | None,
        numbers: NDArray[np.uint16] | None = None,
        predicted_numbers: NDArray[np.uint16] | None = None,
    ) -> None:
        """Adds one image, or replaces the image of the same name.

        Average precision needs a score per predicted object. It is the mean confidence over the pixels of the object.
        If the confidence is unknown it is the share of the image that the object covers: large objects are rarely
        noise, but average precision then means less.

        Args:
            name: Name of the image.
            truth: True mask, uint8 `[H, W]`, class ids.
            prediction: Predicted mask, uint8 `[H, W]`, class ids, and the ignored id wherever the truth has it.
            confidence: uint8 `[H, W]`, 0 to 255 for 0 to 1; None if unknown.
            numbers: Numbers of the true things, uint16 `[H, W]`; None takes connected components.
            predicted_numbers: Those of the predicted things.
        """
        height, width = truth.shape
        true_instances = find_instances(truth, None, self.table, self.things, numbers)
        predicted_instances = find_instances(prediction, confidence, self.table, self.things, predicted_numbers)
        num_predicted = Counter(instance.class_id for instance in predicted_instances)
        scores = [
            instance.area / truth.size if instance.confidence is None else instance.confidence
            for instance in predicted_instances
        ]
        ranked = sorted(zip(predicted_instances, scores, strict=True), key=lambda pair: -pair[1])
        image = _ImageObjects([], [], num_predicted)
        for class_id in sorted({instance.class_id for instance in true_instances} | num_predicted.keys()):
            best = [(instance, score) for instance, score in ranked if instance.class_id == class_id][:MAX_DETECTIONS]
            predicted = [
                _PredictedObject(class_id, _compress(instance.counts, height, width), score) for instance, score in best
            ]
            true = [instance for instance in true_instances if instance.class_id == class_id]
            masks = [_compress(instance.counts, height, width) for instance in true]
            found = _match(masks, [instance.mask for instance in predicted])
            image.predicted.extend(predicted)
            image.truth.extend(
                _TrueObject(class_id, mask, instance.area, hit)
                for instance, mask, hit in zip(true, masks, found, strict=True)
            )
        self.images[name] = image

    def sync(self) -> None:
        """Gives every process the objects of all processes."""
        _, world = rank_and_world_size()
        if world > 1:
            shares: list[dict[str, _ImageObjects]] = [{}] * world
            dist.all_gather_object(shares, self.images)
            self.images = {name: image for share in shares for name, image in share.items()}

    def compute(self) -> dict[str, Any] | None:
        """Computes the scores, 0 to 1, as plain JSON values; None if the table has no thing class.

        - `map`: average precision of masks, averaged over classes and over the IoUs 0.5, 0.55, ... 0.95 (Lin et al.,
          "Microsoft COCO", 2014, and cocodataset.org/#detection-eval). `map_50`, `map_75`: at these IoUs only.
          Classes without a true object are skipped; None without any true object.
        - `classes`: per thing class its `map`, None without a true object, and the number of true objects (`truth`),
          of predicted objects (`predicted`), and of true objects that were found (`found`); `count_error`, by which
          share of `truth` more objects are predicted, with the `count_interval` of resampled images; both None without
          a true object, the interval also for a single image.
        - `sizes`: per class of size, from `from` pixels to below `to` (None for the largest): the number of true
          objects (`truth`) and of found ones (`found`), and their ratio (`recall`), None without true objects.

        A true object is found if a predicted object of its class has an IoU above 0.5 with it. At most one can
        (Kirillov et al., "Panoptic Segmentation", 2019, section 4.1). Only the `MAX_DETECTIONS` predicted objects
        with the highest scores per class and image can find an object; `predicted` counts all of them.
        """
        names = self.things
        if not names:
            return None
        truth = [true_object for image in self.images.values() for true_object in image.truth]
        num_predicted = sum((image.num_predicted for image in self.images.values()), Counter[int]())
        precision = self._average_precision()
        by_class_and_iou = np.array([*precision.values()]).reshape(-1, len(IOUS))
        classes, errors = {}, self._count_errors()
        for name in names:
            class_id = self.table.names.index(name)
            found = [true_object.found for true_object in truth if true_object.class_id == class_id]
            numbers = {"truth": len(found), "predicted": num_predicted[class_id], "found": sum(found)}
            average = _mean(precision.get(class_id, np.empty(0)))
            classes[name] = {"map": average, **numbers, **errors[class_id]}
        return {
            "map": _mean(by_class_and_iou),
            "map_50": _mean(by_class_and_iou[:, IOUS.index(0.5)]),
            "map_75": _mean(by_class_and_iou[:, IOUS.index(0.75)]),
            "classes": classes,
            "sizes": _recall_by_size(truth),
        }

    def _count_errors(self) -> dict[int, dict[str, Any]]:
        """Returns `count_error` and `count_interval` of each thing class, by its id."""
        images, ids = [image for _, image in sorted(self.images.items())], [*map(self.table.names.index, self.things)]
        counts = [Counter(item.class_id for item in image.truth) for image in images]
        truth, predicted = (
            np.array([[number[class_id] for class_id in ids] for number in numbers], float).reshape(-1, len(ids))
            for numbers in (counts, [image.num_predicted for image in images])
        )
        totals, errors = truth.sum(0), (predicted - truth).sum(0)
        ends = [[np.nan, np.nan]] * len(ids)
        if len(images) > 1:  # one image says nothing about others
            ends = ratio_intervals(predicted - truth, truth).T.tolist()
        return {
            class_id: {
                "count_error": float(error / total) if total else None,
                "count_interval": None if np.isnan(interval).any() else interval,
            }
            for class_id, total, error, interval in zip(ids, totals, errors, ends, strict=True)
        }

    def _average_precision(self) -> dict[int, NDArray[np.float64]]:
        """Returns average precision at each of `IOUS` by class id, for classes with true objects."""
        present = sorted({true_object.class_id for image in self.images.values() for true_object in image.truth})
        if not any(image.predicted for image in self.images.values()):
            return {class_id: np.zeros(len(IOUS)) for class_id in present}  # torchmetrics would return -1
        # torchmetrics computes in single precision by default, where 0.6 > 0.6: an IoU of 3/5 would be too small.
        # Its "map" is -1 unless 100 is among the limits, so the mean is computed here from the precisions themselves.
        metric = MeanAveragePrecision(
            iou_type="segm",
            iou_thresholds=IOUS,
            rec_thresholds=RECALLS,
            max_detection_thresholds=[1, 10, MAX_DETECTIONS],
            extended_summary=True,
            sync_on_compute=False,  # every process has all images and may compute alone
        )
        metric.update([], [])  # otherwise it warns that compute was called before update
        for _, image in sorted(self.images.items()):
            _append(metric, image)
        values = metric.compute()
        precision = values["precision"][:, :, :, 0, -1].mean(1).numpy()  # IoU, recall, class, area, limit
        classes = values["classes"].reshape(-1).tolist()
        return {class_id: precision[:, classes.index(class_id)] for class_id in present}


def _append(metric: MeanAveragePrecision, image: _ImageObjects) -> None:
    """Does what `metric.update` does. That method needs a bool mask of the image's size for each object."""
    truth, predicted = image.truth, image.predicted
    crowd = 0
    if predicted and not truth:
        # torchmetrics skips images without true objects, and with them their false positives. A "crowd" is a true
        # object that need not be found, and with 0 pixels it cannot be found.
        (height, width), _ = predicted[0].mask
        empty = _compress([height * width], height, width)
        truth, crowd = [_TrueObject(predicted[0].class_id, empty, 0, False)], 1
    states: dict[str, Any] = {
        "detection_mask": tuple(item.mask for item in predicted),
        "detection_scores": torch.tensor([item.score for item in predicted], dtype=torch.float64),
        "detection_labels": torch.tensor([item.class_id for item in predicted], dtype=torch.int64),
        "groundtruth_mask": tuple(item.mask for item in truth),
        "groundtruth_labels": torch.tensor([item.class_id for item in truth], dtype=torch.int64),
        "groundtruth_crowds": torch.full((len(truth),), crowd),
        "groundtruth_area": torch.tensor([item.area for item in truth], dtype=torch.int64),
    }
    for name, value in states.items():
        getattr(metric, name).append(value)


def _compress(counts: list[int], height: int, width: int) -> RunLengths:
    compressed = cocotools.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return (height, width), compressed["counts"]


def _match(truth: Sequence[RunLengths], predicted: Sequence[RunLengths]) -> list[bool]:
    """Returns for each true object of a class whether a predicted one has an IoU > 0.5 with it."""
    if not truth or not predicted:
        return [False] * len(truth)
    first, second = ([{"size": size, "counts": counts} for size, counts in masks] for masks in (predicted, truth))
    found: list[bool] = (cocotools.iou(first, second, [0] * len(truth)) > 0.5).any(0).tolist()
    return found


def _recall_by_size(truth: Iterable[_TrueObject]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for smallest, limit in zip(SIZES, (*SIZES[1:], None), strict=True):
        found = [
            true_object.found
            for true_object in truth
            if smallest <= true_object.area and (limit is None or true_object.area < limit)
        ]
        numbers = {"truth": len(found), "found": sum(found)}
        rows.append({"from": smallest, "to": limit, **numbers, "recall": sum(found) / len(found) if found else None})
    return rows


def _mean(values: NDArray[np.float64]) -> float | None:
    # COCO adds 2e-16 to denominators: without rounding, a perfect score would be 0.9999999999999998.
    return round(float(values.mean()), 12) if values.size else None
