from __future__ import annotations

from typing import Any

import pytest

from segdrone.data.maps.options import CutOptions
from segdrone.errors import ConfigError


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rasters": ()}, "there is no raster to cut: give data.rasters"),
        ({"labels": ()}, "there are no labels: give data.labels"),
        ({"tile": 63}, "data.map_tile=63 must be 64 to 8192 pixels"),
        ({"block": 0.1}, "data.block_m=0.1 must be 0.5 to"),
        ({"gsd": 0.0}, "data.map_gsd=0.0 must be 0.01 to"),
    ],
)
def test_options_out_of_range_are_refused(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        CutOptions(**{"rasters": ("a.tif",), "labels": ("b.gpkg",), **change})
