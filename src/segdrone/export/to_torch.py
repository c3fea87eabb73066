"""Export a network as one graph of torch: TorchScript, or an exported program (`.pt2`)."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from segdrone.errors import CheckpointError
from segdrone.export.graph import InferenceGraph, exportable_operations
from segdrone.runtime.description import KEY, Description


def to_torchscript(network: nn.Module, description: Description, path: Path) -> None:
    """Writes a network as TorchScript that takes the input of `description.signature`; for arguments see `to_onnx`.

    Raises:
        CheckpointError: The network cannot be traced.
    """
    graph, example = _prepare(network, description)
    try:
        with warnings.catch_warnings(), exportable_operations(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about branches that no input decides, and its age
            traced = torch.jit.trace(graph, example, check_trace=False)
            torch.jit.save(traced, str(path), _extra_files={KEY: description.to_json()})
    except Exception as error:  # options of a network can fail in any way
        raise _refused("TorchScript", description, error) from error


def to_torch_export(network: nn.Module, description: Description, path: Path) -> None:
    """Writes a network as an exported program for one window; for arguments see `to_onnx`.

    Raises:
        CheckpointError: The network cannot be exported.
    """
    graph, example = _prepare(network, description)
    try:
        with warnings.catch_warnings(), exportable_operations(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(graph, (example,))
            torch.export.save(program, str(path), extra_files={KEY: description.to_json()})
    except Exception as error:
        raise _refused("torch.export", description, error) from error


def _prepare(network: nn.Module, description: Description) -> tuple[nn.Module, Tensor]:
    # Converters fail on weights in channels-last layout.
    copied = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    graph = InferenceGraph(copied, description.spec, description.signature).eval()
    height, width = description.signature.window or (127, 131)  # primes: no padding or rounding is zero by chance
    if description.signature.input == "pixels":
        return graph, torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
    return graph, torch.rand(1, 3, height, width)


def _refused(target: str, description: Description, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())[:200]
    name = description.spec.made_by.get("network", "the network")
    return CheckpointError(f"{name} cannot be exported to {target} ({reason}): give another model or format")
