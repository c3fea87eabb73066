"""Run a finished model with OpenVINO, without torch."""

from __future__ import annotations

import hashlib
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from segdrone.errors import CheckpointError, ConfigError
from segdrone.runtime.adapter import Adapter
from segdrone.runtime.backend import OutOfMemory
from segdrone.runtime.description import KEY, Description
from segdrone.runtime.threads import thread_count

_MAX_GRAPH, _MAX_WEIGHTS = 64 << 20, 2 << 30  # bytes of the .xml and the .bin file
_COMPUTED_IN = {"fp32": "f32", "fp16": "f32", "bf16": "bf16", "int8": "f32"}  # what is not int8, by precision, on CPU
_SHAPES = 2  # compiled graphs that are kept: photographs upright and lying


class OpenVinoBackend:
    """Computes class probabilities with OpenVINO; implements `Backend`.

    The graph is compiled for each size of windows, since fixed shapes are faster.

    Args:
        path: The `.xml` file of a model; the `.bin` file with its weights lies beside it.
        description: What the model takes and returns; None reads it from the file.
        device: `auto` (a GPU if there is one), or a name of OpenVINO, such as `CPU`, `GPU`, `GPU.1` or `NPU`.
        batch_size: Windows to compute at once; None is 1.

    Raises:
        CheckpointError: A file is missing, broken or too large, or does not describe itself.
        ConfigError: The device is not there.
    """

    def __init__(
        self,
        path: str | Path,
        description: Description | None = None,
        *,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        path = Path(path)
        digest = _digest_files(path)
        self._core = ov.Core()
        try:
            self._model = self._core.read_model(path)
        except Exception as error:  # of somebody's graph, in any way
            raise CheckpointError(
                f"{path} is truncated or not an OpenVINO model ({_reason(error)}): export it again"
            ) from None
        self.description = description or Description.of_model(path, self._text())
        self.spec, self.stride = self.description.spec, self.description.signature.stride
        self.window = self.description.signature.window
        self.batch_size = batch_size or 1
        self.device = _find_device(self._core, device)
        self._adapter = Adapter(self.description)
        self._compiled: OrderedDict[tuple[int, ...], ov.CompiledModel] = OrderedDict()
        self._settings = {
            "model": digest, "runtime": "openvino", "device": self.device.partition(".")[0],
            "precision": self.description.precision,
        }  # fmt: skip

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on besides the spec: SHA-256 of the files, runtime, device, precision."""
        return dict(self._settings)

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows, as `Backend` says.

        Raises:
            OutOfMemory: The device's memory is too small for this number of windows; fewer may fit.
            CheckpointError: The model fails on these windows.
        """
        pixels = self._adapter.to_input(windows)
        try:
            output = self._compile(pixels.shape)(pixels, share_inputs=True)[0]
        except Exception as error:  # of somebody's graph, in any way
            shown, reason = " x ".join(map(str, windows.shape[:3])), _reason(error)
            if "memory" in reason.lower():
                raise OutOfMemory(f"{self.device} has no memory for {shown} pixels at once") from None
            raise CheckpointError(
                f"the model cannot predict {shown} pixels ({reason}): give another model or size"
            ) from None
        return self._adapter.to_probabilities(output, *windows.shape[1:3])

    def _text(self) -> str | None:
        """Returns the text of the description in the file."""
        return str(self._model.get_rt_info([KEY]).astype(str)) if self._model.has_rt_info([KEY]) else None

    def _compile(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        if shape not in self._compiled:
            while len(self._compiled) >= _SHAPES:
                self._compiled.popitem(last=False)
            model = self._model.clone()
            model.reshape(ov.PartialShape(list(shape)))
            options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
            if self.device.startswith("CPU"):
                options |= {"INFERENCE_NUM_THREADS": thread_count()}
                options["INFERENCE_PRECISION_HINT"] = _COMPUTED_IN[self.description.precision]
            self._compiled[shape] = self._core.compile_model(model, self.device, options)
        self._compiled.move_to_end(shape)
        return self._compiled[shape]


def _digest_files(path: Path) -> str:
    """Returns the SHA-256 of a model's two files, and checks their sizes."""
    digest = hashlib.sha256()
    for file, limit in ((path, _MAX_GRAPH), (path.with_suffix(".bin"), _MAX_WEIGHTS)):
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise CheckpointError(f"{file} is not a regular file: give the .xml file of an OpenVINO model")
            if status.st_size > limit:
                raise CheckpointError(f"{file} is larger than {limit >> 20} MiB: give another model")
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        except OSError as error:
            raise CheckpointError(
                f"{file} cannot be read ({error.strerror}): an OpenVINO model is an .xml and a .bin file of one name"
            ) from None
    return digest.hexdigest()


def _find_device(core: ov.Core, device: str) -> str:
    available = list(core.available_devices)
    if device == "auto":
        return next((name for name in available if name.startswith("GPU")), "CPU")
    name = device.upper()
    if name not in available and f"{name}.0" not in available:
        raise ConfigError(f"device={device} is not there: OpenVINO has {', '.join(available)}: choose one, or auto")
    return name


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[-300:]
