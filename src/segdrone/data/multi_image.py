"""Combine several photographs, with their masks, into one sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError
from segdrone.windows import Window

ImageAndMask = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A photograph, uint8 `[H, W, 3]`, and its mask, uint8 `[H, W]`."""


class MultiImageAugment:
    """Replaces samples at random by a mosaic or a CutMix of several, on uint8 before augmentation.

    Masks are cut along the same lines as photographs, so every pixel keeps its label and no label is
    mixed.

    Args:
        mosaic: Probability of a mosaic, 0 to 1.
        cutmix: Probability of CutMix, 0 to 1; no sample becomes both.

    Raises:
        ConfigError: They are no probabilities, or more than 1 together.
    """

    def __init__(self, mosaic: float = 0.0, cutmix: float = 0.0) -> None:
        if not (mosaic >= 0 and cutmix >= 0 and mosaic + cutmix <= 1):  # so that NaN is refused too
            raise ConfigError(
                f"augment.combine: mosaic={mosaic} and cutmix={cutmix} must be probabilities of at most 1 together"
            )
        self.mosaic, self.cutmix = mosaic, cutmix

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MultiImageAugment:
        """Builds it from `conf/augment`'s mapping.

        Raises:
            ConfigError: A key is unknown, or a value no probability.
        """
        if values.keys() - {"mosaic", "cutmix"} or not all(type(v) in (int, float) for v in values.values()):
            raise ConfigError(f"augment.combine={dict(values)} must give numbers for mosaic and cutmix")
        return cls(**values)

    def __call__(
        self, sample: ImageAndMask, other: Callable[[], ImageAndMask], rng: np.random.Generator
    ) -> ImageAndMask:
        """Returns `sample`, or what becomes of it with others of the same size that `other` draws."""
        luck = rng.random()
        if luck < self.mosaic:
            return mosaic([sample, *(other() for _ in range(3))], rng)
        return cutmix(sample, other(), rng) if luck < self.mosaic + self.cutmix else sample


def mosaic(samples: list[ImageAndMask], rng: np.random.Generator) -> ImageAndMask:
    """Fills four cells around a random point with random parts of four samples, at their own scale.

    After Bochkovskiy et al., YOLOv4 (2020), section 3.3, but without resizing: a drone's photographs
    share one scale, which classes are known by.
    """
    image, mask = (np.empty_like(pixels) for pixels in samples[0])
    height, width = mask.shape
    row, column = (int(side * rng.uniform(0.25, 0.75)) for side in (height, width))
    cells = [
        (slice(top, bottom), slice(left, right))
        for top, bottom in ((0, row), (row, height))
        for left, right in ((0, column), (column, width))
    ]
    for (rows, columns), (photograph, labels) in zip(cells, samples, strict=True):
        cell = (rows.stop - rows.start, columns.stop - columns.start)
        top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip((height, width), cell, strict=True))
        window = Window(top, left, *cell)
        image[rows, columns] = photograph[window.rows, window.columns]
        mask[rows, columns] = labels[window.rows, window.columns]
    return image, mask


def cutmix(sample: ImageAndMask, other: ImageAndMask, rng: np.random.Generator) -> ImageAndMask:
    """Pastes a rectangle of `other` into `sample`, at the same place.

    Its share of the area is uniform in 0 to 1 and its centre anywhere, cut off at the edges: Yun et
    al., CutMix (2019), section 3.1 with alpha = 1.
    """
    image, mask = (pixels.copy() for pixels in sample)
    side = rng.random() ** 0.5
    rows, columns = (
        slice(max(0, int(centre - side * length / 2)), int(centre + side * length / 2))
        for length in mask.shape
        for centre in [rng.uniform(0, length)]
    )
    image[rows, columns], mask[rows, columns] = other[0][rows, columns], other[1][rows, columns]
    return image, mask
