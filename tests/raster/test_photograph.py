"""Photographs read by windows, in memory and on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster import ImageSource, PhotographSource, open_image, photograph
from segdrone.raster.decode import read_image
from segdrone.raster.pixels import resize_image
from segdrone.windows import Window
from tests.helpers.image_files import gradient_image, random_image, save


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6  # displayed as 40 x 600
    return save(tmp_path / "photograph.jpg", Image.fromarray(random_image(600, 40)), exif=exif)


@pytest.fixture
def png_with_alpha(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    alpha = np.random.default_rng(4).choice([0, 255], (600, 40)).astype(np.uint8)
    return save(tmp_path / "photograph.png", Image.fromarray(np.dstack([random_image(600, 40), alpha])), exif=exif)


def whole(source: ImageSource) -> Window:
    return Window(0, 0, *source.size)


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_reading_the_whole_is_resizing_the_decoded_image(tmp_path: Path, suffix: str, interpolation: str) -> None:
    path = save(tmp_path / f"a{suffix}", Image.fromarray(gradient_image(37, 51)))
    source, image = open_image(path, interpolation), read_image(path)
    assert source.size == (37, 51)
    np.testing.assert_array_equal(source.read(whole(source)), image)
    for size in ((37, 51), (12, 17), (37, 17), (80, 99)):
        np.testing.assert_array_equal(source.read(whole(source), size), resize_image(image, size, interpolation))
    np.testing.assert_array_equal(source.read(Window(5, 7, 20, 30)), image[5:25, 7:37])
    np.testing.assert_array_equal(
        source.read(Window(5, 7, 20, 30), (9, 8)), resize_image(image[5:25, 7:37], (9, 8), interpolation)
    )


def test_a_large_photograph_is_kept_on_disk_and_reads_the_same(jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = PhotographSource(jpeg)
    assert small.size == (40, 600)
    assert not isinstance(small.read(whole(small)), np.memmap)
    monkeypatch.setattr(photograph, "_LARGE", 600 * 40)
    large = PhotographSource(jpeg)
    for _ in range(2):
        image = large.read(whole(large))
        assert isinstance(image, np.memmap)
        np.testing.assert_array_equal(image, read_image(jpeg))
        large.release_pages()


@pytest.mark.parametrize("large", [False, True])
def test_what_is_read_cannot_be_written_to(jpeg: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    monkeypatch.setattr(photograph, "_LARGE", 1 if large else 10**9)
    source = PhotographSource(jpeg)
    with pytest.raises(ValueError, match="read-only"):
        source.read(Window(3, 4, 5, 6))[0] = 0


def test_the_validity_of_a_large_photograph_is_kept_on_disk(
    png_with_alpha: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = PhotographSource(png_with_alpha)
    expected = small.valid(whole(small))
    with Image.open(png_with_alpha) as image:
        np.testing.assert_array_equal(expected, np.rot90(np.asarray(image)[..., 3] > 0, -1))
    monkeypatch.setattr(photograph, "_LARGE", 600 * 40)
    large = PhotographSource(png_with_alpha)
    assert not large.fully_valid
    valid = large.valid(whole(large))
    assert isinstance(valid, np.memmap)
    np.testing.assert_array_equal(valid, expected)
    large.release_pages()
    np.testing.assert_array_equal(
        large.valid(Window(3, 5, 30, 500), (10, 50)), small.valid(Window(3, 5, 30, 500), (10, 50))
    )
    np.testing.assert_array_equal(large.read(whole(large)), read_image(png_with_alpha))


@pytest.mark.parametrize("name", ["jpeg", "png_with_alpha"])
def test_it_stays_in_memory_where_the_disk_is_full(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(name)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr(photograph, "_LARGE", 1)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full.open("wb"))
    source = PhotographSource(path)
    image = source.read(whole(source))
    assert not isinstance(image, np.memmap)
    np.testing.assert_array_equal(image, read_image(path))
    assert source.fully_valid == (name == "jpeg")


def test_it_stays_in_memory_where_no_temporary_file_can_be_made(jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photograph, "_LARGE", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(jpeg.parent / "missing"))
    source = PhotographSource(jpeg)
    np.testing.assert_array_equal(source.read(whole(source)), read_image(jpeg))


@pytest.mark.parametrize("name", ["jpeg", "png_with_alpha"])
@pytest.mark.parametrize("large", [False, True])
def test_a_truncated_photograph_opens_and_does_not_read(
    name: str, large: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(name)
    monkeypatch.setattr(photograph, "_LARGE", 1 if large else 10**9)
    path.write_bytes(path.read_bytes()[:-5000])
    source = PhotographSource(path)
    with pytest.raises(DataError, match=f"{path.name} cannot be decoded"):
        source.read(whole(source))
    if name == "png_with_alpha":
        with pytest.raises(DataError, match=f"{path.name} cannot be decoded"):
            _ = source.fully_valid


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("shape", [(40, 601), (41, 600), (39, 600), (40, 599)])
def test_a_photograph_that_changes_after_it_was_opened_is_refused(
    jpeg: Path, shape: tuple[int, int], large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photograph, "_LARGE", 1 if large else 10**9)
    source = PhotographSource(jpeg)
    save(jpeg, Image.fromarray(random_image(*shape)))
    with pytest.raises(DataError, match="has changed since it was opened"):
        source.read(whole(source))


def test_bad_files_are_refused_when_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_image(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(DataError, match="is not an image"):
        open_image(str(tmp_path / "a.jpg"))
    deep = save(tmp_path / "deep.png", Image.fromarray(np.full((4, 5), 300, np.uint16)))
    with pytest.raises(DataError, match="1 band of uint16, not 8 bits per channel: give"):
        open_image(deep)
