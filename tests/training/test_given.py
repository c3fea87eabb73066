"""Keys and groups of the command line."""

from __future__ import annotations

import logging

import pytest

from segdrone.training.given import tell_recipe_keys
from tests.helpers.small_run import compose_config


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["experiment=baseline"], []),
        (["experiment=baseline", "data=sample", "callbacks=[default]", "augment=strong"], []),
        (["model=unet_mbv2", "optimizer=sgd"], []),
        (["experiment=baseline", "optimizer=sgd"],
         ["optimizer.encoder_lr=0.001, optimizer.lr=0.004, which optimizer=sgd"]),
        (["experiment=baseline", "optimizer=sgd", "optimizer.lr=0.1", "optimizer.encoder_lr=null"], []),
        (["experiment=demo", "model=fpn_mbv2", "model.decoder_pyramid_channels=64"],
         ["model.decoder_segmentation_channels=64, which model=fpn_mbv2"]),
    ],
)  # fmt: skip
def test_what_a_recipe_sets_in_a_group_that_is_chosen_is_told(
    overrides: list[str], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    tell_recipe_keys(compose_config("train", *overrides), overrides)
    assert [record.getMessage() for record in caplog.records] == [
        f"{overrides[0]} sets {text} does not change: give those that you want otherwise" for text in told
    ]
