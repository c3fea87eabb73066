"""Ten small photographs with masks, and their data module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import DataError

AUGMENT = {
    "train": [
        {"transform": "HorizontalFlip", "p": 0.5},
        {"transform": "GaussNoise", "p": 0.5, "std_range": [0.05, 0.1]},
    ]
}


SIZE = (12, 18)


def write_photographs(root: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(root / "images" / f"{i:03d}.png")
        Image.fromarray(rng.integers(0, 23, SIZE, dtype=np.uint8)).save(root / "masks" / f"{i:03d}.png")
    return root


def module(root: Path, **changes: Any) -> SegmentationDataModule:
    seed = changes.pop("seed", 42)
    values = {"image_size": (8, 12), "test_image_size": (10, 14), "num_workers": 0, **changes}
    datamodule = SegmentationDataModule(DataConfig(root=str(root), **values), augment=AUGMENT, seed=seed)
    datamodule.prepare_data()
    datamodule.setup("fit")
    return datamodule


def epochs(loader: DataLoader[dict[str, Any]], count: int = 2) -> list[list[dict[str, Any]]]:
    batches = []
    for epoch in range(count):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        batches.append(list(loader))
    return batches


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return len(one) == len(other) and all(
        a["id"] == b["id"] and torch.equal(a["image"], b["image"]) and torch.equal(a["mask"], b["mask"])
        for a, b in zip(one, other, strict=True)
    )


def error_text(root: Path, **changes: Any) -> str:
    with pytest.raises(DataError) as caught:
        module(root, **changes).train_dataloader()
    assert "\n" not in str(caught.value)
    return str(caught.value)
