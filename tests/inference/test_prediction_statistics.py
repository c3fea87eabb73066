"""Confidence, borders and regions of a prediction, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.inference.photo_statistics import describe_statistic, monitored_columns, statistics_columns
from segdrone.inference.prediction_statistics import PREDICTION_STATISTICS, prediction_statistics

TABLE = ClassTable(names=("road", "grass", "car"), colours=((0, 0, 0), (0, 9, 0), (9, 0, 0)))


def test_confidence_by_hand() -> None:
    mask = np.array([[0, 0, 1, 1, 1, 1, 1, 1, 1, 1]], np.uint8)
    confidence = np.array([[51, 51, 255, 255, 255, 255, 255, 255, 255, 102]], np.uint8)
    values = prediction_statistics(mask, confidence, TABLE)
    assert values["low_confidence"] == pytest.approx(0.2)
    assert values["unsure"] == pytest.approx(0.3)
    entropy = [-(p * math.log2(p) + (1 - p) * math.log2(1 - p)) for p in (0.2, 0.2, 0.4)]
    assert values["entropy"] == pytest.approx(sum(entropy) / 10, abs=1e-9)
    assert values["confidence_road"] == pytest.approx(0.2)
    assert values["confidence_grass"] == pytest.approx((7 + 0.4) / 8)
    assert "confidence_car" not in values


def test_borders_and_regions_by_hand() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[10:20, 10:30] = 1  # 200 pixels, border 60
    mask[50:60, 50:60] = 2  # 100 pixels, border 40
    values = prediction_statistics(mask, np.full_like(mask, 200), TABLE)
    assert values["border_length"] == pytest.approx(100 / 100)
    assert values["regions"] == 3
    assert values["region_size"] == pytest.approx(0.02)


def test_the_resolution_of_the_camera_hardly_counts() -> None:
    mask = np.zeros((100, 150), np.uint8)
    mask[20:70, 30:90], mask[80:95, 100:140] = 1, 2
    small, large = (
        prediction_statistics(pixels, np.full_like(pixels, 200), TABLE)
        for pixels in (mask, mask.repeat(20, 0).repeat(20, 1))
    )
    assert large["regions"] == small["regions"]
    assert large["border_length"] == pytest.approx(small["border_length"], rel=0.05)
    assert large["region_size"] == pytest.approx(small["region_size"], rel=0.05)


def test_half_the_scale_gives_longer_borders_and_smaller_regions() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[10:60, 10:60], mask[70:90, 20:90] = 1, 2
    near = prediction_statistics(mask, np.full_like(mask, 200), TABLE)
    far = np.tile(mask, (2, 2))[::2, ::2].repeat(1, 0)
    far = np.tile(far, (2, 2))
    higher = prediction_statistics(far, np.full_like(far, 200), TABLE)
    assert higher["border_length"] > 1.5 * near["border_length"]
    assert higher["region_size"] < near["region_size"]
    assert higher["regions"] > near["regions"]


def test_pixels_without_data_count_nowhere() -> None:
    mask = np.full((20, 20), 1, np.uint8)
    mask[:, 10:] = TABLE.ignore_index
    confidence = np.where(mask == 1, 255, 0).astype(np.uint8)
    values = prediction_statistics(mask, confidence, TABLE)
    assert (values["unsure"], values["border_length"], values["region_size"]) == (0, 0, 1)
    assert values["confidence_grass"] == 1
    assert prediction_statistics(np.full_like(mask, 255), confidence, TABLE) == {}


def test_columns_are_described_in_words() -> None:
    columns = monitored_columns(TABLE)
    assert len({*columns}) == len(columns)
    assert {*PREDICTION_STATISTICS, "share_car", "confidence_car", "no_data"} <= {*columns}
    assert {*statistics_columns(TABLE)} < {*columns}
    words = [describe_statistic(column) for column in columns]
    assert len({*words}) == len(words)
    assert describe_statistic("confidence_paved-area") == "confidence in paved-area"
