"""Formats that segdrone does not run itself: torch's are read back here; converters run in `make export-trial`."""

import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segdrone.classes import DRONE
from segdrone.errors import CheckpointError
from segdrone.export.converted import (
    CONVERTERS,
    Converter,
    with_window,
    write_converted,
    write_torch_export,
    write_torchscript,
)
from segdrone.export.formats import FORMATS
from segdrone.export.isolated import Environment
from segdrone.export.source import ExportSource
from segdrone.export.to_torch import to_torchscript
from segdrone.export.trial import check_difference
from segdrone.model import SegmentationModule
from segdrone.runtime.description import KEY, Description
from segdrone.runtime.torch_backend import TorchBackend
from tests.helpers.exported import random_pixels
from tests.helpers.training import MODEL, tiny_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "best.ckpt")


def test_torchscript_takes_any_size_and_batch_and_describes_itself(checkpoint: Path, tmp_path: Path) -> None:
    source, path = ExportSource(checkpoint), tmp_path / "best.torchscript"
    write_torchscript(source, source.describe("fp32"), path)
    files = {KEY: ""}
    model = torch.jit.load(str(path), _extra_files=files)
    reference = TorchBackend(source.network, source.spec, device="cpu")
    for shape in [(1, 61, 97), (3, 17, 33), (2, 128, 64)]:
        pixels = random_pixels(*shape)
        assert np.abs(model(torch.from_numpy(pixels)).detach().numpy() - reference(pixels)).max() < 1e-4
    described = Description.from_json(files[KEY])
    assert described.spec == source.spec and described.signature.window is None


def test_an_exported_program_takes_the_size_of_the_training_and_says_so(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, path = ExportSource(checkpoint), tmp_path / "best.pt2"
    with caplog.at_level(logging.WARNING):
        write_torch_export(source, source.describe("fp32"), path)
    assert caplog.messages == [
        "a .pt2 file takes one size: 96x64, as in the training; --window WIDTHxHEIGHT gives another"
    ]
    files = {KEY: ""}
    model = torch.export.load(str(path), extra_files=files).module()
    pixels = random_pixels(1, 64, 96)
    image = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / np.float32(255))
    expected = TorchBackend(source.network, source.spec, device="cpu")(pixels)
    assert np.abs(model(image).detach().numpy() - expected).max() < 1e-4
    signature = Description.from_json(files[KEY]).signature
    assert (signature.input, signature.window) == ("unit", (64, 96))


def test_a_file_of_one_size_returns_classes_alone(tmp_path: Path) -> None:
    table = replace(DRONE, things=("car",))
    data = {"root": ".", "image_size": (64, 96), "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    module = SegmentationModule({**MODEL, "instances": True}, table.to_dict(), data, splits)
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, tmp_path / "a.ckpt")
    source, files = ExportSource(tmp_path / "a.ckpt"), {KEY: ""}
    assert source.spec.instances
    write_torch_export(source, source.describe("fp32"), tmp_path / "a.pt2")
    model = torch.export.load(str(tmp_path / "a.pt2"), extra_files=files).module()
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, len(DRONE), 64, 96)
    assert not Description.from_json(files[KEY]).spec.instances


def test_a_window_that_is_given_is_taken_without_a_word(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        source = ExportSource(checkpoint, (32, 64))
        signature = with_window(source, source.describe("fp32"), ".pt2").signature
    assert (signature.input, signature.window, caplog.messages) == ("unit", (32, 64), [])


@pytest.mark.parametrize("difference", [2e-3, float("nan"), float("inf")])
def test_a_file_that_computes_something_else_is_refused(difference: float) -> None:
    with pytest.raises(CheckpointError, match=r"best.tflite computes other probabilities than best.ckpt"):
        check_difference(Path("best.tflite"), Path("best.ckpt"), difference)


@pytest.mark.parametrize("difference", [0.0, 9e-4])
def test_a_file_that_computes_the_same_is_kept(difference: float) -> None:
    check_difference(Path("best.tflite"), Path("best.ckpt"), difference)


def test_a_converted_file_that_computes_no_numbers_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGDRONE_CACHE", str(tmp_path / "cache"))
    environment = Environment("made", ())
    (environment.folder / "bin").mkdir(parents=True)
    (environment.folder / "bin" / "python").symlink_to(sys.executable)
    (environment.folder / "ready").touch()
    script = tmp_path / "script.py"
    script.write_text("import sys\nopen(sys.argv[1] + '/result.json', 'w').write('{\"difference\": NaN}')\n")
    monkeypatch.setitem(CONVERTERS, ".tflite", Converter(environment, script, "model.pt", to_torchscript))
    source = ExportSource(checkpoint, (32, 64))
    with pytest.raises(CheckpointError, match=r"a\.tflite computes other probabilities than .* \(up to nan apart\)"):
        write_converted(source, source.describe("fp32"), tmp_path / "a.tflite")


def test_every_converted_format_has_a_converter_that_needs_nothing_of_ours() -> None:
    assert {entry.suffix for entry in FORMATS.values() if entry.needs == "uv"} == {*CONVERTERS}
    for suffix, converter in CONVERTERS.items():
        text = converter.script.read_text(encoding="utf-8")
        assert "import segdrone" not in text and "from segdrone" not in text, suffix
        assert repr(converter.model).replace("'", '"') in text, suffix
