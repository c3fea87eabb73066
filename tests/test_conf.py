"""Every file of conf/ composes, and every model, augmentation and recipe runs one step."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from omegaconf import OmegaConf

from segdrone.training import train
from tests.conftest import REPO, Compose

CONF = REPO / "conf"
ROOTS = ("train", "evaluate")
GROUPS = sorted(str(path.relative_to(CONF).with_suffix("")) for path in CONF.glob("*/*.yaml"))


def _names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("choice", GROUPS)
def test_every_file_composes(choice: str) -> None:
    group, name = choice.split("/")
    if choice == "data/base":
        pytest.skip("the shared part of the others")
    if choice == "launcher/ray":
        pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="Ray is large, and no part of dev")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", [f"{group}={name}", "data.root=x"])
    assert OmegaConf.to_container(cfg, resolve=True)


@pytest.mark.parametrize("root", ROOTS)
def test_every_entry_composes(root: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert OmegaConf.to_container(compose(root), resolve=True)


def test_what_a_search_draws_from_can_be_chosen() -> None:
    searches = [OmegaConf.load(CONF / "search" / f"{name}.yaml").hydra.sweeper for name in _names("search")]
    ranges = [f"{key}={text}" for search in searches for key, text in search.get("params", {}).items()]
    assert any(override.is_choice_sweep() for override in OverridesParser.create().parse_overrides(ranges))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for override in OverridesParser.create().parse_overrides(ranges):
            value = override.value()
            ends = value.list if isinstance(value, ChoiceSweep) else [value.start, value.end]
            for end in ends:
                assert compose("train", [f"{override.get_key_element()}={end}"])


def test_every_file_says_what_it_is() -> None:
    for path in CONF.rglob("*.yaml"):
        assert path.read_text().replace("# @package _global_\n", "").startswith("# "), path


@pytest.mark.parametrize(
    "choices",
    [
        *([f"model={name}"] for name in _names("model")),
        *([f"augment={name}"] for name in _names("augment")),
        *([f"optimizer={name}"] for name in _names("optimizer")),
        *([f"scheduler={name}"] for name in _names("scheduler")),
        *([f"callbacks=[default,{name}]"] for name in _names("callbacks") if name != "default"),
        *([f"experiment={name}"] for name in _names("experiment") if name not in ("demo", "laptop")),
        ["experiment=laptop", "trainer.check_val_every_n_epoch=1"],
        ["experiment=demo", "data.sample={count:20,height:64,width:96,seed:0}"],
        ["debug=overfit", "trainer.max_epochs=2"],
        ["debug=profiler", "trainer.limit_train_batches=1"],
        ["data.sampling=tiles", "data.tile_size=[32,48]"],
    ],
    ids=lambda choices: choices[0],
)
def test_every_choice_runs_one_step(choices: list[str], small_config: Compose, tmp_path: Path) -> None:
    limit = [] if "debug=overfit" in choices else ["trainer.limit_train_batches=1", "trainer.limit_val_batches=1"]
    metrics, made = train(small_config(*choices, *limit, "trainer.limit_test_batches=1"))
    assert made["trainer"].global_step > 0
    assert 0 <= metrics["miou"] <= 1
    assert metrics["train/loss"] > 0


def test_one_batch_leaves_no_checkpoint(small_config: Compose, tmp_path: Path) -> None:
    metrics, _ = train(small_config("debug=one_batch"))
    assert 0 <= metrics["accuracy"] <= 1
    assert not list((tmp_path / "run").rglob("*.ckpt"))
