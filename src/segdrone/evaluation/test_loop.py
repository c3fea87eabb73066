"""Photographs as training sees them: resized as a whole, or put together from tiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segdrone.data import SegmentationDataModule
from segdrone.data.dataset import SegmentationDataset, first_shown
from segdrone.data.sampling import Sample
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.model import SegmentationModule
from segdrone.utils.warnings import suppress_lightning_warnings


def evaluate_test_loop(
    judge: Evaluator, trainer: L.Trainer, module: SegmentationModule, datamodule: SegmentationDataModule, split: str
) -> None:
    """Has `trainer` test the module on a split, and judges each photograph.

    Raises:
        DataError: The split is empty, or a photograph or mask cannot be read.
    """
    datamodule.trainer = trainer  # it knows how many processes share the machine
    loader = datamodule.test_dataloader(split)
    assembler = _AssembleImages(judge, loader.dataset, loader.sampler)
    trainer.callbacks.append(assembler)  # type: ignore[attr-defined]
    try:
        with suppress_lightning_warnings():
            trainer.test(module, loader, verbose=False)
    finally:
        trainer.callbacks.remove(assembler)  # type: ignore[attr-defined]


class _AssembleImages(L.Callback):
    """Puts photographs together from the samples of the test loop, which come photograph by photograph."""

    def __init__(self, judge: Evaluator, dataset: SegmentationDataset, sampler: Any) -> None:
        self.judge, self.dataset, self.sampler = judge, dataset, sampler
        self._items: list[Sample] = []  # those still to come
        self._begun: Sample | None = None  # the last of a photograph that is not finished
        self._truth = self._prediction = self._confidence = np.empty((0, 0), np.uint8)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Asks for this process's samples, now that it is known which process this is."""
        self._items = [self.dataset.items[draw.place] for draw in self.sampler if not draw.blank]

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Mapping[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Puts the samples of a batch into their places."""
        levels = (outputs["confidence"] * 255).round()
        parts = [_pixels(tensor) for tensor in (batch["mask"], outputs["prediction"], levels)]
        for name, truth, prediction, confidence in zip(batch["id"], *parts, strict=True):
            if name:  # a blank's is empty
                self._put(self._items.pop(0), truth, prediction, confidence)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Judges what there is of the last photograph, where the trainer was told to stop within it."""
        self._finish()

    def _put(self, item: Sample, *parts: NDArray[np.uint8]) -> None:
        if self._begun is None:
            self._truth = np.full(item.size, self.judge.table.ignore_index, np.uint8)
            self._prediction, self._confidence = np.zeros(item.size, np.uint8), np.zeros(item.size, np.uint8)
        assert item.window is not None
        rows, columns = first_shown(item.window)
        for canvas, part in zip((self._truth, self._prediction, self._confidence), parts, strict=True):
            target = canvas[item.window.rows, item.window.columns]
            inside = part[: target.shape[0], : target.shape[1]]
            target[rows, columns] = inside[rows, columns]
        self._begun = item
        if not self._items or self._items[0].pair != item.pair:
            self._finish()

    def _finish(self) -> None:
        if (item := self._begun) is not None:
            self._begun = None
            read = partial(self.dataset.photograph, item)
            self.judge.add(EvalSample(item.pair.id, self._truth, self._prediction, self._confidence, read))


def _pixels(tensor: Tensor) -> NDArray[np.uint8]:
    return tensor.to(torch.uint8).cpu().numpy()
