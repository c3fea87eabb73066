"""Segment between edges, and from seeds up to edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from segdrone.classic.features import Image, Labels, smooth, to_lab
from segdrone.classic.libraries import library
from segdrone.classic.regions import connected_segments
from segdrone.classic.thresholds import MinSize, Smoothing


@dataclass(frozen=True)
class Edges:
    """Areas between edges; Canny (1986) or Sobel (1968)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    detector: Annotated[Literal["canny", "sobel"], Field(description="canny: thin edges; sobel: strong gradients")] = (
        "canny"
    )
    low: Annotated[float, Field(ge=0, le=2000, description="gradient that continues an edge (canny)")] = 25.0
    high: Annotated[float, Field(ge=0, le=2000, description="gradient that starts an edge; sobel: is an edge")] = 70.0
    gap: Annotated[int, Field(ge=0, le=64, description="gaps of edges that are closed, in pixels")] = 7
    smoothing: Smoothing = 1.4
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        gray = cv2.cvtColor(smooth(image, self.smoothing), cv2.COLOR_RGB2GRAY)
        if self.detector == "canny":
            edges = cv2.Canny(gray, self.low, max(self.low, self.high), L2gradient=True)
        else:
            across, down = (cv2.Sobel(gray, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
            edges = (cv2.magnitude(across, down) > self.high).astype(np.uint8) * 255
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self.gap + 1, self.gap + 1))
        closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
        return connected_segments((closed == 0).astype(np.int32), self.min_size, gaps=0)


@dataclass(frozen=True)
class RegionGrowing:
    """Regions that grow from seeds; Adams, Bischof (1994)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    tolerance: Annotated[int, Field(ge=1, le=128, description="difference from the seed, in gray levels")] = 14
    spacing: Annotated[int, Field(ge=4, le=256, description="distance of the seeds in pixels")] = 12
    smoothing: Smoothing = 1.5
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        colors = np.ascontiguousarray(cv2.cvtColor(smooth(image, self.smoothing), cv2.COLOR_RGB2LAB))
        slope = gradient(image, self.smoothing)
        labels = np.zeros(slope.shape, np.int32)
        filled = np.zeros((slope.shape[0] + 2, slope.shape[1] + 2), np.uint8)  # 0: free, 1: of a region, 2: of this one
        flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | 2 << 8
        difference = (self.tolerance,) * 3
        for number, (row, column) in enumerate(_seeds(slope, self.spacing), start=1):
            if filled[row + 1, column + 1]:
                continue
            *_, (left, top, width, height) = cv2.floodFill(
                colors, filled, (column, row), (0, 0, 0), difference, difference, flags
            )
            here = filled[top + 1 : top + 1 + height, left + 1 : left + 1 + width]
            grown = here == 2
            labels[top : top + height, left : left + width][grown] = number
            here[grown] = 1
        return connected_segments(labels, self.min_size, gaps=0)


@dataclass(frozen=True)
class Watershed:
    """Basins of the gradient; Beucher, Lantuejoul (1979)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    spacing: Annotated[int, Field(ge=4, le=512, description="distance of the places that are flooded from")] = 16
    compactness: Annotated[
        float, Field(ge=0, le=1000, description="0: borders follow edges only; larger: basins of equal size")
    ] = 0.0
    smoothing: Smoothing = 1.0

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        slope = gradient(image, self.smoothing)
        markers = np.zeros(slope.shape, np.int32)
        for number, place in enumerate(_seeds(slope, self.spacing), start=1):
            markers[place] = number
        flooded = library("skimage.segmentation").watershed(slope, markers, compactness=self.compactness)
        return np.asarray(flooded - 1, np.int32)


def gradient(image: Image, smoothing: float) -> NDArray[np.float32]:
    """Returns the length of the gradient of the color in CIELAB, float32 `[H, W]`."""
    lab = to_lab(smooth(image, smoothing))
    across, down = (cv2.Sobel(lab, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return np.asarray(np.sqrt(np.square(across).sum(2) + np.square(down).sum(2)), np.float32)


def _seeds(slope: NDArray[np.float32], spacing: int) -> list[tuple[int, int]]:
    """Returns row and column of the lowest pixel in each cell of a grid, the lowest first."""
    height, width = slope.shape
    seeds = []
    for top in range(0, height, spacing):
        for left in range(0, width, spacing):
            cell = slope[top : top + spacing, left : left + spacing]
            row, column = divmod(int(cell.argmin()), cell.shape[1])
            seeds.append((top + row, left + column))
    return sorted(seeds, key=lambda place: float(slope[place]))
