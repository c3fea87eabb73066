"""Every choice of conf/ that changes a run takes effect in a run of one step, and every recipe runs."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import OmegaConf

from segdrone.classic.classifiers import CLASSIFIERS
from segdrone.classic.fit import fit_model
from segdrone.classic.methods import METHODS, describe_options
from segdrone.classic.model import ClassicOptions, CommonOptions
from segdrone.model import SegmentationModule
from segdrone.model.flops import summarize
from segdrone.model.losses import LOSSES
from segdrone.model.networks import NETWORKS, build_network, model_settings
from segdrone.training import (
    EMA,
    SWA,
    AdaptBatchNorm,
    FreezeEncoder,
    LearningRateFinder,
    SelfTraining,
    TerminateOnNaN,
    train,
)
from tests.helpers.classic import patches
from tests.helpers.commands import REPO
from tests.helpers.conf_files import file_names, load_file, read_choice
from tests.helpers.small_run import CONF, TINY, Compose, chosen_files, compose_config, fit_config, small

LIMITS = ["trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1"]
CALLBACKS = {
    "adapt_bn": AdaptBatchNorm, "ema": EMA, "swa": SWA, "freeze_encoder": FreezeEncoder,
    "lr_finder": LearningRateFinder, "self_training": SelfTraining,
}  # fmt: skip
RARELY_VALIDATED = ("laptop", "scenes")  # not after each epoch
ADAPT = ("adapt", "adapt_bn", "adapt_few")
OTHER_RECIPES = ("demo", *RARELY_VALIDATED, *ADAPT)


def _class(builder: Any) -> type:
    """Return the class of a registry's entry, which may be a `functools.partial` of it."""
    found = getattr(builder, "func", builder)
    assert isinstance(found, type)
    return found


def _chosen(choices: list[str]) -> dict[str, str]:
    """Return the file that is chosen in each group of conf/, as Hydra sees it."""
    chosen = chosen_files("train", *small(Path(), Path(), network=()), *choices)
    return chosen | {"callbacks": _added_callbacks(choices)}  # several files, which Hydra does not list


def _added_callbacks(choices: list[str]) -> str:
    for group, name in (choice.split("=", 1) for choice in choices):
        if group == "callbacks":
            return name.strip("[]").replace("default", "").replace(",", " ")
        if group == "experiment":
            defaults = load_file(CONF / "experiment" / f"{name}.yaml").get("defaults", [])
            lists = [entry["override /callbacks"] for entry in defaults if "override /callbacks" in entry]
            return " ".join(callback for names in lists for callback in names if callback != "default")
    return ""


def _assert_in_effect(made: dict[str, Any], chosen: dict[str, str]) -> None:
    """Assert that a run was made of what the chosen files of conf/ say."""
    module, trainer, datamodule = made["module"], made["trainer"], made["datamodule"]
    assert isinstance(module, SegmentationModule)
    assert isinstance(trainer, L.Trainer)
    assert type(module.network) is _class(NETWORKS[read_choice("model", chosen["model"])["name"]])

    loss = read_choice("loss", chosen["loss"])
    terms = list(loss["terms"]) if loss["name"] == "sum" else [loss["name"]]
    assert [type(term) for term in module.loss.terms] == [_class(LOSSES[name]) for name in terms]

    [optimizer] = trainer.optimizers
    assert type(optimizer) is {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[chosen["optimizer"]]
    assert [group["name"] for group in optimizer.param_groups] == ["encoder", "decoder"]
    assert all(group["weight_decay"] == made["cfg"].optimizer.weight_decay for group in optimizer.param_groups)

    [schedule] = trainer.lr_scheduler_configs
    onecycle = isinstance(schedule.scheduler, torch.optim.lr_scheduler.OneCycleLR)
    assert onecycle is (chosen["scheduler"] == "onecycle")
    assert module.scheduler_options == read_choice("scheduler", chosen["scheduler"])
    assert module.optimizer_options == OmegaConf.to_container(made["cfg"].optimizer)

    for split in ("train", "val"):
        steps: Any = OmegaConf.to_container(made["cfg"].augment[split])
        built = [type(transform).__name__ for transform in datamodule._transforms[split]]
        assert built == [step["transform"] for step in steps]
    combine = datamodule._combine
    expected = read_choice("augment", chosen["augment"])["combine"]
    assert {key: getattr(combine, key) for key in ("mosaic", "cutmix", "copy_paste")} == {
        key: value for key, value in expected.items() if key != "paste_classes"
    }
    assert (combine.paste_classes or "rare") == expected["paste_classes"]

    kinds = {type(callback) for callback in trainer.callbacks}  # type: ignore[attr-defined]
    assert {ModelCheckpoint, TerminateOnNaN} <= kinds
    assert kinds & set(CALLBACKS.values()) == {CALLBACKS[name] for name in chosen["callbacks"].split()}


CLASSIC_FILES = [name for name in file_names("model") if name.startswith("classic_")]
NETWORK_FILES = [name for name in file_names("model") if name not in CLASSIC_FILES]
CASES = [
    *([f"augment={name}", *TINY] for name in file_names("augment")),
    *([f"loss={name}", *TINY] for name in file_names("loss")),
    *([f"optimizer={name}", *TINY] for name in file_names("optimizer")),
    *([f"scheduler={name}", *TINY] for name in file_names("scheduler")),
    *([f"callbacks=[default,{name}]", *TINY] for name in file_names("callbacks") if name != "default"),
]


@pytest.fixture
def run_config(all_scenes: Path, tmp_path: Path) -> Compose:
    """Composes conf/train.yaml for a small run in tmp_path/run, of a network of conf/model."""
    return functools.partial(compose_config, "train", *small(all_scenes, tmp_path / "run", network=()))


@pytest.mark.parametrize("choices", CASES, ids=lambda choices: choices[0])
def test_every_choice_takes_effect_in_a_run_of_one_step(choices: list[str], run_config: Compose) -> None:
    made = fit_config(run_config(*choices, *LIMITS))
    logged = made["trainer"].callback_metrics
    assert made["trainer"].global_step == 1
    assert logged["train/loss"] > 0
    assert 0 <= logged["val/miou"] <= 1
    chosen = _chosen(choices)
    group, name = choices[0].split("=")
    assert chosen[group] == name or group == "callbacks"
    _assert_in_effect(made, chosen)


@pytest.mark.parametrize("name", NETWORK_FILES)
def test_every_model_is_the_network_that_its_file_describes(name: str) -> None:
    options: Any = OmegaConf.to_container(compose_config("train", f"model={name}").model)
    network = build_network(**model_settings(options), classes=23).eval()
    assert type(network) is _class(NETWORKS[options["name"]])
    described = (CONF / "model" / f"{name}.yaml").read_text().splitlines()[1]
    assert described == f"# {summarize(network, (512, 768))}."  # of logits of this size


@pytest.mark.parametrize(
    "choices",
    [
        *(
            [f"experiment={name}"]
            for name in file_names("experiment")
            if name not in ("demo", *RARELY_VALIDATED, *ADAPT)
        ),
        *([f"experiment={name}", "trainer.check_val_every_n_epoch=1"] for name in RARELY_VALIDATED),
    ],
    ids=lambda choices: choices[0],
)
def test_every_recipe_runs_to_its_scores(choices: list[str], run_config: Compose, tmp_path: Path) -> None:
    metrics, made = train(run_config(*choices, *LIMITS, "data.batch_size=2"))
    assert made["trainer"].global_step == 1
    assert 0 <= metrics["miou"] <= 1
    assert metrics["train/loss"] > 0
    _assert_in_effect(made, _chosen(choices))


@pytest.mark.parametrize("name", ADAPT)
def test_every_recipe_that_adapts_runs_to_its_scores(
    name: str, run_config: Compose, trained_run: Path, all_scenes: Path, tmp_path: Path
) -> None:
    choices = [f"experiment={name}", *TINY, f"init_from={trained_run}/checkpoints/best.ckpt"]
    metrics, made = train(run_config(*choices, *LIMITS, f"data.replay={all_scenes}", "data.batch_size=2"))
    assert 0 <= metrics["miou"] <= 1
    assert {pair.mask is None for pair in made["datamodule"].splits["train"]} == {name != "adapt_few"}
    _assert_in_effect(made, _chosen(choices))


@pytest.mark.parametrize("name", CLASSIC_FILES)
def test_every_classical_model_is_described_as_in_the_code_and_learns(name: str) -> None:
    content = read_choice("model", name)
    options = ClassicOptions.from_dict(content)
    forms: list[Any] = [CommonOptions, CLASSIFIERS[content["classifier"]["name"]], METHODS.get(content["name"])]
    described = {key: text for form in forms if form for key, _, text in describe_options(form) if key != "classifier"}
    lines = (CONF / "model" / f"{name}.yaml").read_text().splitlines()[1:]
    comments = dict(re.findall(r"^ *(\w+): .* # (.*)$", "\n".join(lines), re.M))
    assert {**comments, "name": ""} == {**described, "name": ""}
    assert f"`{name}`" in (REPO / "docs" / "classics.md").read_text()
    image, mask = patches(0, 48, 72)
    model, _ = fit_model(options, [(image, mask)] * 2, 2, 3, seed=0)
    assert (model(image).argmax(0) == mask).mean() > 0.6


def test_demo_renders_its_own_scenes(run_config: Compose, tmp_path: Path) -> None:
    sample = f"data.root={tmp_path}/sample", "data.sample={count:10,height:64,width:96,seed:0}"
    metrics, made = train(run_config("experiment=demo", *sample, *LIMITS))
    assert len(made["datamodule"].splits["all"]) == len(list((tmp_path / "sample").rglob("*.jpg"))) == 10
    assert 0 <= metrics["miou"] <= 1
    _assert_in_effect(made, _chosen(["experiment=demo"]))


def test_overfitting_learns_from_two_batches(small_config: Compose, tmp_path: Path) -> None:
    made = fit_config(small_config("debug=overfit", "trainer.max_epochs=2"))
    assert made["trainer"].global_step == 2 * 2
    assert made["trainer"].callback_metrics["train/loss"] > 0
    _assert_in_effect(made, _chosen(["debug=overfit"]))


def test_the_profiler_prints_its_table(small_config: Compose, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        made = fit_config(small_config("debug=profiler", *LIMITS))
    assert made["trainer"].global_step == 1
    assert "optimizer_step" in caplog.text


def test_tiles_are_what_is_trained_on(small_config: Compose) -> None:
    made = fit_config(small_config("data.sampling=tiles", "data.tile_size=[32,48]", *LIMITS))
    assert set(made["datamodule"].fit_dataset("train").shapes) == {(32, 48)}
    assert 0 <= made["trainer"].callback_metrics["val/miou"] <= 1


def test_tiled_inference_scores_at_the_size_of_the_masks(small_config: Compose) -> None:
    _, made = train(small_config("inference=tiled", "inference.window=[32,48]", *LIMITS))
    assert (made["report"]["inference"]["window"], made["report"]["inference"]["overlap"]) == ([32, 48], 0.25)


def test_one_batch_leaves_no_checkpoint(small_config: Compose, tmp_path: Path) -> None:
    metrics, _ = train(small_config("debug=one_batch"))
    assert 0 <= metrics["accuracy"] <= 1
    assert not list((tmp_path / "run").rglob("*.ckpt"))
