"""Every file of conf/ composes to what it says."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import zip_longest
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from tests.helpers.conf_files import file_names, read_choice
from tests.helpers.small_run import CONF, compose_config

RECIPES = ("experiment", "debug")  # which choose files of other groups
LEFT_OUT = {"data=base"}  # the shared part of the others
if find_spec("hydra_plugins.hydra_ray_launcher") is None:
    LEFT_OUT.add("launcher=ray")  # Ray is large, and not in the group dev


def _choices() -> list[list[str]]:
    """Return all files of conf/: recipes alone, others together, in as few configs as hold one file of each group."""
    groups = {path.parent.name: file_names(path.parent.name) for path in CONF.glob("*/*.yaml")}
    alone = [[f"{group}={name}"] for group in RECIPES for name in groups.pop(group)]
    together = zip_longest(*([f"{group}={name}" for name in names] for group, names in sorted(groups.items())))
    return [*alone, *([choice for choice in choices if choice and choice not in LEFT_OUT] for choices in together)]


@pytest.mark.parametrize("choices", _choices(), ids=lambda choices: choices[0])
def test_every_file_composes(choices: list[str]) -> None:
    cfg = compose_config("train", *choices, "data.root=x")
    assert OmegaConf.to_container(cfg, resolve=True)
    for group, name in (choice.split("=") for choice in choices):
        if group not in ("search", "launcher"):  # which set Hydra's own keys
            part = cfg if group in RECIPES else cfg[group]
            _assert_contains(part, {key: value for key, value in read_choice(group, name).items() if key != "root"})


@pytest.mark.parametrize("choice", [f"experiment={name}" for name in file_names("experiment")] + ["debug=overfit"])
def test_a_recipe_leaves_nothing_of_its_augmentation_behind_when_another_one_is_chosen(choice: str) -> None:
    other = "experiment=laptop" if choice == "debug=overfit" else "augment=none"
    cfg = compose_config("train", "data.root=x", choice, other)
    assert cfg.augment == compose_config("train", "augment=none").augment


def _assert_contains(config: Any, expected: Any, key: str = "") -> None:
    """Assert that every value of a file is the value in the config."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in config, f"{key}.{name}"
            _assert_contains(config[name], value, f"{key}.{name}")
    elif not (isinstance(expected, str) and "${" in expected):
        actual = OmegaConf.to_container(config) if OmegaConf.is_config(config) else config
        assert actual == expected, key


@pytest.mark.parametrize("root", ["train", "evaluate"])
def test_every_entry_composes(root: str) -> None:
    assert OmegaConf.to_container(compose_config(root), resolve=True)


@pytest.mark.parametrize(
    "overrides",
    [
        ["experiment=laptop", "model=unet_mbv2", "callbacks=[default,ema]", "trainer.max_epochs=3"],
        [
            "trainer=cpu",
            "+data.new={a: [1, b]}",
            "++seed=7",
            "~callbacks.early_stopping",
            "data.root='a b'",
            "pictures=null",
        ],
    ],
)
def test_tests_compose_as_hydra_does(overrides: list[str]) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        expected = compose("train", overrides)
    composed = compose_config("train", *overrides)
    assert OmegaConf.to_container(composed) == OmegaConf.to_container(expected)
    assert OmegaConf.is_struct(composed) and OmegaConf.is_struct(expected)
    with pytest.raises(ConfigCompositionException, match="Could not override 'data.rot'"):
        compose_config("train", "data.rot=a")


def test_what_a_search_draws_from_can_be_chosen() -> None:
    searches = [OmegaConf.load(CONF / "search" / f"{name}.yaml").hydra.sweeper for name in file_names("search")]
    ranges = [f"{key}={text}" for search in searches for key, text in search.get("params", {}).items()]
    assert any(override.is_choice_sweep() for override in OverridesParser.create().parse_overrides(ranges))
    for override in OverridesParser.create().parse_overrides(ranges):
        value: Any = override.value()
        ends = value.list if isinstance(value, ChoiceSweep) else [value.start, value.end]
        for end in ends:
            assert compose_config("train", f"{override.get_key_element()}={end}")


def test_every_file_says_what_it_is() -> None:
    for path in CONF.rglob("*.yaml"):
        assert path.read_text().replace("# @package _global_\n", "").startswith("# "), path
