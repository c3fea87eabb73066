"""Keys and groups of the command line."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from segdrone.training.given import continue_overrides, settle_recipe_keys
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
    settle_recipe_keys(compose_config("train", *overrides), overrides)
    assert [record.getMessage() for record in caplog.records] == [
        f"{overrides[0]} sets {text} does not change: give those that you want otherwise" for text in told
    ]


@pytest.mark.parametrize(
    ("overrides", "file", "left_out", "kept"),
    [
        (
            ["experiment=baseline", "model=unet_mbv2"],
            "model=unet_mbv2",
            "model.decoder_dropout, model.decoder_pyramid_channels, model.decoder_segmentation_channels",
            {"encoder_name": "tu-tf_efficientnet_lite0", "decoder_channels": [256, 128, 64, 32, 16]},
        ),
        (["experiment=scenes", "loss=ce"], "loss=ce", "loss.terms.ce.class_weights", {"name": "ce"}),
    ],
)
def test_what_a_chosen_file_does_not_have_is_left_out(
    overrides: list[str], file: str, left_out: str, kept: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    cfg = compose_config("train", *overrides)
    settle_recipe_keys(cfg, overrides)
    group = file.split("=")[0]
    assert cfg[group].keys() == compose_config("train", file)[group].keys()
    assert kept.items() <= dict(cfg[group]).items()
    assert f"{overrides[0]} sets {left_out}, which {file} does not have: left out" in caplog.messages


def test_what_is_given_is_never_left_out() -> None:
    overrides = ["experiment=baseline", "model=unet_mbv2", "++model.decoder_dropout=0.1"]
    cfg = compose_config("train", *overrides)
    settle_recipe_keys(cfg, overrides)
    assert cfg.model.decoder_dropout == 0.1  # refused when the network is built


def test_a_recipe_of_another_folder_chooses_a_file_there(tmp_path: Path) -> None:
    for name, text in {
        "experiment/mine.yaml": "model: {depth: 3, width: 4}",
        "model/own.yaml": "name: own\nwidth: 1\n",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    cfg = OmegaConf.create({"model": {"name": "own", "width": 4, "depth": 3}})
    settle_recipe_keys(cfg, ["experiment=mine", "model=own"], [tmp_path])
    assert cfg.model == {"name": "own", "width": 4}


def test_a_resumed_run_has_the_overrides_that_lead_to_it(tmp_path: Path) -> None:
    assert continue_overrides(tmp_path, ["seed=2"]) is None
    (tmp_path / ".hydra").mkdir()
    earlier = ["output_dir=sweep", "optimizer.lr=1e-3", "loss=ce", "loss.label_smoothing=0.1", "trainer.max_epochs=3"]
    OmegaConf.save(OmegaConf.create(earlier), tmp_path / ".hydra" / "overrides.yaml")
    given = ["output_dir=sweep/1", "ckpt_path=sweep/1/checkpoints/last.ckpt"]
    assert continue_overrides(tmp_path, given) == earlier
    now = ["trainer=cpu", "loss=dice", "+trainer.val_check_interval=0.5", "optimizer.lr=1e-4"]
    assert continue_overrides(tmp_path, [*given, *now]) == ["output_dir=sweep", "trainer.max_epochs=3", *now]
