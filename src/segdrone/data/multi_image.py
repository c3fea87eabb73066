"""Combine several photographs and their masks into one sample: mosaic and CutMix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError

ImageAndMask = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A photograph, uint8 `[H, W, 3]`, and its mask, uint8 `[H, W]`."""


class MultiImageAugment:
    """Replaces samples at random by a mosaic or a CutMix of several, before other augmentation.

    Photographs and masks are cut along the same lines, so every pixel keeps its label and labels are never mixed.

    Args:
        mosaic: Probability of a mosaic, 0 to 1.
        cutmix: Probability of CutMix, 0 to 1; a sample is never both.

    Raises:
        ConfigError: A value is not a probability, or their sum is above 1.
    """

    def __init__(self, mosaic: float = 0.0, cutmix: float = 0.0) -> None:
        if not (mosaic >= 0 and cutmix >= 0 and mosaic + cutmix <= 1):  # refuses NaN as well
            raise ConfigError(
                f"augment.combine: mosaic={mosaic} and cutmix={cutmix} must be probabilities with a sum of at most 1"
            )
        self.mosaic, self.cutmix = mosaic, cutmix

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MultiImageAugment:
        """Builds the augmentation from the mapping under `combine` in `conf/augment`.

        Raises:
            ConfigError: A key is unknown, or a value is not a probability.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"augment.combine={values} must be a mapping with mosaic and cutmix")
        if values.keys() - {"mosaic", "cutmix"} or not all(type(v) in (int, float) for v in values.values()):
            raise ConfigError(f"augment.combine={dict(values)} must give numbers for mosaic and cutmix")
        return cls(**values)

    def __call__(
        self, sample: ImageAndMask, draw_other: Callable[[], ImageAndMask], rng: np.random.Generator
    ) -> ImageAndMask:
        """Returns `sample`, or a combination of it with others, of its size.

        Args:
            sample: Photograph and mask.
            draw_other: Draws another sample, of any size.
            rng: Source of all random choices.
        """
        draw = rng.random()
        if draw < self.mosaic:
            return mosaic([sample, *(draw_other() for _ in range(3))], rng)
        return cutmix(sample, draw_other(), rng) if draw < self.mosaic + self.cutmix else sample


def mosaic(samples: list[ImageAndMask], rng: np.random.Generator) -> ImageAndMask:
    """Fills four cells around a random point with random parts of four samples, at their own scale.

    After Bochkovskiy et al., YOLOv4 (2020), section 3.3, but without resizing: drone photographs have similar scales,
    which help to recognize classes. Where a sample is smaller than its cell, the first sample shows.
    """
    image, mask = (pixels.copy() for pixels in samples[0])
    height, width = mask.shape
    row, column = (int(side * rng.uniform(0.25, 0.75)) for side in (height, width))
    cells = [(0, 0, row, column), (0, column, row, width), (row, 0, height, column), (row, column, height, width)]
    for (top, left, bottom, right), (other_image, other_mask) in zip(cells, samples, strict=True):
        part = min(bottom - top, other_mask.shape[0]), min(right - left, other_mask.shape[1])
        starts = [int(rng.integers(length - side + 1)) for length, side in zip(other_mask.shape, part, strict=True)]
        source = tuple(slice(start, start + side) for start, side in zip(starts, part, strict=True))
        target = slice(top, top + part[0]), slice(left, left + part[1])
        image[target], mask[target] = other_image[source], other_mask[source]
    return image, mask


def cutmix(sample: ImageAndMask, other: ImageAndMask, rng: np.random.Generator) -> ImageAndMask:
    """Pastes a rectangle of `other` into `sample`, at the same position.

    Its share of the area is uniform in 0 to 1 and its center anywhere; it is cut off at the edges of both: Yun et al.,
    CutMix (2019), section 3.1 with alpha = 1.
    """
    image, mask = (pixels.copy() for pixels in sample)
    scale = rng.random() ** 0.5
    rows, columns = (
        slice(max(0, int(center - scale * length / 2)), min(int(center + scale * length / 2), length, other_length))
        for length, other_length in zip(mask.shape, other[1].shape, strict=True)
        for center in [rng.uniform(0, length)]
    )
    image[rows, columns], mask[rows, columns] = other[0][rows, columns], other[1][rows, columns]
    return image, mask
