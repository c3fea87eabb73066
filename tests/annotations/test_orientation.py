from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.raster.decode import read_image
from tests.annotations.conftest import imported, mask, refusal
from tests.annotations.test_labelme import labelme, shape

WHITE = shape("white", [[0, 0], [30, 0], [30, 20], [0, 20]])


def turned(path: Path, orientation: int, size: tuple[int, int] = (64, 96)) -> Path:
    """A photograph whose stored pixels are white where `WHITE` is."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:20, :30] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_shapes_of_stored_photographs_are_turned_as_their_pixels(tmp_path: Path, orientation: int) -> None:
    path = turned(tmp_path / "in" / "a.png", orientation)
    labelme(tmp_path / "in" / "a.json", WHITE)
    imported(tmp_path / "in", tmp_path / "out", orientation="stored")
    np.testing.assert_array_equal(mask(tmp_path / "out") == 0, read_image(path)[..., 0] == 255)


@pytest.mark.parametrize("orientation", [3, 6])
def test_shapes_of_an_embedded_photograph_are_turned_too(tmp_path: Path, orientation: int) -> None:
    path = turned(tmp_path / "a.png", orientation)
    data = base64.b64encode(path.read_bytes()).decode()
    labelme(tmp_path / "in" / "a.json", WHITE, imageData=data)
    imported(tmp_path / "in", tmp_path / "out", orientation="stored")
    np.testing.assert_array_equal(mask(tmp_path / "out") == 0, read_image(path)[..., 0] == 255)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_size_that_contradicts_the_orientation_is_explained(tmp_path: Path, orientation: int) -> None:
    turned(tmp_path / "in" / "a.png", orientation)
    path = labelme(tmp_path / "in" / "a.json", WHITE)
    text = refusal(tmp_path / "in", tmp_path / "out")
    assert text.startswith(f"{path} annotates a photograph of 96 x 64 pixels, but {tmp_path / 'in' / 'a.png'} has 64 x")
    assert f"as displayed, because of its EXIF orientation {orientation}: if the shapes" in text
    assert text.endswith("give --orientation stored")
    labelme(tmp_path / "in" / "a.json", WHITE, imageHeight=96, imageWidth=64)
    text = refusal(tmp_path / "in", tmp_path / "out", orientation="stored")
    assert text.endswith("give --orientation displayed")


@pytest.mark.parametrize(("orientation", "size"), [(2, (64, 96)), (3, (64, 96)), (4, (64, 96)), (6, (64, 64))])
def test_orientation_that_the_size_cannot_show_is_told(
    tmp_path: Path, orientation: int, size: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    turned(tmp_path / "in" / "a.png", orientation, size)
    labelme(tmp_path / "in" / "a.json", WHITE, imageHeight=size[0], imageWidth=size[1])
    imported(tmp_path / "in", tmp_path / "out")
    assert "1 photographs are turned by their EXIF orientation and their size cannot show" in caplog.text
    assert "give --orientation stored" in caplog.text
    caplog.clear()
    imported(tmp_path / "in", tmp_path / "out", orientation="stored")
    assert caplog.text == ""


def test_orientation_that_the_size_confirms_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    turned(tmp_path / "in" / "a.png", 6)
    labelme(tmp_path / "in" / "a.json", WHITE, imageHeight=96, imageWidth=64)
    imported(tmp_path / "in", tmp_path / "out")
    assert caplog.text == ""


def test_unknown_choice_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, tmp_path / "out", orientation="raw")
    assert text == "--orientation raw is not one of displayed, stored"
