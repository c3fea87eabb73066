"""Run a finished model with ONNX Runtime, without torch."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil
from numpy.typing import NDArray

from segdrone.errors import CheckpointError, ConfigError
from segdrone.runtime.adapter import Adapter
from segdrone.runtime.backend import OutOfMemory
from segdrone.runtime.declared import Declared, check_declared
from segdrone.runtime.description import KEY, Description, why_windows_fail
from segdrone.runtime.onnx_file import read_onnx
from segdrone.runtime.threads import thread_count

_PREFERRED = ("cuda", "dml", "coreml", "cpu")  # for device=auto; TensorRT and others take minutes to start
_GPU_BATCH_SIZE = 8
_OUT_OF_MEMORY = ("Available memory of", "allocate memory", "out of memory")  # texts of its errors
_FATAL = 4  # only fatal errors of ONNX Runtime are printed; others become exceptions


class OnnxBackend:
    """Computes class probabilities with ONNX Runtime; implements `Backend`.

    Args:
        path: An ONNX file. Its operators are standard ones: opening it runs no code of its maker.
        description: What the file takes and returns, if it does not say so itself.
        device: `auto`, `cpu`, or the name of another execution provider that is installed, in lower case and without
            `ExecutionProvider`, such as `cuda`, `cuda:1`, `tensorrt`, `dml` or `coreml`.
        batch_size: Windows to compute at once; None is 1 on CPU and 8 elsewhere.

    Raises:
        CheckpointError: The file is missing, broken or too large, has custom operators, or does not describe itself.
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
        file = read_onnx(path)
        self.description = Description.of_model(path, file.metadata.get(KEY), description)
        self.spec, self.stride = self.description.spec, self.description.signature.stride
        self.window = self.description.signature.window
        self._adapter = Adapter(self.description)
        # Resolved: beside a link, ONNX Runtime would find other weights than `read_onnx`.
        self._session, self.device = open_session(file.content or str(path.resolve()), path, device)
        self.batch_size = batch_size or (1 if self.device == "cpu" else _GPU_BATCH_SIZE)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_declared(path, self.description, [*map(_declared, inputs)], [*map(_declared, outputs)])
        self._input, self._output = inputs[0].name, outputs[0].name
        batch = inputs[0].shape[0]
        self._batch = batch if isinstance(batch, int) and batch > 0 else None  # of models of other programs, often 1
        self._settings = {"model": file.digest, "runtime": "onnx", "device": self.device.partition(":")[0]}
        if description is not None:
            self._settings["description"] = description.digest

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on besides the spec.

        SHA-256 of the file, and of a given description, runtime, kind of device.
        """
        return dict(self._settings)

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows, as `Backend` says.

        Raises:
            OutOfMemory: The device's memory is too small for this number of windows; fewer may fit.
            CheckpointError: The model fails on these windows.
        """
        batch = self._batch or len(windows)
        parts = [self._run(windows[first : first + batch], batch) for first in range(0, len(windows), batch)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run(self, windows: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
        """Returns the class probabilities of windows, computed as a batch of this number; the last one fills it up."""
        number, height, width, _ = windows.shape
        if number < batch:
            windows = np.concatenate([windows, windows[-1:].repeat(batch - number, 0)])
        try:
            (output,) = self._session.run([self._output], {self._input: self._adapter.to_input(windows)})
        except Exception as error:  # of somebody's graph, in any way
            reason = " ".join(str(error).split())
            shown = " x ".join(map(str, windows.shape[:3]))
            if any(text in reason for text in _OUT_OF_MEMORY):
                raise OutOfMemory(f"{self.device} has no memory for {shown} pixels at once") from None
            any_size = self.window is None and "description" in self._settings
            raise CheckpointError(why_windows_fail(shown, reason[:300], any_size=any_size)) from None
        return self._adapter.to_probabilities(output, height, width)[:number]


def open_session(model: bytes | str, path: Path, device: str) -> tuple[ort.InferenceSession, str]:
    """Opens a session of ONNX Runtime.

    Args:
        model: Content of an ONNX file, or its path.
        path: The file, for messages.
        device: As `OnnxBackend` takes it.

    Returns:
        The session, and the device that it runs on.

    Raises:
        CheckpointError: ONNX Runtime cannot open the model.
        ConfigError: The device is not there.
    """
    if device != "auto":
        return _open_session(model, path, device)
    available = _available()
    *others, last = (name for name in _PREFERRED if name in available)
    for name in others:
        with suppress(CheckpointError, ConfigError):  # a build for GPUs can be where there is none
            return _open_session(model, path, name)
    return _open_session(model, path, last)


def _open_session(model: bytes | str, path: Path, device: str) -> tuple[ort.InferenceSession, str]:
    device, provider, provider_options = _find_provider(device)
    options = ort.SessionOptions()
    options.intra_op_num_threads = thread_count()
    options.log_severity_level = _FATAL
    _bound_memory()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Threads that spin while they wait take the cores from decoding and blending, and from other programs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # Without enable_fallback=0 it prints to stdout, and computes on another device.
        session = ort.InferenceSession(model, options, providers=[(provider, provider_options)], enable_fallback=0)
    except Exception as error:  # of somebody's graph, in any way
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"ONNX Runtime {ort.__version__} cannot open {path} ({reason}): export it again, or update onnxruntime"
        ) from None
    if provider not in session.get_providers():
        raise ConfigError(f"device={device} cannot be used: ONNX Runtime found no driver for it: choose cpu")
    return session, device


@cache
def _bound_memory() -> None:
    """Bounds the memory of all sessions on CPU by that of the machine.

    A graph of a few bytes can ask for any amount, which the system grants until it kills a process.
    """
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": psutil.virtual_memory().total}))


def _declared(value: Any) -> Declared:
    """Returns what an input or output of a session is."""
    name = str(value.type).removeprefix("tensor(").removesuffix(")")
    name = {"float": "float32", "double": "float64"}.get(name, name)
    return Declared(name, [side if isinstance(side, int) else None for side in value.shape])


def _available() -> dict[str, str]:
    """Returns the execution providers that are installed, by the name of their device."""
    available = {name.removesuffix("ExecutionProvider").lower(): name for name in ort.get_available_providers()}
    available.pop("azure", None)  # which would send pixels to a service
    return available


def _find_provider(device: str) -> tuple[str, str, dict[str, Any]]:
    available = _available()
    kind, colon, number = device.lower().partition(":")
    if kind not in available or (colon and not (number.isascii() and number.isdecimal())):
        known = ", ".join(sorted(available))
        raise ConfigError(f"device={device} is not there: this ONNX Runtime has {known}: choose one, or auto")
    return device.lower(), available[kind], {"device_id": int(number)} if colon else {}
