from pathlib import Path

import pytest
import torch

from segdrone.errors import ConfigError
from segdrone.training import TerminateOnNaN
from tests.helpers.training import StopAfter, fit, tiny_module


def test_loss_that_is_not_finite_ends_the_run_before_a_checkpoint(tmp_path: Path) -> None:
    module = tiny_module(optimizer={"name": "sgd", "lr": 1e-3})
    fit(tmp_path, TerminateOnNaN(), StopAfter(1), module=module, max_epochs=2)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name for path in kept} == {"best.ckpt", "last.ckpt"}

    module = tiny_module(optimizer={"name": "sgd", "lr": 1e30})
    with pytest.raises(ConfigError, match=r"loss of epoch 0 is (nan|inf); give a lower optimizer\.lr than 1e\+30"):
        fit(tmp_path, TerminateOnNaN(), module=module)
    assert not all(torch.isfinite(tensor).all() for tensor in module.state_dict().values())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
