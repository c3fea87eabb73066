from pathlib import Path

import numpy as np
import pytest
import torch

from segdrone.classes import DRONE
from segdrone.data.balance import STATS_FILE, class_weights, write_stats
from segdrone.errors import ConfigError
from segdrone.training.build import build_datamodule, build_module
from tests.conftest import Compose


@pytest.mark.parametrize(("loss", "key"), [("ce", "loss"), ("ce_dice", "loss.terms.ce")])
def test_class_weights_by_name_become_numbers(loss: str, key: str, scenes: Path, small_config: Compose) -> None:
    cfg = small_config(
        f"data.root={scenes}", f"loss={loss}", f"{key}.class_weights=inverse", f"{key}.label_smoothing=0.1"
    )
    datamodule = build_datamodule(cfg)
    ids = [pair.id for pair in datamodule.splits["all"]]
    counts = np.tile(np.arange(1, 24), (len(ids), 1))
    write_stats(scenes / STATS_FILE, DRONE, ids, counts)
    cross_entropy = build_module(cfg, datamodule).loss.terms[0]
    assert torch.equal(cross_entropy.weights, torch.tensor(class_weights("inverse", counts)))
    assert cross_entropy.label_smoothing == 0.1


@pytest.mark.parametrize(("loss", "key"), [("ce", "loss"), ("ce_lovasz", "loss.terms.ce")])
def test_class_weights_of_another_length_are_refused(loss: str, key: str, small_config: Compose) -> None:
    cfg = small_config(f"loss={loss}", f"{key}.class_weights=[1,2]")
    with pytest.raises(ConfigError, match=rf"^{key}.class_weights=\[1, 2\] must be .* 23 numbers"):
        build_module(cfg, build_datamodule(cfg))
