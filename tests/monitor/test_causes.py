"""The cause that is named first, for drawn statistics that move as the cause moves them."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.monitor.causes import likely_causes
from segdrone.monitor.drift import compare
from segdrone.reference_statistics import ReferenceStatistics
from tests.helpers.monitored import Values, draw_values

REFERENCE = ReferenceStatistics.from_values({**draw_values(60, 9), "jpeg_quality": np.full(60, 95.0)})


def moved(**changes: float) -> dict[str, Values]:
    """Returns a window whose statistics are moved by a number of standard deviations."""
    values = {**draw_values(50), "jpeg_quality": np.full(50, 95.0)}
    return {**values, **{name: values[name] + 0.3 * shift for name, shift in changes.items()}}


def names(**changes: float) -> list[str]:
    return [cause.name for cause in likely_causes(compare(REFERENCE, moved(**changes)))]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"brightness": -3, "brightness_q95": -3, "contrast": -1.5, "sharpness": -1.5}, "darker"),
        ({"brightness": 3, "brightness_q05": 3, "brightness_q95": 2}, "brighter"),
        ({"sharpness": -5, "relative_sharpness": -5, "noise": -5, "share_road": 1}, "blurred"),
        ({"noise": 4, "relative_sharpness": 2}, "noisy"),
        ({"jpeg_quality": -250, "blockiness": 4, "noise": -3, "sharpness": -1.5}, "compressed"),
        ({"red_green": 3, "blue_green": -2}, "other colors"),
        ({"contrast": -3, "saturation": -3, "brightness_q05": 3}, "hazy"),
        ({"megapixels": 60}, "other camera"),
        ({"regions": 100, "border_length": 3, "confidence": -2, "sharpness": 1.5}, "higher up"),
        ({"regions": -60, "border_length": -3}, "lower"),
        ({"share_road": -3, "share_grass": 3, "blue_green": -1}, "other land cover"),
        ({"confidence": -3, "confidence_grass": -4}, "unsure"),
        ({"no_data": 1}, "no data"),
    ],
)
def test_the_cause_is_named_first(changes: dict[str, float], expected: str) -> None:
    assert names(**changes)[0] == expected


def test_no_cause_without_an_alarm() -> None:
    assert names() == []


def test_what_follows_from_another_cause_comes_after_it() -> None:
    causes = names(brightness=-4, brightness_q95=-4, confidence=-4, confidence_road=-4)
    assert causes == ["darker", "unsure"]


def test_the_ground_sampling_distance_speaks_for_height_where_it_is_known() -> None:
    known = {**draw_values(60, 9), "gsd": np.random.default_rng(0).normal(0.02, 0.001, 60)}
    window = {**draw_values(50), "gsd": np.random.default_rng(1).normal(0.04, 0.001, 50)}
    window["regions"] = window["regions"] + 30
    (cause,) = likely_causes(compare(ReferenceStatistics.from_values(known), window))
    assert cause.name == "higher up"
    assert cause.strength == pytest.approx(2 / 3, abs=0.01)  # borders did not change
    assert "ground sampling distance in meters rose from 0.0201 to 0.04" in " ".join(cause.because)


def test_words_name_the_classes() -> None:
    (cover, *_) = likely_causes(compare(REFERENCE, moved(share_road=-3, share_grass=3)))
    assert {*cover.words.removeprefix("other land cover: ").split(", ")} == {"less road", "more grass"}
    (unsure, *_) = likely_causes(compare(REFERENCE, moved(confidence_grass=-4)))
    assert unsure.words == "the model is unsure on grass"
    assert unsure.because[0].startswith("confidence in grass fell from 2")
