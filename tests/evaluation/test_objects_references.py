"""Scores of objects equal those of torchmetrics, of pycocotools, and of full masks."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

from segdrone.evaluation.detection import IOUS, RECALLS
from segdrone.evaluation.sizes import SIZES
from segdrone.inference.instances import find_instances, to_coco
from tests.helpers.random_masks import CAR, DOG, PERSON, TABLE, Mask, MaskPair, blobs, scored


def components(mask: Mask, class_id: int) -> list[NDArray[np.bool_]]:
    count, labels = cv2.connectedComponents((mask == class_id).view(np.uint8), connectivity=8)
    return [labels == label for label in range(1, count)]


def dense(images: Iterable[MaskPair]) -> dict[str, Any]:
    """The scores of torchmetrics, with full masks in its own `update`."""
    metric = MeanAveragePrecision(iou_type="segm", iou_thresholds=IOUS, rec_thresholds=RECALLS, class_metrics=True)
    for truth, prediction, confidence in images:
        true = [(class_id, component) for class_id in (PERSON, DOG, CAR) for component in components(truth, class_id)]
        found = [
            (class_id, component) for class_id in (PERSON, DOG, CAR) for component in components(prediction, class_id)
        ]
        assert true and found and confidence is not None
        scores = [confidence[component].mean() / 255 for _, component in found]
        metric.update(
            [{**stacked(found), "scores": torch.tensor(np.array(scores))}],
            [stacked(true)],
        )
    computed: dict[str, Any] = metric.compute()
    return computed


def stacked(objects: list[tuple[int, NDArray[np.bool_]]]) -> dict[str, torch.Tensor]:
    masks = torch.tensor(np.stack([component for _, component in objects]))
    return {"masks": masks, "labels": torch.tensor([class_id for class_id, _ in objects])}


def by_coco(images: Mapping[str, MaskPair]) -> dict[str, float]:
    """The scores of COCOeval for the documents of `to_coco`, which list images without objects too."""
    readers = []
    for side in ("truth", "prediction"):
        sized = {
            name: (truth.shape, find_instances(truth if side == "truth" else prediction, confidence, TABLE))
            for name, (truth, prediction, confidence) in images.items()
        }
        readers.append(reader := COCO())
        reader.dataset = to_coco(sized, TABLE)
        with contextlib.redirect_stdout(io.StringIO()):
            reader.createIndex()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*readers, "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(("map", "map_50", "map_75"), evaluation.stats.tolist(), strict=False))


@pytest.mark.parametrize("seed", range(4))
def test_run_lengths_give_the_scores_of_full_masks(seed: int) -> None:
    images = blobs(seed)
    scores, expected = scored(images), dense(images.values())
    for name in ("map", "map_50", "map_75"):
        assert scores[name] == pytest.approx(expected[name].item(), abs=1e-6)
    assert 0.05 < scores["map"] < 0.95
    by_class = dict(zip(expected["classes"].tolist(), expected["map_per_class"].tolist(), strict=True))
    assert [scores["classes"][name]["map"] for name in ("person", "dog", "car")] == pytest.approx(
        [by_class[class_id] for class_id in (PERSON, DOG, CAR)], abs=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_images_without_objects_count_as_in_coco(seed: int) -> None:
    images = blobs(seed)
    truth, prediction, confidence = images["a"]
    images["a"] = np.zeros_like(truth), prediction, confidence
    images["b"] = images["b"][0], np.zeros_like(truth), confidence
    images["e"] = np.zeros_like(truth), np.zeros_like(truth), confidence
    scores = scored(images)
    assert {name: scores[name] for name in ("map", "map_50", "map_75")} == pytest.approx(by_coco(images))


@pytest.mark.parametrize("seed", range(3))
def test_found_objects_and_recall_by_size_equal_those_of_full_masks(seed: int) -> None:
    images = {
        name: tuple(None if mask is None else mask.repeat(8, 0).repeat(8, 1) for mask in one)
        for name, one in blobs(seed).items()
    }
    found: dict[int, list[tuple[int, bool]]] = {PERSON: [], DOG: [], CAR: []}
    for (truth, prediction, _), class_id in itertools.product(images.values(), found):
        assert truth is not None and prediction is not None
        predicted = components(prediction, class_id)
        for true in components(truth, class_id):
            hit = any((true & one).sum() / (true | one).sum() > 0.5 for one in predicted)
            found[class_id].append((int(true.sum()), hit))
    scores = scored(images)  # type: ignore[arg-type]
    for name, class_id in (("person", PERSON), ("dog", DOG), ("car", CAR)):
        assert scores["classes"][name]["truth"] == len(found[class_id])
        assert scores["classes"][name]["found"] == sum(hit for _, hit in found[class_id])
    areas, hits = (np.array(column) for column in zip(*itertools.chain(*found.values()), strict=True))
    rows = np.searchsorted(SIZES, areas, side="right") - 1
    assert [row["truth"] for row in scores["sizes"]] == np.bincount(rows, minlength=len(SIZES)).tolist()
    assert [row["found"] for row in scores["sizes"]] == np.bincount(rows[hits], minlength=len(SIZES)).tolist()
    assert sum(row["truth"] > 0 for row in scores["sizes"]) >= 3
