"""Turn the lists of `conf/augment` into albumentations transforms."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping, Sequence
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segdrone.classes import IGNORE_INDEX
from segdrone.errors import ConfigError

_ABSTRACT = (A.BasicTransform, A.DualTransform, A.ImageOnlyTransform, A.Transform3D)


def build_transforms(steps: Sequence[Mapping[str, Any]], where: str) -> list[A.BasicTransform]:
    """Returns the transforms that a list such as `[{transform: HorizontalFlip, p: 0.5}]` names.

    Only names of albumentations' own transforms are looked up, so a list can name no other code.

    Args:
        steps: One mapping a transform: its class name under `transform`, its arguments beside it.
        where: The config key of the list, for messages.

    Raises:
        ConfigError: A name is no transform, or an argument is not one of the transform's.
    """
    return [_transform(step, f"{where}[{place}]") for place, step in enumerate(steps)]


def _transform(step: Mapping[str, Any], where: str) -> A.BasicTransform:
    if not isinstance(step, Mapping):
        raise ConfigError(f"{where}: {step} is no mapping: write {{transform: {step}}}")
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in step.items()}
    name = arguments.pop("transform", None)
    kind = getattr(A, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, A.BasicTransform)) or kind in _ABSTRACT:
        raise ConfigError(f"{where}: {name} is no transform of albumentations: mend the name under `transform`")
    fill_mask = inspect.signature(kind).parameters.get("fill_mask")
    if fill_mask is not None and fill_mask.default == 0:
        arguments.setdefault("fill_mask", IGNORE_INDEX)  # what is not seen is not of class 0
    try:
        return kind(**arguments, strict=True)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: {name} does not take these arguments ({reason}): mend them") from None


class Pipeline:
    """Augments a photograph and its mask on uint8, then normalises.

    Args:
        transforms: What varies photograph and mask; may be empty.
        mean: Mean of each channel of a photograph scaled to 0..1.
        std: Standard deviation of each channel, likewise.
    """

    def __init__(self, transforms: Sequence[A.BasicTransform], mean: Sequence[float], std: Sequence[float]) -> None:
        self._compose = A.Compose(list(transforms))
        values = (np.arange(256)[:, None] / 255 - np.array(mean)) / np.array(std)
        self._normalised = values.astype(np.float32)[None]  # of each uint8 value, by channel

    def __call__(self, seed: int, **targets: NDArray[np.uint8]) -> dict[str, Tensor]:
        """Augments and normalises `image` (uint8 `[H, W, 3]`) and, if given, `mask` (uint8 `[H, W]`).

        Returns:
            `image` as float32 `[3, H, W]`, normalised, and `mask` as int64 `[H, W]`.
        """
        varied = self.augment(seed, **targets)
        batch = self.finish({name: torch.from_numpy(pixels)[None] for name, pixels in varied.items()})
        return {name: tensor[0] for name, tensor in batch.items()}

    def augment(self, seed: int, **targets: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
        """Varies `image` (uint8 `[H, W, 3]`) and, if given, `mask` (uint8 `[H, W]`).

        All random choices come from `seed`. The transforms share one generator: seeding each of
        them alike, as `Compose.set_random_seed` does, would flip horizontally exactly when it
        flips vertically.
        """
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        return {name: np.ascontiguousarray(pixels) for name, pixels in self._compose(**targets).items()}

    def finish(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Normalises a batch.

        One pass over the pixels, which stay in the order that they have in a photograph and that
        networks are fastest with: channels last. In pinned memory if the batch is.

        Args:
            batch: `image` uint8 `[B, H, W, 3]`, perhaps `mask` uint8 `[B, H, W]`, and anything else.

        Returns:
            The same with `image` as float32 `[B, 3, H, W]`, normalised, and `mask` as int64.
        """
        pinned = batch["image"].is_pinned()
        images = batch["image"].numpy()
        normalised = _empty(images.shape, np.float32, pinned)
        for image, place in zip(images, normalised, strict=True):
            cv2.LUT(image, self._normalised, dst=place)
        finished = {**batch, "image": torch.from_numpy(normalised).permute(0, 3, 1, 2)}
        if "mask" in batch:
            mask = _empty(batch["mask"].shape, np.int64, pinned)
            mask[:] = batch["mask"].numpy()
            finished["mask"] = torch.from_numpy(mask)
        return finished


def _empty(shape: Sequence[int], dtype: type[np.generic], pinned: bool) -> NDArray[Any]:
    """NumPy asks for large pages, and torch does not: filled for the first time, they cost a third."""
    if pinned:
        return torch.empty(*shape, dtype=getattr(torch, dtype.__name__), pin_memory=True).numpy()
    return np.empty(shape, dtype)
