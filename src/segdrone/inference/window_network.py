"""Compute the probabilities of windows in batches, augmented and within the memory of the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import ConfigError
from segdrone.inference.grouping import PlaneCollector
from segdrone.inference.tta import D4Transform, mean_probabilities
from segdrone.raster import ImageSource
from segdrone.runtime.backend import Backend, OutOfMemory, check_probabilities
from segdrone.spec import INSTANCE_PLANES
from segdrone.windows import Size, Window

_MARGIN = 4  # pixels of the image, around a window that is looked at for data


class WindowNetwork:
    """A finished model that computes windows in batches, with test-time augmentation.

    Args:
        backend: The model.
        transforms: Test-time augmentation: ways to turn and flip each window.
        scales: Test-time augmentation: sizes at which each window is predicted, as factors of its own size.
        batch_size: Windows that are computed at once; halved while the device's memory is too small.
    """

    def __init__(
        self, backend: Backend, transforms: Sequence[D4Transform], scales: Sequence[float], batch_size: int
    ) -> None:
        self.backend, self.batch_size = backend, batch_size
        self._transforms, self._scales, self._table = transforms, scales, backend.spec.classes

    def probabilities(
        self, source: ImageSource, resized: ImageSource, windows: Sequence[Window], collector: PlaneCollector | None
    ) -> Iterator[NDArray[np.float32]]:
        """Yields the probabilities of each window of a row, float32 `[C, h, w]`; other planes go to the collector.

        Those of a window without a valid pixel are 0: no pixel of it is ever shown.

        Args:
            source: The image.
            resized: The same at the network's scale.
            windows: The windows, in its pixels.
            collector: Gets the output of the instance head.

        Raises:
            DataError: The image cannot be read.
            ConfigError: The device's memory is too small for a single window.
        """
        with_data = {window for window in windows if _has_data(source, resized.size, window)}
        computed = self._computed(resized, [window for window in windows if window in with_data], collector)
        for window in windows:
            if window in with_data:
                yield next(computed)
            else:
                if collector is not None:
                    collector.add(window, np.zeros((INSTANCE_PLANES, window.height, window.width), np.float32))
                yield np.zeros((len(self._table), window.height, window.width), np.float32)

    def _computed(
        self, source: ImageSource, windows: Sequence[Window], collector: PlaneCollector | None
    ) -> Iterator[NDArray[np.float32]]:
        """Yields what the network says of each window of an image at its scale."""
        done, classes = 0, len(self._table)
        vectors = slice(classes + 1, self.backend.spec.planes)
        while done < len(windows):
            batch = windows[done : done + self.batch_size]
            pixels = np.stack([source.read(window) for window in batch])
            try:
                output = mean_probabilities(self._compute, pixels, self._transforms, self._scales, vectors)
            except OutOfMemory:
                if self.batch_size == 1:
                    raise ConfigError(
                        f"{self.backend.device} has no memory for a window of {windows[0].height} x "
                        f"{windows[0].width}: give a smaller window, or device=cpu"
                    ) from None
                self.batch_size //= 2  # for all later windows too
                continue
            done += len(batch)
            if collector is not None:
                for window, planes in zip(batch, output[:, classes:], strict=True):
                    collector.add(window, planes)
            probabilities = output[:, :classes]
            del output
            yield from probabilities
            del probabilities

    def _compute(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        probabilities = self.backend(windows)
        check_probabilities(self.backend, windows, probabilities)
        return probabilities


def _has_data(source: ImageSource, network_size: Size, window: Window) -> bool:
    """Whether a pixel of the image is valid that a window, or the interpolation at its border, may decide."""
    if source.fully_valid:
        return True
    begins, ends = [], []
    for begin, length, side, network_side in zip(window[:2], window[2:], source.size, network_size, strict=True):
        begins.append(max(0, round(begin * side / network_side) - _MARGIN))
        ends.append(min(side, round((begin + length) * side / network_side) + _MARGIN))
    (top, left), (bottom, right) = begins, ends
    return bool(source.valid(Window(top, left, bottom - top, right - left)).any())
