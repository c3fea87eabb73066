"""Export to formats that segdrone does not run: of torch, and by converters in environments of their own."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segdrone.errors import CheckpointError
from segdrone.export.isolated import Environment, run_script
from segdrone.export.source import ExportSource
from segdrone.export.to_torch import to_torch_export, to_torchscript
from segdrone.model.networks import round_up_to_stride
from segdrone.runtime.description import Description
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.utils.bounded import read_json

log = logging.getLogger(__name__)

_SCRIPTS = Path(__file__).parent / "converters"
_SIZE = (61, 97)  # primes: every size that the network rounds or pads is tried
_TOLERANCE = 1e-3  # of probabilities

_LITERT = Environment("litert", ("litert-torch==0.10.0", "torch==2.13.*"), needs_torch=True)
_COREML = Environment("coreml", ("coremltools==9.0", "torch==2.13.*", "numpy<2"), needs_torch=True)
_EXECUTORCH = Environment("executorch", ("executorch==1.5.1", "torch==2.13.*"), needs_torch=True)


@dataclass(frozen=True)
class Converter:
    """How a format is converted.

    Attributes:
        environment: Where its libraries are.
        script: Script of `converters`.
        model: Name of the file that it reads.
        write: Writes this file.
    """

    environment: Environment
    script: Path
    model: str
    write: Callable[[nn.Module, Description, Path], None]


CONVERTERS = {
    ".tflite": Converter(_LITERT, _SCRIPTS / "to_litert.py", "model.pt2", to_torch_export),
    ".mlpackage": Converter(_COREML, _SCRIPTS / "to_coreml.py", "model.pt", to_torchscript),
    ".pte": Converter(_EXECUTORCH, _SCRIPTS / "to_executorch.py", "model.pt2", to_torch_export),
}
"""Converters by the suffix of what they write."""


def write_torchscript(source: ExportSource, path: Path) -> None:
    """Writes TorchScript, for any size unless the source has a window.

    Raises:
        CheckpointError: The network cannot be traced, or the file computes other probabilities.
    """
    described = source.describe("fp32")
    to_torchscript(source.network, described, path)
    image, expected = _trial(source, described)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, as the table of formats says
        probabilities = torch.jit.load(str(path))(torch.from_numpy(image)).numpy()
    compare(path, source.path, np.abs(probabilities - expected).max())


def write_torch_export(source: ExportSource, path: Path) -> None:
    """Writes an exported program of torch, for one window.

    Raises:
        CheckpointError: The network cannot be exported, or the file computes other probabilities.
    """
    described = with_window(source, path.suffix)
    to_torch_export(source.network, described, path)
    image, expected = _trial(source, described)
    with torch.inference_mode():
        probabilities = torch.export.load(str(path)).module()(torch.from_numpy(image)).numpy()
    compare(path, source.path, np.abs(probabilities - expected).max())


def write_converted(source: ExportSource, path: Path) -> None:
    """Writes a format of `CONVERTERS`, for one window.

    Args:
        source: What to export.
        path: File or folder to write; its suffix decides the format.

    Raises:
        CheckpointError: The network cannot be converted, or the result computes other probabilities.
        ConfigError: The environment of the converter cannot be made.
    """
    converter, described = CONVERTERS[path.suffix], with_window(source, path.suffix)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        converter.write(source.network, described, folder / converter.model)
        (folder / "description.json").write_text(described.to_json(), encoding="utf-8")
        image, expected = _trial(source, described)
        np.savez(folder / "trial.npz", image=image, probabilities=expected)
        try:
            run_script(converter.environment, converter.script, [str(folder)])
        except CheckpointError as error:
            raise CheckpointError(
                f"{source.path} cannot be converted to {path.suffix} ({error}): give another format"
            ) from None
        compare(path, source.path, read_json(folder / "result.json")["difference"])
        shutil.move(folder / "converted", path)
        if path.suffix == ".pte":  # its files hold no metadata
            shutil.move(folder / "description.json", path.with_name(path.name + ".json"))


def with_window(source: ExportSource, suffix: str) -> Description:
    """Describes a graph of one window: that of the source, or the size of the training."""
    described = source.describe("fp32")
    window = source.signature.window
    if window is None:
        window = round_up_to_stride(source.network, *source.spec.training_size)
        log.warning(
            "a %s file takes one size: %dx%d, as in the training; --window WIDTHxHEIGHT gives another",
            suffix,
            *window[::-1],
        )
    return replace(described, signature=replace(described.signature, input="unit", window=window))


def _trial(source: ExportSource, described: Description) -> tuple[NDArray[np.generic], NDArray[np.float32]]:
    """Returns noise in the form of the signature, and its probabilities by the network."""
    size = described.signature.window or _SIZE
    pixels = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    expected = TorchBackend(source.network, source.spec, device="cpu")(pixels)
    if described.signature.input == "pixels":
        return pixels, expected
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) / np.float32(255)), expected


def compare(path: Path, checkpoint: Path, difference: float | None) -> None:
    """Checks the largest difference of a file's probabilities from those of its checkpoint; None is unknown.

    Raises:
        CheckpointError: It is larger than rounding.
    """
    if difference is not None and not difference <= _TOLERANCE:
        raise CheckpointError(
            f"{path.name} computes other probabilities than {checkpoint} (up to {difference:.3g} apart): give another "
            "format"
        )
