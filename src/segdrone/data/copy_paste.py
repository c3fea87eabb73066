"""Copy-paste: paste things of rare classes from other training photographs where such things lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.data.multi_image import LabeledImage, MultiImageAugment, unused_numbers
from segdrone.data.reader import CachedReader
from segdrone.data.sampling import Sample, scale_size
from segdrone.data.thing_index import SourceThing, ThingIndex, index_things
from segdrone.data.things import thing_pixels
from segdrone.windows import Size

_MOST_PASTED = 3  # things in a sample; their number is uniform in 1 to this
_ATTEMPTS = 8  # draws of a thing and a place for it
_SCALES = (0.8, 1.25)
_SIGMAS = (0.6, 1.2)  # standard deviations of the Gaussian that softens edges, in pixels
_OPACITY = 1.3  # factor of the softened edge, at most 1: things two pixels wide stay opaque
_MARGIN = 4  # pixels around a thing that its soft edge reaches
_GROUND_SHARE = 0.9  # of the place of a thing that must be its ground
_STEP = 4  # rows and columns between the pixels that are first searched for a place
_PLACES = 4  # that are looked at in full

Lookup = NDArray[np.bool_]


class Cutout(NamedTuple):
    """A thing that is cut out, turned and resized.

    Attributes:
        pixels: Its pixels in its bounding box, bool `[h, w]`.
        parts: What the bounding box holds: photograph, mask, and instance map if there is one.
    """

    pixels: NDArray[np.bool_]
    parts: LabeledImage


class CopyPaste:
    """Pastes one to three things of other photographs into a sample.

    Each class is drawn equally often, then one of its things, and the ground to paste it on as often as things of that
    class lie on it: a car is pasted on pavement, not on water or a roof. Things are turned by one of the eight
    symmetries of a square and resized by 0.8 to 1.25. Neither pixels without a label nor things of the drawn classes
    are covered. Where no place is found for a thing, another one is drawn, a few times.

    The edge of a thing is blended over a pixel or two; labels are not. Outside of it, the blend takes the thing's own
    colors, so that no seam of its former ground comes along. In an instance map it gets a new number.

    After Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation (CVPR 2021),
    who paste anywhere. That the ground matters: Dvornik et al., Modeling Visual Context is Key to Augmenting Object
    Detection Datasets (ECCV 2018).

    Args:
        index: What to paste, and on what.
        reader: Reads the photographs of the index.
    """

    def __init__(self, index: ThingIndex, reader: CachedReader) -> None:
        self.index, self._reader = index, reader
        table = reader.encoding.table
        self._unlabeled: Lookup = np.arange(256) >= len(table)  # ignored, or of photographs without a mask
        self._blocked = self._unlabeled.copy()
        self._blocked[[*index.things]] = True

    def __call__(self, sample: LabeledImage, own_id: str, rng: np.random.Generator) -> LabeledImage:
        """Returns a copy of a sample with more things; without a place for any, it is the same.

        Args:
            sample: Photograph, mask, and instance map if there is one.
            own_id: Id of its photograph, of which nothing is pasted.
            rng: Source of all random choices.
        """
        canvases = tuple(pixels.copy() for pixels in sample)
        if self.index.things:
            for _ in range(int(rng.integers(1, _MOST_PASTED + 1))):
                self._paste_one(canvases, own_id, rng)
        return canvases

    def _paste_one(self, canvases: LabeledImage, own_id: str, rng: np.random.Generator) -> None:
        class_ids = [*self.index.things]
        for _ in range(_ATTEMPTS):
            class_id = class_ids[int(rng.integers(len(class_ids)))]
            things, grounds = self.index.things[class_id], self.index.grounds[class_id]
            source = things[int(rng.integers(len(things)))]
            ground = grounds[int(rng.integers(len(grounds)))]
            turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
            scale = math.exp(rng.uniform(math.log(_SCALES[0]), math.log(_SCALES[1])))
            size = scale_size(source.thing.window[2:], scale)
            if source.sample.pair.id == own_id:
                continue
            place = find_place(canvases[1], size[::-1] if turns % 2 else size, ground, self._blocked, rng)
            if place is None:
                continue
            cutout = self._cut(source, size, turns, mirrored)
            if cutout is not None:
                blend(canvases, cutout, place, float(rng.uniform(*_SIGMAS)))
                return

    def _cut(self, source: SourceThing, size: Size, turns: int, mirrored: bool) -> Cutout | None:
        """Returns a thing resized to `size` and turned; None if the mask has changed since it was found."""
        (pair, full, _), thing = source
        parts: LabeledImage = self._reader.image(pair, full, thing.window), self._reader.mask(pair, full, thing.window)
        if self._reader.maps:
            parts = (*parts, self._reader.instances(pair, full, thing.window))
        pixels = thing_pixels(parts[1], parts[2] if len(parts) > 2 else None, thing)
        if pixels is None:
            return None
        pixels &= ~self._unlabeled[parts[1]]
        smooth = cv2.INTER_AREA if math.prod(size) < pixels.size else cv2.INTER_LINEAR
        moved = []
        for part in (pixels.view(np.uint8), *parts):
            method = smooth if part.ndim == 3 else cv2.INTER_NEAREST_EXACT
            turned = np.rot90(cv2.resize(part, size[::-1], interpolation=method), turns)
            moved.append(np.ascontiguousarray(turned[:, ::-1] if mirrored else turned))
        return Cutout(moved[0].view(bool), tuple(moved[1:]))


def build_copy_paste(combine: MultiImageAugment, samples: Sequence[Sample], reader: CachedReader) -> CopyPaste | None:
    """Returns the copy-paste that `augment.combine` asks for; None if it asks for none.

    Args:
        combine: How often, and of which classes.
        samples: Samples of the photographs that things are cut out of.
        reader: Reads them.

    Raises:
        ConfigError: A class is unknown.
        DataError: A mask cannot be read.
    """
    if combine.copy_paste == 0:
        return None
    return CopyPaste(index_things(samples, reader, combine.paste_classes, "augment.combine.paste_classes"), reader)


def find_place(
    mask: NDArray[np.uint8], size: Size, ground: int, blocked: Lookup, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Returns row and column where a box has a place on a ground; None if none is found.

    Args:
        mask: uint8 `[H, W]`.
        size: Height and width of the box.
        ground: Class of at least nine tenths of the place.
        blocked: By id, bool `[256]`: neither the place nor pixels close to it may show it.
        rng: Draws one of the places.
    """
    step = _STEP if min(mask.shape) >= 16 * _STEP else 1
    coarse = mask[::step, ::step]
    box = math.ceil(size[0] / step), math.ceil(size[1] / step)
    if size[0] > mask.shape[0] or size[1] > mask.shape[1]:
        return None
    free = (_window_sums(coarse == ground, box) >= _GROUND_SHARE * box[0] * box[1]) & (
        _window_sums(blocked[coarse], box) == 0
    )
    places = np.flatnonzero(free)
    if not len(places):
        return None
    for position in rng.choice(places, _PLACES):
        top, left = (
            min(int(cell) * step + int(rng.integers(step)), length - side)
            for cell, side, length in zip(divmod(int(position), free.shape[1]), size, mask.shape, strict=True)
        )
        near = mask[max(0, top - _MARGIN) : top + size[0] + _MARGIN, max(0, left - _MARGIN) : left + size[1] + _MARGIN]
        place = mask[top : top + size[0], left : left + size[1]]
        if np.count_nonzero(place == ground) >= _GROUND_SHARE * place.size and not blocked[near].any():
            return top, left
    return None


def _window_sums(marked: NDArray[np.bool_], box: Size) -> NDArray[np.int32]:
    """Counts the marked pixels in each window of a size, int32 `[H - h + 1, W - w + 1]`."""
    sums = cv2.integral(marked.view(np.uint8))
    height, width = box
    return np.asarray(sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width])


def blend(canvases: LabeledImage, cutout: Cutout, place: tuple[int, int], sigma: float) -> None:
    """Pastes a thing into a photograph, its mask and its instance map, in place.

    Args:
        canvases: Photograph, mask, and instance map if there is one.
        cutout: The thing, with the same parts.
        place: Row and column of its bounding box.
        sigma: Standard deviation of the Gaussian that softens its edge in the photograph, in pixels.
    """
    pixels, parts = cutout
    target = tuple(slice(start, start + side) for start, side in zip(place, pixels.shape, strict=True))
    _blend_image(canvases[0], cutout, place, sigma)
    canvases[1][target][pixels] = parts[1][pixels]
    if len(parts) > 2:
        numbers, index = np.unique(parts[2][pixels], return_inverse=True)
        new = unused_numbers(canvases[2], len(numbers))
        new[numbers == 0] = 0
        canvases[2][target][pixels] = new[index.ravel()]


def _blend_image(canvas: NDArray[np.uint8], cutout: Cutout, place: tuple[int, int], sigma: float) -> None:
    margin = (_MARGIN,) * 4
    inside = cv2.copyMakeBorder(cutout.pixels.astype(np.float32), *margin, cv2.BORDER_CONSTANT, value=0)
    image = cv2.copyMakeBorder(cutout.parts[0].astype(np.float32), *margin, cv2.BORDER_CONSTANT, value=0)
    kernel = (2 * _MARGIN + 1,) * 2
    soft = cv2.GaussianBlur(inside, kernel, sigma)
    spread = cv2.GaussianBlur(image * inside[..., None], kernel, sigma) / np.maximum(soft, 1e-6)[..., None]
    color = np.where(inside[..., None] > 0, image, spread)
    opacity = np.minimum(1, _OPACITY * soft)[..., None]
    top, left = (start - _MARGIN for start in place)
    cut = tuple(
        slice(max(0, -start), min(side, length - start))
        for start, side, length in zip((top, left), inside.shape, canvas.shape[:2], strict=True)
    )
    target = canvas[max(0, top) : top + inside.shape[0], max(0, left) : left + inside.shape[1]]
    target[:] = np.rint(target + opacity[cut] * (color[cut] - target)).astype(np.uint8)
