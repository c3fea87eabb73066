"""Learning from what finished networks predict."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule, read_checkpoint
from segdrone.model.losses.distillation import distillation_loss
from segdrone.training.distillation import Distillation, teacher_paths
from tests.helpers.training import DATA, MODEL, THREE, batches, fit, tiny_checkpoint, tiny_module


def _batch_of(callback: Distillation, module: SegmentationModule) -> dict[str, torch.Tensor]:
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    callback.setup(trainer, module, "fit")
    batch = batches(1)[0]
    callback.on_train_batch_start(trainer, module, batch, 0)
    return batch


class _OneClass(L.Callback):
    """Makes class 0 the only one of the masks."""

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        batch["mask"].zero_()


def test_a_batch_gets_the_mean_probabilities_of_the_teachers(tmp_path: Path) -> None:
    files = [tiny_checkpoint(tmp_path / f"{seed}.ckpt", THREE, seed) for seed in (1, 2)]
    module = tiny_module()
    both, first, second = (
        _batch_of(Distillation(paths, module), module)["teacher"] for paths in (files, files[:1], files[1:])
    )
    assert torch.allclose(both.sum(1), torch.ones(2, 32, 32))
    assert not torch.allclose(first, second, atol=1e-3)
    assert torch.allclose(both, (first + second) / 2, atol=1e-6)


@pytest.mark.slow
def test_a_network_learns_what_its_teacher_predicts(tmp_path: Path) -> None:
    """Masks of one class alone teach nothing of the others, so what the student knows of them is the teacher's."""
    teacher = tiny_module(seed=1)
    fit(tmp_path / "teacher", module=teacher, max_epochs=10)
    path = tmp_path / "teacher" / "last.ckpt"
    distances = []
    for callbacks in ([], [Distillation([path], tiny_module())]):
        student = tiny_module(seed=5)
        fit(tmp_path / f"student-{len(callbacks)}", _OneClass(), *callbacks, module=student, max_epochs=20)
        image, mask = batches(1)[0]["image"], batches(1)[0]["mask"]
        with torch.no_grad():
            expected = teacher.eval()(image).softmax(1)
            distances.append(float(distillation_loss(student.eval()(image), expected, mask, 255)))
    least = float(distillation_loss(expected.log(), expected, mask, 255))  # the entropy
    assert distances[1] - least < (distances[0] - least) / 2


def test_the_teacher_is_in_no_checkpoint_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "teacher.ckpt", THREE, 1)
    student, callback = tiny_module(), Distillation([path], tiny_module())
    before = _batch_of(callback, student)["teacher"]
    fit(tmp_path, callback, module=student)
    assert torch.equal(_batch_of(callback, student)["teacher"], before)
    assert read_checkpoint(tmp_path / "last.ckpt")["state_dict"].keys() == tiny_module().state_dict().keys()


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_the_network_may_have_another_precision_than_its_teacher(precision: Any, tmp_path: Path) -> None:
    callback = Distillation([tiny_checkpoint(tmp_path / "teacher.ckpt", THREE, 1)], tiny_module())
    trainer = fit(tmp_path, callback, module=tiny_module(), precision=precision, max_epochs=1)
    assert torch.isfinite(trainer.callback_metrics["train/loss"])


def test_ignored_pixels_teach_nothing() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    mask = torch.zeros(1, 4, 4, dtype=torch.int64)
    mask[0, 2:] = 255
    distillation_loss(logits, torch.full((1, 3, 4, 4), 1 / 3), mask, 255).backward()
    assert logits.grad is not None
    assert logits.grad[0, :, 2:].abs().max() == 0
    assert logits.grad[0, :, :2].abs().max() > 0
    assert distillation_loss(logits, torch.full((1, 3, 4, 4), 1 / 3), torch.full_like(mask, 255), 255) == 0


def test_a_teacher_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path / "a.ckpt", replace(THREE, names=("grass", "water", "roof")), 1)
    with pytest.raises(ConfigError, match="in the same order"):
        Distillation([path], tiny_module())


def test_a_teacher_that_knows_the_photographs_of_validation_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiny_checkpoint(tmp_path / "a.ckpt", THREE, 1)
    content = read_checkpoint(path)
    content["hyper_parameters"]["splits"]["train"] = ["7"]
    torch.save(content, path)
    module = SegmentationModule(MODEL, THREE.to_dict(), DATA, {"train": ["1"], "val": ["7"]})
    with caplog.at_level(logging.WARNING):
        Distillation([path], module)
    assert f"distil_from={path} was trained on" in caplog.text


def test_a_teacher_of_other_pixels_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tiny_checkpoint(tmp_path / "a.ckpt", THREE, 1)
    content = read_checkpoint(path)
    content["hyper_parameters"]["data"] |= {"bands": (3, 2, 1), "image_size": (32, 32)}
    torch.save(content, path)
    with caplog.at_level(logging.WARNING):
        Distillation([path], tiny_module())
    assert "was trained with bands=(3, 2, 1), here it is None: on the samples" in caplog.text
    content["hyper_parameters"]["data"]["bands"] = None
    torch.save(content, path)
    caplog.clear()
    Distillation([path], tiny_module())
    assert not caplog.text


@pytest.mark.parametrize("value", [3, {"a": 1}, [1]])
def test_paths_are_a_name_or_a_list_of_names(value: object) -> None:
    with pytest.raises(ConfigError, match="must be a checkpoint"):
        teacher_paths(value)
    assert teacher_paths(["a.ckpt", "b.ckpt"]) == ["a.ckpt", "b.ckpt"]


def test_a_teacher_of_classes_that_were_merged_otherwise_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def module(*merged: str) -> SegmentationModule:
        return SegmentationModule(MODEL, THREE.to_dict(), {**DATA, "class_groups": {"roof": [*merged]}}, {})

    path = tiny_checkpoint(tmp_path / "a.ckpt", THREE, 1)
    content = read_checkpoint(path)
    content["hyper_parameters"]["data"] |= {"class_groups": {"roof": ["roof", "wall"]}, "image_size": (32, 32)}
    torch.save(content, path)
    Distillation([path], module("roof", "wall"))
    assert "class_groups" not in caplog.text
    Distillation([path], module("roof"))
    assert "was trained with class_groups={'roof': ['roof', 'wall']}, here it is {'roof': ['roof']}" in caplog.text
