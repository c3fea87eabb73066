"""int8: calibrated on photographs, judged on masks, the same every time, and nothing is sent to anyone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.export.calibration import LabeledWindow, calibration_windows
from segdrone.export.int8 import _score, _warn_of_absent_classes, _warn_of_disagreement, to_int8
from segdrone.export.quantize import early_convolutions, load, quantize
from segdrone.export.run import export
from segdrone.export.source import ExportSource
from segdrone.export.to_onnx import to_onnx
from segdrone.inference import Predictor
from segdrone.model import SegmentationModule
from segdrone.model.networks import build_network
from segdrone.runtime.open_backend import open_backend
from tests.helpers.exported import CLASSES, SPEC, describe, distinct, random_pixels, write_onnx

MODEL = {"name": "unet", "encoder_name": "tu-test_efficientnet", "encoder_depth": 3, "decoder_channels": [8, 8, 8]}
TRAIN, VAL = [f"t{i}" for i in range(4)], [f"v{i}" for i in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, and photographs whose masks are what it predicts: each pixel that int8 changes is an error."""
    root = tmp_path_factory.mktemp("int8")
    data = {"root": str(root), "images": "images", "masks": "masks", "image_size": [48, 64],
            "mean": list(SPEC.mean), "std": list(SPEC.std)}  # fmt: skip
    torch.manual_seed(0)
    module = SegmentationModule(MODEL, CLASSES.to_dict(), data, {"train": TRAIN, "val": VAL, "test": []})
    distinct(module.network.eval())
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, root / "best.ckpt")
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    predictor = Predictor.from_checkpoint(root / "best.ckpt", device="cpu")
    for name, pixels in zip(TRAIN + VAL, random_pixels(len(TRAIN + VAL), 48, 64), strict=True):
        Image.fromarray(pixels).save(root / "images" / f"{name}.png")
        Image.fromarray(predictor(pixels).mask).save(root / "masks" / f"{name}.png")
    return root


def write_int8(source: ExportSource, path: Path) -> None:
    to_int8(source, source.describe("int8"), path)


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_an_int8_file_predicts_what_its_checkpoint_does(suffix: str, root: Path, tmp_path: Path) -> None:
    write_int8(ExportSource(root / "best.ckpt", max_drop=0.3), tmp_path / f"a{suffix}")
    backend, pixels = open_backend(tmp_path / f"a{suffix}", device="cpu"), random_pixels(1, 61, 97)
    exact = Predictor.from_checkpoint(root / "best.ckpt", device="cpu").backend
    probabilities = backend(pixels)
    assert 0.8 < (probabilities.argmax(1) == exact(pixels).argmax(1)).mean() < 1
    assert np.abs(probabilities.sum(1) - 1).max() < 1e-5  # softmax is not in int8
    if suffix == ".onnx":  # the same again; names in OpenVINO's files are counted through the process
        write_int8(ExportSource(root / "best.ckpt", max_drop=0.3), tmp_path / "b.onnx")
        assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_an_export_fails_where_too_much_is_lost(root: Path, tmp_path: Path) -> None:
    """With masks of its own predictions and no fall allowed, only a network in float32 would do."""
    with pytest.raises(
        CheckpointError, match=r"^int8 costs .* more than --max-drop 0; (road|grass|car|tree) loses most"
    ):
        write_int8(ExportSource(root / "best.ckpt", max_drop=0), tmp_path / "a.onnx")


@pytest.mark.parametrize("named", [True, False])
def test_photographs_that_were_trained_on_without_masks_calibrate(named: bool, root: Path, tmp_path: Path) -> None:
    """As of `experiment=adapt`, with folders that are named, or all images in one that has no masks at all."""
    checkpoint = torch.load(root / "best.ckpt")
    folders = {"images": "images", "masks": "masks"} if named else {"images": None, "masks": None}
    checkpoint["hyper_parameters"]["data"] |= {"root": str(tmp_path / "new"), "unlabeled": True, **folders}
    checkpoint["hyper_parameters"]["splits"] = {"train": TRAIN, "val": VAL if named else [], "test": []}
    torch.save(checkpoint, tmp_path / "a.ckpt")
    for kind, names in {"images": TRAIN + VAL if named else TRAIN, "masks": VAL if named else []}.items():
        for name in names:
            (tmp_path / "new" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(root / kind / f"{name}.png", tmp_path / "new" / kind)
    source = ExportSource(tmp_path / "a.ckpt")
    windows = calibration_windows(source, Predictor.from_checkpoint(tmp_path / "a.ckpt", device="cpu"))
    assert [pixels.shape for pixels in windows] == [(48, 64, 3)] * len(TRAIN)


def test_without_masks_the_loss_is_said_to_be_unknown(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = torch.load(root / "best.ckpt")
    checkpoint["hyper_parameters"]["splits"] = {"train": [], "val": [], "test": []}
    torch.save(checkpoint, tmp_path / "a.ckpt")
    gray = tmp_path / "gray"
    gray.mkdir()
    Image.new("RGB", (64, 48), (128, 128, 128)).save(gray / "a.png")
    write_int8(ExportSource(tmp_path / "a.ckpt", calibrate=gray), tmp_path / "a.xml")
    assert any(text.startswith("what int8 costs is not measured") for text in caplog.messages)
    assert any(text.startswith("on the calibration photographs, int8 and float32 agree at") for text in caplog.messages)
    (absent,) = (text for text in caplog.messages if text.startswith("int8 can lose these classes"))
    assert "--calibrate FOLDER" in absent  # a gray photograph shows few classes


@pytest.mark.parametrize("case", ["empty", "missing", "untrained"])
def test_calibration_needs_photographs(case: str, root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    source = ExportSource(root / "best.ckpt", calibrate=None if case == "untrained" else tmp_path / case)
    if case == "untrained":
        source.hparams["splits"]["train"] = []
    expected = {"empty": "leads to no photographs", "missing": "does not exist", "untrained": "by --calibrate FOLDER"}
    predictor = Predictor.from_checkpoint(root / "best.ckpt", device="cpu")
    with pytest.raises(DataError, match=expected[case]) as error:
        calibration_windows(source, predictor)
    assert "\n" not in str(error.value)


def test_a_photograph_of_another_kind_is_refused_without_options_that_an_export_lacks(
    root: Path, tmp_path: Path
) -> None:
    Image.fromarray(np.full((48, 64), 4095, np.uint16)).save(tmp_path / "deep.png")
    predictor = Predictor.from_checkpoint(root / "best.ckpt", device="cpu")
    with pytest.raises(DataError, match=r"deep\.png has .*: convert it to 8-bit RGB"):
        calibration_windows(ExportSource(root / "best.ckpt", calibrate=tmp_path), predictor)


def test_calibration_of_what_is_not_int8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--calibrate is for int8, which onnx, openvino is not"):
        export(tmp_path / "best.ckpt", ["onnx", "openvino"], tmp_path / "out", calibrate=tmp_path)


def test_calibration_sees_the_pixels_of_prediction(root: Path) -> None:
    source, predictor = ExportSource(root / "best.ckpt"), Predictor.from_checkpoint(root / "best.ckpt", device="cpu")
    windows = calibration_windows(source, predictor)
    photographs = [np.asarray(Image.open(root / "images" / f"{name}.png")) for name in TRAIN]
    assert all(np.array_equal(a, b) for a, b in zip(windows, photographs, strict=True))
    tiles = calibration_windows(source, Predictor(predictor.backend, scale=1, window=(32, 32)))
    assert {tile.shape for tile in tiles} == {(32, 32, 3)} and len(tiles) > len(TRAIN)


def test_the_planes_of_an_instance_head_are_no_classes(caplog: pytest.LogCaptureFixture) -> None:
    spec = replace(SPEC, classes=replace(CLASSES, things=("car",)), instances=True)

    class Model:
        """Predicts the classes in the first channel, and arrows of many pixels."""

        def __init__(self) -> None:
            self.spec, self.arrow = spec, 50.0

        def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
            classes = np.eye(4, dtype=np.float32)[windows[..., 0]].transpose(0, 3, 1, 2)
            arrows = np.full((len(windows), 3, *windows.shape[1:3]), self.arrow, np.float32)
            self.arrow = -self.arrow
            return np.concatenate([classes, arrows], 1)

    model: Any = Model()
    truth = np.arange(48, dtype=np.uint8).reshape(6, 8) % 4
    window = LabeledWindow(np.stack([truth] * 3, -1), truth)
    assert _score(model, [window, window], 4, lambda: None).images["miou"].tolist() == [1, 1]
    _warn_of_absent_classes(model, [window.pixels])
    assert not caplog.messages
    _warn_of_disagreement(model, model, [window.pixels])
    assert caplog.messages[0].endswith("agree at 100.0 % of the pixels")


@pytest.mark.parametrize("max_drop", [-0.1, 1.5, float("nan")])
def test_max_drop_is_a_share(max_drop: float, root: Path) -> None:
    with pytest.raises(ConfigError, match="--max-drop"):
        ExportSource(root / "best.ckpt", max_drop=max_drop)


def test_the_first_convolutions_are_found(tmp_path: Path) -> None:
    names = early_convolutions(write_onnx(tmp_path / "a.onnx"), np.zeros((1, 64, 64, 3), np.uint8))
    assert 1 <= len(names) < 10
    assert all("/encoder/" in name and name.endswith("Conv") for name in names)


def test_each_network_of_an_ensemble_is_quantized_as_one_and_what_joins_them_is_not(tmp_path: Path) -> None:
    member = {"name": "fpn", "encoder_name": "tu-test_efficientnet", "normalization": [[0.5] * 3, [0.5] * 3]}
    network = build_network("ensemble", classes=len(CLASSES), encoder_name="a+b", members=[member, member]).eval()
    to_onnx(network, describe(network), tmp_path / "a.onnx")
    names = early_convolutions(tmp_path / "a.onnx", np.zeros((1, 64, 64, 3), np.uint8))
    first, second = ([name for name in names if f"/members.{i}/" in name] for i in range(2))
    assert first
    assert second == [name.replace("/members.0/", "/members.1/") for name in first]
    windows = [*random_pixels(2, 64, 64)[:, None]]
    model = quantize(load(tmp_path / "a.onnx"), windows, names, [], lambda *_: (0.0, []), 0.01, lambda: None)
    made_by = {output: node.op_type for node in model.graph.node for output in node.output}
    whole = {node.name for node in model.graph.node if "DequantizeLinear" in map(made_by.get, node.input)}
    assert any(name.startswith("/network/members.1/") for name in whole)
    assert not [name for name in whole if name.startswith("/network/") and not name.startswith("/network/members.")]


def test_nothing_is_sent_and_nothing_is_left_at_home(tmp_path: Path) -> None:
    """Pytest itself is known to NNCF, which then sends nothing: so in a process without it."""
    program = (
        "import sys; sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event));"
        "import segdrone, onnxruntime, openvino, nncf, nncf.telemetry.decorator as used;"
        "print(type(used.telemetry).__name__)"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "mpl")}
    result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "MagicMock\n"), result.stderr
    left = [path.name for path in tmp_path.rglob("*")]
    assert not {"intel", "Microsoft"} & {*left}, left
