"""Open model files that must be refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from segdrone.errors import CheckpointError, ConfigError
from segdrone.runtime.backend import Backend, check_probabilities
from segdrone.runtime.open_backend import open_backend
from tests.helpers.exported import random_pixels

BOTH = pytest.mark.parametrize("suffix", [".onnx", ".xml"])
WINDOWS = random_pixels(2, 5, 7)


def refusal(path: Path, **options: Any) -> str:
    """Returns the text with which a model file is refused when it is opened."""
    with pytest.raises((CheckpointError, ConfigError)) as caught:
        open_backend(path, device=options.pop("device", "cpu"), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def failure(path: Path) -> str:
    """Returns the text with which a model fails on windows."""
    backend: Backend = open_backend(path, device="cpu")
    with pytest.raises(CheckpointError) as caught:
        check_probabilities(backend, WINDOWS, backend(WINDOWS))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def replace_by_pipe(path: Path) -> None:
    """Replaces a file by a named pipe, which would be read forever."""
    path.unlink()
    os.mkfifo(path)
