"""Build the augmentation of `conf/augment` from albumentations, and normalize batches."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import albumentations as A
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segdrone.classes import IGNORE_INDEX
from segdrone.errors import ConfigError
from segdrone.normalize import Normalize

_ABSTRACT = (A.BasicTransform, A.DualTransform, A.ImageOnlyTransform, A.Transform3D)
_FINISHING = ("Normalize", "ToFloat", "FromFloat", "ToTensorV2", "ToTensor3D")  # what comes after augmentation


def build_transforms(steps: Sequence[Mapping[str, Any]], where: str) -> list[A.BasicTransform]:
    """Returns the transforms in a list such as `[{transform: HorizontalFlip, p: 0.5}]`.

    Names are looked up among albumentations' own transforms only, so a list cannot name other code.

    Args:
        steps: One mapping per transform: its class name under `transform`, and its arguments.
        where: Config key of the list, for errors.

    Raises:
        ConfigError: A name is not a transform, or one of those that normalize, or the transform does not take an
            argument.
    """
    return [_build_transform(step, f"{where}[{index}]") for index, step in enumerate(steps)]


def _build_transform(step: Mapping[str, Any], where: str) -> A.BasicTransform:
    if not isinstance(step, Mapping):
        raise ConfigError(f"{where}: {step} is not a mapping: write {{transform: {step}}}")
    arguments = {key: tuple(value) if isinstance(value, list) else value for key, value in step.items()}
    name = arguments.pop("transform", None)
    kind = getattr(A, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, A.BasicTransform)) or kind in _ABSTRACT:
        raise ConfigError(f"{where}: {name} is not a transform of albumentations: fix the name under `transform`")
    if name in _FINISHING:
        raise ConfigError(
            f"{where}: samples are normalized by data.mean and data.std after augmentation: leave out {name}"
        )
    strict = {"strict": True} if _is_validated(kind) else {}  # the others refuse unknown arguments themselves
    try:
        transform: Any = kind(**arguments, **strict)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: {name} does not take these arguments ({reason}): fix them") from None
    if "fill_mask" not in arguments and getattr(transform, "fill_mask", None) == 0:
        transform.fill_mask = IGNORE_INDEX  # pixels from outside the photograph, or hidden, are not class 0
    built: A.BasicTransform = transform
    return built


def _is_validated(kind: type[A.BasicTransform]) -> bool:
    """Whether albumentations checks the arguments of a transform against a schema, and takes `strict` beside them."""
    owner = next(base for base in kind.__mro__ if "__init__" in vars(base))
    return "InitSchema" in vars(owner)


class Pipeline:
    """Augments photographs and masks in uint8, then normalizes batches.

    Args:
        transforms: Augmentation; may be empty.
        mean: Mean of the red, green and blue channel scaled to 0..1.
        std: Standard deviation of these channels.
    """

    def __init__(self, transforms: Sequence[A.BasicTransform], mean: Sequence[float], std: Sequence[float]) -> None:
        self._compose = A.Compose(list(transforms), additional_targets={"instances": "mask"})
        self._normalize = Normalize(mean, std)

    def __call__(self, seed: int, **targets: NDArray[np.uint8]) -> dict[str, Tensor]:
        """Augments and normalizes `image` (uint8 `[H, W, 3]`) and, if given, `mask` (uint8 `[H, W]`).

        Returns:
            `image` as float32 `[3, H, W]`, normalized, and `mask` as int64 `[H, W]`.
        """
        augmented = self.augment(seed, **targets)
        batch = self.finish({name: torch.from_numpy(pixels)[None] for name, pixels in augmented.items()})
        return {name: tensor[0] for name, tensor in batch.items()}

    def augment(self, seed: int, **targets: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Augments `image` (uint8 `[H, W, 3]`) and, if given, `mask` (uint8 `[H, W]`) and `instances` (uint16).

        Numbers of `instances` move with their pixels and become int32; outside the photograph they mean nothing.

        All random choices depend on `seed` only. The transforms share one generator: seeding each with the same
        number, as `Compose.set_random_seed` does, would flip horizontally exactly when it flips vertically.

        Raises:
            ConfigError: A transform fails on these pixels, such as a crop larger than they are.
        """
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        try:
            transformed = self._compose(**targets)
        except MemoryError:
            raise
        except Exception as error:  # transforms of a config can fail in any way, some only on some sizes
            height, width = targets["image"].shape[:2]
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ConfigError(
                f"the transforms of augment fail on {height} x {width} pixels ({reason}): change them; segdrone data "
                "show FOLDER --augment FILE.yaml tries them"
            ) from error
        augmented = {name: np.ascontiguousarray(pixels) for name, pixels in transformed.items()}
        if "instances" in augmented:
            augmented["instances"] = augmented["instances"].astype(np.int32)
        return augmented

    def finish(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Normalizes a batch.

        The pixels keep the order of a photograph, channels last, with which networks are fastest. The
        result is in pinned memory if the batch is.

        Args:
            batch: `image` uint8 `[B, H, W, 3]`, optionally `mask` uint8 `[B, H, W]`, and anything else.

        Returns:
            The batch with `image` as float32 `[B, 3, H, W]`, normalized, and `mask` as int64.
        """
        pinned = batch["image"].is_pinned()
        images = batch["image"].numpy()
        normalized = _empty(images.shape, np.float32, pinned)
        for image, out in zip(images, normalized, strict=True):
            self._normalize(image, out)
        finished = {**batch, "image": torch.from_numpy(normalized).permute(0, 3, 1, 2)}
        if "mask" in batch:
            mask = _empty(batch["mask"].shape, np.int64, pinned)
            mask[:] = batch["mask"].numpy()
            finished["mask"] = torch.from_numpy(mask)
        return finished


def _empty(shape: Sequence[int], dtype: type[np.generic], pinned: bool) -> NDArray[Any]:
    """An uninitialized array: NumPy's is in large pages and torch's is not, so filling it takes a third of the time."""
    if pinned:
        return torch.empty(*shape, dtype=getattr(torch, dtype.__name__), pin_memory=True).numpy()
    return np.empty(shape, dtype)
