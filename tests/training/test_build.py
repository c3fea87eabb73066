import logging
import shutil
from functools import partialmethod
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from segdrone.classes import DRONE
from segdrone.data.class_weights import STATS_FILE, class_weights, mask_states, write_stats
from segdrone.errors import ConfigError, DataError
from segdrone.model import load_module
from segdrone.model.losses.pixel import CrossEntropyLoss
from segdrone.training import train
from segdrone.training.build import build_datamodule, build_module
from tests.helpers.adapting import adapt_config, write_photographs
from tests.helpers.image_files import read_mask
from tests.helpers.small_run import Compose, compose_config, fit_config, small
from tests.helpers.training import weights

LIMITS = ["trainer.limit_train_batches=1", "trainer.limit_val_batches=1"]


def test_run_starts_from_a_checkpoint_of_other_classes(
    trained_run: Path, small_config: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    path = trained_run / "checkpoints" / "best.ckpt"
    cfg = small_config(
        *LIMITS, f"init_from={path}", "model.encoder_weights=none.safetensors",
        "data.class_groups={soil: [dirt, gravel], ignored: [dog]}",
    )  # fmt: skip
    with caplog.at_level("INFO"):
        module = build_module(cfg, build_datamodule(cfg))
    assert "20 classes keep their rows" in caplog.text
    assert "1 are new (soil), 3 of the checkpoint's are dropped (dirt, gravel, dog)" in caplog.text
    first = load_module(path)
    assert torch.equal(weights(module.encoder), weights(first.encoder))  # none.safetensors was not asked for
    made = fit_config(cfg)
    assert len(made["module"].table) == 21
    assert made["trainer"].callback_metrics["train/loss"] > 0


def test_a_given_mean_leaves_the_deviation_to_the_encoder(small_config: Compose) -> None:
    lite = "model.encoder_name=tu-tf_efficientnet_lite0"
    datamodule = build_datamodule(small_config(lite, "data.mean=[0.1,0.2,0.3]"))
    assert (datamodule.mean, datamodule.std) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    datamodule = build_datamodule(small_config(lite, "data.std=[0.1,0.2,0.3]"))
    assert (datamodule.mean, datamodule.std) == ((0.5, 0.5, 0.5), (0.1, 0.2, 0.3))


def test_init_from_and_ckpt_path_exclude_each_other(small_config: Compose) -> None:
    cfg = small_config("init_from=a.ckpt", "ckpt_path=b.ckpt")
    with pytest.raises(ConfigError, match="init_from.*ckpt_path.*give one"):
        build_module(cfg, build_datamodule(cfg))


def test_photographs_without_masks_need_a_model(small_config: Compose) -> None:
    with pytest.raises(ConfigError, match="data.unlabeled=true .* give it by init_from=CHECKPOINT"):
        build_datamodule(small_config("data.unlabeled=true"))


def test_a_replay_has_the_photographs_that_the_checkpoint_was_trained_on(
    trained_run: Path, all_scenes: Path, small_config: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint, own = trained_run / "checkpoints" / "best.ckpt", tmp_path / "own"
    shutil.copytree(all_scenes, own)
    cfg = small_config(f"init_from={checkpoint}", f"data.root={own}", f"data.replay={all_scenes}", "data.split_seed=1")
    datamodule = build_datamodule(cfg)
    assert "cannot be learned" not in caplog.text  # absent from all masks of the folder, and maybe not from others
    trained = load_module(checkpoint).hparams["splits"]["train"]
    assert [pair.id for pair in datamodule.splits["replay"]] == trained
    module = build_module(cfg, datamodule)
    assert module.hparams["origin"]["trained_on"] == [{"root": str(all_scenes), "photographs": trained}] * 2
    assert module.hparams["data"]["replay"] == str(all_scenes)


def test_a_resumed_run_says_what_it_is_trained_on_only_now(
    trained_run: Path, all_scenes: Path, small_config: Compose, tmp_path: Path
) -> None:
    checkpoints, other = trained_run / "checkpoints", Path(shutil.copytree(all_scenes, tmp_path / "other"))
    resumed = [f"ckpt_path={checkpoints / 'last.ckpt'}", "trainer.max_epochs=2"]
    trained = load_module(checkpoints / "best.ckpt").hparams["splits"]["train"]

    def origin(*given: str) -> list[dict[str, object]] | None:
        cfg = small_config(*resumed, *given)
        described: Any = build_module(cfg, build_datamodule(cfg)).hparams["origin"]
        return None if described is None else list(described["trained_on"])

    assert origin() is None
    assert origin(f"distil_from={checkpoints / 'best.ckpt'}") == [{"root": str(all_scenes), "photographs": trained}]
    (replayed,) = origin(f"data.replay={other}") or [{}]
    assert replayed["root"] == str(other) and replayed["photographs"]


def test_masks_beside_photographs_without_masks_score_them(trained_run: Path, all_scenes: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path / "data" / "original_images", all_scenes, 5)
    masks = tmp_path / "data" / "label_images_semantic"
    masks.mkdir()
    for name in ("001", "003", "004"):
        shutil.copyfile(all_scenes / "label_images_semantic" / f"{name}.png", masks / f"{name}.png")
    datamodule = build_datamodule(adapt_config(trained_run, tmp_path / "data", tmp_path / "run"))
    assert [pair.id for pair in datamodule.splits["train"]] == ["000", "002"]
    assert len(datamodule.splits["val"]) + len(datamodule.splits["test"]) == 3


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ([], []),
        (["data.tile_size=[32,48]"], ["data.tile_size has no effect without data.sampling=tiles"]),
        (["data.sampling=tiles", "data.tile_size=[32,48]"], []),
        (
            ["data.sampling=tiles", "data.crop_size=[32,48]", "data.samples_per_image=2"],
            [f"data.{key} has no effect without data.sampling=crops" for key in ("crop_size", "samples_per_image")],
        ),
        (
            ["data.sampling=crops", "data.crop_size=[32,48]", "data.rare_classes=[dog]"],
            ["data.rare_classes has no effect without data.rare_share"],
        ),
        (["data.sampling=crops", "data.crop_size=[32,48]", "data.rare_classes=[dog]", "data.rare_share=0.5"], []),
        (
            ["augment.combine.paste_classes=[dog]"],
            ["augment.combine.paste_classes has no effect without augment.combine.copy_paste"],
        ),
        (["augment.combine.paste_classes=[dog]", "augment.combine.copy_paste=0.5"], []),
    ],
)
def test_settings_that_another_one_leaves_without_effect_are_told(
    choices: list[str], told: list[str], small_config: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    build_datamodule(small_config(*choices))
    assert [record.message for record in caplog.records if "no effect" in record.message] == told


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ([], False),
        (["data.test_image_size=[80,120]"], False),
        (["data.test_image_size=[192,288]"], True),
        (["data.test_image_size=[32,48]"], True),
        (["data.test_image_size=[192,288]", "data.sampling=tiles", "data.tile_size=[32,48]"], False),
    ],
)
def test_tests_at_quite_another_scale_are_told(
    choices: list[str], told: bool, small_config: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    build_datamodule(small_config(*choices))
    said = [record.message for record in caplog.records if "their scale in training" in record.message]
    assert len(said) == told
    assert not told or "(64 x 96): give data.test_image_size=[64,96]" in said[0]


@pytest.mark.slow
def test_compiled_run_writes_a_normal_checkpoint(
    small_config: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of torch.compile but its last stage, the C++ compiler, which takes two minutes.
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend="eager"))
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    made = fit_config(
        small_config(
            *LIMITS,
            "data.image_size=[32,32]",
            "data.test_image_size=[32,32]",
            "compile=true",
            "callbacks=[default,ema]",
        )
    )
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before
    loaded = load_module(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert torch.equal(weights(loaded), weights(made["module"]))


def test_missing_compiler_is_reported_in_one_line(small_config: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    def backend(*arguments: object) -> None:
        raise RuntimeError("No working C++ compiler found\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend=backend))
    with pytest.raises(ConfigError, match="compile=true.*No working C.* compiler.*compile=false") as caught:
        train(small_config(*LIMITS, "compile=true"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("loss", "key"), [("ce", "loss"), ("ce_dice", "loss.terms.ce")])
def test_named_class_weights_become_numbers(loss: str, key: str, scenes: Path, small_config: Compose) -> None:
    cfg = small_config(
        f"data.root={scenes}", f"loss={loss}", f"{key}.class_weights=inverse", f"{key}.label_smoothing=0.1"
    )
    datamodule = build_datamodule(cfg)
    pairs = datamodule.splits["all"]
    ids = [pair.id for pair in pairs]
    counts = np.tile(np.arange(1, 24), (len(ids), 1))
    write_stats(scenes / STATS_FILE, DRONE, ids, counts, mask_states(pairs, datamodule.encoding))
    cross_entropy = build_module(cfg, datamodule).loss.terms[0]
    assert isinstance(cross_entropy, CrossEntropyLoss)
    assert cross_entropy.weights is not None
    assert torch.equal(cross_entropy.weights, torch.tensor(class_weights("inverse", counts)))
    assert cross_entropy.label_smoothing == 0.1


def test_class_weights_count_what_is_replayed_also_beside_a_statistics_file(
    scenes: Path, all_scenes: Path, small_config: Compose
) -> None:
    cfg = small_config(f"data.root={scenes}", f"data.replay={all_scenes}", "loss.class_weights=inverse")
    datamodule = build_datamodule(cfg)
    pairs = datamodule.splits["all"]
    counts = np.tile(np.arange(1, 24), (len(pairs), 1))
    write_stats(
        scenes / STATS_FILE, DRONE, [pair.id for pair in pairs], counts, mask_states(pairs, datamodule.encoding)
    )
    cross_entropy = build_module(cfg, datamodule).loss.terms[0]
    assert isinstance(cross_entropy, CrossEntropyLoss)
    assert cross_entropy.weights is not None
    assert torch.equal(cross_entropy.weights, torch.tensor(class_weights("inverse", datamodule.class_pixels())))


def test_class_weights_can_be_given_by_name(scenes: Path, small_config: Compose) -> None:
    datamodule = build_datamodule(small_config(f"data.root={scenes}"))
    weights = {name: float(id_) for id_, name in enumerate(DRONE.names)}
    reversed_order = dict(reversed(weights.items()))
    cfg = small_config(f"data.root={scenes}", f"loss.class_weights={reversed_order}".replace("'", ""))
    cross_entropy = build_module(cfg, datamodule).loss.terms[0]
    assert isinstance(cross_entropy, CrossEntropyLoss)
    assert cross_entropy.weights is not None
    assert cross_entropy.weights.tolist() == [*range(23)]
    with pytest.raises(ConfigError, match=r"class_weights must name the 23 classes .*: it differs in ar-marker, bald"):
        build_module(small_config(f"data.root={scenes}", "loss.class_weights={unlabeled: 1}"), datamodule)


def test_masks_that_may_be_binary_are_refused_unless_it_is_said(
    scenes: Path, small_config: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    (scenes / "class_dict_seg.csv").unlink()
    (scenes / "two.csv").write_text("name,r,g,b\nsoil,90,60,0\ncrop,0,255,0\n")
    for path in (scenes / "label_images_semantic").iterdir():
        mask = np.zeros((64, 96), np.uint8)
        mask[:, 40:] = 255
        cv2.imwrite(str(path), mask)
    choices = [f"data.root={scenes}", f"data.classes={scenes}/two.csv"]
    build_datamodule(small_config(*choices, "data.mask_encoding=binary"))
    assert not caplog.text
    with pytest.raises(DataError, match="every labeled pixel of all masks is soil") as caught:
        build_datamodule(small_config(*choices))
    assert "hold 0 and 255 (ignored) alone; if 255 is a class, give data.mask_encoding=binary" in str(caught.value)


def test_class_weights_are_counted_if_there_is_no_statistics_file(all_scenes: Path, small_config: Compose) -> None:
    cfg = small_config("loss.class_weights=auto", "data.image_size=[64,96]")
    datamodule = build_datamodule(cfg)
    masks = [read_mask(pair.mask) for pair in datamodule.splits["train"] if pair.mask is not None]
    counts = np.array([np.bincount(mask.ravel(), minlength=256)[:23] for mask in masks])
    assert not (all_scenes / STATS_FILE).exists()
    assert np.array_equal(datamodule.class_pixels(), counts)  # scenes of 64 x 96: not resized
    cross_entropy = build_module(cfg, datamodule).loss.terms[0]
    assert isinstance(cross_entropy, CrossEntropyLoss)
    assert cross_entropy.weights is not None
    assert torch.equal(cross_entropy.weights, torch.tensor(class_weights("auto", counts)))


@pytest.mark.parametrize(("loss", "key"), [("ce", "loss"), ("ce_lovasz", "loss.terms.ce")])
def test_class_weights_of_wrong_length_are_refused(loss: str, key: str, small_config: Compose) -> None:
    cfg = small_config(f"loss={loss}", f"{key}.class_weights=[1,2]")
    with pytest.raises(ConfigError, match=rf"^{key}.class_weights=\[1, 2\] must be .* 23 numbers"):
        build_module(cfg, build_datamodule(cfg))


def test_run_logs_parameters_and_multiply_adds(
    all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = small(all_scenes, tmp_path / "run", ["model=linknet_mbv2"])
    cfg = compose_config("train", *overrides, "data.sampling=tiles", "data.tile_size=[32,96]")
    with caplog.at_level(logging.INFO, "segdrone"):
        build_module(cfg, build_datamodule(cfg))
    # A tile of 32 x 96 has 1/128 of the pixels of 512 x 768, at which conf/model/linknet_mbv2.yaml gives 3.6 billion.
    assert "linknet on mobilenet_v2: 4.3 million parameters, 0.0282 billion multiply-adds at 32 x 96" in caplog.text


def test_network_that_does_not_fit_the_image_size_is_reported_before_training(small_config: Compose) -> None:
    cfg = small_config("model.encoder_name=tu-swin_tiny_patch4_window7_224")
    with pytest.raises(ConfigError, match="cannot take 64 x 96 pixels"):
        build_module(cfg, build_datamodule(cfg))
