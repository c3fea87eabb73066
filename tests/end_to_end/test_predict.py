"""`segdrone predict` is killed and started again."""

import csv
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import predict_folder
from tests.helpers.commands import Command, ForkedCommand
from tests.helpers.small_graphs import graph, write
from tests.helpers.training import tiny_checkpoint


@pytest.fixture
def photos(all_scenes: Path, tmp_path: Path) -> Path:
    """58 photographs, one of them 1 x 1 pixel, and 3 broken files."""
    scenes = sorted((all_scenes / "original_images").iterdir())
    for flight in "abc":
        (tmp_path / "photos" / flight).mkdir(parents=True)
        for scene in scenes[:19]:
            shutil.copy(scene, tmp_path / "photos" / flight)
    (tmp_path / "photos" / "a" / "cut.jpg").write_bytes(scenes[0].read_bytes()[:1500])
    (tmp_path / "photos" / "b" / "text.jpg").write_text("no image")
    (tmp_path / "photos" / "c" / "empty.jpg").touch()
    Image.fromarray(np.full((1, 1, 3), 80, np.uint8)).save(tmp_path / "photos" / "one.png")
    return tmp_path / "photos"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kill(arguments: list[str | Path], out: Path, rows: int) -> int:
    """Start the command, kill it when its summary has that many rows, and return its exit code."""
    with ForkedCommand(out.parent, "segdrone", "predict", *arguments) as process:
        summary, deadline = out / "summary.csv", time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            if summary.exists() and summary.read_bytes().count(b"\n") > rows:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        return process.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.ckpt", "a.onnx"])
def test_a_folder_predicted_with_two_kills_has_the_same_bytes(
    name: str, photos: Path, tmp_path: Path, command: Command
) -> None:
    model = tmp_path / name
    if name == "a.ckpt":
        tiny_checkpoint(model)
    else:
        write(graph(), model)
    out = tmp_path / "out"
    arguments: list[str | Path] = [
        model,
        photos,
        "--out",
        out,
        "--confidence",
        "--object-class",
        "car",
        "--device",
        "cpu",
    ]
    assert kill(arguments, out, 15) == kill(arguments, out, 35) == -signal.SIGKILL
    result = command("segdrone", "predict", *arguments)
    assert result.returncode == 1, result.stderr
    done, skipped = (int(result.stdout.split()[place]) for place in (0, 2))
    assert done + skipped == 58
    assert 35 <= skipped < 58
    assert result.stdout.endswith(f" 3 failed: see {out}\n")
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    for line, broken in zip(errors, ("a/cut.jpg", "b/text.jpg", "c/empty.jpg"), strict=True):
        assert f"{photos / broken} " in line
    whole = tmp_path / "whole"
    predictor = Predictor.from_file(model, device="cpu")
    options: dict[str, Any] = {"confidence": True, "objects": ["car"], "progress": False}
    outcome = predict_folder(predictor, find_inputs([photos], whole), whole, **options)
    assert outcome.predicted == 58
    assert contents(out) == contents(whole)
    assert len(contents(whole)) == 58 * 5 + 5  # with predict.json, manifest.jsonl, two tables and masks/classes.csv
    with (out / "summary.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert paths == sorted(paths)
    assert {"one.png", "a/000.jpg", "c/018.jpg"} <= {*paths}
