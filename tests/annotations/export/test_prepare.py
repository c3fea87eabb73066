from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.export import export_labels
from segdrone.annotations.export.mask_to_export import MaskToExport
from segdrone.annotations.export.prepare import Prepared, leave_unsure, prepare
from segdrone.errors import DataError
from segdrone.raster.encode import write_gray_png
from tests.annotations.export.conftest import IGNORED, TABLE, blobs
from tests.annotations.export.test_inputs import predict


def given(mask: NDArray[np.uint8]) -> MaskToExport:
    return MaskToExport("a.png", Path("a.png"), partial(np.copy, mask))


def test_regions_that_nothing_reaches_stay() -> None:
    mask = np.full((3, 9), IGNORED, np.uint8)
    mask[0, 0], mask[1, 4:8] = 0, 1
    for kind in ("masks", "polygons"):
        prepared = prepare(given(mask), TABLE, kind, 3, 0)
        assert (prepared.filled, prepared.filled_pixels) == (0, 0)
        np.testing.assert_array_equal(prepared.mask, mask)


def test_corners_connect_masks_and_no_polygons() -> None:
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]], np.uint8)
    assert prepare(given(mask), TABLE, "masks", 2, 0).filled == 0
    prepared = prepare(given(mask), TABLE, "polygons", 2, 0)
    assert (prepared.filled, prepared.filled_pixels) == (2, 2) and not prepared.mask.any()


def test_unsure_regions_and_things_become_empty() -> None:
    mask = np.array([[1, 1, 0, 1, 1], [1, 1, 0, 1, 1]], np.uint8)
    numbers = np.array([[5, 5, 0, 6, 5], [0, 0, 0, 6, 6]], np.uint16)  # 5 is in two parts
    confidence = np.array([[102, 102, 255, 200, 105], [100, 100, 255, 200, 200]], np.uint8)
    left = leave_unsure(Prepared(mask, numbers), confidence, 2, 0.4, corners=True)
    assert left.mask.tolist() == [[1, 1, 0, 1, 1], [255, 255, 0, 1, 1]]  # 103 of 255 is above 0.4
    left = leave_unsure(Prepared(mask, numbers), confidence, 2, 0.41, corners=True)
    assert left.mask.tolist() == [[255, 255, 0, 1, 255], [255, 255, 0, 1, 1]]
    assert left.numbers is not None and left.numbers.tolist() == [[0, 0, 0, 6, 0], [0, 0, 0, 6, 6]]
    assert (left.unsure, left.unsure_pixels) == (2, 5)


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """Predictions of two photographs, of which the right half of `car` is unsure."""
    folder = predict(tmp_path / "predicted", tmp_path / "flights", "1/a.png", "b.png", confidence=True)
    confidence = np.full((48, 64), 230, np.uint8)
    confidence[:, 32:] = np.where(blobs(7) == 1, 100, 230)[:, 32:]
    for name in ("1/a", "b"):
        write_gray_png(confidence, folder / "confidence" / f"{name}.png")
    return folder


def test_what_is_unsure_is_ignored_after_the_loop(predicted: Path) -> None:
    flights, out, back = (predicted.parent / name for name in ("flights", "out", "back"))
    summary = export_labels(predicted, out, "cvat", images=flights, min_confidence=0.85, progress=False)
    assert summary.unsure > 0 and summary.unsure % 2 == 0
    assert f"left empty: {summary.unsure} regions of a mean confidence below 0.85, " in "\n".join(summary.lines())
    import_annotations(out, back, images=flights, classes=str(predicted / "masks" / "classes.csv"), progress=False)
    mask, found = blobs(7), np.array(Image.open(back / "masks" / "a.png"))
    changed = found != mask
    assert (mask[changed] == 1).all() and (found[changed] == IGNORED).all()
    assert changed.sum() * 2 == summary.unsure_pixels


def test_a_confidence_of_another_size_or_a_missing_one_is_refused(predicted: Path) -> None:
    def refused() -> str:
        with pytest.raises(DataError) as caught:
            export_labels(predicted, predicted.parent / "out", "cvat", min_confidence=0.5, progress=False)
        return str(caught.value)

    write_gray_png(np.zeros((9, 9), np.uint8), predicted / "confidence" / "b.png")
    assert "b.png is not the confidence of" in refused()
    cv2.imwrite(str(predicted / "confidence" / "b.png"), np.full((48, 64, 3), range(1, 4), np.uint16))
    assert "b.png has colors of uint16 that no color of 8 bits has" in refused()
    (predicted / "confidence" / "b.png").unlink()
    assert "b.png has no confidence, which --min-confidence reads beside masks/" in refused()
