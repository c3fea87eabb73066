"""Export a network as one graph of torch: TorchScript, or an exported program (`.pt2`)."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from segdrone.export.graph import InferenceGraph, example_input, exportable_operations, refusal
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
        raise refusal("TorchScript", description, error) from error


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
        raise refusal("torch.export", description, error) from error


def _prepare(network: nn.Module, description: Description) -> tuple[nn.Module, Tensor]:
    # Converters fail on weights in channels-last layout.
    copied = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    graph = InferenceGraph(copied, description.spec, description.signature).eval()
    batch = 1 if description.signature.window else 2
    return graph, example_input(description.signature, batch)
