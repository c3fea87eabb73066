import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from segdrone import __version__
from segdrone.classes import DRONE, ClassTable
from segdrone.errors import CheckpointError
from segdrone.model import SegmentationModule, check_resumable, load_module, load_network
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


def test_the_network_of_a_checkpoint_has_its_weights_and_spec(module: SegmentationModule, saved: Path) -> None:
    network, spec = load_network(saved)
    assert not network.training
    assert spec == module.spec
    assert (spec.classes, spec.mean, spec.training_size) == (DRONE, (0.4, 0.5, 0.6), (32, 32))
    assert dict(spec.made_by) == {"segdrone": __version__, "network": "unet", "encoder": "mobilenet_v2"}
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(network(image), module.eval()(image))


def test_a_network_opens_without_lightning_loss_or_metrics(saved: Path) -> None:
    program = f"""
import sys
from segdrone.model import load_network
load_network({str(saved)!r})
parts = ("lightning", "torchmetrics", "segdrone.model.losses", "segdrone.model.metrics", "segdrone.model.module")
print([name for name in parts if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_a_spec_that_training_completed_is_kept(module: SegmentationModule, saved: Path) -> None:
    complete = replace(module.spec, gsd=(0.01, 0.02), data_license="CC BY 4.0")
    _edit(saved, spec=complete.to_dict())
    assert load_network(saved)[1] == load_module(saved).spec == complete


def test_the_spec_of_a_checkpoint_without_one_comes_from_its_hyper_parameters(
    module: SegmentationModule, saved: Path
) -> None:
    checkpoint = torch.load(saved, weights_only=True)
    del checkpoint["spec"]
    torch.save(checkpoint, saved)
    made_by = {"network": "unet", "encoder": "mobilenet_v2"}  # the version is unknown
    assert load_network(saved)[1] == load_module(saved).spec == replace(module.spec, made_by=made_by)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"classes": ClassTable(DRONE.names[::-1], DRONE.colours)}, "class names"),
        ({"mean": (0.4, 0.5, 0.61)}, "mean"),
        ({"std": (0.2, 0.25, 0.31)}, "std"),
    ],
)
@pytest.mark.parametrize("load", [load_network, load_module])
def test_a_spec_that_contradicts_the_hyper_parameters_is_refused(
    changes: dict[str, Any], name: str, load: Callable[[Path], object], module: SegmentationModule, saved: Path
) -> None:
    _edit(saved, spec=replace(module.spec, **changes).to_dict())
    with pytest.raises(CheckpointError, match=rf"a\.ckpt contradicts itself: the {name} of its spec"):
        load(saved)


@pytest.mark.parametrize("spec", [None, [], {}, {"version": 99}])
def test_a_spec_that_cannot_be_read_is_refused(spec: object, saved: Path) -> None:
    _edit(saved, spec=spec)
    with pytest.raises(CheckpointError, match=r"a\.ckpt does not describe a model") as caught:
        load_network(saved)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_without_normalization_is_refused(saved: Path) -> None:
    settings = torch.load(saved, weights_only=True)["hyper_parameters"]
    _edit(saved, hyper_parameters={**settings, "data": {"image_size": [32, 32]}})
    with pytest.raises(CheckpointError, match=r"data\.mean and data\.std"):
        load_network(saved)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a folder: give the path of a \.ckpt file"):
        load_module(tmp_path)


def test_a_checkpoint_of_another_program_is_refused(saved: Path) -> None:
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
    for load in (load_module, load_network):
        with pytest.raises(CheckpointError, match="does not fit the network it names"):
            load(saved)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    fit(folder, module=_new_module(), max_epochs=1)
    return folder / "last.ckpt"


def _new_module(**other: Any) -> SegmentationModule:
    settings = {
        "model": TINY, "classes": THREE.to_dict(),
        "data": DATA, "splits": {"train": ["a", "b"], "val": ["c"]},
        "optimizer": {"name": "adamw", "lr": 1e-3}, "scheduler": {"name": "onecycle", "max_momentum": 0.9},
    }  # fmt: skip
    return SegmentationModule(**{**settings, **other})


def test_training_resumes_with_the_same_options(trained: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_resumable(trained, _new_module(loss={"name": "dice"}, splits={"train": ["b", "a"], "val": ["c"]}))
    assert not caplog.text
    check_resumable(trained, _new_module(optimizer={"name": "adamw", "lr": 1e-5}))
    assert "optimizer.lr stays 0.001, not 1e-05" in caplog.text
    other = {"name": "onecycle", "max_momentum": 0.8, "pct_start": 0.5}
    check_resumable(trained, _new_module(scheduler=other))
    assert "scheduler.max_momentum stays 0.9, not 0.8" in caplog.text
    assert "pct_start" not in caplog.text


def test_options_that_are_kept_are_those_of_the_next_checkpoint(trained: Path, tmp_path: Path) -> None:
    resumed = _new_module(optimizer={"name": "adamw", "lr": 1e-5})
    trainer = fit(tmp_path, module=resumed, max_epochs=2, ckpt_path=trained)
    assert trainer.optimizers[0].param_groups[0]["max_lr"] == 1e-3
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["optimisation"]["optimizer"] == {"name": "adamw", "lr": 1e-3}


def test_a_resumed_run_has_the_patience_that_is_given(tmp_path: Path) -> None:
    """As where a run that stopped early is to go on."""
    stops = [EarlyStopping("val/loss", patience=patience, min_delta=100) for patience in (1, 3)]
    first = fit(tmp_path / "a", stops[0], module=_new_module(), max_epochs=9)
    assert first.current_epoch == 2
    resumed = fit(tmp_path / "b", stops[1], module=_new_module(), max_epochs=9, ckpt_path=tmp_path / "a" / "last.ckpt")
    assert stops[1].patience == 3
    assert resumed.current_epoch == 4


def test_a_resumed_run_says_that_another_metric_forgets_the_best_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(tmp_path, module=_new_module(), max_epochs=1)
    fit(tmp_path, module=_new_module(), max_epochs=2, ckpt_path=tmp_path / "last.ckpt")
    assert "of earlier epochs" not in caplog.text
    by_score = ModelCheckpoint(tmp_path, filename="top", monitor="val/miou", mode="max", enable_version_counter=False)
    fit(tmp_path, by_score, module=_new_module(), max_epochs=3, ckpt_path=tmp_path / "last.ckpt")
    assert "resumed without the best val/miou of earlier epochs" in caplog.text
    assert "top.ckpt is chosen from the epochs that follow" in caplog.text


@pytest.mark.parametrize(
    ("other", "message"),
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
def test_training_does_not_resume_with_other_options(other: dict[str, Any], message: str, trained: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        check_resumable(trained, _new_module(**other))


def test_training_does_not_resume_from_weights_only(module: SegmentationModule, saved: Path) -> None:
    with pytest.raises(CheckpointError, match="holds only weights"):
        check_resumable(saved, module)
