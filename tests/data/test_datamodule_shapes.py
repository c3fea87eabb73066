"""Photographs of different shapes: one scale for all, proportions kept, in training and in scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from PIL import Image

from segdrone.class_groups import load_class_groups
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.inference import Predictor
from segdrone.model import SegmentationModule
from segdrone.synthetic import write_scenes
from segdrone.windows import Size, proportional_size
from tests.helpers.datamodule import AUGMENT, epochs, same
from tests.helpers.training import MODEL

SHAPES: list[Size] = [(24, 36), (36, 24), (30, 30), (20, 40)]
AREA: Size = (12, 18)
TRAINER: dict[str, Any] = {
    "accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_checkpointing": False,
    "enable_model_summary": False, "num_sanity_val_steps": 0,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """24 photographs of four shapes."""
    rng, root = np.random.default_rng(0), tmp_path / "mixed"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for index in range(24):
        size = SHAPES[index * 7 % 4]
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(root / "images" / f"{index:02d}.png")
        Image.fromarray(rng.integers(0, 23, size, dtype=np.uint8)).save(root / "masks" / f"{index:02d}.png")
    return root


def opened(root: Path, augment: dict[str, Any] | None = None, **options: Any) -> SegmentationDataModule:
    values = {"image_size": AREA, "test_image_size": AREA, "num_workers": 0, "batch_size": 4, "test_share": 0.3}
    datamodule = SegmentationDataModule(DataConfig(root=str(root), **{**values, **options}), augment)
    datamodule.setup("fit")
    return datamodule


def test_every_split_sees_a_photograph_at_the_same_scale_and_proportions(root: Path) -> None:
    datamodule = opened(root)
    datasets = [datamodule.fit_dataset("train"), datamodule.fit_dataset("val"), datamodule.test_dataset("test")]
    samples = [sample for dataset in datasets for sample in dataset.samples]
    assert len(samples) == 24
    for sample in samples:
        assert sample.size == proportional_size(sample.pair.size, AREA)
        assert sample.window == (0, 0, *sample.size)
    assert {sample.size for sample in samples} == {(12, 18), (18, 12), (15, 15), (10, 21)}


@pytest.mark.parametrize("loader", ["train", "val", "test"])
def test_padding_of_a_batch_is_ignored(root: Path, loader: str) -> None:
    datamodule = opened(root)
    sizes = {pair.id: proportional_size(pair.size, AREA) for pair in datamodule.splits["all"]}
    padded = 0
    for batch in getattr(datamodule, f"{loader}_dataloader")():
        height, width = batch["mask"].shape[1:]
        own = [sizes[name] for name in batch["id"]]
        assert (height, width) == (max(size[0] for size in own), max(size[1] for size in own))
        for mask, size in zip(batch["mask"], own, strict=True):
            assert (mask[: size[0], : size[1]] != 255).all()
            assert int((mask != 255).sum()) == size[0] * size[1]
            padded += size != (height, width)
    assert (padded > 0) == (loader == "train")  # what is scored is not padded by others


@pytest.mark.parametrize("loop", ["validate", "test"])
def test_scores_of_a_mixed_set_do_not_depend_on_the_batch_size(root: Path, loop: str) -> None:
    scores = []
    for batch_size in (1, 4):
        datamodule = opened(root, batch_size=batch_size)
        loader = datamodule.test_dataloader() if loop == "test" else datamodule.val_dataloader()
        trainer = L.Trainer(use_distributed_sampler=False, **TRAINER)
        scores += getattr(trainer, loop)(new_module(datamodule), loader, verbose=False)
    assert scores[0] == scores[1]


@pytest.mark.parametrize("combine", [{}, {"mosaic": 0.5, "cutmix": 0.5}], ids=["alone", "combined"])
@pytest.mark.parametrize("cache", ["none", "memory", "disk"])
def test_batches_do_not_depend_on_the_number_of_workers(
    root: Path, tmp_path: Path, combine: dict[str, float], cache: str
) -> None:
    runs = []
    for workers in (0, 2):
        options = {"num_workers": workers, "cache": cache, "cache_dir": str(tmp_path / "cache")}
        runs.append(epochs(opened(root, {**AUGMENT, "combine": combine}, **options).train_dataloader()))
    assert all(same(one, other) for one, other in zip(*runs, strict=True))
    assert not same(*runs[0])


def test_class_pixels_are_counted_at_the_scale_of_training(root: Path) -> None:
    datamodule = opened(root)
    sizes = [proportional_size(pair.size, AREA) for pair in datamodule.splits["train"]]
    assert datamodule.class_pixels().sum(1).tolist() == [height * width for height, width in sizes]


def new_module(datamodule: SegmentationDataModule, **options: Any) -> SegmentationModule:
    torch.manual_seed(0)
    data = datamodule.config.replace(mean=tuple(datamodule.mean), std=tuple(datamodule.std)).to_dict()
    return SegmentationModule(MODEL, datamodule.table.to_dict(), data, {}, **options)


def test_a_mixed_set_is_trained_and_validated(root: Path) -> None:
    datamodule = opened(root, {**AUGMENT, "combine": {"mosaic": 0.3, "cutmix": 0.3}}, batch_size=5)
    module = new_module(datamodule)
    trainer = L.Trainer(max_epochs=1, use_distributed_sampler=False, **TRAINER)
    trainer.fit(module, datamodule)
    assert np.isfinite(float(trainer.callback_metrics["train/loss"]))
    assert 0 <= float(trainer.callback_metrics["val/miou"]) <= 1
    trainer.test(module, datamodule.test_dataloader(), verbose=False)
    assert 0 <= float(trainer.callback_metrics["test/miou"]) <= 1


def miou(pairs: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]) -> float:
    """Mean IoU, over all photographs, of the classes that occur in truth or prediction."""
    confusion = np.zeros((256, 256), np.int64)
    for truth, prediction in pairs:
        np.add.at(confusion, (truth[truth != 255], prediction[truth != 255]), 1)
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    return float((confusion.diagonal()[union > 0] / union[union > 0]).mean())


def test_evaluation_and_prediction_of_upright_photographs_agree(tmp_path: Path) -> None:
    root = tmp_path / "upright"
    write_scenes(root, count=12, height=144, width=96, seed=0, progress=False)
    area = (64, 96)
    datamodule = opened(root, image_size=area, test_image_size=area, class_groups=load_class_groups("landing_zone"))
    module = new_module(datamodule, optimizer={"name": "adamw", "lr": 0.01})
    trainer = L.Trainer(max_epochs=12, use_distributed_sampler=False, **TRAINER)
    trainer.fit(module, datamodule)
    trainer.test(module, datamodule.test_dataloader("train"), verbose=False)
    evaluated = float(trainer.callback_metrics["test/miou"])
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    predictor = Predictor.from_checkpoint(tmp_path / "a.ckpt", device="cpu")
    dataset = datamodule.test_dataset("train")
    predicted = []
    for sample in dataset.samples:
        assert sample.size == (96, 64)
        image, truth = dataset.read(sample)
        predicted.append((truth, predictor(image).mask))
    assert evaluated > 0.4  # it has learned something
    assert miou(predicted) == pytest.approx(evaluated, abs=0.02)
    full = SegmentationDataModule(datamodule.config.replace(test_image_size=(96, 144)))
    full.setup("test")
    at_own_size = []
    for pair in full.splits["train"]:
        sample = next(one for one in full.test_dataset("train").samples if one.pair == pair)
        at_own_size.append((full.test_dataset("train").read(sample)[1], predictor(pair.image).mask))
    assert miou(at_own_size) == pytest.approx(evaluated, abs=0.05)  # its edges are finer than the network's
