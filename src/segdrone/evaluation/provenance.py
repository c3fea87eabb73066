"""What made a run or an evaluation: `run.json`, `evaluation.json`."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from segdrone.data.layout import ImageMaskPair

_PACKAGES = (
    "segdrone", "torch", "torchvision", "lightning", "torchmetrics", "segmentation-models-pytorch", "timm",
    "albumentations", "opencv-python-headless", "numpy", "hydra-core", "omegaconf",
)  # fmt: skip


def describe_run(pairs: Iterable[ImageMaskPair], device: torch.device, **facts: Any) -> dict[str, Any]:
    """Returns the command, git commit, package versions, machine and data of a run, with `facts` beside them."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "cpu_count": os.cpu_count(),
        "data_fingerprint": fingerprint(pairs),
        **facts,
    }


def fingerprint(pairs: Iterable[ImageMaskPair]) -> str:
    """Returns a SHA-256 over names, sizes in bytes and sizes in pixels of all files, in hex.

    It tells one copy of a dataset from another without reading gigabytes; a file changed in place
    to one of the same length passes unseen.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        files = [(file.name, file.stat().st_size) for file in (pair.image, pair.mask) if file is not None]
        digest.update(json.dumps([pair.id, files, pair.size]).encode())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the checkout that this file lies in; None where there is none."""
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
