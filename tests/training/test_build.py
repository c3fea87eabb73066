import logging
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


def test_a_run_says_what_its_network_costs(small_config: Compose, caplog: pytest.LogCaptureFixture) -> None:
    cfg = small_config("model=linknet_mbv2", "data.sampling=tiles", "data.tile_size=[32,96]")
    with caplog.at_level(logging.INFO, "segdrone"):
        build_module(cfg, build_datamodule(cfg))
    # A tile of 32 x 96 has 1/128 of the pixels of 512 x 768, at which conf/model/linknet_mbv2.yaml gives 3.6 billion.
    assert "linknet on mobilenet_v2: 4.3 million parameters, 0.0282 billion multiply-adds at 32 x 96" in caplog.text


def test_a_network_that_does_not_fit_the_photographs_is_told_before_training(small_config: Compose) -> None:
    cfg = small_config("model.encoder_name=tu-swin_tiny_patch4_window7_224")
    with pytest.raises(ConfigError, match="cannot take 64 x 96 pixels"):
        build_module(cfg, build_datamodule(cfg))
