from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.annotations.conftest import document, imported, mask, photograph, refusal

HEAD = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task>
<mode>interpolation</mode>
<frame_filter>step=3</frame_filter><labels><label><name>car</name><color>#fa3253</color></label>
<label><name>bus</name></label></labels><original_size><width>96</width><height>64</height></original_size>
</task></meta>"""
POLYGON = (
    '<polygon frame="{}" keyframe="{}" outside="{}" occluded="0" z_order="0" '
    'points="{x},10.00;{y},10.00;{y},20.00;{x},20.00"></polygon>'
)


def outline(frame: int, x: int, keyframe: int = 1, outside: int = 0) -> str:
    return POLYGON.format(frame, keyframe, outside, x=x, y=x + 10)


def video(path: Path, *outlines: str) -> Path:
    return document(path, f'{HEAD}<track id="0" label="car">{"".join(outlines)}</track></annotations>')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for frame in (0, 3, 6):
        photograph(tmp_path / "in" / "images" / f"frame_{frame:06d}.PNG")
    return tmp_path / "in"


def test_each_frame_gets_the_outlines_of_its_tracks(folder: Path) -> None:
    video(folder / "annotations.xml", outline(0, 10), outline(3, 20, keyframe=0), outline(6, 30, outside=1))
    summary = imported(folder, folder.parent / "out")
    assert (summary.annotation_format, summary.photographs, summary.table.names) == ("cvat-video", 2, ("bus", "car"))
    for frame, x in ((0, 10), (3, 20)):
        expected = np.full((64, 96), 255, np.uint8)
        expected[10:20, x : x + 10] = 1
        np.testing.assert_array_equal(mask(folder.parent / "out", f"frame_{frame:06d}"), expected)


def test_tracks_of_one_group_are_one_thing(folder: Path) -> None:
    tracks = "".join(
        f'<track id="{i}" label="car"{group}>{outline(0, x)}</track>'
        for i, (x, group) in enumerate([(5, ' group_id="3"'), (20, ' group_id="3"'), (35, ""), (50, ' group_id="0"')])
    )
    document(folder / "annotations.xml", f"{HEAD}{tracks}</annotations>")
    imported(folder, folder.parent / "out", instances=True)
    with Image.open(folder.parent / "out" / "instances" / "frame_000000.png") as image:
        assert np.array(image)[15, [10, 25, 40, 55]].tolist() == [1, 1, 2, 3]


def test_key_frames_without_those_between_are_refused(folder: Path) -> None:
    path = video(folder / "annotations.xml", outline(6, 30), outline(0, 10))
    text = refusal(folder, folder.parent / "out")
    assert f"{path}: track 0 polygon has no outline between the frames 0 and 6, only key frames" in text


def test_object_that_leaves_and_comes_back_is_accepted(folder: Path) -> None:
    video(folder / "annotations.xml", outline(0, 10), outline(3, 10, outside=1), outline(6, 30))
    assert imported(folder, folder.parent / "out").photographs == 2


def test_missing_frames_are_named(folder: Path) -> None:
    video(folder / "annotations.xml", outline(9, 10))
    text = refusal(folder, folder.parent / "out")
    assert (
        "'frame_000009'; give their folder with --images, or extract the frames of the video under these names" in text
    )
