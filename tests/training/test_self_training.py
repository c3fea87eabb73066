"""Pseudo-labels of a mean teacher: what is learned from them, and that no score counts them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import pytest
import torch

from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.model import load_module, read_checkpoint
from segdrone.training import FreezeEncoder, SelfTraining
from segdrone.training.build import build_datamodule
from segdrone.training.self_training import paste_classes
from tests.helpers.adapting import adapt_config, write_photographs
from tests.helpers.small_run import Compose, fit_config
from tests.helpers.training import batches, fit, tiny_module, weights

Batch = dict[str, Any]


def half_labeled() -> Batch:
    """A batch whose second photograph has no mask, and whose last row is outside of it."""
    batch = batches(1)[0]
    free = torch.zeros_like(batch["mask"], dtype=torch.bool)
    free[1, :-1] = True
    batch["mask"][1] = 255
    return {**batch, "unlabeled": free}


def label(batch: Batch, **options: Any) -> tuple[Batch, torch.Tensor]:
    """Gives a batch its pseudo-labels; returns it, and what the teacher predicts: its probabilities."""
    torch.manual_seed(0)
    module = tiny_module()
    callback = SelfTraining(**{"decay": 0.9, "confidence": 0.0, "color": 0.4, "paste": False, **options})
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    callback.setup(trainer, module, "fit")
    labeled = dict(batch)
    callback.on_train_batch_start(trainer, module, labeled, 0)
    with torch.no_grad():
        return labeled, module.eval()(batch["image"]).softmax(1)


def test_the_teacher_labels_what_it_is_confident_of() -> None:
    batch = half_labeled()
    _, probabilities = label(half_labeled())
    confidence, prediction = probabilities[1].max(0)
    limit = float(confidence[:-1].median())
    labeled, _ = label(batch, confidence=limit)
    free = torch.ones_like(prediction, dtype=torch.bool)
    free[-1] = False  # outside of the photograph
    expected = torch.full_like(prediction, 255)
    for found in prediction[free].unique():  # at least half of the pixels of each class
        of_class = free & (prediction == found)
        chosen = of_class & (confidence >= min(limit, float(confidence[of_class].median())))
        expected[chosen] = found
        assert chosen.sum() >= of_class.sum() / 2
    assert torch.equal(labeled["mask"][1], expected)
    assert (expected[free] == 255).any() and not (confidence[free & (expected == 255)] >= limit).any()
    assert torch.equal(labeled["truth"], batch["mask"])
    for key in ("mask", "image"):
        assert torch.equal(labeled[key][0], batch[key][0]), key
    assert (labeled["image"][1] - batch["image"][1]).abs().mean() > 0.01
    assert torch.equal(batch["mask"][1], torch.full_like(batch["mask"][1], 255))


def test_a_labeled_part_of_a_mixed_photograph_keeps_its_labels() -> None:
    batch = half_labeled()
    batch["mask"][1, -1] = 2  # as where mosaic or CutMix put a part of a labeled photograph
    labeled, _ = label({**batch, "mask": batch["mask"].clone()})
    assert (labeled["mask"][1, -1] == 2).all()
    assert torch.equal(labeled["truth"], batch["mask"])


def test_the_teacher_is_an_average_from_the_first_step_and_statistics_stay(tmp_path: Path) -> None:
    """Also beside a callback that puts the encoder into training mode at each epoch."""
    module = tiny_module(optimizer={"name": "sgd", "lr": 0.1})
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    teacher = SelfTraining(decay=1, confidence=0.9, color=0.4, paste=False)
    fit(tmp_path, teacher, FreezeEncoder(epochs=0), module=module, max_epochs=1)
    current = torch.load(tmp_path / "last.ckpt", weights_only=True)["current_model_state"]
    head = "network.segmentation_head.0.weight"
    assert not torch.equal(current[head], before[head])
    assert torch.equal(module.state_dict()[head], before[head])
    assert all(torch.equal(current[name], before[name]) for name in before if "running_" in name)


def test_without_a_photograph_to_label_a_batch_stays_as_it_is() -> None:
    batch = batches(1)[0]
    labeled, _ = label({**batch, "unlabeled": torch.zeros_like(batch["mask"], dtype=torch.bool)})
    assert torch.equal(labeled["image"], batch["image"]) and "truth" not in labeled
    assert label(batch)[0].keys() == batch.keys()


def test_the_share_of_pseudo_labels_is_that_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a process that had no photograph without a mask, which must log when the others do."""
    module = tiny_module()
    callback = SelfTraining(decay=0.9, confidence=0.9, color=0.4, paste=False)
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    callback.setup(trainer, module, "fit")
    logged: dict[str, float] = {}
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value}))
    callback.on_train_epoch_end(trainer, module)
    assert logged == {}
    monkeypatch.setattr(trainer.strategy, "reduce", lambda counts, reduce_op: counts + torch.tensor([3, 4]))
    callback.on_train_epoch_end(trainer, module)
    assert logged == {"train/pseudo_labels": 0.75}


def test_half_of_the_classes_of_a_labeled_photograph_are_pasted() -> None:
    torch.manual_seed(0)
    batch = {"image": torch.stack([torch.ones(3, 4, 4), torch.zeros(3, 4, 4)]), "mask": torch.full((2, 4, 4), 9)}
    batch["mask"][0] = torch.tensor([0, 1, 2, 255])[:, None]  # a class in each row, and one ignored
    paste_classes(batch, 0, 1, 255)
    pasted = batch["image"][1, 0] == 1
    rows = pasted.all(1)
    assert rows.sum() == 2 and not rows[3] and torch.equal(pasted.any(1), rows)
    assert torch.equal(batch["mask"][1][pasted], batch["mask"][0][pasted])
    assert (batch["mask"][1][~pasted] == 9).all()


@pytest.mark.parametrize(("key", "value"), [("decay", 2), ("confidence", 1.5), ("color", -0.1), ("color", True)])
def test_values_out_of_range_are_refused(key: str, value: float) -> None:
    options: dict[str, Any] = {"decay": 0.9, "confidence": 0.9, "color": 0.4, "paste": True, key: value}
    with pytest.raises(ConfigError, match=f"{key}={value} must be a number from 0 to 1"):
        SelfTraining(**options)


def test_photographs_without_masks_are_learned_from(
    trained_run: Path, all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_photographs(tmp_path / "photographs", all_scenes, 5)
    cfg = adapt_config(trained_run, root, tmp_path / "run", "callbacks.averaging.confidence=0")
    made = fit_config(cfg)
    logged = made["trainer"].callback_metrics
    assert logged["train/pseudo_labels"] == 1
    assert np.isnan(float(logged["train/miou"]))  # there is no truth
    assert logged["train/loss"] > 0
    first, best = trained_run / "checkpoints" / "best.ckpt", tmp_path / "run" / "checkpoints" / "best.ckpt"
    adapted = read_checkpoint(best)
    assert adapted["hyper_parameters"]["splits"] == {"train": [f"{i:03d}" for i in range(5)], "val": [], "test": []}
    assert adapted["hyper_parameters"]["origin"]["checkpoint"] == str(first)
    assert not torch.equal(weights(load_module(best)), weights(load_module(first)))
    earlier = load_module(first).state_dict()
    statistics = [name for name in earlier if name.endswith(("running_mean", "running_var"))]
    assert statistics
    for name in statistics:
        torch.testing.assert_close(adapted["state_dict"][name], earlier[name])
    assert "best.ckpt is the last epoch" in caplog.text
    assert Predictor.from_checkpoint(best)(root / "000.jpg").mask.shape == (64, 96)


def test_a_photograph_that_breaks_off_is_named(trained_run: Path, all_scenes: Path, tmp_path: Path) -> None:
    root = write_photographs(tmp_path / "photographs", all_scenes, 3)
    content = (root / "001.jpg").read_bytes()
    (root / "001.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"001\.jpg"):
        fit_config(adapt_config(trained_run, root, tmp_path / "run"))


def test_a_run_that_could_not_learn_without_masks_is_refused(
    trained_run: Path, all_scenes: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="needs a callback that learns without masks: give experiment=adapt"):
        fit_config(adapt_config(trained_run, all_scenes, tmp_path / "run", "callbacks.averaging=null"))


def test_a_teacher_that_is_never_confident_is_told_once(
    trained_run: Path, all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_photographs(tmp_path / "photographs", all_scenes, 3)
    options = ["callbacks.averaging.confidence=1", "trainer.max_epochs=2"]
    made = fit_config(adapt_config(trained_run, root, tmp_path / "run", *options))
    assert made["trainer"].callback_metrics["train/pseudo_labels"] == 0
    assert caplog.text.count("give a lower callbacks.averaging.confidence than 1") == 1


def test_a_resumed_run_has_the_teacher_of_one_without_interruption(
    trained_run: Path, all_scenes: Path, tmp_path: Path
) -> None:
    root = write_photographs(tmp_path / "photographs", all_scenes, 3)
    options = ["callbacks.averaging.confidence=0", f"data.replay={all_scenes}", "trainer.limit_train_batches=2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    made = fit_config(adapt_config(trained_run, root, whole, *options, "trainer.max_epochs=2"))
    fit_config(adapt_config(trained_run, root, parts, *options))
    last = parts / "checkpoints" / "last.ckpt"
    again = [*options, "trainer.max_epochs=2", "init_from=null", f"ckpt_path={last}"]
    continued = fit_config(adapt_config(trained_run, root, parts, *again))
    replayed, replayed_again = ([pair.id for pair in run["datamodule"].splits["replay"]] for run in (made, continued))
    assert replayed == replayed_again  # in the order that decides which are drawn
    expected, resumed = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (whole, parts))
    for part in ("state_dict", "current_model_state"):
        for name, tensor in expected[part].items():
            assert torch.equal(tensor, resumed[part][name]), (part, name)
    assert not torch.equal(expected["state_dict"]["network.segmentation_head.0.bias"],
                           expected["current_model_state"]["network.segmentation_head.0.bias"])  # fmt: skip
    assert expected["hyper_parameters"]["origin"] == resumed["hyper_parameters"]["origin"]
    fewer = shutil.copytree(all_scenes, tmp_path / "fewer")
    for file in fewer.rglob(f"{replayed[0]}.*"):
        file.unlink()
    with pytest.raises(CheckpointError, match="photographs of data.replay, of which some are missing in .*fewer"):
        build_datamodule(adapt_config(trained_run, root, parts, *again, f"data.replay={fewer}"))


def test_labeled_photographs_alone_are_told(
    small_config: Compose, trained_run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit_config(small_config("callbacks=[default,self_training]", "trainer.limit_train_batches=1"))
    assert "self_training has no photographs without masks: give data.unlabeled=true" in caplog.text
