"""The quality of a JPEG by its quantization tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.jpeg_quality import read_jpeg_quality

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)


@pytest.mark.parametrize("quality", [10, 20, 49, 50, 75, 90, 95])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_it_was_saved_with_is_found(tmp_path: Path, quality: int, mode: str) -> None:
    Image.fromarray(PIXELS).convert(mode).save(tmp_path / "a.jpg", quality=quality)
    assert read_jpeg_quality(tmp_path / "a.jpg") == pytest.approx(quality, abs=1)


def test_the_best_quality_is_100(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", quality=100)
    assert read_jpeg_quality(tmp_path / "a.jpg") == pytest.approx(100, abs=1)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_other_formats_have_none(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / f"a.{suffix}")
    assert read_jpeg_quality(tmp_path / f"a.{suffix}") is None


def test_a_file_that_is_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no")
    with pytest.raises(DataError):
        read_jpeg_quality(tmp_path / "a.jpg")
