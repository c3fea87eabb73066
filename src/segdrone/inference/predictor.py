"""A finished model, and photographs of any size."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segdrone.data import DataConfig
from segdrone.errors import ConfigError, DataError
from segdrone.inference.blend import Blender, FinishedTile, window_spans
from segdrone.inference.options import check_options
from segdrone.inference.tta import AUGMENTS, mean_probabilities
from segdrone.model import SegmentationModule, load_module
from segdrone.model.networks import round_up_to_stride
from segdrone.raster.photograph import open_photograph, release_pages
from segdrone.raster.pixels import resize_image
from segdrone.windows import Size, Window, even_stride, grid

_LEAST_OVERLAP = 2  # pixels: to interpolate between windows
_MOST_WINDOWS = 32  # in a batch: more does not make a GPU faster
Progress = Callable[[int, int], None]


class Prediction(NamedTuple):
    """What a photograph shows.

    Attributes:
        mask: Class ids, uint8 `[H, W]`, at the photograph's own size.
        confidence: Probability of the chosen class, uint8 `[H, W]`, 0 to 255 for 0 to 1; None if not asked for.
    """

    mask: NDArray[np.uint8]
    confidence: NDArray[np.uint8] | None


class Predictor:
    """Predicts the mask of a photograph, window by window, in memory that does not grow with its height.

        predictor = Predictor.from_checkpoint("best.ckpt")
        mask = predictor("photograph.jpg").mask

    A photograph is resized to the scale of the training, cut into windows that overlap, and the
    probabilities of the windows, blended, are brought to its own size, before classes are chosen.

    Attributes:
        module: The model.
        table: The classes of the masks.
        settings: Plain values: all that the predictions depend on.

    Args:
        module: A finished model; its hyper-parameters say what training saw of photographs.
        scale: What the network sees: 1 the photograph at its own size, 0.5 at half. None is the
            training's scale: as many pixels as the training's `data.image_size` has where that
            resized whole photographs, else its `data.scale`.
        window: Height and width of a window in pixels that the network sees; None is the training's size, or
            at the scale of a training on whole photographs the whole photograph.
        overlap: What neighbouring windows share at least, as a part of the window, 0 to 0.9.
        augment: Test-time augmentation: `none`, `flips` (4 ways) or `symmetries` (8).
        scales: Test-time augmentation: each window is predicted at all of these sizes, 1 its own.
        device: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`. On a GPU the network computes in
            half precision.
        batch_size: Windows that the network sees at once; None is 1 on CPU, where more gains
            nothing, and on a GPU 32, or what its memory holds of that.

    Raises:
        ConfigError: An option is out of its range, or there is no such device.
    """

    def __init__(
        self,
        module: SegmentationModule,
        *,
        scale: float | None = None,
        window: Size | None = None,
        overlap: float = 0.25,
        augment: str = "none",
        scales: Sequence[float] = (1.0,),
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        self.data = DataConfig.from_dict(module.hparams["data"])
        self.table = module.table
        self.scale, self.window, self.overlap, self.scales = scale, window or self.data.training_size, overlap, scales
        self._whole = window is None and scale is None and self.data.sampling == "whole"
        check_options(
            scale=scale, window=window, overlap=overlap, augment=augment, scales=scales, batch_size=batch_size
        )
        self.symmetries = AUGMENTS[augment]
        self.device = _device(device)
        self.settings: dict[str, Any] = {
            "scale": scale, "window": None if self._whole else list(self.window), "overlap": overlap,
            "augment": augment, "scales": [float(value) for value in scales],
            "half_precision": self.device.type == "cuda",
        }  # fmt: skip
        self.batch_size = batch_size or (1 if self.device.type == "cpu" else _MOST_WINDOWS)
        self.module = module.eval().to(self.device)
        assert self.data.mean is not None and self.data.std is not None
        values = (np.arange(256)[:, None] / 255 - np.array(self.data.mean)) / np.array(self.data.std)
        self._normalised = values.astype(np.float32)[None]  # of each uint8 value, by channel

    @classmethod
    def from_checkpoint(cls, path: str | Path, **options: Any) -> Predictor:
        """Opens a checkpoint that `train.py` wrote; nothing in it can run.

        Args:
            path: The checkpoint.
            **options: As the class takes them.

        Raises:
            CheckpointError: The file is missing, broken, or no checkpoint of segdrone.
            ConfigError: As the class.
        """
        predictor = cls(load_module(path), **options)
        with Path(path).open("rb") as file:
            checkpoint = hashlib.file_digest(file, "sha256").hexdigest()
        predictor.settings = {"checkpoint": checkpoint, **predictor.settings}
        return predictor

    def __call__(
        self,
        image: NDArray[np.uint8] | str | Path,
        *,
        confidence: bool = False,
        progress: Progress | None = None,
    ) -> Prediction:
        """Predicts a photograph.

        Args:
            image: uint8 `[H, W, 3]`, RGB, or the path of a file.
            confidence: Also give the probability of the chosen class.
            progress: Called after each window with the number of those done, and of all.

        Raises:
            DataError: The file cannot be read, or the array is no photograph.
            ConfigError: The GPU's memory does not hold a single window.
        """
        if not isinstance(image, np.ndarray | str | Path):
            raise DataError(f"{type(image).__name__} is no photograph: give a path, or an array uint8 [H, W, 3]")
        pixels = image if isinstance(image, np.ndarray) else open_photograph(Path(image))
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise DataError(f"an array of {pixels.dtype} {list(pixels.shape)} is no photograph: give uint8 [H, W, 3]")
        mask = np.empty(pixels.shape[:2], np.uint8)
        certain = np.empty(pixels.shape[:2], np.uint8) if confidence else None
        for block in self.blocks(pixels, progress):
            height, width = block.classes.shape
            part = slice(block.top, block.top + height), slice(block.left, block.left + width)
            mask[part] = block.classes.cpu().numpy()
            if certain is not None:
                certain[part] = (block.confidence * 255).round_().byte().cpu().numpy()
        return Prediction(mask, certain)

    def blocks(self, image: NDArray[np.uint8], progress: Progress | None = None) -> Iterator[FinishedTile]:
        """Yields the parts of a photograph's mask, strip by strip, each as soon as it is finished.

        Args:
            image: uint8 `[H, W, 3]`, RGB.
            progress: As in calling the predictor.

        Raises:
            ConfigError: The GPU's memory does not hold a single window.
        """
        size: Size = (image.shape[0], image.shape[1])
        seen = self.seen_size(size)
        pixels = image if seen == size else resize_image(image, seen, self.data.interpolation)
        windows = self.windows(size)
        tops, lefts = (sorted({window[side] for window in windows}) for side in range(2))
        down = window_spans(size[0], seen[0], tops, windows[0].height)
        across = window_spans(size[1], seen[1], lefts, windows[0].width)
        blender = Blender(size, seen, down, across)
        probabilities = self._probabilities(pixels, windows)
        for row in range(len(tops)):
            for column in range(len(lefts)):
                # Not held by a name here: they would stay while the network sees the next window.
                yield from blender.add(row, column, next(probabilities))
                if progress is not None:
                    progress(row * len(lefts) + column + 1, len(windows))
            release_pages(pixels)

    def seen_size(self, size: Size) -> Size:
        """Returns height and width at which the network sees a photograph of `size`, in pixels."""
        scale = self.scale
        if scale is None:
            scale = self.data.scale
            if self.data.sampling == "whole":
                scale = math.sqrt(math.prod(self.data.image_size) / math.prod(size))
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def windows(self, size: Size) -> list[Window]:
        """Returns the windows of a photograph of `size`, row by row, in pixels that the network sees."""
        seen = self.seen_size(size)
        window = seen if self._whole else (min(self.window[0], seen[0]), min(self.window[1], seen[1]))
        least = 0 if seen == size else _LEAST_OVERLAP
        strides = [
            even_stride(length, side, min(max(round(self.overlap * side), least), side - 1), step)
            for length, side, step in zip(seen, window, round_up_to_stride(self.module.network, 1, 1), strict=True)
        ]
        return grid(seen, window, (strides[0], strides[1]))

    def _probabilities(self, pixels: NDArray[np.uint8], windows: Sequence[Window]) -> Iterator[Tensor]:
        """Yields each window's probabilities, float32 `[h, w, C]`."""
        done = 0
        while done < len(windows):
            try:
                batch = self._predicted(pixels, windows[done : done + self.batch_size])
            except torch.OutOfMemoryError:  # of a GPU
                if self.batch_size == 1:
                    raise ConfigError(
                        f"{self.device} has no memory for a window of {windows[0].height} x {windows[0].width}: "
                        "give a smaller window, or device=cpu"
                    ) from None
                self.batch_size //= 2  # for all that come after
                torch.cuda.empty_cache()
                continue
            done += len(batch)
            yield from batch
            del batch

    @torch.inference_mode()
    def _predicted(self, pixels: NDArray[np.uint8], windows: Sequence[Window]) -> Tensor:
        images = np.empty((len(windows), windows[0].height, windows[0].width, 3), np.float32)
        for window, image in zip(windows, images, strict=True):
            cv2.LUT(np.ascontiguousarray(pixels[window.rows, window.columns]), self._normalised, dst=image)
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(self.device)
        with self._half():
            return mean_probabilities(self.module, tensor, self.symmetries, self.scales)

    def _half(self) -> AbstractContextManager[Any]:
        if self.device.type == "cpu":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isascii() and number.isdecimal())):
        raise ConfigError(f"device={name} is unknown: choose auto, cpu, cuda or cuda:NUMBER")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={name}: torch sees {torch.cuda.device_count()} GPUs here: choose auto or cpu")
    return torch.device(name)
