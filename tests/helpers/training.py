"""Training so small that a test of a callback takes a second."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import MixedPrecision
from torch.amp import GradScaler
from torch.utils.data import DataLoader

from segdrone.classes import DRONE, ClassTable
from segdrone.model import SegmentationModule
from segdrone.training.checkpoint_io import AtomicCheckpointIO

MODEL = {"name": "unet", "encoder_name": "tu-test_efficientnet", "decoder_channels": [8, 8, 8, 8, 8]}
DATA: dict[str, Any] = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3], "image_size": [32, 32]}
THREE = ClassTable(names=("grass", "roof", "water"), colours=((0, 0, 0), (1, 1, 1), (2, 2, 2)))


class StopAfter(L.Callback):
    """Ends a run early, as an interruption would."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 == self.epochs


def tiny_module(table: ClassTable = THREE, seed: int = 0, **options: Any) -> SegmentationModule:
    torch.manual_seed(seed)
    return SegmentationModule(MODEL, table.to_dict(), DATA, {}, **options)


def tiny_checkpoint(path: Path, table: ClassTable = DRONE, seed: int = 0) -> Path:
    """A checkpoint of random weights, which for photographs of 64 x 96 pixels was trained on whole ones."""
    data = {"root": ".", "image_size": (64, 96), "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
    torch.manual_seed(seed)
    module = SegmentationModule(MODEL, table.to_dict(), data, {"train": [], "val": [], "test": []})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    return path


def batches(count: int = 4) -> list[dict[str, Any]]:
    """Two images per batch, whose classes can be recognized by their colors."""
    generator = torch.Generator().manual_seed(1)
    masks = torch.randint(3, (count, 2, 4, 4), generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return [{"image": mask[:, None].repeat(1, 3, 1, 1) - 1.0, "mask": mask, "id": ["a", "b"]} for mask in masks]


def _loader(count: int) -> DataLoader[Any]:
    return DataLoader(batches(count), batch_size=None)  # type: ignore[arg-type]  # a list serves as a dataset


def fit(
    folder: Path,
    *callbacks: L.Callback,
    module: SegmentationModule,
    ckpt_path: Path | None = None,
    scaled: bool = False,
    **options: Any,
) -> L.Trainer:
    """Trains for 2 epochs of 4 steps; leaves best.ckpt, of val/loss, and last.ckpt in the folder.

    With `scaled`, in float16 with scaled gradients, which Lightning does on a GPU alone.
    """
    kept: dict[str, Any] = {"dirpath": folder, "enable_version_counter": False}
    trainer = L.Trainer(
        **{"max_epochs": 2, "precision": None if scaled else "32-true", **options},
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        plugins=[AtomicCheckpointIO(), *([MixedPrecision("16-mixed", "cpu", GradScaler("cpu"))] if scaled else [])],
        callbacks=[
            *callbacks,
            ModelCheckpoint(filename="best", monitor="val/loss", **kept),
            ModelCheckpoint(filename="last", **kept),
        ],
    )
    train, val = (_loader(count) for count in (4, 2))
    trainer.fit(module, train, val, ckpt_path=ckpt_path)
    return trainer


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([tensor.detach().flatten().float().clone() for tensor in module.state_dict().values()])
