from __future__ import annotations

import base64
import zlib
from io import BytesIO
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from segdrone.annotations import bitmaps
from segdrone.annotations.bitmaps import EmbeddedPng, RunLengths, decode_coco_counts
from segdrone.annotations.brush import Brush
from segdrone.annotations.shapes import Bitmap

Mask = NDArray[np.bool_]


def some_mask(size: tuple[int, int], seed: int, share: float = 0.5) -> Mask:
    small = np.random.default_rng(seed).random((size[0] // 5 + 1, size[1] // 5 + 1)) < share
    return np.kron(small, np.ones((5, 5), bool))[: size[0], : size[1]]


def placed(bitmap: Bitmap, size: tuple[int, int]) -> Mask:
    top, left, block = bitmap.decode(size)
    canvas = np.zeros(size, bool)
    canvas[top : top + block.shape[0], left : left + block.shape[1]] = block
    return canvas


def runs_of(values: Mask) -> list[int]:
    """Run lengths, outside first, value by value."""
    runs = [(bool(value), len(list(group))) for value, group in groupby(values.tolist())]
    return [0] * bool(runs[0][0]) + [length for _, length in runs]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 99), st.sampled_from([0, 0.02, 0.5, 1]))
def test_run_lengths_equal_pycocotools(h: int, w: int, seed: int, share: float) -> None:
    truth = some_mask((h, w), seed, share)
    packed = coco.encode(np.asfortranarray(truth.astype(np.uint8)))
    counts = decode_coco_counts(packed["counts"].decode())
    assert counts.tolist() == runs_of(truth.ravel(order="F"))
    runs = RunLengths(counts, (h, w), by_columns=True)
    np.testing.assert_array_equal(placed(runs, (h, w)), truth)
    assert runs.area == coco.area(packed)


def test_long_run_lengths_equal_pycocotools() -> None:
    truth = np.zeros((3000, 4000), bool)
    truth[1000:2500, 100:3900] = True
    truth[5, 7] = True
    packed = coco.encode(np.asfortranarray(truth.astype(np.uint8)))
    runs = RunLengths(decode_coco_counts(packed["counts"].decode()), truth.shape, by_columns=True)
    np.testing.assert_array_equal(placed(runs, truth.shape), truth)


def test_runs_along_rows_are_placed_in_their_rectangle() -> None:
    truth = some_mask((20, 30), 1)
    runs = RunLengths(np.array(runs_of(truth.ravel())), (20, 30), top=7, left=11)
    canvas = placed(runs, (64, 96))
    np.testing.assert_array_equal(canvas[7:27, 11:41], truth)
    assert canvas.sum() == truth.sum()


@pytest.mark.parametrize("counts", [[3, 4], [10, 14, 1], [-1, 25], [], [2**62, 2**62, 2**62, 2**62, 24], [25, -1]])
def test_run_lengths_must_fill_their_rectangle(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="not the 24 of 6 x 4"):
        RunLengths(np.array(counts, np.int64), (4, 6))


def test_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="not the 24 of -6 x -4"):
        RunLengths(np.array([24]), (-4, -6))


def test_runs_larger_than_the_photograph_are_refused_before_decoding() -> None:
    runs = RunLengths(np.array([1, 10**12 - 1]), (10**6, 10**6))
    with pytest.raises(ValueError, match="does not fit into 96 x 64"):
        runs.decode((64, 96))


@pytest.mark.parametrize("text", ["~~~", "\x00", "ö", "\ud800", "0123P", "o" * 4])
def test_invalid_compressed_string_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cut short, or is not a compressed RLE string of COCO"):
        decode_coco_counts(text)


def test_too_large_run_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a run length larger than any photograph"):
        decode_coco_counts("o" * 40 + "0")


def packed(values: NDArray[np.uint8], length_bits: tuple[int, ...] = (3, 4, 8, 16), least: int = 3) -> bytes:
    """Label Studio's packing, written from the format's description as text of 0 and 1."""

    def bits(number: int, count: int) -> str:
        return format(number, f"0{count}b")

    def record(values: list[int], repeated: bool) -> str:
        sort = next(i for i, n in enumerate(length_bits) if len(values) <= 1 << n)
        head = bits(repeated, 1) + bits(sort, 2) + bits(len(values) - 1, length_bits[sort])
        return head + "".join(bits(value, 8) for value in (values[:1] if repeated else values))

    text = bits(len(values), 32) + bits(7, 5) + "".join(bits(n - 1, 4) for n in length_bits)
    plain: list[int] = []
    for value, group in groupby(values.tolist()):
        count = len(list(group))
        if count < least:
            plain += [value] * count
            continue
        if plain:
            text += record(plain, False)
            plain = []
        for start in range(0, count, 1 << 16):
            text += record([value] * min(1 << 16, count - start), True)
    if plain:
        text += record(plain, False)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


def rgba(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(alpha.ravel(), 4)


@pytest.mark.parametrize("least", [1, 3, 50])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
def test_brush_is_decoded(share: float, least: int) -> None:
    truth = some_mask((37, 53), 2, share)
    brush = Brush(packed(rgba(truth * np.uint8(255)), least=least))
    np.testing.assert_array_equal(placed(brush, truth.shape), truth)


def test_brush_pixels_are_those_with_alpha() -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, 1] = (9, 9, 9, 1)
    pixels[1, 2] = (200, 200, 200, 0)
    assert np.argwhere(placed(Brush(packed(pixels.ravel())), (2, 3))).tolist() == [[0, 1]]


def test_brush_with_other_length_bits_is_decoded() -> None:
    truth = some_mask((300, 300), 3)
    brush = Brush(packed(rgba(truth * np.uint8(255)), (1, 5, 10, 16)))
    np.testing.assert_array_equal(placed(brush, truth.shape), truth)


def test_truncated_brush_is_refused() -> None:
    canvas = packed(rgba(some_mask((20, 30), 4) * np.uint8(255)))
    for length in range(len(canvas)):
        with pytest.raises(ValueError, match="is a brush that is cut short"):
            Brush(canvas[:length]).decode((20, 30))


def test_brush_of_another_size_is_refused_before_decoding() -> None:
    announced = (2**32 - 1).to_bytes(4, "big") + bytes(60)
    with pytest.raises(ValueError, match="of 4294967295 values, not the 24 of its photograph"):
        Brush(announced).decode((2, 3))


def test_brush_with_more_values_than_its_header_says_is_refused() -> None:
    longer = packed(np.full(400, 255, np.uint8))
    with pytest.raises(ValueError, match="is a brush of more than the 24 values in its header"):
        Brush((24).to_bytes(4, "big") + longer[4:]).decode((2, 3))


def test_brush_of_more_than_8_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="of 32 bits per value, not 8"):
        Brush((24).to_bytes(4, "big") + b"\xff" * 20).decode((2, 3))


def png(pixels: NDArray[np.uint8] | Mask, form: str = "PNG") -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, form)
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_png_is_placed_in_the_photograph(dtype: type) -> None:
    truth = some_mask((12, 17), 5)
    bitmap = EmbeddedPng(png(truth.astype(dtype)), top=4, left=8)
    canvas = placed(bitmap, (64, 96))
    np.testing.assert_array_equal(canvas[4:16, 8:25], truth)
    assert canvas.sum() == truth.sum()


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        ("!!!", "is not a mask in PNG"),
        (base64.b64encode(b"hello").decode(), "cannot identify"),
        (png(np.ones((8, 8), bool))[:60], "is not a mask in PNG"),
        (png(np.ones((8, 8, 3), np.uint8), "JPEG"), "cannot identify"),
        (png(np.ones((65, 8), bool)), "8 x 65 pixels at column 0, row 0, which does not fit into 96 x 64"),
        (png(np.ones((6000, 6000), bool)), "6000 x 6000 pixels"),
    ],
)
def test_invalid_png_is_refused(encoded: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        EmbeddedPng(encoded).decode((64, 96))


def test_png_is_cropped_to_its_rectangle() -> None:
    assert placed(EmbeddedPng(png(np.ones((9, 8), bool)), size=(3, 4)), (64, 96)).sum() == 12


def test_png_of_another_size_than_the_photograph_is_refused_if_it_is_whole() -> None:
    bitmap = EmbeddedPng(png(np.ones((32, 48), bool)), is_whole=True)
    with pytest.raises(ValueError, match="has 48 x 32 pixels, its photograph 96 x 64"):
        bitmap.decode((64, 96))
    assert placed(bitmap, (32, 48)).all()


def test_pixels_inside_are_not_transparent_or_else_not_black() -> None:
    truth = some_mask((12, 17), 5)
    color = np.zeros((12, 17, 4), np.uint8)
    color[truth] = (0, 0, 0, 9)
    np.testing.assert_array_equal(placed(EmbeddedPng(png(color)), (12, 17)), truth)
    opaque = np.repeat(truth[..., None], 3, 2).astype(np.uint8)
    np.testing.assert_array_equal(placed(EmbeddedPng(png(opaque)), (12, 17)), truth)
    file = BytesIO()
    palette = Image.fromarray(truth.astype(np.uint8))
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.save(file, "PNG", transparency=0)  # as Supervisely writes it
    deflated = base64.b64encode(zlib.compress(file.getvalue())).decode()
    np.testing.assert_array_equal(placed(EmbeddedPng(deflated, is_deflated=True), (12, 17)), truth)
    plain = base64.b64encode(file.getvalue()).decode()
    np.testing.assert_array_equal(placed(EmbeddedPng(plain, is_deflated=True), (12, 17)), truth)


def test_deflated_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps, "_MAX_PNG_BYTES", 1 << 20)
    bomb = base64.b64encode(zlib.compress(bytes(4 << 20))).decode()
    with pytest.raises(ValueError, match="is larger than 1 MiB"):
        EmbeddedPng(bomb, is_deflated=True).decode((64, 96))
    with pytest.raises(ValueError, match="is not a mask in PNG"):
        EmbeddedPng(base64.b64encode(b"no zlib").decode(), is_deflated=True).decode((64, 96))


def test_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = png(np.ones((60, 60), bool))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="decompression bomb"):
        EmbeddedPng(encoded).decode((64, 96))
