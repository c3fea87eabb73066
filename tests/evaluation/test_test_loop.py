"""Photographs put together from what the test loop sees."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.mask_files import read_mask
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.test_loop import evaluate_test_loop
from segdrone.raster.decode import read_image
from tests.helpers.training import tiny_module

NORMALISED = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class Kept(Evaluator):
    """Keeps the photographs themselves."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: dict[str, EvalSample] = {}

    def add(self, photograph: EvalSample) -> None:
        assert photograph.name not in self.kept
        self.kept[photograph.name] = photograph._replace(truth=photograph.truth.copy())
        super().add(photograph)


def judged(
    root: Path, trainer: dict[str, Any], **choices: Any
) -> tuple[Kept, SegmentationDataModule, L.LightningModule]:
    datamodule = SegmentationDataModule(DataConfig(root=str(root), batch_size=2, num_workers=0, **choices))
    datamodule.setup("test")
    module = tiny_module(datamodule.table)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False, "accelerator": "cpu"}
    judge = Kept(datamodule.table, 1)
    evaluate_test_loop(judge, L.Trainer(**quiet, **trainer), module, datamodule, "val")
    return judge, datamodule, module.eval()


def test_whole_photographs_are_judged_as_the_network_sees_them(all_scenes: Path) -> None:
    judge, datamodule, module = judged(all_scenes, {}, test_image_size=(64, 96))
    assert [*judge.kept] == [pair.id for pair in datamodule.splits["val"]]
    for pair in datamodule.splits["val"]:
        one = judge.kept[pair.id]
        assert pair.mask is not None and one.image is not None and one.confidence is not None
        image = read_image(pair.image)
        assert (one.truth == datamodule.encoding.remap(read_mask(pair.mask, datamodule.encoding))).all()
        assert (one.image() == image).all()
        mean, std = (np.array(values)[:, None, None] for values in (datamodule.mean, datamodule.std))
        seen = torch.tensor((image.transpose(2, 0, 1) / 255 - mean) / std, dtype=torch.float32)[None]
        with torch.inference_mode():
            confidence, prediction = module(seen).softmax(1)[0].max(0)
        assert (one.prediction == prediction.numpy()).mean() > 0.999
        assert np.abs(one.confidence - 255 * confidence.numpy()).max() < 1


@pytest.mark.parametrize("tile", [(64, 96), (48, 80), (40, 40)])
def test_tiles_become_the_photograph_they_were_cut_from(all_scenes: Path, tile: tuple[int, int]) -> None:
    judge, datamodule, _ = judged(all_scenes, {}, sampling="tiles", tile_size=tile)
    assert [*judge.kept] == [pair.id for pair in datamodule.splits["val"]]
    for pair in datamodule.splits["val"]:
        one = judge.kept[pair.id]
        assert pair.mask is not None and one.image is not None
        assert (one.truth == datamodule.encoding.remap(read_mask(pair.mask, datamodule.encoding))).all()
        assert one.image().shape == (64, 96, 3)
        assert judge.counts[pair.id].confusion.sum() == (one.truth != 255).sum()


def test_a_photograph_cut_short_is_judged_by_what_was_seen(all_scenes: Path) -> None:
    judge, _, _ = judged(all_scenes, {"limit_test_batches": 1}, sampling="tiles", tile_size=(32, 32))
    (one,) = judge.kept.values()  # two of six tiles
    assert (one.truth[:32, :64] != 255).any()
    assert (one.truth[32:] == 255).all() and (one.truth[:, 64:] == 255).all()
