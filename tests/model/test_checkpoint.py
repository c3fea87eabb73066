from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import CheckpointError
from segdrone.model import SegmentationModule, check_resumable, load_module
from tests.helpers.training import DATA, THREE, fit
from tests.helpers.training import MODEL as TINY

MODEL = {"name": "unet", "encoder_name": "mobilenet_v2"}


@pytest.fixture(scope="module")
def module() -> SegmentationModule:
    torch.manual_seed(0)
    return SegmentationModule(MODEL, DRONE.to_dict(), DATA, {"train": ["001"]})


@pytest.fixture
def saved(module: SegmentationModule, tmp_path: Path) -> Path:
    trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", enable_model_summary=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


def test_round_trip_keeps_weights_and_settings_as_plain_data(module: SegmentationModule, saved: Path) -> None:
    assert torch.load(saved, weights_only=True)["hyper_parameters"]["classes"]["names"] == list(DRONE.names)
    loaded = load_module(saved)
    assert not loaded.training
    assert loaded.table == DRONE
    assert dict(loaded.hparams) == dict(module.hparams)
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(loaded(image), module.eval()(image))


def _edit(path: Path, **changes: Any) -> None:
    checkpoint = torch.load(path, weights_only=True)
    torch.save({**checkpoint, **changes}, path)


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a folder: give the path of a \.ckpt file"):
        load_module(tmp_path)


def test_a_checkpoint_of_somebody_elses_is_refused(saved: Path) -> None:
    _edit(saved, hyper_parameters={"lr": 0.1})
    with pytest.raises(CheckpointError, match="not written by segdrone"):
        load_module(saved)
    torch.save([1, 2], saved)
    with pytest.raises(CheckpointError, match="not written by segdrone"):
        load_module(saved)


def test_a_hyper_parameter_cannot_name_code_to_import(saved: Path) -> None:
    settings = torch.load(saved, weights_only=True)["hyper_parameters"]
    _edit(saved, hyper_parameters={**settings, "_instantiator": "antigravity.geohash"})
    assert load_module(saved).table == DRONE  # Lightning's load_from_checkpoint would have imported it
    _edit(saved, hyper_parameters={**settings, "model": {"name": "os.system", "encoder_name": "mobilenet_v2"}})
    with pytest.raises(CheckpointError, match="does not fit"):
        load_module(saved)


def test_weights_of_another_network_are_refused(saved: Path) -> None:
    _edit(saved, state_dict={"network.x": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="does not fit the network it names"):
        load_module(saved)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    fit(folder, module=_like_trained(), max_epochs=1)
    return folder / "last.ckpt"


def _like_trained(**other: Any) -> SegmentationModule:
    settings = {
        "model": TINY, "classes": THREE.to_dict(),
        "data": DATA, "splits": {"train": ["a", "b"], "val": ["c"]},
        "optimizer": {"name": "adamw", "lr": 1e-3}, "scheduler": {"name": "onecycle", "max_momentum": 0.9},
    }  # fmt: skip
    return SegmentationModule(**{**settings, **other})  # type: ignore[arg-type]


def test_training_goes_on_with_the_same_choices(trained: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_resumable(trained, _like_trained(loss={"name": "dice"}, splits={"train": ["b", "a"], "val": ["c"]}))
    assert not caplog.text
    check_resumable(trained, _like_trained(optimizer={"name": "adamw", "lr": 1e-5}))
    assert "optimizer.lr stays 0.001, not 1e-05" in caplog.text


def test_options_that_stay_are_those_of_the_next_checkpoint(trained: Path, tmp_path: Path) -> None:
    resumed = _like_trained(optimizer={"name": "adamw", "lr": 1e-5})
    trainer = fit(tmp_path, module=resumed, max_epochs=2, ckpt_path=trained)
    assert trainer.optimizers[0].param_groups[0]["max_lr"] == 1e-3
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["optimisation"]["optimizer"] == {"name": "adamw", "lr": 1e-3}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"classes": ClassTable(names=("a", "b"), colours=((0, 0, 0), (1, 1, 1))).to_dict()}, "on 3 classes.*has 2"),
        ({"model": {**TINY, "decoder_use_norm": False}}, "give the same model"),
        ({"splits": {"train": ["a", "c"], "val": ["b"]}}, "another split, in which 2 photographs.*init_from="),
        ({"splits": {"train": ["a", "b"], "val": ["c"], "test": ["d"]}}, "another split, in which 1 photographs"),
        ({"data": {**DATA, "mean": [0.3, 0.5, 0.6]}}, r"data\.mean=\[0\.4, 0\.5, 0\.6\]: give the same"),
        ({"optimizer": {"name": "sgd", "lr": 1e-3}}, "optimizer=adamw: give the same, or start"),
        ({"scheduler": {"name": "cosine", "warmup": 0.1}}, "scheduler=onecycle: give the same, or start"),
    ],
)
def test_training_does_not_go_on_with_others(other: dict[str, Any], told: str, trained: Path) -> None:
    with pytest.raises(CheckpointError, match=told):
        check_resumable(trained, _like_trained(**other))


def test_training_does_not_go_on_from_weights_alone(module: SegmentationModule, saved: Path) -> None:
    with pytest.raises(CheckpointError, match="holds only weights"):
        check_resumable(saved, module)
