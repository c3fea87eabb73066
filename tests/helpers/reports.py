"""Reports of three small scenes for the HTML page, one of them with hostile names."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import DRONE, ClassTable
from segdrone.evaluation.html_report import HtmlReport
from segdrone.evaluation.panoptic import SegmentCounts, panoptic_quality
from segdrone.evaluation.thing_errors import ThingError
from segdrone.evaluation.worst_things import ThingCrop
from segdrone.figures import (
    ImageTruthPrediction,
    plot_recall_by_size,
    plot_reliability,
    plot_training_curve,
)
from segdrone.synthetic import render_scene

HOSTILE = "<img src=x onerror=alert(1)>.jpg"


QUOTED = "\"' onmouseover=alert(2) x='\">.jpg"


@cache
def scenes() -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Three photographs and masks, rendered for the first test that needs them."""
    return [render_scene(64, 96, seed)[:2] for seed in (1, 2, 3)]


def distorted(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    prediction = np.roll(mask, 3, axis=1)
    prediction[20:40, 30:60] = 3
    return prediction


def sample(title: str, scene: int = 0) -> ImageTruthPrediction:
    image, mask = scenes()[scene]
    truth = mask.copy()
    truth[:10, :20] = 255
    return ImageTruthPrediction(title, image, truth, distorted(mask))


def thing_crop(name: str, kind: str, class_id: int) -> ThingCrop:
    """Two things that touch on one side, and one on the other."""
    one, two = np.zeros((20, 40), np.uint16), np.zeros((20, 40), np.uint16)
    one[5:15, 5:35], two[5:15, 5:25], two[5:15, 25:35] = 9, 1, 2
    error = ThingError(kind, class_id, 9, 300, (1, 2), (200, 100), 100)
    sides = (one, two) if kind == "split" else (two, one)
    return ThingCrop(name, error, np.full((20, 40, 3), 90, np.uint8), *sides)


def metrics(table: ClassTable, counts: NDArray[np.int64]) -> dict[str, Any]:
    hits, truth, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    union = truth + predicted - hits
    iou = {name: float(hits[i] / union[i]) if union[i] else None for i, name in enumerate(table.names)}
    known = [value for value in iou.values() if value is not None]
    keys = ("dice", "precision", "recall", "fwiou", "boundary_miou", "miou_per_image", "accuracy_per_image")
    ones = np.ones(len(table), np.int64)
    segments = SegmentCounts(
        np.full(len(table), 0.8), ones, 2 * ones, 0 * ones, errors=np.arange(1, 7)[:, None].repeat(len(table), 1)
    )
    overall = {
        "miou": sum(known) / len(known),
        "accuracy": float(hits.sum() / counts.sum()),
        **dict.fromkeys(keys, 0.5),
    }
    return {
        **overall,
        "ece": 0.0512,
        "intervals": {key: [value - 0.02, value + 0.03] for key, value in overall.items()} | {"ece": None},
        "level": 0.95,
        "resamples": 1000,
        "iou": iou,
        "absent": [name for name, value in iou.items() if value is None],
        "classes": {
            name: {
                "iou": iou[name],
                "iou_interval": None if (value := iou[name]) is None else [0.8 * value, min(1.0, 1.1 * value)],
                **dict.fromkeys(("dice", "precision", "recall", "boundary_iou"), iou[name]),
                "truth_share": float(truth[i] / counts.sum()),
                "predicted_share": float(predicted[i] / counts.sum()),
            }
            for i, name in enumerate(table.names)
        },
        "reliability": [
            {"from": 0.0, "to": 0.5, "pixels": 0, "confidence": None, "accuracy": None},
            {"from": 0.5, "to": 1.0, "pixels": 1234, "confidence": 0.9, "accuracy": 0.75},
        ],
        "objects": {
            "map": 0.25, "map_50": 0.5, "map_75": None,
            "classes": {
                table.names[-1]: {
                    **{"map": None, "truth": 3, "predicted": 1, "found": 1},
                    **{"count_error": -2 / 3, "count_interval": [-1, 0]},
                }
            },
            "sizes": [
                {"from": 0, "to": 1024, "truth": 4, "found": 1, "recall": 0.25},
                {"from": 1024, "to": None, "truth": 0, "found": 0, "recall": None},
            ],
        },
        "panoptic": {
            "truth": "instance maps",
            "prediction": "connected components",
            **panoptic_quality(segments, table, table.names[-1:]),
            "components": panoptic_quality(segments, table, table.names[-1:]),
        },
        "photographs": 3, "split": "val", "root": "/data", "inference": {"window": 512},
    }  # fmt: skip


def report(table: ClassTable = DRONE, names: tuple[str, str, str] = ("a.jpg", "b.jpg", "c.jpg")) -> HtmlReport:
    rows = [sample(name, scene) for scene, name in enumerate(names)]
    counts = np.zeros((len(table), len(table)), np.int64)
    for row in rows:
        labeled = row.truth != 255
        np.add.at(counts, (row.truth[labeled], row.prediction[labeled]), 1)
    scores = metrics(table, counts)
    history = [{"epoch": float(i), "train/loss": 2 / (i + 1), "val/miou": 0.1 * i} for i in range(4)]
    return HtmlReport(
        title="3 photographs",
        table=table,
        metrics=scores,
        confusion=counts,
        photographs=[
            {"id": names[2], "miou": None, "accuracy": None, "worst_class": None},
            {"id": names[1], "miou": 0.25, "accuracy": 0.5, "worst_class": table.names[1]},
            {"id": names[0], "miou": 0.5, "accuracy": 0.75, "worst_class": table.names[-1]},
        ],
        best=rows[:1],
        worst=rows[1:],
        things=[thing_crop(names[0], kind, len(table) - 1) for kind in ("split", "merged")],
        plots={
            "reliability": plot_reliability(scores["reliability"]),
            "recall_by_size": plot_recall_by_size(scores["objects"]["sizes"]),
            "loss": plot_training_curve(history, "loss"),
            "miou": plot_training_curve(history, "miou"),
        },
        provenance={"command": "python evaluate.py", "git_commit": None, "packages": {"torch": "2", "timm": None},
                "config": {"seed": 0, "note": "</pre><script>alert(3)</script>"}},
    )  # fmt: skip


def hostile() -> HtmlReport:
    table = dataclasses.replace(DRONE, names=("<b>x", *DRONE.names[1:-1], "\"'></td><script>alert(4)</script>"))
    return dataclasses.replace(report(table, (HOSTILE, QUOTED, "\udce9.jpg")), title=f"of {HOSTILE}")
