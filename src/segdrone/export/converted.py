"""Export to formats that segdrone does not run: of torch, and by converters in environments of their own."""

from __future__ import annotations

import logging
import math
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from segdrone.errors import CheckpointError
from segdrone.export.isolated import Environment, run_script
from segdrone.export.source import ExportSource
from segdrone.export.to_torch import to_torch_export, to_torchscript
from segdrone.export.trial import check_difference, trial_windows
from segdrone.model.any_size import round_up_to_stride
from segdrone.runtime.adapter import Adapter
from segdrone.runtime.description import Description
from segdrone.utils.bounded import UnreadableError, read_json

log = logging.getLogger(__name__)

_SCRIPTS = Path(__file__).parent / "converters"

_LITERT = Environment("litert", ("litert-torch==0.10.0", "torch==2.13.*"), needs_torch=True)
_SAVED_MODEL = Environment("saved-model", (*_LITERT.requirements, "tensorflow-cpu==2.21.0"), needs_torch=True)
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
    ".savedmodel": Converter(_SAVED_MODEL, _SCRIPTS / "to_saved_model.py", "model.pt2", to_torch_export),
    ".mlpackage": Converter(_COREML, _SCRIPTS / "to_coreml.py", "model.pt", to_torchscript),
    ".pte": Converter(_EXECUTORCH, _SCRIPTS / "to_executorch.py", "model.pt2", to_torch_export),
}
"""Converters by the suffix of what they write."""


def write_torchscript(source: ExportSource, description: Description, path: Path) -> None:
    """Writes TorchScript, for any size unless the source has a window.

    Raises:
        CheckpointError: The network cannot be traced, or the file computes other probabilities.
    """
    to_torchscript(source.network, description, path)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, as the table of formats says
        _check(source, description, path, torch.jit.load(str(path)))


def write_torch_export(source: ExportSource, description: Description, path: Path) -> None:
    """Writes an exported program of torch, for one window.

    Raises:
        CheckpointError: The network cannot be exported, or the file computes other probabilities.
    """
    description = with_window(source, description, path.suffix)
    to_torch_export(source.network, description, path)
    with torch.inference_mode():
        _check(source, description, path, torch.export.load(str(path)).module())


def write_converted(source: ExportSource, description: Description, path: Path) -> None:
    """Writes a format of `CONVERTERS`, for one window.

    Args:
        source: What to export.
        description: What the file says of itself.
        path: File or folder to write; its suffix decides the format.

    Raises:
        CheckpointError: The network cannot be converted, or the result computes other probabilities.
        ConfigError: The environment of the converter cannot be made.
    """
    converter, description = CONVERTERS[path.suffix], with_window(source, description, path.suffix)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        converter.write(source.network, description, folder / converter.model)
        (folder / "description.json").write_text(description.to_json(), encoding="utf-8")
        (pixels,) = trial_windows(description.signature)
        image = Adapter(description).to_input(pixels)
        expected = source.backend(pixels)[:, : description.spec.planes]
        np.savez(folder / "trial.npz", image=image, probabilities=expected)
        try:
            run_script(converter.environment, converter.script, [str(folder)])
        except CheckpointError as error:
            raise CheckpointError(
                f"{source.path} cannot be converted to {path.suffix} ({error}): give another format"
            ) from None
        try:
            difference = read_json(folder / "result.json")["difference"]
        except UnreadableError:  # NaN, which is not JSON
            difference = math.nan
        if difference is not None:  # Core ML runs on Apple systems alone
            check_difference(path, source.path, difference)
        shutil.move(folder / "converted", path)
        if path.suffix == ".pte":  # its files hold no metadata
            shutil.move(folder / "description.json", path.with_name(path.name + ".json"))


def with_window(source: ExportSource, description: Description, suffix: str) -> Description:
    """Describes a graph of one window: that of the source, or the size of the training.

    It returns classes alone, as programs that take one size expect.
    """
    window = source.signature.window
    if window is None:
        window = round_up_to_stride(source.network, *source.spec.training_size)
        log.warning(
            "a %s file takes one size: %dx%d, as in the training; --window WIDTHxHEIGHT gives another",
            suffix,
            *window[::-1],
        )
    spec = replace(description.spec, instances=False)
    return replace(description, spec=spec, signature=replace(description.signature, input="unit", window=window))


def _check(
    source: ExportSource, description: Description, path: Path, graph: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """Compares what a graph computes with the checkpoint."""
    adapter = Adapter(description)
    for pixels in trial_windows(description.signature):
        probabilities = graph(torch.from_numpy(adapter.to_input(pixels))).numpy()
        expected = source.backend(pixels)[:, : description.spec.planes]
        check_difference(path, source.path, float(np.abs(probabilities - expected).max()))
