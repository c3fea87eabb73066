"""Open what is scored: the model of a checkpoint, or an exported file, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from segdrone.classic import SUFFIX
from segdrone.errors import ConfigError
from segdrone.included import INCLUDED
from segdrone.model import load_module
from segdrone.model.ensemble import ENSEMBLE
from segdrone.runtime.backend import Backend, check_probabilities
from segdrone.runtime.open_backend import open_backend
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.spec import ModelSpec
from segdrone.utils.output_dir import run_dir

_NO_NORMALIZATION = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
_BYTE = 255.0


@dataclass(frozen=True)
class ScoredModel:
    """A model to be scored.

    Attributes:
        spec: What it expects and predicts.
        training: Hyper-parameters of its training: `data`, `splits`, `split_by`, `origin`; empty if unknown.
        module: Predicts the batches of the test loop.
        normalization: `mean` and `std` of the images in these batches.
        open_backend: Opens the model for windows on a device of torch, such as `cpu` or `cuda:0`.
        run: Folder of the run that trained it; None if unknown, or if there are several.
    """

    spec: ModelSpec
    training: Mapping[str, Any]
    module: L.LightningModule
    normalization: Mapping[str, Any]
    open_backend: Callable[[str], Backend]
    run: Path | None


def open_checkpoint(path: str | Path) -> ScoredModel:
    """Opens a checkpoint, or the file of a classical model, which stands in its place.

    Raises:
        CheckpointError: It cannot be opened.
    """
    run = None if str(path) in INCLUDED else run_dir(path)
    if Path(path).suffix.lower() == SUFFIX:
        return replace(open_model_file(path), run=run)
    module = load_module(path)
    if module.hparams["model"]["name"] == ENSEMBLE:  # several runs trained it, whatever folder it lies in
        run = None
    return scored_module(module, run)


def scored_module(module: Any, run: Path | None) -> ScoredModel:
    """Returns the model of a `SegmentationModule`, which was trained in the folder `run`."""
    spec = module.spec
    normalization = {"mean": spec.mean, "std": spec.std}

    def backend(device: str) -> Backend:
        return TorchBackend(module.network, spec, device=device)

    return ScoredModel(spec, dict(module.hparams), module, normalization, backend, run)


def open_model_file(path: str | Path, spec: str | Path | None = None) -> ScoredModel:
    """Opens a file that `segdrone export` wrote, a classical model, or a checkpoint.

    Args:
        path: The file.
        spec: JSON file that describes a model of another program.

    Raises:
        CheckpointError: The file cannot be opened.
        ConfigError: The graph takes windows of one size only, smaller than photographs: it needs `inference=tiled`.
    """
    backend = open_backend(path, device="cpu", spec=spec)
    description = getattr(backend, "description", None)
    if description is None:
        return open_checkpoint(path)
    module = BackendModule(backend)

    def open_on(device: str) -> Backend:
        return backend if device == "cpu" else open_backend(path, spec=spec)

    return ScoredModel(backend.spec, description.training or {}, module, _NO_NORMALIZATION, open_on, None)


class BackendModule(L.LightningModule):
    """Predicts the batches of the test loop with a backend.

    Args:
        backend: The model.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend

    def test_step(self, batch: Mapping[str, Any], batch_idx: int) -> dict[str, Tensor]:
        """Returns `prediction`, int64 `[B, H, W]`, `confidence`, float32 `[B, H, W]`, and `planes` of an instance head.

        Raises:
            ConfigError: The model takes one size, and the images have another.
        """
        pixels = (batch["image"] * _BYTE).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        window = self.backend.window
        if window is not None and any(a > b for a, b in zip(pixels.shape[1:3], window, strict=True)):
            raise ConfigError(
                f"the model takes {window[0]} x {window[1]} pixels, photographs are scored at {pixels.shape[1]} x "
                f"{pixels.shape[2]}: give inference=tiled"
            )
        probabilities = self.backend(pixels)
        check_probabilities(self.backend, pixels, probabilities)
        classes = len(self.backend.spec.classes)
        confidence, prediction = torch.from_numpy(probabilities[:, :classes]).max(1)
        heads = {"planes": torch.from_numpy(probabilities[:, classes:])} if self.backend.spec.instances else {}
        return {"prediction": prediction, "confidence": confidence, **heads}
