"""Predict the mask of an image of any size with a finished model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.inference.blend import Blender, FinishedTile, WindowSpan, window_spans
from segdrone.inference.grouping import PlaneCollector
from segdrone.inference.options import check_options, check_window, default_window
from segdrone.inference.prediction import Prediction
from segdrone.inference.tta import AUGMENTS
from segdrone.inference.window_network import WindowNetwork
from segdrone.raster import ArraySource, ImageSource, TileCollector, open_image
from segdrone.runtime.backend import Backend
from segdrone.runtime.open_backend import open_backend
from segdrone.windows import Size, Window, even_stride, grid, proportional_size

_MIN_OVERLAP = 2  # pixels: to interpolate between windows
Progress = Callable[[int, int], None]


class Predictor:
    """Predicts the mask of an image, window by window, in memory that does not grow with its height.

    An image is resized to the network's scale and cut into windows that overlap. The probabilities of the windows
    are blended and interpolated at the image's own size, where classes are chosen.

        predictor = Predictor.from_checkpoint("best.ckpt")
        mask = predictor("photograph.jpg").mask

    Args:
        backend: A finished model. Its spec says at which scale it was trained.
        scale: The network's scale: 1 for the image's own size, 0.5 for half. None is the scale of training: as many
            pixels as the training size has if that resized whole photographs, else the spec's scale.
        window: Height and width of a window, in pixels at the network's scale. None is `default_window`, or the whole
            image at the scale of a training on whole photographs. A model that takes one size sets it.
        overlap: Least share of a window that its neighbor covers too, 0 to 0.9.
        augment: Test-time augmentation: `none`, `flips` (4 ways) or `symmetries` (8).
        scales: Test-time augmentation: sizes at which each window is predicted, as factors of its own size.
            Windows are resized as uint8.
        batch_size: Windows that the network computes at once; None is the backend's choice. If the device's memory
            is too small, it is halved until they fit.

    Attributes:
        backend: The model.
        table: Classes of the masks.
        settings: All that predictions depend on, as plain values.

    Raises:
        ConfigError: An option is out of its range.

    Example:
        >>> from segdrone.classes import ClassTable
        >>> from segdrone.spec import ModelSpec
        >>> table = ClassTable(names=("dark", "bright"), colours=((0, 0, 0), (255, 255, 255)))
        >>> class Threshold:
        ...     spec = ModelSpec(table, mean=(0.5,) * 3, std=(0.5,) * 3, training_size=(4, 4), sampling="tiles")
        ...     stride, device, batch_size, window, settings = (1, 1), "cpu", 1, None, {}
        ...     def __call__(self, windows):
        ...         bright = windows[..., 0].astype(np.float32) / 255
        ...         return np.stack([1 - bright, bright], axis=1)
        >>> image = np.array([[10, 250]], np.uint8).repeat(4, 1).repeat(6, 0)[..., None].repeat(3, 2)
        >>> Predictor(Threshold())(image).mask[0].tolist()
        [0, 0, 0, 0, 1, 1, 1, 1]
    """

    def __init__(
        self,
        backend: Backend,
        *,
        scale: float | None = None,
        window: Size | None = None,
        overlap: float = 0.25,
        augment: str = "none",
        scales: Sequence[float] = (1.0,),
        batch_size: int | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "window": window, "overlap": overlap, "augment": augment, "scales": scales, "batch_size": batch_size,
        }  # fmt: skip
        check_options(
            scale=scale, window=window, overlap=overlap, augment=augment, scales=scales, batch_size=batch_size
        )
        self.backend, self.table = backend, backend.spec.classes
        self._spec, self._scale, self._overlap = backend.spec, scale, overlap
        window = backend.window if window is None else window
        self._window: Size = default_window(backend.spec) if window is None else (window[0], window[1])
        if backend.window is not None:
            check_window(self._window, backend.window, augment, scales)
        self._whole = window is None and scale is None and backend.spec.sampling == "whole"
        self._network = WindowNetwork(backend, AUGMENTS[augment], scales, batch_size or backend.batch_size)
        self.settings: dict[str, Any] = {
            **backend.settings,
            "scale": scale, "window": None if self._whole else list(self._window), "overlap": overlap,
            "augment": augment, "scales": [float(value) for value in scales],
        }  # fmt: skip

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, device: str = "auto", **options: Any) -> Predictor:
        """Opens a checkpoint that `train.py` wrote, as plain data: nothing in it is executed.

        Args:
            path: The checkpoint.
            device: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`. On a GPU the network computes in half
                precision.
            **options: Options of the class.

        Raises:
            CheckpointError: The file is missing, broken, or not a checkpoint of segdrone.
            ConfigError: An option is out of its range, or the device is missing.
        """
        from segdrone.runtime.torch_backend import TorchBackend

        return cls(TorchBackend.from_checkpoint(path, device=device), **options)

    @classmethod
    def from_file(
        cls, path: str | Path, *, device: str = "auto", spec: str | Path | None = None, **options: Any
    ) -> Predictor:
        """Opens a checkpoint, a classical model, or what `segdrone export` wrote. Nothing in the file is executed.

        Args:
            path: A checkpoint, `.onnx` (ONNX Runtime), `.xml` (OpenVINO) or `.npz` (a classical model).
            device: `auto`, `cpu`, or a name of a device in the runtime's own terms.
            spec: JSON file that describes a model of another program; see docs/export.md.
            **options: Options of the class.

        Raises:
            CheckpointError: The file is missing, broken, or does not describe itself.
            ConfigError: An option is out of its range, or the device is missing.
        """
        return cls(open_backend(path, device=device, spec=spec), **options)

    def at_scale(self, scale: float) -> Predictor:
        """Returns a predictor of the same model and options at another scale.

        Raises:
            ConfigError: The scale is out of its range.
        """
        return Predictor(self.backend, scale=scale, **self._options)

    def __call__(
        self,
        image: NDArray[np.uint8] | str | Path | ImageSource,
        *,
        confidence: bool = False,
        instances: bool = False,
        progress: Progress | None = None,
    ) -> Prediction:
        """Predicts an image.

        Args:
            image: uint8 `[H, W, 3]`, RGB, the path of a file, or an opened image.
            confidence: Also return the probability of the class.
            instances: Also return the output of the instance head, if the model has one.
            progress: Called after each window with the number of finished windows, and of all.

        Raises:
            DataError: The file cannot be read, or the array is not an image.
            ConfigError: The device's memory is too small for a single window.
        """
        source = self.open(image)
        mask, probability = TileCollector(source.size), TileCollector(source.size) if confidence else None
        collector = None
        if instances and self.backend.spec.instances:
            collector = PlaneCollector(self.network_size(source.size), self.windows(source.size))
        for tile in self.tiles(source, progress, collector):
            mask.write(tile.top, tile.left, tile.classes)
            if probability is not None:
                probability.write(tile.top, tile.left, np.rint(tile.confidence * 255).astype(np.uint8))
        planes = None if collector is None else collector.result()
        return Prediction(mask.result(), None if probability is None else probability.result(), planes)

    def open(self, image: NDArray[np.uint8] | str | Path | ImageSource) -> ImageSource:
        """Returns a source of the image's pixels that resizes them as in training.

        Raises:
            DataError: The file cannot be read, or the array is not an image.
        """
        if isinstance(image, np.ndarray):
            return ArraySource(image, interpolation=self._spec.interpolation)
        if isinstance(image, str | Path):
            spec = self._spec
            return open_image(image, spec.interpolation, bands=spec.bands, stretch=spec.stretch)
        if not hasattr(image, "read"):
            raise DataError(f"{type(image).__name__} is not an image: give a path, or an array uint8 [H, W, 3]")
        return image

    def tiles(
        self, source: ImageSource, progress: Progress | None = None, collector: PlaneCollector | None = None
    ) -> Iterator[FinishedTile]:
        """Yields the tiles of an image's mask, strip by strip, each as soon as it is finished.

        Where the source has no data, classes are the ignored id and the confidence is 0. Windows without a valid pixel
        are not computed.

        Args:
            source: The image, as `open` returns it.
            progress: As for a call of the predictor.
            collector: Gets the output of the instance head.

        Raises:
            DataError: The source cannot be read.
            ConfigError: The device's memory is too small for a single window.
        """
        for _, tiles in self.rows(source, 0, progress, collector):
            yield from tiles

    def spans(self, size: Size) -> list[list[WindowSpan]]:
        """Returns what the windows of an image contribute to its rows and to its columns."""
        windows = self.windows(size)
        return [
            window_spans(length, network_length, sorted({window[side] for window in windows}), windows[0][side + 2])
            for side, (length, network_length) in enumerate(zip(size, self.network_size(size), strict=True))
        ]

    def rows(
        self,
        source: ImageSource,
        first: int = 0,
        progress: Progress | None = None,
        collector: PlaneCollector | None = None,
    ) -> Iterator[tuple[WindowSpan, Iterator[FinishedTile]]]:
        """Yields for each row of windows, from number `first` on, the rows that it decides and its finished tiles."""
        rows, columns = self.spans(source.size)
        blender = Blender(source.size, self.network_size(source.size), rows, columns)
        windows, resized, across = self.windows(source.size), self.resize(source), len(columns)

        def tiles(row: int) -> Iterator[FinishedTile]:
            probabilities = self._network.probabilities(source, resized, windows[row * across :][:across], collector)
            for column in range(across):
                # Without a name here, probabilities are freed before the next window is computed.
                for tile in blender.add(row, column, next(probabilities)):
                    self._ignore_no_data(tile, source)
                    yield tile
                if progress is not None:
                    progress(row * across + column + 1, len(windows))
            source.release_pages()

        if first > 0:  # the row before is blended with it
            for _ in tiles(first - 1):
                pass
        for row in range(first, len(rows)):
            yield rows[row], tiles(row)

    def network_size(self, size: Size) -> Size:
        """Returns height and width of an image of `size` at the network's scale, in pixels."""
        if self._scale is None and self._spec.sampling == "whole":
            return proportional_size(size, self._spec.training_size)
        scale = self._spec.scale if self._scale is None else self._scale
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def windows(self, size: Size) -> list[Window]:
        """Returns the windows of an image of `size`, row by row, in pixels at the network's scale."""
        network_size = self.network_size(size)
        window = network_size
        if not self._whole:
            window = min(self._window[0], network_size[0]), min(self._window[1], network_size[1])
        min_overlap = 0 if network_size == size else _MIN_OVERLAP
        strides = [
            even_stride(length, side, min(max(round(self._overlap * side), min_overlap), side - 1), step)
            for length, side, step in zip(network_size, window, self.backend.stride, strict=True)
        ]
        return grid(network_size, window, (strides[0], strides[1]))

    def probabilities(self, source: ImageSource) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """Yields each of the `windows` of an image, and its probabilities, float32 `[C, h, w]`; 0 without any data.

        Raises:
            DataError, ConfigError: As `tiles`.
        """
        windows = self.windows(source.size)
        yield from zip(windows, self._network.probabilities(source, self.resize(source), windows, None), strict=True)

    def resize(self, source: ImageSource) -> ImageSource:
        """Returns an image at the network's scale, resized as a whole, as in training; `windows` are parts of it.

        Raises:
            DataError: The source cannot be read.
        """
        network_size = self.network_size(source.size)
        if network_size == source.size:
            return source
        return source.resized(network_size)

    def _ignore_no_data(self, tile: FinishedTile, source: ImageSource) -> None:
        if not source.fully_valid:
            no_data = ~source.valid(Window(tile.top, tile.left, *tile.classes.shape))
            tile.classes[no_data] = self.table.ignore_index
            tile.confidence[no_data] = 0
