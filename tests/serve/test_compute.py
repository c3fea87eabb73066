"""What a worker does with its messages, for each kind of model file."""

from __future__ import annotations

import hashlib
import json
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from segdrone.inference import Predictor
from segdrone.raster.encode import write_gray_png
from segdrone.serve.compute import Computer
from segdrone.serve.models import ModelCopies
from segdrone.serve.settings import ModelFile
from tests.helpers.serving import photograph, write_model
from tests.helpers.small_graphs import UNIT, graph, write
from tests.serve.test_pool import message

CHECKPOINT = Path(__file__).parents[1] / "fixtures" / "checkpoint-0.1.0.ckpt"


class Exchange:
    """A computer, and the other end of its connection."""

    def __init__(self) -> None:
        self._connection, other = Pipe()
        self._computer = Computer(other, "cpu")

    def __call__(self, message: dict[str, Any]) -> dict[str, Any]:
        self._computer.answer(message)
        while "progress" in (answer := json.loads(self._connection.recv_bytes())):
            pass
        return dict(answer)


@pytest.fixture(params=["net.onnx", "net.xml", "net.ckpt"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model of each kind."""
    path: Path = tmp_path / "models" / request.param
    path.parent.mkdir()
    if path.suffix == ".ckpt":
        path.write_bytes(CHECKPOINT.read_bytes())
        return path
    return write(graph(), path, UNIT)


def test_models_of_every_kind(file: Path, tmp_path: Path) -> None:
    exchange, copies = Exchange(), ModelCopies([ModelFile("net", file)], tmp_path / "copies")
    described = exchange({"do": "open", "models": copies.paths})["models"]["net"]
    assert described["runtime"] == {".onnx": "onnx", ".xml": "openvino", ".ckpt": "torch"}[file.suffix]
    assert (described["precision"], described["device"].lower()) == ("fp32", "cpu")
    if file.suffix != ".xml":  # whose digest is of two files
        assert described["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    answer = exchange({**message(tmp_path, photograph()), "task": 1})
    assert answer["model_digest"] == described["digest"] != ""
    expected = tmp_path / "expected.png"
    write_gray_png(Predictor.from_file(file, device="cpu")(tmp_path / "photograph.jpg").mask, expected)
    assert (tmp_path / "masks" / "photograph.png").read_bytes() == expected.read_bytes()


def test_the_copy_of_a_model_is_whole(file: Path, tmp_path: Path) -> None:
    """Changes of the files after the copy change nothing."""
    copies = ModelCopies([ModelFile("net", file)], tmp_path / "copies")
    for path in file.parent.iterdir():
        path.write_bytes(b"other")
    assert "models" in Exchange()({"do": "open", "models": copies.paths})


def test_models_that_cannot_be_opened_leave_those_that_are_open(tmp_path: Path) -> None:
    exchange, good, broken = Exchange(), write_model(tmp_path / "good.onnx"), tmp_path / "broken.onnx"
    broken.write_bytes(b"x")
    assert "models" in exchange({"do": "open", "models": {"net": str(good)}})
    for models in ({"net": str(broken)}, {"net": str(good), "b": str(broken)}, {"net": str(tmp_path / "none.onnx")}):
        assert exchange({"do": "open", "models": models})["error"] == "CheckpointError"
    assert "row" in exchange({**message(tmp_path), "task": 1})


def test_a_model_that_opens_but_cannot_compute_is_refused(tmp_path: Path) -> None:
    """Its output is the logits that its description calls probabilities."""
    path = write(graph([("Conv", ["x", "w"], ["y"], {})]), tmp_path / "net.onnx", UNIT)
    Predictor.from_file(path)
    answer = Exchange()({"do": "open", "models": {"net": str(path)}})
    assert (answer["error"], "do not sum to 1" in answer["text"]) == ("CheckpointError", True)
