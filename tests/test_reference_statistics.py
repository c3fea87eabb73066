"""Distributions that a model carries: built, bounded, refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from segdrone.classes import DRONE
from segdrone.errors import CheckpointError
from segdrone.reference_statistics import LEVELS, VERSION, Distribution, ReferenceStatistics, round_values
from segdrone.spec import ModelSpec
from tests.helpers.monitored import draw_values

SPEC = ModelSpec(DRONE, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), training_size=(256, 384))


def with_reference(**changes: Any) -> dict[str, Any]:
    """Returns a spec as plain data, with parts of its reference replaced."""
    column = {"photographs": 30, "quantiles": [float(i) for i in range(21)]}
    reference = {"version": VERSION, "photographs": 30, "columns": {"noise": column}}
    return {**SPEC.to_dict(), "reference_statistics": {**reference, **changes}}


def test_quantiles_are_values_of_photographs() -> None:
    values = np.array([5.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 4.0])
    reference = ReferenceStatistics.from_values({"noise": values})
    quantiles = reference.columns["noise"].quantiles
    assert (quantiles[0], quantiles[2], quantiles[3], quantiles[14], quantiles[15]) == (1, 1, 2, 2, 3)
    assert (quantiles[-1], reference.columns["noise"].median, reference.photographs) == (5, 2, 10)


def test_bounds_hold_the_share_of_smaller_values() -> None:
    values = round_values(np.random.default_rng(0).normal(0, 1, 87))
    distribution = ReferenceStatistics.from_values({"noise": values}).columns["noise"]
    at = np.concatenate([values, np.linspace(-4, 4, 50)])
    for below, side in ((False, "right"), (True, "left")):
        share = np.searchsorted(np.sort(values), at, side=side) / len(values)  # type: ignore[call-overload]
        low, high = distribution.bounds(at, below=below)
        assert (low <= share + 1e-12).all()
        assert (share <= high + 1e-12).all()
        assert (high - low).max() <= LEVELS[1] + 1e-12


def test_unknown_values_do_not_count_and_columns_without_any_are_left_out() -> None:
    reference = ReferenceStatistics.from_values({"a": np.array([1.0, np.nan, 2.0]), "gsd": np.full(3, np.nan)})
    assert [*reference.columns] == ["a"]
    assert (reference.photographs, reference.columns["a"].photographs) == (3, 2)


def test_it_travels_in_the_spec_and_stays_small() -> None:
    reference = ReferenceStatistics.from_values(draw_values(54, table=DRONE), miou=0.5, miou_interval=(0.45, 0.55))
    spec = ModelSpec.from_dict({**SPEC.to_dict(), "reference_statistics": asdict(reference)})
    assert spec.reference_statistics == reference
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert len(json.dumps(asdict(reference))) < 16_000


def test_a_sound_reference_is_read() -> None:
    reference = ModelSpec.from_dict(with_reference()).reference_statistics
    assert reference is not None
    assert reference.columns["noise"] == Distribution(30, tuple(map(float, range(21))))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": 2}, "reference statistics have version 2, this segdrone reads 1: update segdrone"),
        ({"version": "new"}, "reference_statistics.version"),
        ({"photographs": 0}, "cannot be of 0 photographs"),
        ({"photographs": 10**30}, "64 bits"),
        ({"columns": {"noise": {"photographs": 3, "quantiles": [1.0]}}}, "21 ascending numbers"),
        ({"columns": {"noise": {"photographs": 3, "quantiles": [1.0] * 20 + [0.0]}}}, "21 ascending numbers"),
        ({"columns": {"noise": {"photographs": 3, "quantiles": [1e300] * 21}}}, "21 ascending numbers"),
        ({"columns": {"noise": {"photographs": 3, "quantiles": [float("nan")] * 21}}}, "not a number"),
        ({"columns": {"noise": {"photographs": 0, "quantiles": [1.0] * 21}}}, "cannot be of 0 photographs"),
        ({"columns": {"noise": {"photographs": 3, "quantiles": [1.0] * 21, "paths": ["a"]}}}, "paths"),
        ({"columns": {str(i): {"photographs": 3, "quantiles": [1.0] * 21} for i in range(1001)}}, "more than 1000"),
        ({"columns": ["noise"]}, "reference_statistics.columns"),
        ({"miou": 2.0}, "not between 0 and 1"),
        ({"class_ious": {"road": -0.5}}, "not between 0 and 1"),
        ({"class_ious": {"road": "good"}}, "class_ious.road"),
        ({"photographer": "me"}, "photographer"),
    ],
)
def test_a_hostile_reference_is_refused_in_one_line(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        ModelSpec.from_dict(with_reference(**changes))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
