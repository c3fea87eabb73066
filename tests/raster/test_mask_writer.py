"""Masks written tile by tile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.raster import MaskWriter, PngMaskWriter, TileCollector
from segdrone.raster.encode import write_gray_png
from segdrone.windows import grid
from tests.helpers.image_files import random_ids

SIZE = (37, 53)


def tiles(mask: NDArray[np.uint8], seed: int | None = None) -> list[tuple[int, int, NDArray[np.uint8]]]:
    """Tiles that cover a mask once, of uneven sizes, in the order of a seed."""
    tops, lefts = (0, 10, 11, 30), (0, 7, 40)
    cut = [
        (top, left, mask[top:bottom, left:right])
        for top, bottom in zip(tops, (*tops[1:], mask.shape[0]), strict=True)
        for left, right in zip(lefts, (*lefts[1:], mask.shape[1]), strict=True)
    ]
    if seed is not None:
        np.random.default_rng(seed).shuffle(cut)
    return cut


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_tiles_in_any_order_give_the_same_file(tmp_path: Path, seed: int | None) -> None:
    mask = random_ids(*SIZE)
    writer: MaskWriter = PngMaskWriter(tmp_path / "new" / "a.png", SIZE)
    assert writer.suffix == ".png"
    with writer:
        for tile in tiles(mask, seed):
            writer.write(*tile)
        assert not writer.is_complete(tmp_path / "new" / "a.png")
    assert writer.is_complete(tmp_path / "new" / "a.png")
    write_gray_png(mask, tmp_path / "b.png")
    assert (tmp_path / "new" / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "a.png"), cv2.IMREAD_UNCHANGED), mask)


def test_a_body_that_fails_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"former")
    with pytest.raises(KeyError), PngMaskWriter(path, SIZE) as writer:
        for tile in tiles(random_ids(*SIZE)):
            writer.write(*tile)
        raise KeyError
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_killed_halfway_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"former")
    code = """
import os, signal, sys
from pathlib import Path
import numpy as np
from segdrone.raster import PngMaskWriter
with PngMaskWriter(Path(sys.argv[1]), (64, 64)) as writer:
    writer.write(0, 0, np.ones((32, 64), np.uint8))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_tiles_are_an_error_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with (
        pytest.raises(ValueError, match=r"do not cover a mask of 37 x 53 pixels once: 91 pixels are missing"),
        PngMaskWriter(path, SIZE) as writer,
    ):
        for tile in tiles(random_ids(*SIZE))[:-1]:
            writer.write(*tile)
    assert not path.exists()


def test_tiles_written_twice_are_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="70 pixels are written twice"),
        PngMaskWriter(tmp_path / "a.png", SIZE) as writer,
    ):
        for tile in [*tiles(random_ids(*SIZE)), tiles(random_ids(*SIZE))[0]]:
            writer.write(*tile)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("top", "left", "shape"), [(0, 0, (38, 53)), (-1, 0, (5, 5)), (33, 0, (5, 5)), (0, 49, (5, 5)), (0, -2, (1, 1))]
)
def test_a_tile_outside_the_mask_is_an_error(tmp_path: Path, top: int, left: int, shape: tuple[int, int]) -> None:
    writer = PngMaskWriter(tmp_path / "a.png", SIZE)
    with pytest.raises(ValueError, match="is not inside a mask of 37 x 53 pixels"):
        writer.write(top, left, np.zeros(shape, np.uint8))


@pytest.mark.parametrize("tile", [np.zeros((5, 5), np.int64), np.zeros((5, 5, 1), np.uint8)])
def test_a_tile_of_another_type_is_an_error(tmp_path: Path, tile: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"is not uint8 \[h, w\]"):
        PngMaskWriter(tmp_path / "a.png", SIZE).write(0, 0, tile)


def test_a_collector_joins_the_windows_of_a_grid() -> None:
    mask = random_ids(64, 96)
    collector = TileCollector((64, 96))
    for window in grid((64, 96), (16, 32), (16, 32)):
        collector.write(window.top, window.left, mask[window.rows, window.columns])
    np.testing.assert_array_equal(collector.result(), mask)
    with pytest.raises(ValueError, match="are missing"):
        TileCollector((4, 4)).result()
