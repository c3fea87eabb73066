"""Segment by thresholds of gray levels or vegetation indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from segdrone.classic.features import Image, Labels, excess_green, smooth, vari
from segdrone.classic.libraries import library
from segdrone.classic.regions import connected_segments

_BINS = 128  # of the histogram

MinSize = Annotated[int, Field(ge=1, le=100_000, description="pixels of the smallest segment")]
Smoothing = Annotated[float, Field(ge=0, le=20, description="standard deviation of the Gaussian before, in pixels")]


@dataclass(frozen=True)
class Threshold:
    """Thresholds of gray or vegetation indices; Otsu (1979)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    channel: Annotated[
        Literal["gray", "exg", "vari"], Field(description="what is compared: gray, or an index of green: exg, vari")
    ] = "gray"
    levels: Annotated[int, Field(ge=2, le=5, description="parts of the histogram, between thresholds of Otsu")] = 4
    thresholds: Annotated[
        tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None,
        Field(
            max_length=16, description="thresholds instead of those of Otsu: gray 0 to 255, exg -1 to 2, vari -1 to 1"
        ),
    ] = None
    smoothing: Smoothing = 2.0
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        plane = _PLANES[self.channel](smooth(image, self.smoothing))
        bounds = sorted(self.thresholds) if self.thresholds is not None else _otsu(plane, self.levels)
        return connected_segments(np.digitize(plane, bounds), self.min_size)


def _gray(image: Image) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


_PLANES = {"gray": _gray, "exg": excess_green, "vari": vari}


def _otsu(plane: NDArray[np.float32], levels: int) -> list[float]:
    """Returns the thresholds that Otsu's criterion chooses; fewer if the plane has few values, or few that differ much.

    Source: Liao et al., A fast algorithm for multilevel thresholding, 2001.
    """
    distinct = len(np.unique(plane))
    if distinct <= levels:
        return [float(value) for value in np.unique(plane)[1:]]
    counts, edges = np.histogram(plane, _BINS)
    filled = np.flatnonzero(counts)
    if len(filled) <= levels:  # which scikit-image refuses, if they are fewer
        return [float(edges[index]) for index in filled[1:]]
    return [float(value) for value in library("skimage.filters").threshold_multiotsu(plane, levels, nbins=_BINS)]
