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
    mask,
    named,
    photograph,
    told,
    write_set,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def save_turned(path: Path, orientation: int, pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def test_missing_partners_are_listed(root: Path) -> None:
    (root / MASKS / "002.png").unlink()
    (root / MASKS / "003.png").unlink()
    (root / IMAGES / "005.jpg").unlink()
    report = check(root)
    photographs, masks = named(report, "files").findings
    assert (photographs.status, list(photographs.where)) == ("ERROR", ["images/002.jpg", "images/003.jpg"])
    assert (masks.status, list(masks.where)) == ("ERROR", ["masks/005.png"])
    assert photographs.text == (
        "2 photographs without a mask: add it, or leave such files out with data.allow_unpaired=true"
    )
    assert named(report, "files").facts["pairs"] == 5
    assert report.failed


def test_files_left_out_need_not_be_sound(root: Path) -> None:
    (root / MASKS / "002.png").unlink()
    (root / IMAGES / "002.jpg").write_text("no picture")
    report = check(root, allow_unpaired=True)
    assert told(report, "files") == ("WARNING", "1 photograph without a mask: left out", ["images/002.jpg"])
    assert not report.failed
    assert check(root).failed


def test_a_name_that_stands_twice_is_an_error(root: Path) -> None:
    Image.fromarray(photograph(9)).save(root / IMAGES / "004.png")
    status, text, where = told(check(root), "files")
    assert (status, where) == ("ERROR", ["images/004.jpg", "images/004.png"])
    assert "rename or remove" in text


def test_what_training_passes_over_is_told(root: Path) -> None:
    (root / IMAGES / "clip.gif").write_bytes(b"GIF89a")
    (root / MASKS / "more").mkdir()
    (root / IMAGES / ".hidden").write_text("")
    status, text, where = told(check(root), "files")
    assert (status, where) == ("WARNING", ["images/clip.gif", "masks/more/"])
    assert "2 entries passed over" in text


def test_every_undecodable_file_has_its_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    status, text, where = told(report, "reading")
    assert (status, text) == ("ERROR", "6 files not readable: mend or remove it as told")
    for line, name, reason in zip(
        where,
        ["images/000.jpg", "images/001.jpg", "images/002.jpg", "images/003.jpg", "images/004.jpg", "masks/005.png"],
        ["cut|truncated", "is not an image", "is not an image", "not 8 bits", "is too large", "cannot be decoded"],
        strict=True,
    ):
        assert line.startswith(str(root / name))
        assert any(part in line for part in reason.split("|"))
        assert "\n" not in line
    assert named(report, "reading").facts == {"files": 16, "unreadable": 6}
    assert named(report, "channels").status == "ERROR"


def test_masks_of_colours_read_as_ids_have_their_line(root: Path) -> None:
    Image.fromarray(photograph(1)).save(root / MASKS / "001.png")
    status, _, (line,) = told(check(root, encoding="ids"), "reading")
    assert status == "ERROR"
    assert line == f"{root / MASKS / '001.png'} holds colours, not ids: give data.mask_encoding=colours"


def test_sizes_are_counted_and_compared(root: Path) -> None:
    Image.fromarray(photograph(1, 32, 48)).save(root / IMAGES / "001.jpg")
    report = check(root)
    status, text, where = told(report, "sizes")
    assert (status, where) == ("ERROR", ["images/001.jpg: 48 x 32, its mask 96 x 64"])
    assert "export it again at its photograph's size" in text
    assert named(report, "sizes").facts["sizes"] == [
        {"width": 96, "height": 64, "photographs": 7},
        {"width": 48, "height": 32, "photographs": 1},
    ]


def test_a_quarter_turn_of_the_photograph_alone_is_an_error(root: Path) -> None:
    save_turned(root / IMAGES / "001.jpg", 6, photograph(1))
    status, text, where = told(check(root), "sizes")
    assert (status, where) == ("ERROR", ["images/001.jpg: EXIF orientation 6, its mask's 1"])
    assert "save the photograph upright" in text


@pytest.mark.parametrize(("orientation", "size"), [(3, (HEIGHT, WIDTH)), (6, (WIDTH, HEIGHT))])
def test_a_turn_that_keeps_the_size_is_to_be_looked_at(root: Path, orientation: int, size: tuple[int, int]) -> None:
    save_turned(root / IMAGES / "001.jpg", orientation, photograph(1))
    Image.fromarray(mask(*size)).save(root / MASKS / "001.png")
    report = check(root)
    status, text, where = told(report, "sizes")
    assert (status, where) == ("WARNING", [f"images/001.jpg: EXIF orientation {orientation}, its mask's 1"])
    assert "look whether they lie on one another" in text
    assert not report.failed


@pytest.mark.parametrize("orientations", [(3, 3), (0, 1)])
def test_like_orientations_are_well(root: Path, orientations: tuple[int, int]) -> None:
    save_turned(root / IMAGES / "001.jpg", orientations[0], photograph(1))
    save_turned(root / MASKS / "001.png", orientations[1], mask())
    assert named(check(root), "sizes").status == "OK"


@pytest.mark.parametrize(
    ("mode", "suffix", "status", "part"),
    [
        ("L", ".jpg", "OK", ""),
        ("P", ".png", "OK", ""),
        ("RGBA", ".png", "WARNING", "alpha channel, which is dropped"),
        ("LA", ".png", "WARNING", "alpha channel, which is dropped"),
        ("CMYK", ".jpg", "WARNING", "converted without its colour profile"),
        ("I;16", ".tif", "ERROR", "not of 8 bits a channel"),
    ],
)
def test_kinds_of_pixels(root: Path, mode: str, suffix: str, status: str, part: str) -> None:
    (root / IMAGES / "001.jpg").unlink()
    rgb = Image.fromarray(photograph(1))
    deep = Image.fromarray(np.full((HEIGHT, WIDTH), 300, np.uint16))
    (deep if mode == "I;16" else rgb.convert(mode)).save(root / IMAGES / f"001{suffix}")
    report = check(root)
    channels = named(report, "channels")
    assert channels.status == status
    assert channels.facts == {"photographs": {"RGB": 7, mode: 1}, "masks": {"L": 8}}
    if part:
        assert part in channels.findings[0].text
        assert channels.findings[0].where[0].startswith(f"images/001{suffix}")
    assert report.failed == (status == "ERROR")


def test_all_names_are_kept_however_many(root: Path) -> None:
    for name in NAMES:
        (root / MASKS / f"{name}.png").write_text("no picture")
    assert len(told(check(root), "reading")[2]) == 8
