"""Folders and films are predicted by exported models as by checkpoints: resumed, summarized, refused alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_files
from segdrone.inference.predict_folder import predict_folder
from segdrone.inference.predict_videos import predict_videos
from tests.helpers import video
from tests.helpers.exported import random_pixels
from tests.helpers.small_graphs import UNIT, graph, write

BOTH = pytest.mark.parametrize("suffix", [".onnx", ".xml"])


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    (tmp_path / "flight").mkdir()
    for number, pixels in enumerate(random_pixels(3, 40, 60)):
        Image.fromarray(pixels).save(tmp_path / "flight" / f"{number}.png")
    return tmp_path / "flight"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "masks").rglob("*.png"))}


@BOTH
def test_a_folder_is_continued_where_it_was_interrupted(tmp_path: Path, flight: Path, suffix: str) -> None:
    predictor = Predictor.from_file(write(graph(), tmp_path / f"a{suffix}"), device="cpu")
    images, _ = find_files([str(flight)], tmp_path / "out")
    whole = predict_folder(predictor, images, tmp_path / "whole", progress=False)
    assert (whole.predicted, whole.skipped) == (3, 0)
    predict_folder(predictor, images[:1], tmp_path / "out", progress=False)
    again = predict_folder(predictor, images, tmp_path / "out", progress=False)
    assert (again.predicted, again.skipped) == (2, 1)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert len((tmp_path / "out" / "summary.csv").read_text().splitlines()) == 4
    expected = predictor(flight / "0.png").mask
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "masks" / "0.png")), expected)
    assert len(np.unique(expected)) > 1


@BOTH
def test_another_description_does_not_continue_a_folder(tmp_path: Path, flight: Path, suffix: str) -> None:
    images, _ = find_files([str(flight)], tmp_path / "out")
    model, spec = write(graph(), tmp_path / f"a{suffix}", None), tmp_path / "spec.json"

    def predict() -> int:
        predictor = Predictor.from_file(model, device="cpu", spec=spec)
        return predict_folder(predictor, images, tmp_path / "out", progress=False).predicted

    spec.write_text(UNIT.to_json())
    assert (predict(), predict()) == (3, 0)
    spec.write_text(replace(UNIT, signature=replace(UNIT.signature, input="normalized")).to_json())
    with pytest.raises(ConfigError, match=r"another predictor\.description"):
        predict()


@BOTH
def test_another_model_does_not_continue_a_folder(tmp_path: Path, flight: Path, suffix: str) -> None:
    images, _ = find_files([str(flight)], tmp_path / "out")
    model = graph()
    predict_folder(Predictor.from_file(write(model, tmp_path / f"a{suffix}")), images, tmp_path / "out", progress=False)
    model = graph()
    model.graph.initializer[0].raw_data = bytes(reversed(model.graph.initializer[0].raw_data))
    other = Predictor.from_file(write(model, tmp_path / f"b{suffix}"), device="cpu")
    with pytest.raises(ConfigError, match="model"):
        predict_folder(other, images, tmp_path / "out", progress=False)


@BOTH
def test_a_film_gets_its_masks_and_is_not_made_twice(tmp_path: Path, suffix: str) -> None:
    predictor = Predictor.from_file(write(graph(), tmp_path / f"a{suffix}"), device="cpu")
    video.write(tmp_path / "pan.mp4", video.pan(5))
    _, films = find_files([str(tmp_path / "pan.mp4")], tmp_path / "out")
    first, again = (predict_videos(predictor, films, tmp_path / "out", progress=False) for _ in range(2))
    assert (first.predicted, first.failed, again.predicted, again.skipped) == (1, {}, 0, 1)
    assert len((tmp_path / "out" / "films" / "pan.csv").read_text().splitlines()) == 6
