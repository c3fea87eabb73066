"""Batch-norm statistics of other photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch import nn

from segdrone.errors import ConfigError
from segdrone.model import SegmentationModule
from segdrone.training import AdaptBatchNorm
from tests.helpers.training import batches, fit, tiny_module


def first_layer(module: SegmentationModule) -> nn.BatchNorm2d:
    return next(layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d))


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_statistics_move_to_the_means_over_all_batches_and_weights_stay(share: float, tmp_path: Path) -> None:
    module = tiny_module(optimizer={"name": "adamw", "lr": 0.1, "weight_decay": 0.1})
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    inputs: list[torch.Tensor] = []
    with torch.no_grad():  # the first layer follows a convolution, which does not depend on statistics
        hook = first_layer(module).register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
        for batch in batches(4):
            module(batch["image"])
        hook.remove()
    module = tiny_module(optimizer={"name": "adamw", "lr": 0.1, "weight_decay": 0.1})
    layer = first_layer(module)
    assert layer.running_mean is not None and layer.running_var is not None
    earlier = layer.running_mean.clone(), layer.running_var.clone()
    fit(tmp_path, AdaptBatchNorm(share), module=module, max_epochs=1)
    means = torch.stack([part.mean((0, 2, 3)) for part in inputs]).mean(0)
    variances = torch.stack([part.var((0, 2, 3)) for part in inputs]).mean(0)
    torch.testing.assert_close(layer.running_mean, share * means + (1 - share) * earlier[0])
    torch.testing.assert_close(layer.running_var, share * variances + (1 - share) * earlier[1])
    assert all(torch.equal(parameter, before[name]) for name, parameter in module.named_parameters())


def test_a_network_without_batch_norm_is_refused(tmp_path: Path) -> None:
    module = tiny_module()
    for parent in [*module.modules()]:
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", logger=False, default_root_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"has no batch norm.*experiment=adapt"):
        AdaptBatchNorm(0.5).on_fit_start(trainer, module)


def test_more_than_one_epoch_and_other_shares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give trainer\.max_epochs=1"):
        fit(tmp_path, AdaptBatchNorm(0.5), module=tiny_module(), max_epochs=2)
    early: list[dict[str, Any]] = [{"max_steps": 2}, {"val_check_interval": 0.5}]
    for options in early:  # what is then validated and kept would be the statistics of these batches alone
        with pytest.raises(ConfigError, match=r"leave out trainer\.max_steps and trainer\.val_check_interval"):
            fit(tmp_path, AdaptBatchNorm(0.5), module=tiny_module(), max_epochs=1, **options)
    for share in (0, 1.1, True):
        with pytest.raises(ConfigError, match=f"share={share} must be a number above 0 and up to 1"):
            AdaptBatchNorm(share)


def test_a_precision_that_scales_gradients_is_refused_as_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"precision=16-mixed scales gradients, .*: give trainer\.precision=auto"):
        fit(tmp_path, AdaptBatchNorm(0.5), module=tiny_module(), max_epochs=1, scaled=True)
