"""Segment graphs: of pixels, and of superpixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from segdrone.classic.clusters import Slic
from segdrone.classic.features import Image, Labels, to_lab
from segdrone.classic.libraries import library
from segdrone.classic.regions import connected_segments
from segdrone.classic.thresholds import MinSize, Smoothing

_LEAST = 1e-4  # similarity of neighbors: the graph stays connected


@dataclass(frozen=True)
class Felzenszwalb:
    """Trees of similar neighbors; Felzenszwalb (2004)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    scale: Annotated[float, Field(gt=0, le=1e5, description="larger: larger segments")] = 60.0
    smoothing: Smoothing = 0.8
    min_size: MinSize = 64

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        found = library("skimage.segmentation").felzenszwalb(image, self.scale, self.smoothing, self.min_size)
        return connected_segments(found, self.min_size)


@dataclass(frozen=True)
class NormalizedCuts:
    """Superpixels joined by graph cuts; Shi, Malik (2000)."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    spacing: Annotated[int, Field(ge=8, le=512, description="distance of superpixels in pixels")] = 24
    parts: Annotated[int, Field(ge=2, le=500, description="parts that the graph is cut into")] = 80
    color: Annotated[float, Field(gt=0, le=255, description="difference in CIELAB at which similarity falls")] = 8.0

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, of an image, uint8 `[H, W, 3]`."""
        superpixels = Slic(spacing=self.spacing)(image)
        count = int(superpixels.max()) + 1
        if count <= self.parts + 1:
            return superpixels
        similarity = _neighbor_similarity(superpixels, to_lab(image), self.color)
        part = library("sklearn.cluster").spectral_clustering(
            similarity, n_clusters=self.parts, assign_labels="cluster_qr", eigen_solver="arpack", random_state=0
        )
        return connected_segments(np.asarray(part, np.int32)[superpixels], 1)


def _neighbor_similarity(labels: Labels, lab: NDArray[np.float32], color: float) -> Any:
    """Returns how similar the mean colors of neighbors are, sparse float64 `[S, S]`: 1 to just above 0."""
    count, flat = int(labels.max()) + 1, labels.ravel()
    area = np.bincount(flat)
    means = np.stack([np.bincount(flat, channel.ravel(), count) / area for channel in lab.transpose(2, 0, 1)], 1)
    pairs = [(labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])]
    touching = np.concatenate([np.stack([pair[0].ravel(), pair[1].ravel()]) for pair in pairs], 1)
    touching = np.unique(np.sort(touching[:, touching[0] != touching[1]], axis=0), axis=1)
    first, second = touching
    likeness = np.maximum(np.exp(-np.square(means[first] - means[second]).sum(1) / (2 * color**2)), _LEAST)
    both = np.concatenate([touching, touching[::-1]], 1)
    return library("scipy.sparse").csr_array((np.tile(likeness, 2), tuple(both)), shape=(count, count))
