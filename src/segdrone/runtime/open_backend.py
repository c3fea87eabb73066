"""Open a model file of any kind with the runtime for it."""

from __future__ import annotations

from pathlib import Path

from segdrone.classic import SUFFIX
from segdrone.errors import CheckpointError
from segdrone.runtime.backend import Backend
from segdrone.runtime.description import Description
from segdrone.utils.output_dir import check_finished


def open_backend(
    path: str | Path, *, device: str = "auto", batch_size: int | None = None, spec: str | Path | None = None
) -> Backend:
    """Opens a model file: a checkpoint with torch, `.onnx` with ONNX Runtime, `.xml` with OpenVINO, `.npz` by itself.

    Only the runtime that is needed is imported. Nothing in the file is executed.

    Args:
        path: The file.
        device: `auto`, `cpu`, or a name of a device in the runtime's own terms.
        batch_size: Windows to compute at once; None is the runtime's choice.
        spec: JSON file that describes a model of another program, as `Description.from_file` reads it.

    Raises:
        CheckpointError: The file is missing, broken, of an unknown kind, or does not describe itself, or its runtime
            is not installed.
        ConfigError: The device is not there.
    """
    path = Path(path)
    description = None if spec is None else Description.from_file(spec)
    if path.suffix.lower() == ".onnx":
        _check_file(path)
        from segdrone.runtime.onnx_backend import OnnxBackend

        return OnnxBackend(path, description, device=device, batch_size=batch_size)
    if path.suffix.lower() == ".xml":
        _check_file(path)
        try:
            from segdrone.runtime.openvino_backend import OpenVinoBackend
        except ImportError:
            raise CheckpointError(f"{path} needs OpenVINO: pip install openvino") from None
        return OpenVinoBackend(path, description, device=device, batch_size=batch_size)
    if path.suffix.lower() == SUFFIX and description is None:
        _check_file(path)
        from segdrone.runtime.classic_backend import ClassicBackend

        return ClassicBackend(path, device=device, batch_size=batch_size)
    if description is not None:
        raise CheckpointError(f"{path} is no .onnx or .xml file: a spec describes these; a checkpoint describes itself")
    try:
        from segdrone.runtime.torch_backend import TorchBackend
    except ImportError:
        raise CheckpointError(
            f"{path} is no .onnx or .xml file, and a checkpoint needs torch: give an exported model, or pip install "
            "segdrone"
        ) from None
    return TorchBackend.from_checkpoint(path, device=device, batch_size=batch_size)


def _check_file(path: Path) -> None:
    check_finished(path.parent)
    if not path.exists():
        raise CheckpointError(f"the model {path} does not exist: give the path of an exported model or a checkpoint")
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file: give the path of an exported model or a checkpoint")
