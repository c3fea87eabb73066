"""Segment by clusters of colors, of colors and places, and by walks from sure pixels of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from segdrone.classic.features import Image, Labels, smooth, to_lab
from segdrone.classic.libraries import library
from segdrone.classic.regions import connected_segments
from segdrone.classic.thresholds import MinSize, Smoothing

_SAMPLE = 10_000  # pixels that clusters are computed of
_SURE = 0.3  # of the pixels, those nearest to the color of their cluster, start the walks
Clusters = Annotated[int, Field(ge=2, le=32, description="clusters of colors")]


@dataclass(frozen=True)
class KMeans:
    """Areas of clusters of colors; k-means, Lloyd (1957)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    clusters: Clusters = 8
    smoothing: Smoothing = 2.0
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        nearest, _ = _cluster_colors(to_lab(smooth(image, self.smoothing)), self.clusters)
        return connected_segments(nearest, self.min_size)


@dataclass(frozen=True)
class MeanShift:
    """Modes of color and place; Comaniciu, Meer (2002)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    distance: Annotated[int, Field(ge=1, le=32, description="radius of the kernel in the image, in pixels")] = 8
    color: Annotated[int, Field(ge=1, le=64, description="radius of the kernel in color, in gray levels")] = 12
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        lab = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
        modes = cv2.pyrMeanShiftFiltering(lab, self.distance, self.color, maxLevel=1)
        return connected_segments(_join(modes.astype(np.int32), self.color / 3), self.min_size)


@dataclass(frozen=True)
class Slic:
    """Superpixels of color and place; Achanta et al. (2012)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    spacing: Annotated[int, Field(ge=4, le=512, description="distance of superpixels, about their width")] = 14
    compactness: Annotated[float, Field(gt=0, le=1000, description="larger: rounder; smaller: along colors")] = 10.0
    smoothing: Smoothing = 1.0

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        number = max(1, round(image.shape[0] * image.shape[1] / self.spacing**2))
        found = library("skimage.segmentation").slic(
            image, number, self.compactness, sigma=self.smoothing, max_num_iter=5, start_label=0, channel_axis=-1
        )
        return connected_segments(found, 1)


@dataclass(frozen=True)
class RandomWalker:
    """Areas that walks from seeds reach first; Grady (2006)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    clusters: Annotated[int, Field(ge=2, le=8, description="clusters of colors, whose sure pixels start walks")] = 5
    beta: Annotated[float, Field(gt=0, le=1e5, description="how hard it is to walk over an edge")] = 130.0
    pixels: Annotated[
        int, Field(ge=1000, le=500_000, description="largest size at which walks are computed, in pixels")
    ] = 60_000
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        height, width = image.shape[:2]
        scale = min(1.0, (self.pixels / (height * width)) ** 0.5)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        lab = to_lab(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)))
        nearest, distance = _cluster_colors(lab, self.clusters)
        sure = np.zeros(nearest.shape, np.int32)  # 0: decided by the walks
        for cluster in range(int(nearest.max()) + 1):
            inside = nearest == cluster
            if inside.any():
                sure[inside & (distance <= np.quantile(distance[inside], _SURE))] = cluster + 1
        walked = sure
        if len(np.unique(sure)) > 2 and (sure == 0).any():
            walked = library("skimage.segmentation").random_walker(
                lab.astype(float) / 100, sure, beta=self.beta, mode="cg_j", tol=1e-3, prob_tol=np.inf, channel_axis=-1
            )
        full = cv2.resize(walked.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return connected_segments(full.astype(np.int32), self.min_size)


def _cluster_colors(lab: NDArray[np.float32], clusters: int) -> tuple[Labels, NDArray[np.float32]]:
    """Returns the cluster of each pixel, int32 `[H, W]`, and its squared distance, by k-means of a sample of colors."""
    colors = lab.reshape(-1, 3)
    rng = np.random.default_rng(0)
    sample = colors[rng.choice(len(colors), min(len(colors), _SAMPLE), replace=False)]
    count = min(clusters, len(np.unique(sample, axis=0)))
    found = library("sklearn.cluster").KMeans(count, n_init=1, random_state=0).fit(sample)
    nearest, least = np.zeros(len(colors), np.int32), np.full(len(colors), np.inf, np.float32)
    for number, center in enumerate(found.cluster_centers_.astype(np.float32)):
        distance = np.square(colors - center).sum(1)
        closer = distance < least
        nearest[closer], least[closer] = number, distance[closer]
    return nearest.reshape(lab.shape[:2]), least.reshape(lab.shape[:2])


def _join(colors: NDArray[np.int32], tolerance: float) -> Labels:
    """Returns components of pixels whose neighbors differ by at most `tolerance` in each channel, int32 `[H, W]`."""
    height, width = colors.shape[:2]
    place = np.arange(height * width, dtype=np.int32).reshape(height, width)
    across = np.abs(np.diff(colors, axis=1)).max(2) <= tolerance
    down = np.abs(np.diff(colors, axis=0)).max(2) <= tolerance
    first = np.concatenate([place[:, :-1][across], place[:-1][down]])
    second = np.concatenate([place[:, 1:][across], place[1:][down]])
    sparse: Any = library("scipy.sparse")
    graph = sparse.coo_array((np.ones(len(first), np.uint8), (first, second)), shape=(place.size, place.size))
    _, joined = library("scipy.sparse.csgraph").connected_components(graph, directed=False)
    return np.asarray(joined.reshape(height, width), np.int32)
