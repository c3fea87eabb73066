"""Of the pages of a TIFF the photograph is read: no thumbnail, no smaller copy, no mask; others are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster import open_image
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_header
from segdrone.windows import Window
from tests.helpers.image_files import random_image
from tests.helpers.tiff_files import Page, nodata, write_tiff

PHOTO = random_image(48, 72)
REDUCED, MASK = ((254, 4, [1]),), ((254, 4, [4]),)


@pytest.mark.parametrize("first", [True, False])
def test_smaller_copies_are_passed_over_in_silence(
    tmp_path: Path, first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    copy = Page(PHOTO[::2, ::2], tags=REDUCED)
    pages = (copy, Page(PHOTO)) if first else (Page(PHOTO), copy)
    np.testing.assert_array_equal(read_image(write_tiff(tmp_path / "a.tif", *pages)), PHOTO)
    assert not caplog.text


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_thumbnail_without_a_mark_is_told_once(tmp_path: Path, step: int, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.tif", "b.tif"):
        path = write_tiff(tmp_path / name, Page(PHOTO[::step, ::step]), Page(PHOTO))
        np.testing.assert_array_equal(read_image(path), PHOTO)
    (record,) = caplog.records
    assert "has 2 pages: the largest one is read, the others are taken for its thumbnails" in record.getMessage()


@pytest.mark.parametrize(
    "others", [[PHOTO[..., 1], PHOTO[..., 2]], [PHOTO[::-1, :, 0]], [PHOTO[:24, :, 0]], [PHOTO[:, :20, 0]]]
)
def test_pages_that_are_no_thumbnails_are_asked_about(tmp_path: Path, others: list[NDArray[np.uint8]]) -> None:
    path = write_tiff(tmp_path / "a.tif", PHOTO[..., 0], *others)
    for read in (read_image, read_header, open_image):
        with pytest.raises(DataError, match=f"has {len(others) + 1} pages of 72 x 48"):
            read(path)
    with pytest.raises(DataError, match=r"magick a.tif -combine a_rgb.png"):
        read_image(path)


def test_pillow_and_the_directory_count_pages_alike(tmp_path: Path) -> None:
    pages = [Image.fromarray(PHOTO[::4, ::4].copy()), Image.fromarray(PHOTO), Image.fromarray(PHOTO[::8, ::8].copy())]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PHOTO)


def test_raw_files_in_tiff_are_refused_by_name(tmp_path: Path) -> None:
    dng = write_tiff(tmp_path / "a.tif", Page(PHOTO[::2, ::2], tags=(*REDUCED, (50706, 3, [1, 4]))))
    with pytest.raises(DataError, match=r"is a raw file of a camera \(DNG\): develop it to JPEG"):
        read_image(dng)
    canon = write_tiff(tmp_path / "c.tif", Page(PHOTO))
    canon.write_bytes(canon.read_bytes()[:8] + b"CR\x02\0" + canon.read_bytes()[12:])
    with pytest.raises(DataError, match=r"is a raw file of a Canon camera \(CR2\)"):
        read_image(canon)
    preview = write_tiff(tmp_path / "b.tif", Page(PHOTO[::2, ::2], tags=REDUCED))
    with pytest.raises(DataError, match="raw file of a camera, or holds thumbnails alone"):
        read_image(preview)


@pytest.mark.parametrize("bits", [1, None])
@pytest.mark.parametrize("deep", [False, True])
def test_a_mask_page_marks_what_is_valid(tmp_path: Path, bits: int | None, deep: bool) -> None:
    valid = np.zeros((48, 72), np.uint8)
    valid[5:40, 3:50] = 1 if bits else 255
    pixels = PHOTO.astype(np.uint16) if deep else PHOTO
    photometric = 2 if deep else None
    path = write_tiff(
        tmp_path / "a.tif", Page(pixels, photometric), Page(valid, photometric=4, bits=bits, deflate=True, tags=MASK)
    )
    source = open_image(path, stretch=(0, 255) if deep else None)
    np.testing.assert_array_equal(source.valid(Window(0, 0, 48, 72)), valid > 0)
    np.testing.assert_array_equal(source.read(Window(0, 0, 48, 72)), PHOTO)
    assert not source.fully_valid


@pytest.mark.parametrize(
    ("dtype", "text"), [(np.uint16, "7"), (np.int16, "-9999"), (np.float32, "nan"), (np.float32, "0.1")]
)
def test_values_of_no_data_are_not_valid(tmp_path: Path, dtype: type, text: str) -> None:
    pixels = np.dstack([PHOTO, PHOTO[..., :2]]).astype(dtype) + dtype(20)
    pixels[:9, :9] = dtype(text)
    pixels[9, 9, 0] = dtype(text)  # one band alone is a value
    source = open_image(
        write_tiff(tmp_path / "a.tif", Page(pixels, tags=(nodata(text),))), bands=(3, 2, 1), stretch=(0, 300)
    )
    valid = source.valid(Window(0, 0, 48, 72))
    assert not valid[:9, :9].any()
    assert valid[10:, 10:].all()
    assert valid[9, 9] == (text != "nan")
