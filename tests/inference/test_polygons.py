"""Regions as polygons along the edges of pixels."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import DataError
from segdrone.inference import polygons as module
from segdrone.inference.outputs import Outputs
from segdrone.inference.polygons import Polygon, to_geojson, trace_polygons
from segdrone.inference.prediction import Prediction
from segdrone.inference.predictor import Predictor
from tests.helpers.prediction_folder import image
from tests.helpers.predictions import predict, summary
from tests.helpers.training import tiny_checkpoint

MASKS = st.integers(1, 4).flatmap(
    lambda classes: arrays(
        np.uint8,
        array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([*range(classes), 255]),
    )
)
ISLAND_IN_A_LAKE = np.array(
    [[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 2, 1, 2, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]], np.uint8
)
TOUCHING_HOLES = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], np.uint8)
HOLE_AT_THE_BORDER = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
SPIRAL = np.array([[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]], np.uint8)


def fill(polygon: Polygon, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fills a polygon by the even-odd rule: each upright side turns what is right of it."""
    inside = np.zeros(shape, bool)
    for ring in (polygon.exterior, *polygon.holes):
        for (x, y), (other_x, other_y) in pairwise([*ring.tolist(), ring[0].tolist()]):
            if x == other_x:
                inside[min(y, other_y) : max(y, other_y), x:] ^= True
    return inside


def signed_area(ring: NDArray[np.int32]) -> float:
    """Returns the area by the shoelace formula."""
    x, y = ring.T.astype(int)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


@given(mask=MASKS, seed=st.integers(0, 9))
@example(mask=ISLAND_IN_A_LAKE, seed=0)
@example(mask=TOUCHING_HOLES, seed=0)
@example(mask=HOLE_AT_THE_BORDER, seed=0)
@example(mask=SPIRAL, seed=0)
def test_polygons_are_the_regions(mask: NDArray[np.uint8], seed: int) -> None:
    confidence = np.random.default_rng(seed).integers(0, 256, mask.shape, np.uint8)
    found = trace_polygons(mask, confidence)
    filled = np.full(mask.shape, 255, np.uint8)
    for polygon in found:
        pixels = fill(polygon, mask.shape)
        assert (filled[pixels] == 255).all()
        filled[pixels] = polygon.class_id
        assert ndimage.label(pixels)[1] == 1  # 4-connected
        assert polygon.area == pixels.sum()
        assert polygon.confidence == pytest.approx(confidence[pixels].mean() / 255, abs=1e-12)
        assert signed_area(polygon.exterior) > 0
        assert all(signed_area(hole) < 0 for hole in polygon.holes)
        for ring in (polygon.exterior, *polygon.holes):
            assert len(np.unique(ring, axis=0)) == len(ring)  # touches itself nowhere
            steps = np.sign(np.diff([*ring, ring[0]], axis=0))
            assert (np.abs(steps).sum(1) == 1).all()  # along the pixels
            assert (steps != np.roll(steps, 1, axis=0)).any(1).all()  # each corner turns
    np.testing.assert_array_equal(filled, mask)
    regions = sum(ndimage.label(mask == class_id)[1] for class_id in np.unique(mask) if class_id != 255)
    assert len(found) == regions


def test_a_hole_that_touches_the_border_at_a_corner_stays_a_hole() -> None:
    first, region, hole = trace_polygons(HOLE_AT_THE_BORDER)
    assert (first.class_id, region.class_id, hole.class_id) == (0, 1, 0)
    assert (len(region.exterior), len(region.holes), region.area) == (6, 1, 7)


def test_without_a_confidence_and_without_data() -> None:
    assert trace_polygons(np.zeros((1, 1), np.uint8))[0].confidence is None
    assert trace_polygons(np.full((3, 4), 7, np.uint8), ignore_index=7) == []


def test_confidence_is_summed_over_many_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 3)
    rng = np.random.default_rng(0)
    mask, confidence = rng.integers(0, 3, (20, 11), np.uint8), rng.integers(0, 256, (20, 11), np.uint8)
    for polygon in trace_polygons(mask, confidence):
        assert polygon.confidence == pytest.approx(confidence[fill(polygon, mask.shape)].mean() / 255, abs=1e-12)


def test_too_many_corners_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CORNERS", 15)
    with pytest.raises(DataError, match=r"the mask has 16 corners, too many for polygons \(at most 15\)"):
        trace_polygons(np.array([[0, 1, 0, 1]], np.uint8))


def test_geojson_closes_rings_and_names_classes() -> None:
    table = ClassTable(names=("road", "tree"), colours=((90, 90, 90), (0, 99, 0)))
    mask = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.uint8)
    document = to_geojson("a.jpg", (3, 3), trace_polygons(mask, np.full((3, 3), 51, np.uint8)), table)
    road, tree = document["features"]
    assert road["properties"] == {"class": "road", "class_id": 0, "area": 8, "confidence": 0.2}
    assert road["geometry"]["coordinates"] == [
        [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]],
        [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]],
    ]
    assert (tree["type"], tree["geometry"]["type"]) == ("Feature", "Polygon")
    assert document["image"] == {"file_name": "a.jpg", "width": 3, "height": 3, "coordinates": "pixels, y down"}


def test_a_file_has_the_regions_of_the_mask(tmp_path: Path) -> None:
    mask = np.full((20, 30), DRONE.ignore_index, np.uint8)
    mask[5:, 5:] = 3
    confidence = np.full((20, 30), 255, np.uint8)
    outputs = Outputs(tmp_path, DRONE, regions=True)
    outputs.write(image("a.jpg"), np.zeros((20, 30, 3), np.uint8), Prediction(mask, confidence))
    document = json.loads((tmp_path / "regions" / "a.geojson").read_text())
    assert document == to_geojson("a.jpg", (20, 30), trace_polygons(mask, confidence), DRONE)


def test_a_photograph_whose_polygons_are_too_many_costs_no_other(
    all_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "a.ckpt")
    predictor, photographs = Predictor.from_checkpoint(checkpoint, device="cpu"), tmp_path / "photos"
    photographs.mkdir()
    for name in ("000.jpg", "001.jpg", "002.jpg"):
        shutil.copy(all_scenes / "original_images" / name, photographs)
    masks = []

    def trace(mask: NDArray[np.uint8], *_: object) -> list[Polygon]:
        masks.append(mask)
        if len(masks) == 2:
            raise DataError("the mask has too many corners")
        return trace_polygons(mask)

    monkeypatch.setattr("segdrone.inference.outputs.trace_polygons", trace)
    done = predict(predictor, [photographs], tmp_path / "out", regions=True, progress=False)
    assert (done.predicted, list(done.failed)) == (2, ["001.jpg"])
    assert "001.jpg: the mask has too many corners" in done.failed["001.jpg"]
    assert not list(tmp_path.glob("out/*/001.*"))
    assert len(summary(tmp_path / "out")) == 2
