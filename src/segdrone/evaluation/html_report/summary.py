"""The figures at the top of the page, and the questions that they answer."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

# Key in metrics.json, name, and what it is.
_FIGURES = (
    ("miou", "Mean IoU", "For each class the pixels that truth and prediction share, as a part of all that either "
     "gives it; counted over all photographs together, then averaged over the classes that occur."),
    ("miou_per_image", "Mean IoU per photograph", "The mean IoU of the classes in one photograph's truth, averaged "
     "over the photographs."),
    ("boundary_miou", "Boundary mean IoU", "Mean IoU of the pixels along the outlines alone: how well borders fit."),
    ("dice", "Dice (F1)", "Twice the shared pixels, as a part of the class's pixels in truth and prediction added "
     "up; averaged over classes. Milder than IoU."),
    ("precision", "Precision", "Of the pixels predicted as a class, the share that are of it; averaged over classes."),
    ("recall", "Recall", "Of the pixels of a class, the share that are found; averaged over classes."),
    ("accuracy", "Pixel accuracy", "The share of labelled pixels predicted right. Large classes rule it."),
    ("accuracy_per_image", "Accuracy per photograph", "That share in each photograph, averaged over the photographs."),
    ("fwiou", "Frequency-weighted IoU", "IoU averaged over classes, each weighted by its share of the truth."),
    ("ece", "Calibration error", "How far the network's confidence lies from the share of pixels that are right, on "
     "average over pixels (ECE). 0 is perfect."),
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One figure of the whole set, 0 to 1, with its interval; None where there is none."""

    key: str
    name: str
    value: float | None
    interval: tuple[float, float] | None
    explanation: str


def summary_scores(metrics: dict[str, Any]) -> list[Score]:
    """Returns the figures that `metrics.json` holds, the most telling first."""
    intervals = metrics.get("intervals") or {}
    return [
        Score(key, name, metrics[key], intervals.get(key), explanation)
        for key, name, explanation in _FIGURES
        if key in metrics
    ]


@dataclass(frozen=True)
class KeyFindings:
    """What the page's first lines say.

    Attributes:
        best: The three classes of the highest IoU with it, the highest first.
        worst: The three of the lowest, the lowest first, none of them among `best`.
        low: The worst photograph with its mIoU.
        middle: The median of the photographs' mIoU.
        high: The best photograph with its mIoU.
        confidence: Mean confidence over all pixels; None where it is unknown.
        right: The share of those pixels that are right.
    """

    best: list[tuple[str, float]]
    worst: list[tuple[str, float]]
    low: tuple[str, float] | None
    middle: float | None
    high: tuple[str, float] | None
    confidence: float | None
    right: float | None


def key_findings(metrics: dict[str, Any], photographs: list[dict[str, Any]]) -> KeyFindings:
    """Sums up `metrics.json` and the photographs' scores."""
    classes = sorted(((n, iou) for n, iou in metrics["iou"].items() if iou is not None), key=lambda row: -row[1])
    scored = sorted(((p["id"], p["miou"]) for p in photographs if p["miou"] is not None), key=lambda row: row[1])
    bins = [b for b in metrics.get("reliability") or [] if b["pixels"] and b["confidence"] is not None]
    pixels = sum(b["pixels"] for b in bins)
    return KeyFindings(
        best=classes[:3],
        worst=classes[3:][-3:][::-1],
        low=scored[0] if scored else None,
        middle=median(value for _, value in scored) if scored else None,
        high=scored[-1] if scored else None,
        confidence=sum(b["pixels"] * b["confidence"] for b in bins) / pixels if pixels else None,
        right=sum(b["pixels"] * b["accuracy"] for b in bins) / pixels if pixels else None,
    )
