"""Statistics of videos: measured some seconds apart, and read beside those of photographs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.errors import DataError, SegdroneError
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_files
from segdrone.inference.photo_statistics import measure_pixels, monitored_columns
from segdrone.inference.predict_folder import predict_folder
from segdrone.inference.predict_videos import predict_videos
from segdrone.inference.video_io import open_video
from segdrone.monitor.predictions import read_predictions
from segdrone.monitor.run import monitor
from segdrone.monitor.truth import score_truth
from segdrone.raster.encode import write_jpeg
from tests.helpers.local_network import TABLE, local_backend
from tests.helpers.video import pan, write


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(local_backend(seed=6), scale=1.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 31 seconds, two frames each, and a photograph."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "sub").mkdir()
    write(folder / "sub" / "flight.mp4", pan(62), Fraction(2))
    write_jpeg(pan(2)[1], folder / "a.jpg")
    return folder


@pytest.fixture(scope="module")
def predicted(predictor: Predictor, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions of both."""
    return predict(predictor, source, tmp_path_factory.mktemp("predicted") / "out", photographs=True)


@pytest.fixture
def out(predicted: Path, tmp_path: Path) -> Path:
    """A copy of them that may be changed."""
    return Path(shutil.copytree(predicted, tmp_path / "out"))


def predict(predictor: Predictor, source: Path, out: Path, *, photographs: bool = False, **options: Any) -> Path:
    found = find_files([source], out)
    if photographs:
        predict_folder(predictor, found.photographs, out, progress=False)
    predict_videos(predictor, found.videos, out, progress=False, **options)
    return out


def test_frames_five_seconds_apart_are_measured(predictor: Predictor, source: Path, tmp_path: Path) -> None:
    found = read_predictions(predict(predictor, source, tmp_path / "out"))
    assert found.paths == tuple(f"films/sub/flight.mp4 at {seconds} s" for seconds in range(0, 31, 5))
    assert found.masks == ("",) * 7
    with open_video(source / "sub" / "flight.mp4") as video:
        frames = [*video][::10]
    for number, image in enumerate(frames):
        prediction = predictor(image, confidence=True)
        assert prediction.confidence is not None
        expected = measure_pixels(image, prediction.mask, prediction.confidence, TABLE)
        for name in monitored_columns(TABLE):
            np.testing.assert_allclose(found.values[name][number], expected.get(name, np.nan), err_msg=name)


def test_photographs_and_videos_of_one_folder_are_read_together(out: Path, predicted: Path) -> None:
    found = read_predictions(out)
    assert found.paths[:2] == ("a.jpg", "films/sub/flight.mp4 at 0 s")
    assert {len(column) for column in found.values.values()} == {8} == {len(found.masks)}
    drift = monitor(out, None, predicted, level=0.5).drift
    assert drift.photographs == 8 and not drift.alarm


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["statistics"].pop("noise"), "has statistics that segdrone did not write"),
        (lambda content: content["statistics"]["noise"].pop(), "has statistics that segdrone did not write"),
        (lambda content: content["statistics"].update(noise=[1e999, 0, 0]), "cannot be read|did not write"),
        (lambda content: content["statistics"].update(noise="abc"), "flight.json cannot be read"),
        (lambda content: content["made_with"].update(smooth="x"), "flight.json cannot be read"),
        (lambda content: content.update(classes={"names": ["a"]}), "flight.json cannot be read"),
        (lambda content: content["statistics"].update({key: [] for key in content["statistics"]}), "did not write"),
    ],
)
def test_what_was_written_by_others_is_refused_in_one_line(
    out: Path, change: Callable[[Any], object], message: str
) -> None:
    file = out / "films" / "sub" / "flight.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as caught:
        read_predictions(out)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda content: [content.pop(key) for key in ("statistics", "frames")],
            "as its video is not finished",
        ),
        (lambda content: content.pop("statistics"), "left out, as its video is of an older segdrone: predict it again"),
        (lambda content: content["made_with"].update(smooth=5), "by another model or with other options than a.jpg"),
        (lambda content: content["made_with"]["predictor"].update(checkpoint="0"), "flight.mp4 at 0 s and its other"),
        (lambda content: content.update(class_groups={"x": ["a"]}), "by another model or with other options than"),
    ],
)
def test_a_video_that_does_not_fit_is_left_out_and_told(
    out: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Any], object], message: str
) -> None:
    file = out / "films" / "sub" / "flight.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    assert read_predictions(out).paths == ("a.jpg",)
    assert message in caplog.text


def test_videos_are_read_where_no_photograph_could_be_predicted(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    header, _, _ = (out / "summary.csv").read_text().partition("\n")
    (out / "summary.csv").write_text(header + "\n")
    assert read_predictions(out).paths[0] == "films/sub/flight.mp4 at 0 s"
    assert "summary.csv lists no photographs" in caplog.text


def test_smoothed_masks_are_not_compared_with_those_of_photographs(
    predictor: Predictor, source: Path, tmp_path: Path, predicted: Path
) -> None:
    smooth = predict(predictor, source, tmp_path / "smooth", smooth=3)
    with pytest.raises(SegdroneError, match="was predicted with smooth=3, the reference with smooth=1"):
        monitor(smooth, None, predicted, level=0.5)


def test_true_masks_are_for_photographs(out: Path) -> None:
    (out / "summary.csv").unlink()
    found = read_predictions(out)
    with pytest.raises(DataError, match="holds videos alone, whose masks are not kept: leave out --truth"):
        score_truth(found, out / "masks", found.reference())
