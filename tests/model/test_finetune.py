import os
from pathlib import Path

import lightning.pytorch as L
import pytest
import torch

from segdrone.classes import ClassTable
from segdrone.errors import CheckpointError
from segdrone.model import SegmentationModule, load_pretrained
from tests.helpers.training import DATA, MODEL, tiny_module, weights

HEAD = ("network.segmentation_head.0.weight", "network.segmentation_head.0.bias")


def _table(*names: str) -> ClassTable:
    return ClassTable(names=names, colours=tuple((id_, 0, 0) for id_ in range(len(names))))


def _save(module: SegmentationModule, path: Path) -> Path:
    trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", enable_model_summary=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path)
    return path


@pytest.fixture(scope="module")
def pretrained() -> SegmentationModule:
    return tiny_module(_table("grass", "roof", "water"), seed=0)


@pytest.fixture(scope="module")
def saved(pretrained: SegmentationModule, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save(pretrained, tmp_path_factory.mktemp("pretrained") / "a.ckpt")


@pytest.mark.parametrize(
    ("names", "rows", "parts"),
    [
        (("water", "grass", "roof"), (2, 0, 1), ("3 classes keep", "(water, grass, roof)", "0 are new", "0 of")),
        (("grass", "car", "water", "tree"), (0, None, 2, None), ("2 are new (car, tree)", "are dropped (roof)")),
        (("roof",), (1,), ("1 classes keep", "2 of the checkpoint's are dropped (grass, water)")),
        (("a", "b", "c"), (None, None, None), ("0 classes keep their rows of the head (none)", "3 are new (a, b, c)")),
    ],
)
def test_classes_keep_their_rows_by_name(
    names: tuple[str, ...],
    rows: tuple[int | None, ...],
    parts: tuple[str, ...],
    pretrained: SegmentationModule,
    saved: Path,
) -> None:
    module = tiny_module(_table(*names), seed=1)
    fresh, theirs = {name: tensor.clone() for name, tensor in module.state_dict().items()}, pretrained.state_dict()
    line = load_pretrained(module, saved)
    for name, tensor in module.state_dict().items():
        if name in HEAD:
            for row, source in enumerate(rows):
                assert torch.equal(tensor[row], fresh[name][row] if source is None else theirs[name][source])
        else:
            assert torch.equal(tensor, theirs[name]), name
    for part in parts:
        assert part in line


def test_a_transposed_convolution_as_head_keeps_its_classes_too(tmp_path: Path) -> None:
    model, image = {"name": "enet", "encoder_name": "enet"}, torch.randn(1, 3, 32, 48)
    pretrained = SegmentationModule(model, _table("grass", "roof", "water").to_dict(), DATA, {}).eval()
    module = SegmentationModule(model, _table("water", "car", "grass").to_dict(), DATA, {}).eval()
    load_pretrained(module, _save(pretrained, tmp_path / "a.ckpt"))
    torch.testing.assert_close(module(image)[:, [0, 2]], pretrained(image)[:, [2, 0]])


def test_another_network_is_refused_and_nothing_changes(saved: Path) -> None:
    torch.manual_seed(1)
    other = SegmentationModule({**MODEL, "decoder_channels": [8, 8, 8, 8, 4]}, _table("roof").to_dict(), DATA, {})
    before = weights(other)
    message = r"init_from=.*a.ckpt has the network .*8, 8, 4\].*: give model\.decoder_channels=\[8,8,8,8,8\]$"
    with pytest.raises(CheckpointError, match=message) as caught:
        load_pretrained(other, saved)
    assert "\n" not in str(caught.value)
    assert torch.equal(weights(other), before)


def test_a_network_of_another_kind_is_named_as_a_whole(saved: Path) -> None:
    other = SegmentationModule(
        {"name": "linknet", "encoder_name": "tu-test_efficientnet"}, _table("roof").to_dict(), DATA, {}
    )
    with pytest.raises(CheckpointError, match="'name': 'linknet'.*: give the same model$"):
        load_pretrained(other, saved)


def test_what_is_no_checkpoint_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="the checkpoint .*none.ckpt does not exist"):
        load_pretrained(tiny_module(), tmp_path / "none.ckpt")
    os.mkfifo(tmp_path / "pipe.ckpt")
    with pytest.raises(CheckpointError, match="the checkpoint .*pipe.ckpt is not a file: give"):
        load_pretrained(tiny_module(), tmp_path / "pipe.ckpt")


@pytest.mark.parametrize(("key", "other"), [("mean", [0.3, 0.2, 0.1]), ("std", [0.1, 0.2, 0.3]), ("bands", [4, 3, 2])])
def test_other_pixels_are_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str, other: list[float]
) -> None:
    def module(**data: list[float]) -> SegmentationModule:
        return SegmentationModule(MODEL, _table("roof").to_dict(), {**DATA, **data}, {})

    path = _save(module(), tmp_path / "b.ckpt")
    load_pretrained(module(), path)
    assert "was trained with" not in caplog.text
    load_pretrained(module(**{key: other}), path)
    assert f"was trained with data.{key}={DATA.get(key)}, now it is {other}: " in caplog.text


def test_photographs_that_were_trained_on_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def module(earlier: list[str] | None = None, **splits: list[str]) -> SegmentationModule:
        trained = [{"root": "/elsewhere", "photographs": earlier}]
        origin = None if earlier is None else {"checkpoint": None, "sha256": None, "trained_on": trained}
        return SegmentationModule(MODEL, _table("roof").to_dict(), DATA, splits, origin=origin)

    path = _save(module(train=["a", "b", "c"], val=["d"]), tmp_path / "b.ckpt")
    load_pretrained(module(train=["a", "b"], val=["d"], test=["e"]), path)
    assert "trained on" not in caplog.text
    load_pretrained(module(train=["d"], val=["a"], test=["b", "e"]), path)
    assert "2 photographs for validation and test have names that the checkpoint was trained on" in caplog.text
    caplog.clear()
    load_pretrained(module(train=["f/d", "f/a"], val=["f/b", "e"], test=["g/c"]), path)  # names have got folders
    assert "2 photographs for validation and test have names that the checkpoint was trained on" in caplog.text
    caplog.clear()
    load_pretrained(module(train=["a"], val=["x"], test=["y"]), _save(module(["y", "z"], train=["b"]), path))
    assert "1 photographs for validation and test have names that the checkpoint was trained on" in caplog.text
