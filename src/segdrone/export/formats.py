"""The formats of exported files, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segdrone.errors import ConfigError
from segdrone.runtime.description import Description, Precision

if TYPE_CHECKING:
    from segdrone.export.source import ExportSource

_EXTRA = "the extra export"


@dataclass(frozen=True)
class ExportFormat:
    """A format of exported files.

    Attributes:
        suffix: What follows the checkpoint's stem in the name of the file.
        precision: Numbers that the file computes with.
        write: Writes the file, and what it says of itself into it.
        purpose: What it is for.
        needs: What must be installed.
        limits: What it cannot do.
        runs_here: Whether segdrone predicts and scores with it.
    """

    suffix: str
    precision: Precision
    write: Callable[[ExportSource, Description, Path], None]
    purpose: str
    needs: str = _EXTRA
    limits: str = ""
    runs_here: bool = True


def _onnx(source: ExportSource, description: Description, path: Path) -> None:
    from segdrone.export.to_onnx import to_onnx

    to_onnx(source.network, description, path)


def _openvino(source: ExportSource, description: Description, path: Path) -> None:
    from segdrone.export.to_openvino import to_openvino

    to_openvino(source.network, description, path)


def _int8(source: ExportSource, description: Description, path: Path) -> None:
    from segdrone.export.int8 import to_int8

    to_int8(source, description, path)


def _torchscript(source: ExportSource, description: Description, path: Path) -> None:
    from segdrone.export.converted import write_torchscript

    write_torchscript(source, description, path)


def _torch_export(source: ExportSource, description: Description, path: Path) -> None:
    from segdrone.export.converted import write_torch_export

    write_torch_export(source, description, path)


def _converted(source: ExportSource, description: Description, path: Path) -> None:
    from segdrone.export.converted import write_converted

    write_converted(source, description, path)


FORMATS: dict[str, ExportFormat] = {
    "onnx": ExportFormat(".onnx", "fp32", _onnx, "any machine: ONNX Runtime, QGIS, browsers"),
    "onnx-fp16": ExportFormat("-fp16.onnx", "fp16", _onnx, "GPUs; half the size", limits="slower on a CPU"),
    "onnx-int8": ExportFormat(
        "-int8.onnx", "int8", _int8, "CPUs with VNNI; a third of the size", limits="slower on other CPUs"
    ),
    "openvino": ExportFormat(".xml", "fp32", _openvino, "Intel and AMD CPUs; Intel GPUs and NPUs"),
    "openvino-fp16": ExportFormat("-fp16.xml", "fp16", _openvino, "the same, half the size"),
    "openvino-bf16": ExportFormat(
        "-bf16.xml", "bf16", _openvino, "Intel CPUs with AMX, in bfloat16", limits="fp32 on other CPUs"
    ),
    "openvino-int8": ExportFormat("-int8.xml", "int8", _int8, "CPUs, the fastest of these; a third of the size"),
    "torchscript": ExportFormat(
        ".torchscript", "fp32", _torchscript, "LibTorch, in C++", limits="torch has deprecated it", runs_here=False
    ),
    "torch-export": ExportFormat(
        ".pt2", "fp32", _torch_export, "torch without segdrone; AOTInductor", limits="one size", runs_here=False
    ),
    "litert": ExportFormat(
        ".tflite", "fp32", _converted, "Android: LiteRT, formerly TensorFlow Lite", "uv", "one size", runs_here=False
    ),
    "saved-model": ExportFormat(
        ".savedmodel", "fp32", _converted, "TensorFlow: TensorFlow Serving, Triton", "uv", "one size", runs_here=False
    ),
    "coreml": ExportFormat(
        ".mlpackage",
        "fp32",
        _converted,
        "Apple devices",
        "uv",
        "one size; untested: only its form is checked",
        runs_here=False,
    ),
    "executorch": ExportFormat(
        ".pte", "fp32", _converted, "phones and boards: ExecuTorch, XNNPACK", "uv", "one size", runs_here=False
    ),
}
"""Formats by name."""


def check_formats(names: list[str]) -> None:
    """Checks the names of formats.

    Raises:
        ConfigError: One is unknown, or there is none.
    """
    known = ", ".join(FORMATS)
    if not names:
        raise ConfigError(f"no format is given: choose from {known}")
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"the format {name} is unknown: choose from {known}")


def format_table() -> str:
    """Returns the table of the formats, as aligned text for `--help`."""
    notes = {
        name: [entry.limits, "" if entry.needs == _EXTRA else f"needs {entry.needs}"] for name, entry in FORMATS.items()
    }
    added = {name: "; ".join(filter(None, parts)) for name, parts in notes.items()}
    rows = [(name, entry.purpose + (f" ({added[name]})" if added[name] else "")) for name, entry in FORMATS.items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"    {name:<{width}}  {text}" for name, text in rows)
