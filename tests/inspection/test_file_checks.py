from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.small_dataset import (
    HEIGHT,
    IMAGES,
    MASKS,
    NAMES,
    WIDTH,
    check,
    get_check,
    mask,
    photograph,
    single_finding,
    write_set,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def save_turned(path: Path, orientation: int, pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def test_files_without_a_partner_are_listed(root: Path) -> None:
    (root / MASKS / "002.png").unlink()
    (root / MASKS / "003.png").unlink()
    (root / IMAGES / "005.jpg").unlink()
    report = check(root)
    photographs, masks = get_check(report, "files").findings
    assert (photographs.status, list(photographs.where)) == ("ERROR", ["images/002.jpg", "images/003.jpg"])
    assert (masks.status, list(masks.where)) == ("ERROR", ["masks/005.png"])
    assert photographs.text == (
        "2 photographs without a mask: add it, or skip such files with data.allow_unpaired=true"
    )
    assert get_check(report, "files").facts["pairs"] == 5
    assert report.failed


def test_skipped_files_may_be_broken(root: Path) -> None:
    (root / MASKS / "002.png").unlink()
    (root / IMAGES / "002.jpg").write_text("no picture")
    report = check(root, allow_unpaired=True)
    assert single_finding(report, "files") == ("WARNING", "1 photograph without a mask: skipped", ["images/002.jpg"])
    assert not report.failed
    assert check(root).failed


def test_duplicate_name_is_an_error(root: Path) -> None:
    Image.fromarray(photograph(9)).save(root / IMAGES / "004.png")
    status, text, where = single_finding(check(root), "files")
    assert (status, where) == ("ERROR", ["images/004.jpg", "images/004.png"])
    assert "rename or remove" in text


def test_entries_that_training_ignores_are_reported(root: Path) -> None:
    (root / IMAGES / "clip.gif").write_bytes(b"GIF89a")
    (root / IMAGES / "flight.MP4").write_bytes(b"film")
    (root / IMAGES / ".hidden").write_text("")
    status, text, where = single_finding(check(root), "files")
    assert (status, where) == ("WARNING", ["images/clip.gif", "images/flight.MP4"])
    assert "2 files ignored" in text
    assert "1 video (flight.MP4): predict them by `segdrone predict`" in text
    assert "1 image of another format (clip.gif): convert them to PNG or TIFF" in text


def test_every_unreadable_file_is_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100 * HEIGHT * WIDTH)
    images = root / IMAGES
    whole = (images / "000.jpg").read_bytes()
    (images / "000.jpg").write_bytes(whole[:-400])
    (images / "001.jpg").write_text("no picture")
    Image.fromarray(photograph(2)).save(images / "002.jpg", format="GIF")
    Image.fromarray(np.full((HEIGHT, WIDTH), 300, np.uint16)).save(images / "003.jpg", format="PNG")
    Image.new("L", (20 * WIDTH, 20 * HEIGHT)).save(images / "004.jpg", format="PNG")
    png = (root / MASKS / "005.png").read_bytes()
    (root / MASKS / "005.png").write_bytes(png[: len(png) // 2])
    report = check(root)
    status, text, where = single_finding(report, "reading")
    assert (status, text) == ("ERROR", "6 files not readable: fix or remove it")
    for line, name, reason in zip(
        where,
        ["images/000.jpg", "images/001.jpg", "images/002.jpg", "images/003.jpg", "images/004.jpg", "masks/005.png"],
        ["cut|truncated", "is not an image", "is a GIF image", "not 8 bits", "is too large", "cannot be decoded"],
        strict=True,
    ):
        assert line.startswith(str(root / name))
        assert any(part in line for part in reason.split("|"))
        assert "\n" not in line
    assert get_check(report, "reading").facts == {"files": 16, "unreadable": 6}
    assert get_check(report, "channels").status == "ERROR"


def test_color_masks_read_as_ids_are_listed(root: Path) -> None:
    Image.fromarray(photograph(1)).save(root / MASKS / "001.png")
    status, _, (line,) = single_finding(check(root, mask_encoding="ids"), "reading")
    assert status == "ERROR"
    assert line == f"{root / MASKS / '001.png'} holds colors, not ids: give data.mask_encoding=colours"


def test_sizes_are_counted_and_compared(root: Path) -> None:
    Image.fromarray(photograph(1, 32, 48)).save(root / IMAGES / "001.jpg")
    report = check(root)
    status, text, where = single_finding(report, "sizes")
    assert (status, where) == ("ERROR", ["images/001.jpg: 48 x 32, its mask 96 x 64"])
    assert "export it again at the size of its photograph" in text
    assert get_check(report, "sizes").facts["sizes"] == [
        {"width": 96, "height": 64, "photographs": 7},
        {"width": 48, "height": 32, "photographs": 1},
    ]


def test_photograph_rotated_unlike_its_mask_is_an_error(root: Path) -> None:
    save_turned(root / IMAGES / "001.jpg", 6, photograph(1))
    status, text, where = single_finding(check(root), "sizes")
    assert (status, where) == ("ERROR", ["images/001.jpg: EXIF orientation 6, its mask's 1"])
    assert "save the photograph upright" in text


@pytest.mark.parametrize(("orientation", "size"), [(3, (HEIGHT, WIDTH)), (6, (WIDTH, HEIGHT))])
def test_rotation_that_keeps_the_size_is_a_warning(root: Path, orientation: int, size: tuple[int, int]) -> None:
    save_turned(root / IMAGES / "001.jpg", orientation, photograph(1))
    Image.fromarray(mask(*size)).save(root / MASKS / "001.png")
    report = check(root)
    status, text, where = single_finding(report, "sizes")
    assert (status, where) == ("WARNING", [f"images/001.jpg: EXIF orientation {orientation}, its mask's 1"])
    assert "check that they match" in text
    assert not report.failed


@pytest.mark.parametrize("orientations", [(3, 3), (0, 1)])
def test_equal_orientations_pass(root: Path, orientations: tuple[int, int]) -> None:
    save_turned(root / IMAGES / "001.jpg", orientations[0], photograph(1))
    save_turned(root / MASKS / "001.png", orientations[1], mask())
    assert get_check(check(root), "sizes").status == "OK"


@pytest.mark.parametrize(
    ("mode", "suffix", "status", "part"),
    [
        ("L", ".jpg", "OK", ""),
        ("P", ".png", "OK", ""),
        ("RGBA", ".png", "WARNING", "alpha channel: transparent pixels are not trained on"),
        ("LA", ".png", "WARNING", "alpha channel: transparent pixels are not trained on"),
        ("CMYK", ".jpg", "WARNING", "converted without its color profile"),
        ("I;16", ".tif", "ERROR", "not of 8 bits per channel"),
    ],
)
def test_pixel_modes(root: Path, mode: str, suffix: str, status: str, part: str) -> None:
    (root / IMAGES / "001.jpg").unlink()
    rgb = Image.fromarray(photograph(1))
    deep = Image.fromarray(np.full((HEIGHT, WIDTH), 300, np.uint16))
    (deep if mode == "I;16" else rgb.convert(mode)).save(root / IMAGES / f"001{suffix}")
    report = check(root)
    channels = get_check(report, "channels")
    assert channels.status == status
    stored = "1 x uint16" if mode == "I;16" else mode
    assert channels.facts == {"photographs": {"RGB": 7, stored: 1}, "masks": {"L": 8}}
    if part:
        assert part in channels.findings[0].text
        assert channels.findings[0].where[0].startswith(f"images/001{suffix}")
    assert report.failed == (status == "ERROR")


def test_all_names_are_kept_in_the_report(root: Path) -> None:
    for name in NAMES:
        (root / MASKS / f"{name}.png").write_text("no picture")
    assert len(single_finding(check(root), "reading")[2]) == 8
