"""Class names on a mask."""

from __future__ import annotations

import numpy as np

from segdrone.classes import DRONE
from segdrone.evaluation.html_report.region_labels import label_regions


def test_large_regions_are_labeled_inside() -> None:
    mask = np.full((100, 200), 3, np.uint8)
    mask[60:90, 20:60] = 1
    mask[5:10, 100:105] = 2  # too small
    labels = {label.name: label for label in label_regions(mask, DRONE)}
    assert set(labels) == {"grass", "paved-area"}
    small = labels["paved-area"]
    assert 17 <= small.x <= 23
    assert 72 <= small.y <= 78
