from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import CheckpointError
from segdrone.model import SegmentationModule, check_resumable, load_module

MODEL = {"name": "unet", "encoder_name": "mobilenet_v2"}


@pytest.fixture(scope="module")
def module() -> SegmentationModule:
    torch.manual_seed(0)
    return SegmentationModule(MODEL, DRONE.to_dict(), {"mean": [0.5]}, {"train": ["001"]})


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


def test_training_goes_on_only_with_the_same_network_and_classes(module: SegmentationModule, saved: Path) -> None:
    check_resumable(saved, module)
    two = ClassTable(names=("a", "b"), colours=((0, 0, 0), (1, 1, 1)))
    with pytest.raises(CheckpointError, match="23 classes.*has 2"):
        check_resumable(saved, SegmentationModule(MODEL, two.to_dict(), {}, {}))
    deeper = SegmentationModule({**MODEL, "decoder_use_norm": False}, DRONE.to_dict(), {}, {})
    with pytest.raises(CheckpointError, match="give the same model"):
        check_resumable(saved, deeper)
