"""At which scale an image is predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.ground_scale import ground_scale, training_scale
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import predict_folder
from segdrone.raster.capture import read_capture
from segdrone.raster.ground_view import view_ground
from segdrone.reference_statistics import ReferenceStatistics
from tests.helpers.capture import dji_xmp, save_with_exif
from tests.helpers.local_network import local_backend, model_spec

TILES = model_spec(sampling="tiles", scale=0.5, gsd=(0.01, 0.04))


def test_a_model_of_whole_photographs_knows_their_scale_by_their_megapixels() -> None:
    spec = model_spec(sampling="whole", training_size=(400, 600))
    with pytest.raises(ConfigError, match="unknown size.*--scale"):
        training_scale(spec)
    known = ReferenceStatistics.from_values({"megapixels": np.full(20, 24.0)})
    assert training_scale(replace(spec, reference_statistics=known)) == pytest.approx(0.1)
    assert training_scale(TILES) == 0.5


def test_things_get_the_size_that_they_had_in_training() -> None:
    assert ground_scale(TILES, "a.tif", 0.02, None) == 0.5
    assert ground_scale(TILES, "a.tif", 0.02, "auto") == pytest.approx(0.5)  # the middle of 1 and 4 cm
    assert ground_scale(TILES, "a.tif", 0.04, "auto") == pytest.approx(1.0)  # twice as coarse: enlarged
    assert ground_scale(replace(TILES, gsd=None), "a.tif", 0.05, "2.5") == pytest.approx(1.0)


def test_a_distance_that_is_not_known_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="does not know.*--gsd 2.5"):
        ground_scale(replace(TILES, gsd=None), "a.tif", 0.05, "auto")
    with pytest.raises(DataError, match="a.tif does not say.*--scale"):
        ground_scale(TILES, "a.tif", None, "auto")
    with pytest.raises(DataError, match="5e\\+03 cm.*too far apart"):
        ground_scale(TILES, "a.tif", 50.0, "auto")


@pytest.mark.parametrize(("gsd", "said"), [(0.01, False), (0.006, False), (0.079, False), (0.004, True), (0.09, True)])
def test_a_map_far_from_the_training_is_said(gsd: float, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    ground_scale(TILES, "a.tif", gsd, None)
    assert ("give --gsd auto" in caplog.text) == said


@pytest.mark.parametrize(("gsd", "wanted", "said"), [(0.159, "auto", False), (0.17, "auto", True), (0.17, "4", True)])
def test_a_map_without_the_detail_of_the_training_is_said(
    gsd: float, wanted: str, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ground_scale(TILES, "a.tif", gsd, wanted)
    assert ("enlarged, which adds no detail" in caplog.text) == said


def test_photographs_are_resized_by_their_heights(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    (tmp_path / "flight").mkdir()
    for name, height in (("low", 20.0), ("high", 40.0)):
        xmp = dji_xmp(height, (0.0, -90.0, 0.0))
        save_with_exif(tmp_path / "flight" / f"{name}.jpg", (47.0, 15.0), height=height, xmp=xmp, pixels=pixels)
    cv2.imwrite(str(tmp_path / "flight" / "unknown.png"), pixels)
    predictor = Predictor(local_backend(1, sampling="tiles", gsd=(0.3, 0.3)), window=(32, 32))
    images = find_inputs([tmp_path / "flight"], tmp_path / "out")
    summary = predict_folder(predictor, images, tmp_path / "out", gsd="auto", overlays=False, progress=False)
    assert [*summary.failed] == ["unknown.png"]
    assert "does not say how much ground" in summary.failed["unknown.png"]
    for name in ("low", "high"):
        file = tmp_path / "flight" / f"{name}.jpg"
        distance = view_ground(read_capture(file)).gsd
        assert distance is not None
        mask = cv2.imread(str(tmp_path / "out" / "masks" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, predictor.at_scale(distance / 0.3)(file).mask)
