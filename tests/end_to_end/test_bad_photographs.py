"""Photographs and caches that cannot be used as they are, through the real commands."""

import json
import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.background_run import background_run
from tests.helpers.commands import Command, assert_one_line
from tests.helpers.small_run import compose_config, fit_config, small

IMAGES, MASKS = "original_images", "label_images_semantic"


def _all(root: Path, change: Callable[[Image.Image, Path], object]) -> None:
    """Rewrite every photograph, so that each split has one."""
    for path in sorted((root / IMAGES).iterdir()):
        with Image.open(path) as image:
            image.load()
            path.unlink()
            change(image, path)


def _gif(root: Path) -> None:
    _all(root, lambda image, path: image.save(path, "GIF"))


def _sixteen_bits(root: Path) -> None:
    _all(root, lambda image, path: Image.fromarray(np.array(image)[..., 0] * np.uint16(257)).save(path, "TIFF"))


def _turned(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    _all(root, lambda image, path: image.save(path, exif=exif))


def _megapixels(root: Path) -> None:
    Image.new("1", (20_000, 15_000)).save(root / IMAGES / "big.png")
    shutil.copy(root / IMAGES / "big.png", root / MASKS / "big.png")


def _bomb(root: Path) -> None:
    """Write a file of one kilobyte whose header claims 3,600 megapixels."""
    Image.new("1", (8, 8)).save(root / IMAGES / "big.png")
    content = bytearray((root / IMAGES / "big.png").read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    for folder in (IMAGES, MASKS):
        (root / folder / "big.png").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (_gif, [".jpg is a GIF image", "convert it to PNG or JPEG"]),
        (_sixteen_bits, [".jpg has 1 band of uint16", "data.stretch=[0,4095]", "convert it to 8-bit RGB"]),
        (_turned, [".jpg is rotated by its EXIF orientation 6", ".png by 1", "rotate the mask"]),
        (_megapixels, ["big.png is too large to be read", "300000000 pixels", "cut it into parts"]),
        (_bomb, ["big.png is too large to be read", "3600000000 pixels", "cut it into parts"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_photographs_that_cannot_be_used(
    damage: Callable[[Path], None], parts: list[str], scenes: Path, tmp_path: Path, command: Command
) -> None:
    damage(scenes)
    assert_one_line(command("train.py", *small(scenes, tmp_path / "run")), *parts)


def test_unusual_pixel_formats_are_read_and_alpha_is_warned_about_once(
    scenes: Path, tmp_path: Path, command: Command
) -> None:
    modes = iter(("CMYK", "L", "RGBA", "RGBA", "P") * 4)

    def convert(image: Image.Image, path: Path) -> None:
        mode = next(modes)
        image.convert(mode).save(path.with_suffix(".jpg" if mode in ("CMYK", "L") else ".png"))

    _all(scenes, convert)
    result = command("train.py", *small(scenes, tmp_path / "run"), "data.num_workers=2")
    assert result.returncode == 0, result.stderr
    assert (result.stdout + result.stderr).count(
        "8 photographs may have transparent or no-data pixels"
    ) == 2  # once more under the scores
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["miou"] > 0


def test_cache_folder_without_write_access(scenes: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "file").write_text("")
    result = command("train.py", *small(scenes, tmp_path / "run"), f"data.cache_dir={tmp_path}/file")
    assert_one_line(result, f"the cache folder {tmp_path}/file cannot be written", "data.cache_dir=FOLDER")


def test_disk_too_full_for_the_cache(tmp_path: Path, command: Command) -> None:
    """More images of 100 megapixels than the disk has room for. Only their headers are read."""
    root, side = tmp_path / "root", 10_000
    for folder, mode in (("images", "RGB"), ("masks", "L")):
        (root / folder).mkdir(parents=True)
        image = Image.new(mode, (side, side))
        image.paste((9, 9, 9) if mode == "RGB" else 3, (0, 0, side, side // 2))
        image.save(root / folder / "0.png", compress_level=1)
        for name in range(1, shutil.disk_usage(tmp_path).free // (3 * side * side) + 2):
            os.link(root / folder / "0.png", root / folder / f"{name}.png")
    arguments = [*small(root, tmp_path / "run"), "data.sampling=crops", f"data.cache_dir={tmp_path}/cache"]
    assert_one_line(command("train.py", *arguments), "the cache needs", "GB are free", "data.cache=none")


def test_disk_that_fills_up_during_a_run(scenes: Path, tmp_path: Path, command: Command) -> None:
    arguments = [*small(scenes, tmp_path / "run"), "data.image_size=[256,384]", "debug=one_batch"]
    # In the cache a photograph takes 300 kB, and its mask 100 kB.
    result = command("train.py", *arguments, f"data.cache_dir={tmp_path}/cache", file_size_limit=200_000)
    assert "the cache in" in result.stdout + result.stderr
    assert "continuing without" in result.stdout + result.stderr
    assert all(path.stat().st_size < 200_000 for path in (tmp_path / "cache").iterdir())


def test_cache_files_of_another_version_and_damaged_ones_are_made_again(
    scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def train(run: str) -> None:
        fit_config(compose_config("train", *small(scenes, tmp_path / run), f"data.cache_dir={tmp_path}/cache"))

    train("run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    assert len(before) == 36  # photographs and masks of train and val
    old, damaged = sorted(before)[:2]
    (tmp_path / "cache" / old).write_bytes(before[old].replace(b'"version": 1', b'"version": 0'))
    (tmp_path / "cache" / damaged).write_bytes(before[damaged][:-100] + bytes(100))
    with caplog.at_level("INFO"):
        train("again")
    assert (
        caplog.text.count("written by another version of segdrone; they are decoded again, as are others like them")
        == 1
    )
    assert caplog.text.count("damaged; they are decoded again") == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == before


CHANGED = "has changed since; they are decoded again"


@pytest.mark.parametrize("size", [(64, 96), (32, 48)])
def test_photograph_replaced_during_a_run(size: tuple[int, int], scenes: Path, tmp_path: Path) -> None:
    arguments = [*small(scenes, tmp_path / "run"), "trainer.max_epochs=400", "trainer.limit_val_batches=1"]
    with background_run(arguments, tmp_path / "run") as process:
        for path in (scenes / IMAGES).iterdir():
            Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / "new.jpg")
            os.replace(tmp_path / "new.jpg", path)
        if size == (64, 96):
            while not (lines := [line for line in process.outputs()[0].splitlines() if CHANGED in line]):
                assert process.poll() is None
                time.sleep(0.05)
            assert str(scenes) in lines[0]
        else:
            assert process.wait(120) == 2
            last = process.outputs()[1].splitlines()[-1]
            assert ".jpg is 48 x 32 pixels, but was 96 x 64 when the dataset was opened" in last
