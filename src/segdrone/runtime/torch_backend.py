"""Run a finished model with torch, on CPU or a GPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segdrone.errors import CheckpointError, ConfigError
from segdrone.included import find_model
from segdrone.model.any_size import forward_any_size, pad_to_stride, round_up_to_stride
from segdrone.model.checkpoint import load_network
from segdrone.normalize import Normalize
from segdrone.runtime.backend import OutOfMemory
from segdrone.runtime.fuse import fuse_batch_norms
from segdrone.runtime.pad_kernels import pad_kernels
from segdrone.spec import ModelSpec
from segdrone.utils.digest import digest_of_model
from segdrone.windows import Size

_GPU_BATCH_SIZE = 32  # more windows at once do not make a GPU faster


class TorchBackend:
    """Computes class probabilities with a torch network; implements `Backend`.

    On CPU batch norms are folded into the convolutions before them. On a GPU the network computes in half precision,
    by autocast.

    Args:
        network: Maps normalized images, float32 `[B, 3, H, W]`, to logits `[B, C, H, W]`, and the planes of an instance
            head behind them. It is copied.
        spec: What the network expects and predicts.
        device: `auto` (a GPU if there is one), `cpu`, `cuda` or `cuda:1`.
        batch_size: Windows to compute at once; None is 1 on CPU, where more are not faster, and 32 on a GPU.

    Raises:
        ConfigError: The device is unknown or missing.

    Example:
        >>> from segdrone.classes import ClassTable
        >>> from segdrone.model.networks import build_network
        >>> classes = ClassTable(("road", "grass"), ((128, 64, 128), (0, 102, 0)))
        >>> spec = ModelSpec(classes, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), training_size=(64, 64))
        >>> network = build_network("linknet", encoder_name="tu-test_efficientnet", encoder_depth=3, classes=2)
        >>> backend = TorchBackend(network, spec, device="cpu")
        >>> backend(np.zeros((1, 50, 70, 3), np.uint8)).shape
        (1, 2, 50, 70)
    """

    def __init__(
        self, network: nn.Module, spec: ModelSpec, *, device: str = "auto", batch_size: int | None = None
    ) -> None:
        self._device = _parse_device(device)
        on_cpu = self._device.type == "cpu"
        self.spec = spec
        self.stride = round_up_to_stride(network, 1, 1)
        self.device = str(self._device)
        self.window: Size | None = None
        self.batch_size = batch_size or (1 if on_cpu else _GPU_BATCH_SIZE)
        self._settings: dict[str, Any] = {"half_precision": not on_cpu}
        self._normalize = Normalize(spec.mean, spec.std)
        copied = copy.deepcopy(network).eval().to(self._device)
        self._network = pad_kernels(fuse_batch_norms(copied)) if on_cpu else copied

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, device: str = "auto", batch_size: int | None = None) -> TorchBackend:
        """Opens a checkpoint that `train.py` wrote, as plain data.

        Args:
            path: Path of the checkpoint.
            device: As the class takes it.
            batch_size: As the class takes it.

        Raises:
            CheckpointError: The file is missing, broken, not a checkpoint of segdrone, or replaced meanwhile.
            ConfigError: The device is unknown or missing.
        """
        with digest_of_model(find_model(path)) as (digest,):
            network, spec = load_network(path)
        backend = cls(network, spec, device=device, batch_size=batch_size)
        backend._settings = {"checkpoint": digest, **backend._settings}
        return backend

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on besides the spec.

        `half_precision`, and for a model opened from a file `checkpoint`, the file's SHA-256.
        """
        return dict(self._settings)

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows.

        Args:
            windows: uint8 `[N, h, w, 3]`, RGB, of any height and width.

        Returns:
            float32 `[N, planes, h, w]`, contiguous, as `Backend` says.

        Raises:
            OutOfMemory: The GPU's memory is too small for this number of windows; fewer may fit.
            CheckpointError: The network fails on these windows.
        """
        try:
            return self._probabilities(self._normalized(windows))
        except torch.OutOfMemoryError:
            pass
        except Exception as error:  # options of somebody's network can fail in any way, some only here
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise CheckpointError(
                f"the network cannot predict {' x '.join(map(str, windows.shape[:3]))} pixels ({reason}): give another "
                "checkpoint or size"
            ) from error
        torch.cuda.empty_cache()  # here, where the error no longer holds the tensors
        shown = " x ".join(map(str, windows.shape[:3]))
        raise OutOfMemory(f"{self.device} has no memory for {shown} pixels at once")

    @torch.inference_mode()
    def embed(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the coarsest features of the encoder, to compare what windows show; only networks have them.

        Args:
            windows: uint8 `[N, h, w, 3]`, RGB, of any height and width.

        Returns:
            float32 `[N, D, rows, columns]`; the cells lie evenly over each window.
        """
        encoder: Any = self._network.encoder
        images = pad_to_stride(self._network, self._normalized(windows))
        with self._autocast():
            output = encoder(images.to(self._device))
        maps = [features for features in _tensors(output) if features.ndim == 4 and features.is_floating_point()]
        coarsest = min(reversed(maps), key=lambda features: features.shape[2] * features.shape[3])
        return np.asarray(coarsest.float().cpu())

    def _normalized(self, windows: NDArray[np.uint8]) -> Tensor:
        images = np.empty(windows.shape, np.float32)
        for window, image in zip(windows, images, strict=True):
            self._normalize(window, out=image)
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    @torch.inference_mode()
    def _probabilities(self, images: Tensor) -> NDArray[np.float32]:
        with self._autocast():
            output = forward_any_size(self._network, images.to(self._device))
        classes = len(self.spec.classes)
        output = output[:, : self.spec.planes]
        if self._device.type != "cpu":
            logits, planes = output[:, :classes], output[:, classes:]
            return np.asarray(torch.cat([logits.softmax(1), planes], 1).contiguous().cpu())
        # The output is in channels-last layout. OpenCV's transpose to the default one, and softmax in place there, take
        # half the time of softmax in channels-last layout, and a quarter of that of torch's copy.
        result = np.empty(tuple(output.shape), np.float32)
        for pixels, planes in zip(output.permute(0, 2, 3, 1).numpy(), result, strict=True):
            cv2.transpose(pixels.reshape(-1, len(planes)), dst=planes.reshape(len(planes), -1))
        logits = torch.from_numpy(result[:, :classes])
        torch.softmax(logits, 1, out=logits)
        return result

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._device.type == "cpu":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)


def _tensors(output: Any) -> Iterator[Tensor]:
    """Yields the tensors of an encoder's output: a list, a dict, or a tuple that holds one."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, list | tuple | dict):
        for part in output.values() if isinstance(output, dict) else output:
            yield from _tensors(part)


def _parse_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isascii() and number.isdecimal())):
        raise ConfigError(f"device={name} is unknown: choose auto, cpu, cuda or cuda:NUMBER")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device={name}: torch sees {torch.cuda.device_count()} GPUs here: choose auto or cpu")
    return torch.device(name)
