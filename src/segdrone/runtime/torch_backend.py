"""Run a finished model with torch, on CPU or a GPU."""

from __future__ import annotations

import copy
import hashlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segdrone.errors import ConfigError
from segdrone.model.checkpoint import load_network
from segdrone.model.networks import forward_any_size, round_up_to_stride
from segdrone.normalize import Normalize
from segdrone.runtime.backend import OutOfMemory
from segdrone.spec import ModelSpec

_GPU_BATCH_SIZE = 32  # more windows at once do not make a GPU faster


class TorchBackend:
    """Computes class probabilities with a torch network; implements `Backend`.

    On a GPU the network computes in half precision, by autocast.

    Args:
        network: Maps normalized images, float32 `[B, 3, H, W]`, to logits `[B, C, H, W]`. It is copied.
        spec: What the network expects and predicts.
        device: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`.
        batch_size: Windows to compute at once; None is 1 on CPU, where more are not faster, and 32 on a GPU.

    Raises:
        ConfigError: The device is unknown or missing.

    Example:
        >>> from segdrone.classes import ClassTable
        >>> from segdrone.model.networks import build_network
        >>> classes = ClassTable(("road", "grass"), ((128, 64, 128), (0, 102, 0)))
        >>> spec = ModelSpec(classes, mean=(0.5,) * 3, std=(0.5,) * 3, training_size=(64, 64))
        >>> network = build_network("linknet", encoder_name="tu-test_efficientnet", encoder_depth=3, classes=2)
        >>> backend = TorchBackend(network, spec, device="cpu")
        >>> backend(np.zeros((1, 50, 70, 3), np.uint8)).shape
        (1, 2, 50, 70)
    """

    def __init__(
        self, network: nn.Module, spec: ModelSpec, *, device: str = "auto", batch_size: int | None = None
    ) -> None:
        self.spec = spec
        self._device = _parse_device(device)
        self.device = str(self._device)
        self.batch_size = batch_size or (1 if self._device.type == "cpu" else _GPU_BATCH_SIZE)
        self.stride = round_up_to_stride(network, 1, 1)
        self._normalize = Normalize(spec.mean, spec.std)
        self._network = copy.deepcopy(network).eval().to(self._device)
        self._settings: dict[str, Any] = {"half_precision": self._device.type == "cuda"}

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, device: str = "auto", batch_size: int | None = None) -> TorchBackend:
        """Opens a checkpoint that `train.py` wrote, as plain data.

        Raises:
            CheckpointError: The file is missing, broken, or not a checkpoint of segdrone.
            ConfigError: The device is unknown or missing.
        """
        network, spec = load_network(path)
        backend = cls(network, spec, device=device, batch_size=batch_size)
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        backend._settings = {"checkpoint": digest, **backend._settings}
        return backend

    @property
    def settings(self) -> dict[str, Any]:
        """`checkpoint`, the SHA-256 of the file that the model was opened from, if any, and `half_precision`."""
        return dict(self._settings)

    @torch.inference_mode()
    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows.

        Args:
            windows: uint8 `[N, h, w, 3]`, RGB, of any height and width.

        Returns:
            float32 `[N, C, h, w]`, contiguous; sums to 1 over C.

        Raises:
            OutOfMemory: The GPU's memory does not hold as many windows.
        """
        images = np.empty(windows.shape, np.float32)
        for window, image in zip(windows, images, strict=True):
            self._normalize(window, out=image)
        try:
            tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(self._device)
            with self._autocast():
                logits = forward_any_size(self._network, tensor)
            return logits.softmax(1).cpu().contiguous().numpy()
        except torch.OutOfMemoryError as error:
            shown = " x ".join(map(str, windows.shape[:3]))
            raise OutOfMemory(f"{self.device} has no memory for windows of {shown}") from error

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._device.type == "cpu":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)


def _parse_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isascii() and number.isdecimal())):
        raise ConfigError(f"device={name} is unknown: choose auto, cpu, cuda or cuda:NUMBER")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={name}: torch sees {torch.cuda.device_count()} GPUs here: choose auto or cpu")
    return torch.device(name)
