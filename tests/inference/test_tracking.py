from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import DRONE
from segdrone.errors import ConfigError
from segdrone.inference import Predictor
from segdrone.inference.inputs import InputImage
from segdrone.inference.predict_video import predict_video
from segdrone.inference.predict_videos import predict_videos
from segdrone.inference.tracking import ThingTracker
from segdrone.synthetic import render_scene
from tests.helpers.local_network import local_backend
from tests.helpers.video import pan, write

CAR, PERSON = 1, 2
THINGS = [DRONE.names.index(name) for name in ("person", "dog", "car", "bicycle")]
Frame = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint16]]


def camera(steps: int = 10, height: int = 160, width: int = 240) -> list[Frame]:
    """Frames of a flight over a crowd, with their masks, and with numbers that mean something in the whole flight."""
    scene = render_scene(320, 480, seed=1, crowded=True)
    numbers = np.where(np.isin(scene.mask, THINGS), scene.instances, 0).astype(np.uint16)
    corners = [(12 * step, 18 * step) for step in range(steps)]
    return [
        tuple(np.ascontiguousarray(part[y : y + height, x : x + width]) for part in (scene.image, scene.mask, numbers))  # type: ignore[misc]
        for y, x in corners
    ]


def renumber(numbers: NDArray[np.uint16], seed: int) -> NDArray[np.uint16]:
    """The numbers of a frame in another order, as they are predicted."""
    present = np.unique(numbers[numbers > 0])
    table = np.zeros(65536, np.uint16)
    table[present] = np.random.default_rng(seed).permutation(len(present)) + 1
    return table[numbers]


def test_things_keep_their_numbers_while_the_camera_moves() -> None:
    tracker, pairs, things = ThingTracker(), set[tuple[int, int]](), set[int]()
    for seed, (frame, mask, numbers) in enumerate(camera()):
        tracked = tracker(frame, mask, renumber(numbers, seed))
        np.testing.assert_array_equal(tracked > 0, numbers > 0)
        large = [n for n in np.unique(numbers[numbers > 0]) if (numbers == n).sum() > 25]
        things |= {int(n) for n in large}
        pairs |= {(int(n), int(np.bincount(tracked[numbers == n]).argmax())) for n in large}
    assert len(things) > 6
    assert len(pairs) <= 1.1 * len(things)  # one number for nearly every thing


def block(left: int, class_id: int = CAR) -> Frame:
    mask, numbers = np.zeros((20, 80), np.uint8), np.zeros((20, 80), np.uint16)
    mask[5:15, left : left + 12], numbers[5:15, left : left + 12] = class_id, 1
    return np.zeros((20, 80, 3), np.uint8), mask, numbers


def empty() -> Frame:
    image, mask, numbers = block(0)
    return image, np.zeros_like(mask), np.zeros_like(numbers)


def test_a_hidden_thing_is_remembered_for_a_while() -> None:
    tracker = ThingTracker()
    for frame in [block(10), block(12), *[empty()] * 4]:
        tracker(*frame)
    assert tracker(*block(14)).max() == 1
    for _ in range(8):
        tracker(*empty())
    assert tracker(*block(14)).max() == 2


def test_another_class_at_the_same_place_is_another_thing() -> None:
    tracker = ThingTracker()
    tracker(*block(10))
    assert tracker(*block(10, PERSON)).max() == 2


def test_things_are_counted_once_and_flickers_are_not() -> None:
    tracker = ThingTracker()
    for left in (10, 11, 12, 13):
        tracker(*block(left))
    tracker(*block(60, PERSON))
    assert tracker.counts() == {CAR: 1}


def test_the_things_of_a_film_of_one_frame_are_counted() -> None:
    tracker = ThingTracker()
    assert tracker.counts() == {}
    tracker(*block(10))
    assert tracker.counts() == {CAR: 1}


def test_films_show_and_count_things(tmp_path: Path) -> None:
    predictor = Predictor(local_backend(seed=6), scale=1.0)
    video = write(tmp_path / "video.mp4", pan())
    summary = predict_video(predictor, video, tmp_path / "o.mp4", things=["a", "c"], progress=False)
    predict_video(predictor, video, tmp_path / "plain.mp4", progress=False)
    with (tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert summary.things.keys() == {"a", "c"}
    most = {name: max(int(row[f"objects_{name}"]) for row in rows) for name in ("a", "c")}
    assert max(most.values()) > 0
    with (tmp_path / "plain.csv").open(newline="") as file:
        plain = list(csv.DictReader(file))
    assert [row["a"] for row in rows] == [row["a"] for row in plain]
    assert "objects_a" not in plain[0]


def test_the_folder_says_how_many_and_is_not_mixed(tmp_path: Path) -> None:
    predictor = Predictor(local_backend(seed=6), scale=1.0)
    video = write(tmp_path / "video.mp4", pan(count=4))
    inputs = [InputImage(video, "video.mp4", "video")]
    predict_videos(predictor, inputs, tmp_path / "out", things=["a", "a"], progress=False)
    assert (tmp_path / "out" / "films" / "video.csv").read_text().partition("\n")[0].count("objects_a") == 1
    content = json.loads((tmp_path / "out" / "films" / "video.json").read_text())
    assert content["things"].keys() == {"a"}
    with pytest.raises(ConfigError, match="there is no class unicorn"):
        predict_videos(predictor, inputs, tmp_path / "other", things=["unicorn"], progress=False)
    with pytest.raises(ConfigError, match="predicted with other settings"):
        predict_videos(predictor, inputs, tmp_path / "out", progress=False)
