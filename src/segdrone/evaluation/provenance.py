"""Describe what produced a run or an evaluation, for `run.json` and `evaluation.json`."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.utils.bounded import UnreadableError, read_json, validate
from segdrone.utils.launch import command_line

_PACKAGES = (
    "segdrone", "torch", "torchvision", "lightning", "torchmetrics", "segmentation-models-pytorch", "timm",
    "albumentations", "opencv-python-headless", "numpy", "hydra-core", "omegaconf", "onnx",
    "onnxruntime", "openvino", "scikit-image", "scikit-learn",
)  # fmt: skip


class _Fingerprint(BaseModel):
    """What is read of `run.json`."""

    data_fingerprint: str | None = None


def describe_run(pairs: Iterable[ImageMaskPair], device: torch.device, **details: Any) -> dict[str, Any]:
    """Returns command, git commit, package versions, machine and data fingerprint of a run, and `details`."""
    return {
        "command": command_line(),
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "cpu_count": os.cpu_count(),
        "data_fingerprint": fingerprint(pairs),
        **details,
    }


def fingerprint(pairs: Iterable[ImageMaskPair]) -> str:
    """Returns a SHA-256, in hex, of the names, the sizes in bytes and the sizes in pixels of all files.

    It distinguishes two copies of a dataset without reading gigabytes. It does not notice a file that was changed
    without changing its length.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        files = [(file.name, file.stat().st_size) for file in (pair.image, pair.mask) if file is not None]
        digest.update(json.dumps([pair.id, files, pair.size]).encode())
    return digest.hexdigest()


def read_fingerprint(file: Path) -> str | None:
    """Returns the fingerprint in a file that has what `describe_run` returned; None if there is none."""
    try:
        return validate(_Fingerprint, read_json(file)).data_fingerprint if file.is_file() else None
    except UnreadableError:
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Returns the commit of the git checkout that contains this file; None if there is no checkout."""
    here = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
