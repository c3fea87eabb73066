"""Prepare the scores and the key findings at the top of the page."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

# Key in metrics.json, name, and explanation.
_SCORES = (
    ("miou", "Mean IoU", "Pixels of a class in both truth and prediction, divided by those in either. Counted over all "
     "photographs together, then averaged over the classes that occur."),
    ("miou_per_image", "Mean IoU per photograph", "Mean IoU over the classes in the truth of one photograph, averaged "
     "over the photographs."),
    ("boundary_miou", "Boundary mean IoU", "Mean IoU of only the pixels near class boundaries: how well outlines fit."),
    ("dice", "Dice (F1)", "Twice the shared pixels, divided by the pixels of the class in truth and prediction added "
     "up. Averaged over classes; higher than IoU."),
    ("precision", "Precision", "Share of the pixels predicted as a class that belong to it, averaged over classes."),
    ("recall", "Recall", "Share of the pixels of a class that are found, averaged over classes."),
    ("accuracy", "Pixel accuracy", "Share of the labeled pixels that are predicted right. Large classes dominate it."),
    ("accuracy_per_image", "Accuracy per photograph", "Pixel accuracy of each photograph, averaged over the "
     "photographs."),
    ("fwiou", "Frequency-weighted IoU", "IoU averaged over classes, weighted by their share of the truth."),
    ("ece", "Calibration error", "Difference between the model's confidence and the share of right pixels, averaged "
     "over pixels (ECE). Lower is better, 0 is perfect. Its interval is too high, and may lie above it."),
)  # fmt: skip


@dataclass(frozen=True)
class SummaryScore:
    """A score of the whole set.

    Attributes:
        key: Key in `metrics.json`.
        name: Name of the score.
        value: 0 to 1; None if unknown.
        interval: Lower and upper end; None if unknown.
        explanation: What the score means.
    """

    key: str
    name: str
    value: float | None
    interval: tuple[float, float] | None
    explanation: str


def summary_scores(metrics: dict[str, Any]) -> list[SummaryScore]:
    """Returns the overall scores of `metrics.json`, the most important first."""
    intervals = metrics.get("intervals") or {}
    return [
        SummaryScore(key, name, metrics[key], intervals.get(key), explanation)
        for key, name, explanation in _SCORES
        if key in metrics
    ]


@dataclass(frozen=True)
class KeyFindings:
    """The first lines of the page.

    Attributes:
        best_classes: The three classes with the highest IoU and their IoU, highest first.
        worst_classes: The three classes with the lowest IoU and their IoU, lowest first; `best_classes` are
            excluded.
        lowest: The worst photograph and its mIoU; None if no photograph has one.
        median: Median of the mIoU of the photographs.
        highest: The best photograph and its mIoU.
        confidence: Mean confidence over all pixels; None if unknown.
        accuracy: Share of these pixels that are right.
    """

    best_classes: list[tuple[str, float]]
    worst_classes: list[tuple[str, float]]
    lowest: tuple[str, float] | None
    median: float | None
    highest: tuple[str, float] | None
    confidence: float | None
    accuracy: float | None


def key_findings(metrics: dict[str, Any], photographs: list[dict[str, Any]]) -> KeyFindings:
    """Summarizes `metrics.json` and the scores of the photographs."""
    classes = sorted(((n, iou) for n, iou in metrics["iou"].items() if iou is not None), key=lambda row: -row[1])
    scored = sorted(((p["id"], p["miou"]) for p in photographs if p["miou"] is not None), key=lambda row: row[1])
    bins = [b for b in metrics.get("reliability") or [] if b["pixels"] and b["confidence"] is not None]
    pixels = sum(b["pixels"] for b in bins)
    return KeyFindings(
        best_classes=classes[:3],
        worst_classes=classes[3:][-3:][::-1],
        lowest=scored[0] if scored else None,
        median=median(value for _, value in scored) if scored else None,
        highest=scored[-1] if scored else None,
        confidence=sum(b["pixels"] * b["confidence"] for b in bins) / pixels if pixels else None,
        accuracy=sum(b["pixels"] * b["accuracy"] for b in bins) / pixels if pixels else None,
    )
