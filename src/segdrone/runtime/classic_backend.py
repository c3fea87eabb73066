"""Run a classical model behind the interface of networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classic.model_file import read_model
from segdrone.errors import CheckpointError, ConfigError
from segdrone.runtime.description import Description
from segdrone.windows import Size


class ClassicBackend:
    """Computes class probabilities with a classical model, on CPU; implements `Backend`.

    A model of pixels gives in windows what it gives on the whole image, where they overlap by 8/3 of its reach. A model
    of segments divides each window for itself, so its segments end where windows do.

    Args:
        path: File of the model. Opening it runs no code of its maker.
        device: `auto` or `cpu`.
        batch_size: Windows of one call; None is 1. More are not faster.

    Raises:
        CheckpointError: The file is missing, broken or too large, or its parts do not fit one another.
        ConfigError: The device is not there, or scikit-image is not installed.
    """

    def __init__(self, path: str | Path, *, device: str = "auto", batch_size: int | None = None) -> None:
        path = Path(path)
        if device not in ("auto", "cpu"):
            raise ConfigError(f"device={device}: a classical model runs on the CPU: choose auto or cpu")
        file = read_model(path)
        self.description = Description.of_model(path, file.description, None)
        self.spec, self.model = self.description.spec, file.model
        if len(self.spec.classes) != self.model.classes:
            raise CheckpointError(
                f"{path} names {len(self.spec.classes)} classes and classifies {self.model.classes}: fit it again"
            )
        self.stride: Size = (1, 1)
        self.window: Size | None = None
        self.device, self.batch_size = "cpu", batch_size or 1
        self._settings = {"model": file.digest, "runtime": "classic"}

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on besides the spec: SHA-256 of the file."""
        return dict(self._settings)

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the class probabilities of windows, as `Backend` says."""
        return np.stack([self.model(window) for window in windows])
