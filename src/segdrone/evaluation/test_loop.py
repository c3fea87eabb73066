"""Evaluate a module with Lightning's test loop, on photographs as training sees them.

This is the evaluation at `data.test_image_size`, or in tiles that do not overlap; `sliding_window` evaluates at the
masks' own size. They stay apart because a `Predictor` cannot give the test loop's scores to the digit (measured with
the checkpoint of version 0.1.0):

- The test loop reads photographs as training does: a JPEG that is reduced is decoded at 1/2, 1/4 or 1/8 of its size.
  The predictor decodes all of it. At 64 x 96 pixels this changes the class of 1.4 % of the pixels.
- The test loop does not blend tiles; the predictor blends windows where they overlap. With tiles of 96 x 128 pixels
  this changes the class of 0.8 % of the pixels.
- The test loop resizes the truth to what the network sees; the predictor brings probabilities to the size of the truth.
- The test loop also logs `test/loss`, over batches of `data.batch_size`, which needs logits. Another batch size already
  changes a confidence here and there by one level in 256.
"""

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
from segdrone.data.dataset import SegmentationDataset, uncovered_part
from segdrone.data.sampling import Sample
from segdrone.errors import CheckpointError
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.inference.grouping import Planes
from segdrone.runtime.backend import OVERFLOW
from segdrone.utils.warnings import suppress_lightning_warnings


def evaluate_test_loop(
    evaluator: Evaluator, trainer: L.Trainer, module: L.LightningModule, datamodule: SegmentationDataModule, split: str
) -> None:
    """Tests the module on a split and updates the evaluator with each photograph.

    Args:
        evaluator: Counts the photographs.
        trainer: Runs the test loop.
        module: The model; `test_step` returns `prediction`, `confidence` and, of an instance head, `planes`.
        datamodule: The photographs, set up.
        split: `train`, `val`, `test` or `all`.

    Raises:
        DataError: The split is empty, or a photograph or mask cannot be read.
        CheckpointError: The output of the network overflows.
    """
    datamodule.trainer = trainer  # so that it knows how many processes share the machine
    loader, limit = datamodule.test_dataloader(split), trainer.limit_test_batches
    if isinstance(limit, float) and 0 < limit * len(loader) < 1:
        trainer.limit_test_batches = 1  # Lightning refuses such a share, after a training of which this is the end
    assembler = _AssembleImages(evaluator, loader.dataset, loader.sampler)
    trainer.callbacks.append(assembler)  # type: ignore[attr-defined]
    try:
        with suppress_lightning_warnings():
            trainer.test(module, loader, verbose=False)
    finally:
        trainer.callbacks.remove(assembler)  # type: ignore[attr-defined]


class _AssembleImages(L.Callback):
    """Assembles photographs from the samples of the test loop. All samples of a photograph follow one another."""

    def __init__(self, evaluator: Evaluator, dataset: SegmentationDataset, sampler: Any) -> None:
        self.evaluator, self.dataset, self.sampler = evaluator, dataset, sampler
        self._remaining: list[Sample] = []
        self._last: Sample | None = None  # last sample of an unfinished photograph
        self._truth = self._prediction = self._confidence = np.empty((0, 0), np.uint8)
        self._planes: Planes | None = None

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lists the samples of this process. Its rank is not known earlier."""
        self._remaining = [self.dataset.samples[sample.index] for sample in self.sampler if not sample.padding]

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Mapping[str, Any],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Puts the samples of a batch into their photographs.

        Raises:
            CheckpointError: The output of the network overflows, so that its prediction would mean nothing.
        """
        if outputs["confidence"].isnan().any():
            raise CheckpointError(OVERFLOW)
        levels = (outputs["confidence"] * 255).round()
        masks = [_to_numpy(tensor) for tensor in (batch["mask"], outputs["prediction"], levels)]
        planes = outputs["planes"].half().cpu().numpy() if "planes" in outputs else [None] * len(levels)
        for name, planes_here, *masks_here in zip(batch["id"], planes, *masks, strict=True):
            if name:  # empty for padding
                self._paste(self._remaining.pop(0), planes_here, *masks_here)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Counts the last photograph, even if `limit_test_batches` ended the loop within it."""
        self._finish()

    def _paste(self, sample: Sample, planes: Planes | None, *masks: NDArray[np.uint8]) -> None:
        if self._last is None:
            self._planes = None if planes is None else np.zeros((len(planes), *sample.size), np.float16)
            self._truth = np.full(sample.size, self.evaluator.table.ignore_index, np.uint8)
            self._prediction, self._confidence = np.zeros(sample.size, np.uint8), np.zeros(sample.size, np.uint8)
        assert sample.window is not None
        rows, columns = uncovered_part(sample.window)
        pairs: list[tuple[NDArray[Any], NDArray[Any]]]
        pairs = [*zip((self._truth, self._prediction, self._confidence), masks, strict=True)]
        if self._planes is not None and planes is not None:
            pairs += [*zip(self._planes, planes, strict=True)]
        for canvas, pixels in pairs:
            target = canvas[sample.window.rows, sample.window.columns]
            inside = pixels[: target.shape[0], : target.shape[1]]  # without the padding of the batch
            target[rows, columns] = inside[rows, columns]
        self._last = sample
        if not self._remaining or self._remaining[0].pair != sample.pair:
            self._finish()

    def _finish(self) -> None:
        if (sample := self._last) is not None:
            self._last = None
            read_image = partial(self.dataset.full_image, sample)
            things = self.evaluator.group(self._prediction, self._planes)
            self.evaluator.update(
                EvalSample(sample.pair.id, self._truth, self._prediction, self._confidence, read_image, things)
            )


def _to_numpy(tensor: Tensor) -> NDArray[np.uint8]:
    return tensor.to(torch.uint8).cpu().numpy()
