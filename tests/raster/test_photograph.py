from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster import photograph
from segdrone.raster.decode import read_image
from segdrone.raster.photograph import open_photograph, release_pages


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (600, 40, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # displayed a quarter turned
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def test_a_large_photograph_lies_in_a_file_and_reads_the_same(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(open_photograph(picture), np.memmap)
    monkeypatch.setattr(photograph, "_LARGE", 600 * 40)
    image = open_photograph(picture)
    assert isinstance(image, np.memmap)
    assert (image == read_image(picture)).all()
    release_pages(image)
    assert (image == read_image(picture)).all()
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_without_room_on_the_disk_it_stays_in_memory(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    monkeypatch.setattr(photograph, "_LARGE", 1)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("wb"))
    image = open_photograph(picture)
    assert not isinstance(image, np.memmap)
    assert (image == read_image(picture)).all()


def test_a_truncated_large_photograph_is_refused(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photograph, "_LARGE", 1)
    picture.write_bytes(picture.read_bytes()[:-5000])
    with pytest.raises(DataError, match="picture.jpg cannot be decoded"):
        open_photograph(picture)
