"""At which scale a map is predicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segdrone.errors import ConfigError
from segdrone.geo.scale import map_scale, training_scale
from segdrone.reference_statistics import ReferenceStatistics
from tests.helpers.local_network import model_spec

TILES = model_spec(sampling="tiles", scale=0.5, gsd=(0.01, 0.04))


def test_a_model_of_whole_photographs_knows_their_scale_by_their_megapixels() -> None:
    spec = model_spec(sampling="whole", training_size=(400, 600))
    with pytest.raises(ConfigError, match="unknown size.*--scale"):
        training_scale(spec)
    known = ReferenceStatistics.from_values({"megapixels": np.full(20, 24.0)})
    assert training_scale(replace(spec, reference_statistics=known)) == pytest.approx(0.1)
    assert training_scale(TILES) == 0.5


def test_things_get_the_size_that_they_had_in_training() -> None:
    assert map_scale(TILES, "a.tif", 0.02, None) == 0.5
    assert map_scale(TILES, "a.tif", 0.02, "auto") == pytest.approx(0.5)  # the middle of 1 and 4 cm
    assert map_scale(TILES, "a.tif", 0.04, "auto") == pytest.approx(1.0)  # twice as coarse: enlarged
    assert map_scale(replace(TILES, gsd=None), "a.tif", 0.05, "2.5") == pytest.approx(1.0)


def test_a_distance_that_is_not_known_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="does not know.*--gsd 2.5"):
        map_scale(replace(TILES, gsd=None), "a.tif", 0.05, "auto")
    with pytest.raises(ConfigError, match="a.tif does not say.*--scale"):
        map_scale(TILES, "a.tif", None, "auto")
    with pytest.raises(ConfigError, match="5e\\+03 cm.*too far apart"):
        map_scale(TILES, "a.tif", 50.0, "auto")


@pytest.mark.parametrize(("gsd", "said"), [(0.01, False), (0.006, False), (0.079, False), (0.004, True), (0.09, True)])
def test_a_map_far_from_the_training_is_said(gsd: float, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    map_scale(TILES, "a.tif", gsd, None)
    assert ("give --gsd auto" in caplog.text) == said
