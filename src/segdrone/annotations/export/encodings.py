"""Encode the pixels of a region as labeling tools store them: run lengths of COCO and CVAT, brushes, PNG in base64."""

from __future__ import annotations

import base64
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.annotations.export.regions import Region
from segdrone.annotations.export.runs import Integers, merge_runs
from segdrone.windows import Size

_LENGTH_BITS = np.array([3, 4, 8, 16])  # of the four kinds of run length, as Label Studio's own converter writes
_VALUE_BITS = 8


class Box(NamedTuple):
    """The bounding box of a region in pixels."""

    left: int
    top: int
    width: int
    height: int


def bounding_box(region: Region, size: Size, *, by_columns: bool = False) -> Box:
    """Returns the bounding box of the runs, or else of the outlines, of a region."""
    if region.outlines:
        points = np.concatenate(region.outlines)
        left, top = np.floor(points.min(0)).astype(int).tolist()
        right, bottom = np.ceil(points.max(0)).astype(int).tolist()
        return Box(left, top, right - left, bottom - top)
    length = size[0 if by_columns else 1]
    first, last = region.starts, region.starts + region.lengths - 1
    low, high = int(first[0]) // length, int(last[-1]) // length
    is_whole = bool((first // length != last // length).any())  # a run goes on in the next row
    start, stop = (0, length - 1) if is_whole else (int((first % length).min()), int((last % length).max()))
    box = Box(start, low, stop - start + 1, high - low + 1)
    return Box(low, start, box.height, box.width) if by_columns else box


def run_counts(starts: Integers, lengths: Integers, total: int) -> Integers:
    """Returns alternating counts of pixels outside and inside, starting outside, that add up to `total`.

    Example:
        >>> run_counts(np.array([1, 4]), np.array([2, 2]), total=7).tolist()
        [1, 2, 1, 2, 1]
    """
    ends = starts + lengths
    counts = np.empty(2 * len(starts), np.int64)
    counts[::2] = starts - np.concatenate([[0], ends[:-1]])
    counts[1::2] = lengths
    rest = total - int(ends[-1])
    return np.append(counts, rest) if rest else counts


def cvat_counts(region: Region, size: Size) -> tuple[Box, Integers]:
    """Returns the bounding box of a region, and its run lengths along the rows of that box."""
    box, width = bounding_box(region, size), size[1]
    if box.width == width:
        starts = region.starts - box.top * width
    else:
        starts = (region.starts // width - box.top) * box.width + region.starts % width - box.left
    return box, run_counts(*merge_runs(starts, region.lengths), box.width * box.height)


def coco_counts(region: Region, size: Size) -> str:
    """Returns COCO's compressed run lengths of a region whose runs go down the columns.

    A number is the difference to the count two before, from the fourth on, in groups of 5 bits, the lowest first:
    characters 48 + group, and 32 more if the number continues (`rleToString` in cocoapi's maskApi.c).

    Example:
        >>> coco_counts(Region(0, 0, 2, np.array([1]), np.array([2])), (2, 3))
        '123'
    """
    counts = run_counts(region.starts, region.lengths, size[0] * size[1])
    numbers = counts.copy()
    numbers[3:] -= counts[1:-2]
    groups = np.ones(len(numbers), np.int64)  # a number of n groups is in -2^(5n-1) to 2^(5n-1) - 1
    for n in range(1, 8):
        groups[(numbers < -(1 << 5 * n - 1)) | (numbers >= 1 << 5 * n - 1)] = n + 1
    position = np.arange(groups.sum()) - np.repeat(np.cumsum(groups) - groups, groups)
    characters = (np.repeat(numbers, groups) >> 5 * position & 31) + 48
    characters[position < np.repeat(groups, groups) - 1] += 32
    return str(characters.astype(np.uint8).tobytes(), "ascii")


def pack_brush(region: Region, size: Size) -> NDArray[np.uint8]:
    """Returns a brush of Label Studio: the bytes that `annotations.brush.Brush` describes, uint8 `[N]`.

    All four channels of a pixel are 255 inside and 0 outside.
    """
    total = size[0] * size[1]
    counts = 4 * run_counts(region.starts, region.lengths, total)
    values = np.where(np.arange(len(counts)) % 2 == 1, 255, 0)
    longest = 1 << int(_LENGTH_BITS[-1])
    parts = -(-counts // longest)  # an empty run has no part
    last = np.cumsum(parts) - 1
    lengths = np.full(parts.sum(), longest, np.int64)
    used = parts > 0
    lengths[last[used]] = counts[used] - (parts[used] - 1) * longest
    kind = np.searchsorted(1 << _LENGTH_BITS, lengths)
    length_bits = _LENGTH_BITS[kind]
    codes = ((1 << 2 | kind) << length_bits | lengths - 1) << _VALUE_BITS | np.repeat(values, parts)
    header = 4 * total << 21 | _VALUE_BITS - 1 << 16
    header |= sum((int(bits) - 1) << shift for bits, shift in zip(_LENGTH_BITS, (12, 8, 4, 0), strict=True))
    codes = np.concatenate([[header], codes])
    bits = np.concatenate([[53], 3 + length_bits + _VALUE_BITS])
    position = np.arange(bits.sum()) - np.repeat(np.cumsum(bits) - bits, bits)
    return np.packbits((np.repeat(codes, bits) >> np.repeat(bits, bits) - 1 - position & 1).astype(np.uint8))


def crop_png(region: Region, size: Size) -> tuple[Box, str]:
    """Returns the bounding box of a region, and its pixels there as a PNG of one bit in base64: white inside."""
    box, counts = cvat_counts(region, size)
    pixels = np.repeat(np.arange(len(counts)) % 2 * 255, counts).astype(np.uint8).reshape(box.height, box.width)
    return box, base64.b64encode(cv2.imencode(".png", pixels, (cv2.IMWRITE_PNG_BILEVEL, 1))[1].tobytes()).decode(
        "ascii"
    )


def flat_points(outline: NDArray[np.float64]) -> list[int | float]:
    """Returns x, y, x, y, ... of an outline, whole numbers without a fraction."""
    return [int(value) if value.is_integer() else value for value in outline.ravel().tolist()]
