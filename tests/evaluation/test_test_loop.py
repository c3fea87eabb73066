"""Photographs assembled from the samples of the test loop."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import CheckpointError
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.test_loop import evaluate_test_loop
from segdrone.raster.decode import read_image
from tests.helpers.training import tiny_module


class RecordingEvaluator(Evaluator):
    """Also keeps the samples."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.samples: dict[str, EvalSample] = {}

    def update(self, sample: EvalSample) -> None:
        assert sample.name not in self.samples
        self.samples[sample.name] = sample._replace(truth=sample.truth.copy())
        super().update(sample)


def run_test_loop(
    root: Path, trainer: dict[str, Any], weight: float | None = None, **choices: Any
) -> tuple[RecordingEvaluator, SegmentationDataModule, L.LightningModule]:
    datamodule = SegmentationDataModule(DataConfig(root=str(root), batch_size=2, num_workers=0, **choices))
    datamodule.setup("test")
    module = tiny_module(datamodule.table)
    if weight is not None:
        torch.nn.init.constant_(module.network.segmentation_head[0].weight, weight)  # type: ignore[union-attr,index]
    options: dict[str, Any] = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "accelerator": "cpu",
    }
    evaluator = RecordingEvaluator(datamodule.table, 1)
    evaluate_test_loop(evaluator, L.Trainer(**options, **trainer), module, datamodule, "val")
    return evaluator, datamodule, module.eval()


def test_photographs_are_evaluated_as_the_network_sees_them(all_scenes: Path) -> None:
    evaluator, datamodule, module = run_test_loop(all_scenes, {}, test_image_size=(64, 96))
    assert [*evaluator.samples] == [pair.id for pair in datamodule.splits["val"]]
    for pair in datamodule.splits["val"]:
        one = evaluator.samples[pair.id]
        assert pair.mask is not None and one.read_image is not None and one.confidence is not None
        image = read_image(pair.image)
        assert (one.truth == datamodule.encoding.remap(read_mask(pair.mask, datamodule.encoding))).all()
        assert (one.read_image() == image).all()
        mean, std = (np.array(values)[:, None, None] for values in (datamodule.mean, datamodule.std))
        normalized = torch.tensor((image.transpose(2, 0, 1) / 255 - mean) / std, dtype=torch.float32)[None]
        with torch.inference_mode():
            confidence, prediction = module(normalized).softmax(1)[0].max(0)
        assert (one.prediction == prediction.numpy()).mean() > 0.999
        assert np.abs(one.confidence - 255 * confidence.numpy()).max() < 1


@pytest.mark.parametrize("tile", [(64, 96), (48, 80), (40, 40)])
def test_tiles_are_assembled_to_their_photograph(all_scenes: Path, tile: tuple[int, int]) -> None:
    evaluator, datamodule, _ = run_test_loop(all_scenes, {}, sampling="tiles", tile_size=tile)
    assert [*evaluator.samples] == [pair.id for pair in datamodule.splits["val"]]
    for pair in datamodule.splits["val"]:
        one = evaluator.samples[pair.id]
        assert pair.mask is not None and one.read_image is not None
        assert (one.truth == datamodule.encoding.remap(read_mask(pair.mask, datamodule.encoding))).all()
        assert one.read_image().shape == (64, 96, 3)
        assert evaluator.counts[pair.id].confusion.sum() == (one.truth != 255).sum()


def test_an_output_that_overflows_is_an_error_of_the_model(all_scenes: Path) -> None:
    with pytest.raises(CheckpointError, match="not a number at some pixels"):
        run_test_loop(all_scenes, {"limit_test_batches": 1}, weight=3e38, test_image_size=(32, 32))


def test_a_share_of_less_than_a_batch_is_one_batch(all_scenes: Path) -> None:
    evaluator, datamodule, _ = run_test_loop(all_scenes, {"limit_test_batches": 0.01}, test_image_size=(32, 32))
    assert 0 < len(evaluator.samples) < len(datamodule.splits["val"])


def test_a_photograph_that_was_tested_in_part_is_evaluated_in_part(all_scenes: Path) -> None:
    evaluator, _, _ = run_test_loop(all_scenes, {"limit_test_batches": 1}, sampling="tiles", tile_size=(32, 32))
    (one,) = evaluator.samples.values()  # two of six tiles
    assert (one.truth[:32, :64] != 255).any()
    assert (one.truth[32:] == 255).all() and (one.truth[:, 64:] == 255).all()
