"""A run that goes on from an earlier one takes over its options; those of the command line win."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from segdrone.errors import ConfigError
from segdrone.model import read_checkpoint
from segdrone.model.weights_file import save_plain
from segdrone.training import inherit_options
from segdrone.training.given import parse_given
from segdrone.utils.config import config_dir, to_container
from tests.helpers.small_run import compose_config
from tests.helpers.training import tiny_checkpoint

EARLIER = ["model=fpn_mbv2", "model.encoder_name=tu-test_efficientnet", "data.image_size=[64,96]", "data.batch_size=7",
           "loss=focal", "trainer.max_epochs=33", "callbacks=[default,ema]", "augment=flips", "seed=5",
           "objects=[car]"]  # fmt: skip


def composed(*overrides: str) -> DictConfig:
    cfg = compose_config("train", *overrides)
    inherit_options(cfg, overrides)
    return cfg


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run, moved from where it was made."""
    folder = tmp_path / "moved"
    (folder / "checkpoints").mkdir(parents=True)
    tiny_checkpoint(folder / "checkpoints" / "last.ckpt")
    cfg = compose_config("train", *EARLIER, f"data.root={tmp_path}", f"output_dir={tmp_path}/old")
    (folder / "run.json").write_text(json.dumps({"config": to_container(cfg)}))
    return folder


def resume(run: Path, *overrides: str) -> dict[str, Any]:
    cfg = composed(f"output_dir={run}", f"ckpt_path={run}/checkpoints/last.ckpt", *overrides)
    return to_container(cfg)


def test_a_resumed_run_has_all_options_of_the_earlier_one(run: Path, tmp_path: Path) -> None:
    cfg = resume(run)
    expected = to_container(compose_config("train", *EARLIER, f"data.root={tmp_path}", f"output_dir={run}"))
    assert cfg == expected | {"ckpt_path": f"{run}/checkpoints/last.ckpt"}
    assert cfg["callbacks"]["checkpoint"]["dirpath"] == f"{run}/checkpoints"  # not that of the folder before


def test_which_options_were_taken_over_is_said(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        resume(run)
    (record,) = caplog.records
    assert f"options of {run / 'run.json'}: " in record.message
    assert "those given here win" in record.message


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("trainer.max_epochs=40", "trainer.max_epochs", 40),
        ("data.batch_size=3", "data.batch_size", 3),  # the default, but given
        ("trainer=cpu", "trainer.accelerator", "cpu"),
        ("loss=ce", "loss.name", "ce"),
        ("+callbacks.early_stopping.min_delta=0.1", "callbacks.early_stopping.min_delta", 0.1),
        ("callbacks.early_stopping=null", "callbacks.early_stopping", None),
        ("debug=overfit", "trainer.overfit_batches", 2),
        ("seed=0", "seed", 0),
        ("model=unet_mbv2", "model.name", "unet"),
        ("data=folder", "data.root", None),
    ],
)
def test_options_given_here_win(run: Path, tmp_path: Path, override: str, key: str, value: Any) -> None:
    cfg = resume(run, override)
    expected = str(tmp_path) if override == "data=folder" else value  # the root is still that of the earlier run
    assert OmegaConf.select(OmegaConf.create(cfg), key) == expected
    assert cfg["data"]["image_size"] == [64, 96]
    if not override.startswith(("trainer.max", "debug")):
        assert cfg["trainer"]["max_epochs"] == 33
    if not override.startswith("debug"):
        assert "averaging" in cfg["callbacks"]


def test_a_recipe_given_here_wins_with_all_it_sets(run: Path) -> None:
    cfg = resume(run, "experiment=best")
    assert (cfg["model"]["name"], cfg["data"]["image_size"], cfg["trainer"]["max_epochs"]) == (
        "unetplusplus", [512, 768], 150,
    )  # fmt: skip
    assert cfg["model"]["encoder_name"] != "tu-test_efficientnet"
    assert cfg["seed"] == 5


def test_a_recipe_wins_with_what_it_takes_from_other_files(run: Path, tmp_path: Path) -> None:
    cfg = resume(run, "experiment=landing_zone")  # starts from baseline
    assert (cfg["loss"]["name"], cfg["data"]["image_size"], cfg["trainer"]["max_epochs"]) == ("sum", [704, 1056], 15)
    start = [f"init_from={run}/checkpoints/last.ckpt"]
    assert composed(*start, "data=sample_crowded").data.image_size == [256, 384]  # of sample
    assert composed(*start, "data=folder", "data.root=x").data.image_size == [64, 96]  # not of base
    assert resume(run, "trainer=ddp")["trainer"]["max_epochs"] == 33  # not of default


def test_a_recipe_of_the_user_wins_with_the_one_that_it_starts_from(run: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    for name, base in {"mine": "best", "absolute": "/experiment/best"}.items():
        recipe = f"# @package _global_\ndefaults:\n  - {base}\ntrainer:\n  max_epochs: 9\n"
        (tmp_path / "own" / "experiment" / f"{name}.yaml").write_text(recipe)
        given = parse_given([f"experiment={name}"], [config_dir(), tmp_path / "own"])
        assert {"trainer.max_epochs", "optimizer.encoder_lr"} <= given.keys
        assert {"model", "loss"} <= given.groups


def test_a_run_file_cannot_choose_what_is_imported(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = json.loads((run / "run.json").read_text())
    config = content["config"]
    config["callbacks"]["evil"] = {"_target_": "os.system", "command": "true"}
    config["callbacks"]["last"]["dirpath"] = {"_target_": "os.getcwd"}
    config["logger"]["tensorboard"] = {"_target_": "subprocess.run"}
    config["trainer"] |= {"_target_": "os.abort", "_partial_": True, "plugins": [[{"_target_": "os.abort"}]]}
    config["data"] |= {"download": True, "cache_dir": "/somewhere"}
    (run / "run.json").write_text(json.dumps(content))
    cfg = resume(run)
    default = to_container(compose_config("train", f"output_dir={run}"))
    assert "evil" not in cfg["callbacks"]
    assert "callbacks.evil is not taken over, as os.system is not in conf/" in caplog.text
    assert cfg["callbacks"]["last"] == default["callbacks"]["last"]
    assert cfg["logger"]["tensorboard"] == default["logger"]["tensorboard"]
    assert cfg["trainer"] == default["trainer"] | {"max_epochs": 33}
    assert (cfg["data"]["download"], cfg["data"]["cache_dir"]) == (False, None)


def test_a_run_file_cannot_choose_what_is_replaced(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = json.loads((run / "run.json").read_text())
    config = content["config"]
    config["callbacks"]["checkpoint"]["dirpath"] = "/home/somebody"
    config["callbacks"]["last"]["filename"] = "../../best"
    config["callbacks"]["curves"]["folder"] = "figures"  # of the working folder
    config["logger"]["csv"]["version"] = "/home/somebody"
    config["callbacks"]["early_stopping"]["patience"] = 3
    (run / "run.json").write_text(json.dumps(content))
    cfg, default = resume(run), to_container(compose_config("train", f"output_dir={run}"))
    for name in ("checkpoint", "last", "curves"):
        assert cfg["callbacks"][name] == default["callbacks"][name]
    assert cfg["logger"] == default["logger"]
    assert cfg["callbacks"]["early_stopping"]["patience"] == 3
    assert f"callbacks.last is not taken over, as ../../best is outside of {run}: give it again" in caplog.text
    assert caplog.text.count("is not taken over") == 4


def test_a_folder_whose_name_begins_like_that_of_the_run_stays(run: Path, tmp_path: Path) -> None:
    content = json.loads((run / "run.json").read_text())
    content["config"]["data"] |= {"split_dir": f"{tmp_path}/older/lists", "class_groups": f"{tmp_path}/old/groups.yaml"}
    (run / "run.json").write_text(json.dumps(content))
    data = resume(run)["data"]
    assert (data["split_dir"], data["class_groups"]) == (f"{tmp_path}/older/lists", f"{run}/groups.yaml")


def test_a_folder_of_the_same_name_in_another_working_folder_is_not_taken(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads((run / "run.json").read_text())
    content["config"]["data"]["root"] = "photographs"  # relative to where the run was started
    (run / "run.json").write_text(json.dumps(content))
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = read_checkpoint(path)
    checkpoint["hyper_parameters"]["data"]["root"] = str(tmp_path)
    save_plain(checkpoint, path)
    (tmp_path / "elsewhere" / "photographs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resume(run)["data"]["root"] == str(tmp_path)


def test_without_run_json_the_checkpoint_says_network_and_data(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    (run / "run.json").unlink()
    path = run / "checkpoints" / "last.ckpt"
    cfg, hparams = resume(run), torch.load(path, weights_only=True)["hyper_parameters"]
    assert cfg["model"] == {"encoder_weights": None, **hparams["model"]}
    assert cfg["data"]["mean"] == hparams["data"]["mean"]
    assert cfg["data"]["root"] == "."
    assert f"{run}/run.json is missing, which says how {path} was trained" in caplog.text
    assert "but loss, augmentation, callbacks, seed and all else those given here" in caplog.text


def test_a_broken_run_json_is_one_line(run: Path) -> None:
    (run / "run.json").write_text("{")
    with pytest.raises(ConfigError, match=r"run.json cannot be read .*: restore it, or remove it"):
        resume(run)


def test_a_fine_tuned_run_has_the_network_and_sizes_of_the_checkpoint(run: Path) -> None:
    path = run / "checkpoints" / "last.ckpt"
    cfg = to_container(composed(f"init_from={path}", "data.root=new", "optimizer.lr=1e-4"))
    hparams = torch.load(path, weights_only=True)["hyper_parameters"]
    assert cfg["model"] == {"encoder_weights": None, **hparams["model"]}
    assert cfg["data"]["image_size"] == [64, 96]
    assert cfg["data"]["mean"] == hparams["data"]["mean"]
    assert (cfg["data"]["root"], cfg["optimizer"]["lr"], cfg["trainer"]["max_epochs"]) == ("new", 1e-4, 15)
    other = to_container(composed(f"init_from={path}", "model=fpn_mbv2", "data.image_size=[32,32]", "data.root=new"))
    assert (other["model"]["name"], other["data"]["image_size"]) == ("fpn", [32, 32])


def test_a_new_run_is_not_changed() -> None:
    overrides = ["data.root=new", "model=fpn_mbv2", "output_dir=x"]
    assert to_container(composed(*overrides)) == to_container(compose_config("train", *overrides))
