"""Combine several photographs and their masks into one sample: mosaic, CutMix, and when to paste things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError

_MOST_NUMBERS = 65535

LabeledImage = tuple[NDArray[Any], ...]
"""A photograph, uint8 `[H, W, 3]`, its mask, uint8 `[H, W]`, and its instance map, uint16 `[H, W]`, if there is one."""


_NUMBERS = ("mosaic", "cutmix", "copy_paste")


class MultiImageAugment:
    """Replaces samples at random by a mosaic or a CutMix of several, and pastes things, before other augmentation.

    Photographs, masks and instance maps are cut along the same lines, so every pixel keeps its label and labels are
    never mixed. Things of different photographs get different numbers.

    Args:
        mosaic: Probability of a mosaic, 0 to 1.
        cutmix: Probability of CutMix, 0 to 1; a sample is never both.
        copy_paste: Probability that things are pasted, 0 to 1, into any sample, also into a mosaic.
        paste_classes: Names of their classes; None takes the rare ones.

    Raises:
        ConfigError: A value is not a probability, or the first two have a sum above 1.
    """

    def __init__(
        self,
        mosaic: float = 0.0,
        cutmix: float = 0.0,
        copy_paste: float = 0.0,
        paste_classes: Sequence[str] | None = None,
    ) -> None:
        if not (mosaic >= 0 and cutmix >= 0 and mosaic + cutmix <= 1):  # refuses NaN as well
            raise ConfigError(
                f"augment.combine: mosaic={mosaic} and cutmix={cutmix} must be probabilities with a sum of at most 1"
            )
        if not 0 <= copy_paste <= 1:
            raise ConfigError(f"augment.combine: copy_paste={copy_paste} must be a probability, 0 to 1")
        self.mosaic, self.cutmix, self.copy_paste, self.paste_classes = mosaic, cutmix, copy_paste, paste_classes

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MultiImageAugment:
        """Builds the augmentation from the mapping under `combine` in `conf/augment`.

        Raises:
            ConfigError: A key is unknown, a value is not a probability, or classes are not names.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"augment.combine={values} must be a mapping with {', '.join(_NUMBERS)}")
        numbers = {key: value for key, value in values.items() if key != "paste_classes"}
        if numbers.keys() - {*_NUMBERS} or not all(type(value) in (int, float) for value in numbers.values()):
            raise ConfigError(f"augment.combine={dict(values)} must give numbers for {', '.join(_NUMBERS)}")
        names = values.get("paste_classes", "rare")
        if names == "rare":
            return cls(**numbers)
        if not (isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names)):
            raise ConfigError(f"augment.combine.paste_classes={names} must be rare, or a list of classes such as [car]")
        return cls(**numbers, paste_classes=tuple(names))

    def __call__(
        self,
        sample: LabeledImage,
        draw_other: Callable[[], LabeledImage],
        rng: np.random.Generator,
        paste: Callable[[LabeledImage], LabeledImage] | None = None,
    ) -> LabeledImage:
        """Returns `sample`, or a combination of it with others, of its size.

        Args:
            sample: Photograph, mask and instance map.
            draw_other: Draws another sample, of any size.
            rng: Source of all random choices.
            paste: Returns a copy of a sample with more things, drawn with `rng`; None pastes nothing.
        """
        draw = rng.random()
        if draw < self.mosaic:
            sample = mosaic([sample, *(draw_other() for _ in range(3))], rng)
        elif draw < self.mosaic + self.cutmix:
            sample = cutmix(sample, draw_other(), rng)
        if paste is None or self.copy_paste == 0:  # no draw, so that samples are those of a recipe without it
            return sample
        return paste(sample) if rng.random() < self.copy_paste else sample


def mosaic(samples: list[LabeledImage], rng: np.random.Generator) -> LabeledImage:
    """Fills four cells around a random point with random parts of four samples, at their own scale.

    After Bochkovskiy et al., YOLOv4 (2020), section 3.3, but without resizing: drone photographs have similar scales,
    which help to recognize classes. Where a sample is smaller than its cell, the first sample shows.
    """
    below, *samples = _number_apart([samples[0], *samples])  # a thing that shows twice has two numbers
    canvases = tuple(pixels.copy() for pixels in below)
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


def unused_numbers(instances: NDArray[np.uint16], count: int) -> NDArray[np.uint16]:
    """Returns numbers that no thing of an instance map has, uint16 `[count]`.

    Example:
        >>> unused_numbers(np.array([[0, 7]], np.uint16), 2).tolist()
        [8, 9]
    """
    last = int(instances.max())
    if last + count <= _MOST_NUMBERS:
        return np.arange(last + 1, last + 1 + count).astype(np.uint16)
    free = np.setdiff1d(np.arange(1, _MOST_NUMBERS), instances)[:count]
    return np.pad(free, (0, count - len(free)), constant_values=_MOST_NUMBERS).astype(np.uint16)


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
