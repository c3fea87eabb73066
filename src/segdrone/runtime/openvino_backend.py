"""Run a finished model with OpenVINO, without torch."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import psutil
from numpy.typing import NDArray

from segdrone.errors import CheckpointError, ConfigError
from segdrone.runtime.adapter import Adapter
from segdrone.runtime.backend import OutOfMemory
from segdrone.runtime.declared import Declared, check_declared
from segdrone.runtime.description import Description, why_windows_fail
from segdrone.runtime.openvino_file import read_openvino
from segdrone.runtime.threads import thread_count
from segdrone.utils.digest import digest_of_model

_COMPUTED_IN = {"fp32": "f32", "fp16": "f32", "bf16": "bf16", "int8": "f32"}  # what is not int8, by precision, on CPU
_MEMORY = psutil.virtual_memory().total
_SHAPES = 2  # compiled graphs that are kept: photographs upright and lying


class OpenVinoBackend:
    """Computes class probabilities with OpenVINO; implements `Backend`.

    The graph is compiled for each size of windows, since fixed shapes are faster.

    Args:
        path: The `.xml` file of a model; the `.bin` file with its weights lies beside it.
        description: What the model takes and returns, if it does not say so itself.
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
        self._core = openvino_core()
        with digest_of_model(path, path.with_suffix(".bin")):
            files = read_openvino(path)
            self._model = _read_model(self._core, path)
        self.description = Description.of_model(path, files.description, description)
        inputs, outputs = self._model.inputs, self._model.outputs
        check_declared(path, self.description, [*map(_declared, inputs)], [*map(_declared, outputs)])
        self.spec, self.stride = self.description.spec, self.description.signature.stride
        self.window = self.description.signature.window
        self.batch_size = batch_size or 1
        self.device = _find_device(self._core, device)
        self._adapter = Adapter(self.description)
        self._compiled: OrderedDict[tuple[int, ...], ov.CompiledModel] = OrderedDict()
        self._settings = {
            "model": files.digest, "runtime": "openvino", "device": self.device.partition(".")[0],
            "precision": self.description.precision,
        }  # fmt: skip
        if description is not None:
            self._settings["description"] = description.digest

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on besides the spec.

        SHA-256 of the files, and of a given description, runtime, device and precision.
        """
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
            any_size = self.window is None and "description" in self._settings
            raise CheckpointError(why_windows_fail(shown, reason, any_size=any_size)) from None
        return self._adapter.to_probabilities(output, *windows.shape[1:3])

    def _compile(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        if shape not in self._compiled:
            while len(self._compiled) >= _SHAPES:
                self._compiled.popitem(last=False)
            model = self._model.clone()
            model.reshape(ov.PartialShape(list(shape)))
            _check_memory(model)
            options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
            if self.device.startswith("CPU"):
                options |= {"INFERENCE_NUM_THREADS": thread_count()}
                options["INFERENCE_PRECISION_HINT"] = _COMPUTED_IN[self.description.precision]
            self._compiled[shape] = self._core.compile_model(model, self.device, options)
        self._compiled.move_to_end(shape)
        return self._compiled[shape]


def _read_model(core: ov.Core, path: Path) -> ov.Model:
    try:
        return core.read_model(path)
    except Exception as error:  # of somebody's graph, in any way
        raise CheckpointError(
            f"{path} is truncated or not an OpenVINO model ({_reason(error)}): export it again"
        ) from None


@cache
def openvino_core() -> ov.Core:
    """Returns the one core of this process.

    Plugins of several cores, destroyed in any order, would break Ctrl+C: see `keep_signal_stack`.
    """
    return ov.Core()


def _check_memory(model: ov.Model) -> None:
    """Checks the sizes of a graph's tensors: OpenVINO computes constant ones while it compiles, of any size.

    Raises:
        MemoryError: One is larger than the memory of the machine.
    """
    for operation in model.get_ops():
        for output in operation.outputs():
            shape = output.get_partial_shape()
            if shape.is_static and math.prod(shape.to_shape()) * output.get_element_type().size > _MEMORY:
                raise MemoryError(f"{operation.get_type_name()} needs more memory than there is")


def _declared(value: ov.Output) -> Declared:
    """Returns what an input or output of a model is."""
    shape = value.get_partial_shape()
    sides = [None if side.is_dynamic else side.get_length() for side in shape] if shape.rank.is_static else []
    return Declared(value.get_element_type().to_dtype().name, sides)


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
