"""Windows of resized photographs and masks."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.caching.cache import NoCache
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.reader import CachedReader
from segdrone.errors import DataError
from segdrone.synthetic import render_scene
from segdrone.windows import Size, Window

TABLE = ClassTable(("road", "grass", "tree", "dog"), ((9, 0, 0), (0, 9, 0), (0, 0, 9), (9, 9, 9)), ignore_index=200)
GROUPS = {"green": ["tree", "grass"], "ignored": ["road"]}
MERGED = np.full(256, 200, np.uint8)
MERGED[[1, 2, 3]] = 0, 0, 1
CV2 = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def arrays(size: Size, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    return image, rng.choice(np.array([0, 1, 2, 3, 200], np.uint8), size)


def pair(folder: Path, size: Size, name: str = "a", seed: int = 0, suffix: str = ".png") -> ImageMaskPair:
    image, mask = arrays(size, seed)
    files = folder / f"{name}{suffix}", folder / f"{name}_mask.png"
    Image.fromarray(image).save(files[0])
    Image.fromarray(mask).save(files[1])
    return ImageMaskPair(name, *files, size)


def new_reader(encoding: MaskEncoding | None = None, interpolation: str = "area") -> CachedReader:
    return CachedReader(encoding or MaskEncoding(TABLE), interpolation, NoCache())


def nearest(mask: NDArray[np.uint8], size: Size, interpolation: str = "area") -> NDArray[np.uint8]:
    corner = interpolation == "nearest"
    flag = cv2.INTER_NEAREST if corner else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=flag), np.uint8).reshape(size)


def padded(full: NDArray[np.uint8], window: Window, fill: int) -> NDArray[np.uint8]:
    expected = np.full((window.height, window.width, *full.shape[2:]), fill, np.uint8)
    part = full[window.rows, window.columns]
    expected[: part.shape[0], : part.shape[1]] = part
    return expected


@st.composite
def cases(draw: st.DrawFn) -> tuple[Size, Size, list[Window]]:
    """Size of a photograph, the size it is resized to, and windows that begin inside the latter."""
    size = draw(sizes)
    windows = st.tuples(
        st.integers(0, size[0] - 1), st.integers(0, size[1] - 1), st.integers(1, 50), st.integers(1, 50)
    )
    return draw(sizes), size, [Window(*window) for window in draw(st.lists(windows, min_size=1, max_size=4))]


@settings(max_examples=100, deadline=None)
@given(case=cases(), interpolation=st.sampled_from(["area", "linear", "nearest"]), grouped=st.booleans())
def test_windows_are_cut_from_the_resized_photograph_and_padded(
    case: tuple[Size, Size, list[Window]], interpolation: str, grouped: bool
) -> None:
    photograph, size, windows = case
    image, mask = arrays(photograph)
    resized = np.asarray(cv2.resize(image, size[::-1], interpolation=CV2[interpolation]), np.uint8).reshape(*size, 3)
    resized_mask = nearest(mask, size, interpolation)
    if grouped:
        resized_mask = MERGED[resized_mask]
    with TemporaryDirectory() as folder:
        one = pair(Path(folder), photograph)
        reader = new_reader(MaskEncoding(TABLE, GROUPS if grouped else {}), interpolation)
        for window in windows:
            np.testing.assert_array_equal(reader.image(one, size, window), padded(resized, window, 0))
            np.testing.assert_array_equal(reader.mask(one, size, window), padded(resized_mask, window, 200))
        counts = reader.counts(one, size)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, np.bincount(resized_mask.ravel(), minlength=256))


@settings(max_examples=50, deadline=None)
@given(size=sizes, step=st.integers(1, 20), data=st.data())
def test_a_step_reads_every_step_th_row_and_column(size: Size, step: int, data: st.DataObject) -> None:
    top, left = (data.draw(st.integers(0, side - 1)) for side in size)
    window = Window(top, left, 30, 20)
    with TemporaryDirectory() as folder:
        coarse = new_reader(MaskEncoding(TABLE, GROUPS)).mask(pair(Path(folder), size), size, window, step)
    inside = MERGED[arrays(size)[1]][top : top + 30 : step, left : left + 20 : step]
    np.testing.assert_array_equal(coarse[: inside.shape[0], : inside.shape[1]], inside)
    assert coarse.shape == (-(-30 // step), -(-20 // step))
    assert (coarse[inside.shape[0] :] == 200).all() and (coarse[:, inside.shape[1] :] == 200).all()


def test_changing_a_window_does_not_change_the_next(tmp_path: Path) -> None:
    one, window = pair(tmp_path, (8, 9)), Window(1, 2, 5, 5)
    for reader in (new_reader(), new_reader(MaskEncoding(TABLE, GROUPS))):
        before = reader.image(one, (8, 9), window), reader.mask(one, (8, 9), window)
        reader.image(one, (8, 9), window)[:] = 7
        reader.mask(one, (8, 9), window)[:] = 7
        np.testing.assert_array_equal(reader.image(one, (8, 9), window), before[0])
        np.testing.assert_array_equal(reader.mask(one, (8, 9), window), before[1])


def test_photographs_and_sizes_can_be_read_in_any_order(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, (12, 10)), pair(tmp_path, (10, 12), "b", seed=1)]
    reader = new_reader()
    for i in (0, 1, 0, 0, 1):
        for size in ((12, 10), (5, 5), (10, 12)):
            image, mask = arrays(pairs[i].size, i)
            full = Window(0, 0, *size)
            expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
            np.testing.assert_array_equal(reader.image(pairs[i], size, full), expected)
            np.testing.assert_array_equal(reader.mask(pairs[i], size, full), nearest(mask, size))


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
@pytest.mark.parametrize("size", [(64, 96), (60, 12), (8, 96), (16, 24), (70, 20), (20, 100), (128, 192)])
def test_a_jpeg_is_resized_from_its_full_size_or_nearly_so(tmp_path: Path, size: Size, interpolation: str) -> None:
    rows, columns = np.mgrid[:64, :96]
    image = np.stack([rows * 3, columns * 2, 100 + rows - columns], -1).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=95)
    decoded = np.array(Image.open(tmp_path / "a.jpg"))
    shown = new_reader(interpolation=interpolation).image(
        ImageMaskPair("a", tmp_path / "a.jpg", None, (64, 96)), size, Window(0, 0, *size)
    )
    expected = cv2.resize(decoded, size[::-1], interpolation=CV2[interpolation])
    reduced = interpolation == "area" and size == (16, 24)  # the only size for which a reduced decode is used
    if reduced:
        assert np.abs(shown.astype(int) - expected).max() <= 3
        assert (shown != expected).any()
    else:
        np.testing.assert_array_equal(shown, expected)


@pytest.fixture(scope="module")
def detailed() -> list[NDArray[np.uint8]]:
    """Scenes of 1.5 megapixels, sharper than a photograph of that size, which is the worst case for averaging."""
    return [render_scene(1000, 1504, seed)[0] for seed in (1, 4)]


@pytest.mark.parametrize("size", [(1000, 1504), (1000, 1502), (999, 1503)])
def test_a_reduced_decode_is_not_visible(detailed: list[NDArray[np.uint8]], tmp_path: Path, size: Size) -> None:
    path, exact = tmp_path / "a.jpg", []
    for scene in detailed:
        Image.fromarray(scene[: size[0], : size[1]]).save(path, quality=92)
        full = np.array(Image.open(path))
        for ratio in (2, 2.1, 2.8, 3, 3.6, 4, 4.2, 5.68, 8, 9, 12, 16, 17, 20, 24):
            target = int(size[0] / ratio), int(size[1] / ratio)
            shown = new_reader().image(ImageMaskPair("a", path, None, size), target, Window(0, 0, *target))
            expected = cv2.resize(full, target[::-1], interpolation=cv2.INTER_AREA)
            difference = shown.astype(int) - expected
            assert np.abs(difference).mean() < 3  # as documented; measured: 1.97, and 2.4 on photographs
            assert np.percentile(np.abs(difference), 99) <= 16  # as documented; measured: 10, and 16
            assert np.abs(difference.mean((0, 1))).max() < 0.4  # no cast
            exact.append(not difference.any())
    assert all(exact) == (size == (999, 1503))  # whose sides cannot be divided


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_rotated_photograph_matches_its_rotated_mask(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    mask = np.zeros((64, 96), np.uint8)
    mask[:32, :32] = 3
    image = np.repeat((mask // 3 * 200)[..., None], 3, axis=2)
    Image.fromarray(image).save(tmp_path / "a.jpg", exif=exif, quality=95)
    Image.fromarray(mask).save(tmp_path / "a.png", exif=exif)
    size, small = ((96, 64), (18, 12)) if orientation > 4 else ((64, 96), (12, 18))
    one, full = ImageMaskPair("a", tmp_path / "a.jpg", tmp_path / "a.png", size), Window(0, 0, *small)
    light = new_reader().image(one, small, full)[..., 0] > 100
    np.testing.assert_array_equal(light, new_reader().mask(one, small, full) == 3)
    assert light.sum() == 36


@pytest.mark.parametrize("which", ["image", "mask"])
def test_a_file_replaced_by_one_of_another_size_is_refused_with_both_sizes(tmp_path: Path, which: str) -> None:
    one, reader, window = pair(tmp_path, (20, 30)), new_reader(), Window(0, 0, 4, 4)
    read = reader.image if which == "image" else reader.mask
    read(one, (10, 15), window)
    path = one.image if which == "image" else one.mask
    assert path is not None
    Image.fromarray(arrays((30, 20))[which == "mask"]).save(path)
    with pytest.raises(DataError) as caught:
        read(one, (10, 15), window)
    assert str(caught.value) == (
        f"{path} is 20 x 30 pixels, but was 30 x 20 when the dataset was opened: restore the file, or start again"
    )


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    one, reader, full = pair(tmp_path, (6, 7)), new_reader(), Window(0, 0, 6, 7)
    np.testing.assert_array_equal(reader.image(one, (6, 7), full), arrays((6, 7))[0])
    np.testing.assert_array_equal(reader.mask(one, (6, 7), full), arrays((6, 7))[1])
    assert pair(tmp_path, (6, 7), seed=5) == one
    for path in tmp_path.iterdir():
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # the clock of a file system may be coarse
    np.testing.assert_array_equal(reader.image(one, (6, 7), full), arrays((6, 7), 5)[0])
    np.testing.assert_array_equal(reader.mask(one, (6, 7), full), arrays((6, 7), 5)[1])
    np.testing.assert_array_equal(reader.counts(one, (6, 7)), np.bincount(arrays((6, 7), 5)[1].ravel(), minlength=256))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    one, reader, window = pair(tmp_path, (6, 7)), new_reader(), Window(0, 0, 4, 4)
    reader.image(one, (6, 7), window)
    one.image.unlink()
    with pytest.raises(DataError, match="a.png does not exist"):
        reader.image(one, (6, 7), window)


def test_a_photograph_without_a_mask_has_none_to_read(tmp_path: Path) -> None:
    one = pair(tmp_path, (6, 7))
    without = ImageMaskPair("a", one.image, None, one.size)
    for read in (
        lambda: new_reader().mask(without, (6, 7), Window(0, 0, 4, 4)),
        lambda: new_reader().counts(without, (6, 7)),
    ):
        with pytest.raises(
            DataError, match="a.png has no mask: it can be predicted, but not used for training or scores"
        ):
            read()
    assert [key.shape for key in new_reader().keys(without, (6, 7))] == [(6, 7, 3)]


def test_entries_tell_apart_what_makes_other_new_reader(tmp_path: Path) -> None:
    one, other = pair(tmp_path, (6, 7)), pair(tmp_path, (6, 7), "b")
    known = [key.name for key in new_reader().keys(one, (3, 4))]
    assert [key.shape for key in new_reader().keys(one, (3, 4))] == [(3, 4, 3), (3, 4)]
    assert [key.name for key in new_reader(MaskEncoding(TABLE, GROUPS)).keys(one, (3, 4))] == known  # merged later
    relative = ImageMaskPair("a", Path(os.path.relpath(one.image)), Path(os.path.relpath(one.mask or "")), one.size)
    assert [key.name for key in new_reader().keys(relative, (3, 4))] == known
    for reader, which, size, same in (
        (new_reader(), other, (3, 4), [False, False]),
        (new_reader(), one, (4, 3), [False, False]),
        (new_reader(interpolation="linear"), one, (3, 4), [False, True]),
        (new_reader(interpolation="nearest"), one, (3, 4), [False, False]),
        (new_reader(MaskEncoding(TABLE, kind="colours")), one, (3, 4), [True, False]),
    ):
        assert [name in known for name in (key.name for key in reader.keys(which, size))] == same
