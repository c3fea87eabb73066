"""Decode pixel masks of labeling tools: RLE of COCO and CVAT, PNG of LabelMe.

Invalid content raises ValueError, with a text that continues after the file and place.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.windows import Size


@dataclass(frozen=True)
class RunLengths:
    """Run-length encoding (RLE): alternating counts of pixels outside and inside, starting outside (COCO and CVAT).

    Args:
        counts: The run lengths, int64 `[N]`.
        size: Height and width in pixels of the rectangle that the runs fill.
        top: First row of the rectangle in the photograph.
        left: First column of the rectangle in the photograph.
        by_columns: True if the runs go down the columns (COCO), False if along the rows (CVAT).

    Raises:
        ValueError: A count is negative, or the counts do not add up to the pixels of the rectangle.

    Example:
        >>> runs = RunLengths(np.array([1, 2, 3]), size=(2, 3))
        >>> runs.area
        2
        >>> top, left, inside = runs.decode((2, 3))
        >>> inside.astype(int).tolist()
        [[0, 1, 1]]
    """

    counts: NDArray[np.int64]
    size: Size
    top: int = 0
    left: int = 0
    by_columns: bool = False

    def __post_init__(self) -> None:
        total = self.counts.sum(dtype=np.float64)  # cannot overflow
        if min(self.size) < 1 or self.counts.min(initial=0) < 0 or total != self.size[0] * self.size[1]:
            raise ValueError(
                f"has run lengths for {total:.0f} pixels (or a negative one), "
                f"not the {self.size[0] * self.size[1]} of {self.size[1]} x {self.size[0]}"
            )

    @property
    def area(self) -> int:
        """Number of pixels inside."""
        return int(self.counts[1::2].sum())

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and pixels, bool `[h, w]`, of the part of the rectangle that is not empty."""
        _check_fits(self.top, self.left, self.size, size)
        length = self.size[0 if self.by_columns else 1]
        ends = np.cumsum(self.counts)
        filled = 2 * np.flatnonzero(self.counts[1::2]) + 1
        if not filled.size:
            return 0, 0, np.zeros((0, 0), bool)
        first, stop = int(ends[filled[0] - 1]) // length, (int(ends[filled[-1]]) - 1) // length + 1
        clipped = np.clip(ends, first * length, stop * length)
        lengths = clipped - np.concatenate([[first * length], clipped[:-1]])
        block = np.repeat(np.arange(len(ends)) % 2 == 1, lengths).reshape(stop - first, length)
        return (self.top, self.left + first, block.T) if self.by_columns else (self.top + first, self.left, block)


def decode_coco_counts(text: str) -> NDArray[np.int64]:
    """Returns the run lengths of COCO's compressed string.

    Each character is 48 + 6 bits: 5 bits of a signed number, lowest first, and a bit of value 32 if the number
    continues. From the fourth number on, each is the difference to the run length two before (`rleToString` in
    cocoapi's maskApi.c).

    Raises:
        ValueError: The string contains other characters, ends within a number, or a number is too large.

    Example:
        >>> decode_coco_counts("123").tolist()
        [1, 2, 3]
    """
    codes = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    if not codes.size:
        return codes
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("is cut short, or is not a compressed RLE string of COCO")
    last = np.flatnonzero(codes < 32)
    first = np.concatenate([[0], last[:-1] + 1])
    digits = last - first + 1
    if digits.max() > 8:  # 40 bits
        raise ValueError("contains a run length larger than any photograph")
    shift = 5 * (np.arange(codes.size) - np.repeat(first, digits))
    counts = np.add.reduceat((codes & 31) << shift, first)
    counts -= np.where(codes[last] & 16, np.int64(1) << (5 * digits), 0)
    for start in (1, 2):
        counts[start::2] = np.cumsum(counts[start::2])
    return np.asarray(counts, np.int64)


@dataclass(frozen=True)
class EmbeddedPng:
    """A mask of LabelMe: a PNG in base64, not larger than its rectangle.

    Args:
        encoded: The base64 text.
        size: Height and width in pixels of the rectangle, including its last row and column.
        top: First row in the photograph; may be outside of it.
        left: First column in the photograph; may be outside of it.
    """

    encoded: str
    size: Size
    top: int
    left: int

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and the pixels that are not 0, bool `[h, w]`."""
        try:
            with Image.open(BytesIO(base64.b64decode(self.encoded, validate=True)), formats=("PNG",)) as image:
                width, height = image.size
                _check_fits(0, 0, (height, width), (min(self.size[0], size[0]), min(self.size[1], size[1])))
                if image.mode not in ("1", "L"):
                    raise ValueError(f"has pixels of mode {image.mode}, not a binary mask")
                return self.top, self.left, np.array(image) != 0
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"is not a mask in PNG ({' '.join(str(error).split())})") from None


def _check_fits(top: int, left: int, size: Size, limit: Size) -> None:
    if min(top, left) < 0 or top + size[0] > limit[0] or left + size[1] > limit[1]:
        raise ValueError(
            f"is a mask of {size[1]} x {size[0]} pixels at column {left}, row {top}, "
            f"which does not fit into {limit[1]} x {limit[0]}"
        )
