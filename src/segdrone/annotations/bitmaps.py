"""Decode pixel masks of labeling tools: run lengths (COCO, CVAT and others) and PNG (LabelMe and others).

Invalid content raises ValueError, with a text that continues after the file and place.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.windows import Size

_PNG_SIGNATURE = b"\x89PNG"
_MAX_PNG_BYTES = 1 << 28  # a binary mask of 24 megapixels has at most 3 MB


@dataclass(frozen=True)
class RunLengths:
    """Run-length encoding (RLE): alternating counts of pixels outside and inside, starting outside (COCO and CVAT).

    Args:
        counts: The run lengths, int64 `[N]`.
        size: Height and width in pixels of the rectangle that the runs fill.
        top: First row of the rectangle in the photograph.
        left: First column of the rectangle in the photograph.
        by_columns: True if the runs go down the columns of the whole photograph (COCO), False if along the rows (CVAT).

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
        if self.by_columns and self.size != size:
            raise ValueError(f"has {self.size[1]} x {self.size[0]} pixels, its photograph {size[1]} x {size[0]}")
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
    """A mask as a PNG in base64, as LabelMe, Label Studio and Supervisely store it.

    A pixel is inside where it is not transparent or, if no pixel is transparent, where it is not black.

    Args:
        encoded: The base64 text.
        top: First row in the photograph; may be outside of it.
        left: First column in the photograph; may be outside of it.
        size: Height and width in pixels of the rectangle to which it is cropped; None keeps all of it.
        is_whole: It has exactly the size of the photograph.
        is_deflated: The PNG is compressed by zlib once more (Supervisely).
    """

    encoded: str
    top: int = 0
    left: int = 0
    size: Size | None = None
    is_whole: bool = False
    is_deflated: bool = False

    def decode(self, size: Size) -> tuple[int, int, NDArray[np.bool_]]:
        """Returns top row, left column and the pixels inside, bool `[h, w]`."""
        try:
            content = base64.b64decode(self.encoded, validate=True)
            with Image.open(BytesIO(_inflate(content) if self.is_deflated else content), formats=("PNG",)) as image:
                width, height = image.size
                if self.is_whole and (height, width) != size:
                    raise ValueError(f"has {width} x {height} pixels, its photograph {size[1]} x {size[0]}")
                _check_fits(0, 0, (height, width), size)
                inside = inside_png(image)
        except Exception as error:  # Pillow raises many types on broken files
            raise ValueError(f"is not a mask in PNG ({' '.join(str(error).split())})") from None
        if self.size is not None:
            inside = inside[: self.size[0], : self.size[1]]
        return self.top, self.left, inside


def inside_png(image: Image.Image) -> NDArray[np.bool_]:
    """Returns the pixels of an open mask that are not transparent or, if none is transparent, not black: `[H, W]`."""
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(np.array(image) != 0)
    pixels = np.array(image.convert("RGBA"))
    transparent = pixels[..., 3] == 0
    return np.asarray(~transparent if transparent.any() else pixels[..., :3].any(2))


def _inflate(content: bytes) -> bytes:
    """Returns `content` decompressed by zlib if it is compressed."""
    if content.startswith(_PNG_SIGNATURE):
        return content
    decompressor = zlib.decompressobj()
    inflated = decompressor.decompress(content, _MAX_PNG_BYTES)
    if decompressor.unconsumed_tail:
        raise ValueError(f"is larger than {_MAX_PNG_BYTES >> 20} MiB")
    return inflated


def _check_fits(top: int, left: int, size: Size, limit: Size) -> None:
    if min(top, left) < 0 or top + size[0] > limit[0] or left + size[1] > limit[1]:
        raise ValueError(
            f"is a mask of {size[1]} x {size[0]} pixels at column {left}, row {top}, "
            f"which does not fit into {limit[1]} x {limit[0]}"
        )
