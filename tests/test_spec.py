from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import CheckpointError
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.spec import VERSION, ModelSpec

SPEC = ModelSpec(DRONE, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), training_size=(256, 384))
COMPLETE = ModelSpec(
    ClassTable(("road", "grass"), ((0, 0, 0), (0, 9, 0)), ignore_index=200),
    (0.4, 0.5, 0.6),
    (0.2, 0.25, 0.3),
    training_size=(512, 768),
    sampling="crops",
    scale=0.5,
    interpolation="nearest",
    gsd=(0.01, 0.03),
    reference_statistics=ReferenceStatistics.from_values(
        {"brightness": np.arange(30.0)}, miou=0.5, miou_interval=(0.4, 0.6)
    ),
    data_license="CC BY 4.0",
    made_by={"segdrone": "0.2.0", "network": "unet"},
)


def plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(plain(inner) for inner in value)
    return value is None or type(value) in (str, int, float, bool)


@pytest.mark.parametrize("spec", [SPEC, COMPLETE])
def test_dict_and_json_round_trips_keep_every_field(spec: ModelSpec) -> None:
    assert plain(spec.to_dict())
    assert ModelSpec.from_dict(spec.to_dict()) == spec
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_the_json_form_has_a_key_per_field_and_the_version() -> None:
    assert set(json.loads(COMPLETE.to_json())) == {"version", *(field.name for field in fields(ModelSpec))}
    assert json.loads(COMPLETE.to_json())["version"] == VERSION


def test_defaults_say_unknown() -> None:
    assert (SPEC.gsd, SPEC.reference_statistics, SPEC.data_license, dict(SPEC.made_by)) == (None, None, None, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": (0.5, 0.5)}, "must be three numbers each"),
        ({"mean": (0.5, 0.5, float("nan"))}, "must be three numbers each"),
        ({"std": (0.5, 0.5, 0.0)}, "std=.* must be above 0"),
        ({"training_size": (0, 384)}, "training_size=.* 1 pixel or more"),
        ({"sampling": "patches"}, "sampling=patches is unknown: it must be one of whole, tiles, crops"),
        ({"scale": 0.0}, "scale=0.0 must be above 0"),
        ({"scale": 17.0}, "at most 16"),
        ({"interpolation": "cubic"}, "interpolation=cubic is unknown: it must be one of area, linear, nearest"),
        ({"gsd": (0.03, 0.01)}, "gsd=.* smallest and a largest"),
        ({"gsd": (0.0, 0.01)}, "gsd=.* above 0"),
    ],
)
def test_values_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        replace(SPEC, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": VERSION + 1}, f"has version {VERSION + 1}, this segdrone reads {VERSION}: update segdrone"),
        ({"mean": "grey"}, "cannot be read"),
        ({"mean": [0.5, 0.5]}, "cannot be read"),
        ({"training_size": [256]}, "cannot be read"),
        ({"classes": {"names": ["a"]}}, "cannot be read"),
        ({"classes": 3}, "cannot be read"),
        ({"color_space": "bgr"}, "cannot be read"),
    ],
)
def test_a_dict_that_is_not_a_spec_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        ModelSpec.from_dict({**SPEC.to_dict(), **changes})


def test_a_dict_without_a_field_is_refused() -> None:
    values = SPEC.to_dict()
    del values["std"]
    with pytest.raises(CheckpointError, match="cannot be read .*std: field required.*: export the model again"):
        ModelSpec.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "[" * 100_000])
def test_a_text_that_is_not_a_spec_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError, match="is not (a )?JSON"):
        ModelSpec.from_json(text)
