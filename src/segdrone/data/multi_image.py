"""Combine several photographs and their masks into one sample: mosaic and CutMix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError

_MOST_NUMBERS = 65535

LabeledImage = tuple[NDArray[Any], ...]
"""A photograph, uint8 `[H, W, 3]`, its mask, uint8 `[H, W]`, and its instance map, uint16 `[H, W]`, if there is one."""


class MultiImageAugment:
    """Replaces samples at random by a mosaic or a CutMix of several, before other augmentation.

    Photographs, masks and instance maps are cut along the same lines, so every pixel keeps its label and labels are
    never mixed. Things of different photographs get different numbers.

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
        self, sample: LabeledImage, draw_other: Callable[[], LabeledImage], rng: np.random.Generator
    ) -> LabeledImage:
        """Returns `sample`, or a combination of it with others, of its size.

        Args:
            sample: Photograph, mask and instance map.
            draw_other: Draws another sample, of any size.
            rng: Source of all random choices.
        """
        draw = rng.random()
        if draw < self.mosaic:
            return mosaic([sample, *(draw_other() for _ in range(3))], rng)
        return cutmix(sample, draw_other(), rng) if draw < self.mosaic + self.cutmix else sample


def mosaic(samples: list[LabeledImage], rng: np.random.Generator) -> LabeledImage:
    """Fills four cells around a random point with random parts of four samples, at their own scale.

    After Bochkovskiy et al., YOLOv4 (2020), section 3.3, but without resizing: drone photographs have similar scales,
    which help to recognize classes. Where a sample is smaller than its cell, the first sample shows.
    """
    samples = _number_apart(samples)
    canvases = tuple(pixels.copy() for pixels in samples[0])
    height, width = canvases[1].shape
    row, column = (int(side * rng.uniform(0.25, 0.75)) for side in (height, width))
    cells = [(0, 0, row, column), (0, column, row, width), (row, 0, height, column), (row, column, height, width)]
    for (top, left, bottom, right), other in zip(cells, samples, strict=True):
        size = other[1].shape
        part = min(bottom - top, size[0]), min(right - left, size[1])
        starts = [int(rng.integers(length - side + 1)) for length, side in zip(size, part, strict=True)]
        source = tuple(slice(start, start + side) for start, side in zip(starts, part, strict=True))
        target = slice(top, top + part[0]), slice(left, left + part[1])
        for canvas, pixels in zip(canvases, other, strict=True):
            canvas[target] = pixels[source]
    return canvases


def cutmix(sample: LabeledImage, other: LabeledImage, rng: np.random.Generator) -> LabeledImage:
    """Pastes a rectangle of `other` into `sample`, at the same position.

    Its share of the area is uniform in 0 to 1 and its center anywhere; it is cut off at the edges of both: Yun et al.,
    CutMix (2019), section 3.1 with alpha = 1.
    """
    sample, other = _number_apart([sample, other])
    canvases = tuple(pixels.copy() for pixels in sample)
    scale = rng.random() ** 0.5
    rows, columns = (
        slice(max(0, int(center - scale * length / 2)), min(int(center + scale * length / 2), length, other_length))
        for length, other_length in zip(sample[1].shape, other[1].shape, strict=True)
        for center in [rng.uniform(0, length)]
    )
    for canvas, pixels in zip(canvases, other, strict=True):
        canvas[rows, columns] = pixels[rows, columns]
    return canvases


def _number_apart(samples: list[LabeledImage]) -> list[LabeledImage]:
    """Returns the samples with other numbers for the things of each, if they have instance maps."""
    if len(samples[0]) < 3:
        return samples
    numbered: list[LabeledImage] = []
    last = 0
    for image, mask, instances in samples:
        numbers, index = np.unique(instances, return_inverse=True)
        new = np.arange(last + 1, last + 1 + len(numbers)).clip(max=_MOST_NUMBERS).astype(np.uint16)
        new[numbers == 0] = 0
        numbered.append((image, mask, new[index].reshape(instances.shape)))
        last += len(numbers)
    return numbered
