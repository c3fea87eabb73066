from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.annotations.conftest import centers, document, imported, mask, photograph, refusal


def path_of(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in points]


def square(x: float, y: float, side: float) -> list[dict[str, float]]:
    return path_of((x, y), (x + side, y), (x + side, y + side), (x, y + side))


def polygon(name: str, *paths: Any) -> dict[str, Any]:
    box = {"h": 1, "w": 1, "x": 0, "y": 0}
    return {"id": name, "name": name, "polygon": {"paths": list(paths)}, "bounding_box": box, "slot_names": ["0"]}


def darwin(path: Path, *annotations: Any, **slot: Any) -> Path:
    slots = [{"type": "image", "slot_name": "0", "width": 96, "height": 64, **slot}]
    item = {"name": "a.png", "path": "/", "slots": slots}
    return document(path, {"version": "2.0", "item": item, "annotations": list(annotations)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "images" / "a.png")
    return tmp_path / "in"


def test_paths_of_a_polygon_are_one_region_with_holes(folder: Path) -> None:
    darwin(folder / "a.json", polygon("road", square(10, 10, 30), square(20, 20, 10), square(60, 10, 5)))
    imported(folder, folder.parent / "out")
    expected = np.zeros((64, 96), bool)
    expected[10:40, 10:40] = expected[10:15, 60:65] = True
    expected[20:30, 20:30] = False
    np.testing.assert_array_equal(mask(folder.parent / "out") == 0, expected)


def test_raster_layer_holds_the_masks_of_several_classes(folder: Path) -> None:
    values = np.zeros((64, 96), int)
    values[10:20, 10:20], values[30:40, 30:50], values[50:60, 0:9] = 1, 2, 5
    flat = values.reshape(-1)
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.concatenate([starts, [flat.size]]))
    runs = np.stack([flat[starts], lengths], 1).reshape(-1).tolist()
    layer = {"dense_rle": runs, "mask_annotation_ids_mapping": {"m1": 1, "m2": 2, "m3": 5}, "total_pixels": flat.size}
    masks = [{"id": key, "name": name, "mask": {}} for key, name in (("m1", "car"), ("m2", "road"), ("m3", "car"))]
    darwin(folder / "a.json", *masks, {"id": "r", "name": "__raster_layer__", "raster_layer": layer})
    summary = imported(folder, folder.parent / "out")
    drawn = mask(folder.parent / "out")
    np.testing.assert_array_equal(drawn == 0, (values == 1) | (values == 5))
    np.testing.assert_array_equal(drawn == 1, values == 2)
    assert (summary.table.names, summary.skipped) == (("car", "road"), {})
    layer["dense_rle"] = [1, 10]
    darwin(folder / "a.json", *masks, {"id": "r", "name": "__raster_layer__", "raster_layer": layer})
    assert "has run lengths for 10 pixels, not the 6144 of its photograph" in refusal(folder, folder.parent / "out2")
    layer["dense_rle"] = [7, 6144]
    darwin(folder / "a.json", *masks, {"id": "r", "name": "__raster_layer__", "raster_layer": layer})
    assert "dense_rle has the value 7, which no mask has" in refusal(folder, folder.parent / "out2")


def test_ellipses_turn_clockwise_by_radians(folder: Path) -> None:
    data = {"center": {"x": 48, "y": 32}, "radius": {"x": 24, "y": 8}, "angle": np.pi / 6}
    darwin(folder / "a.json", {"id": "e", "name": "pond", "ellipse": data})
    imported(folder, folder.parent / "out")
    x, y = centers()
    along = (x - 48) * np.cos(np.pi / 6) + (y - 32) * np.sin(np.pi / 6)
    across = (y - 32) * np.cos(np.pi / 6) - (x - 48) * np.sin(np.pi / 6)
    assert ((mask(folder.parent / "out") == 0) != ((along / 24) ** 2 + (across / 8) ** 2 <= 1)).sum() <= 4


def test_metadata_declares_the_classes(folder: Path) -> None:
    classes = [{"name": "car", "type": "polygon"}, {"name": "night", "type": "tag"}, {"name": "road", "type": "mask"}]
    document(folder / ".v7" / "metadata.json", {"version": "1.0", "classes": classes})
    darwin(
        folder / "annotations" / "a.json", polygon("car", square(10, 10, 30)), {"id": "t", "name": "night", "tag": {}}
    )
    summary = imported(folder, folder.parent / "out")
    assert summary.table.names == ("car", "road")
    assert summary.skipped == {"tags, keypoints, lines and skeletons": 1}
    document(folder / ".v7" / "metadata.json", {"version": "1.0", "classes": classes[:1]})
    assert imported(folder, folder.parent / "out").table.names == ("car",)


def test_the_top_folder_of_v7_is_no_other_folder(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    darwin(folder / "a.json", polygon("road", square(10, 10, 30)))
    imported(folder, folder.parent / "out")
    assert "in folders of another name" not in caplog.text


@pytest.mark.parametrize("kind", ["video", "dicom"])
def test_videos_and_volumes_are_refused(folder: Path, kind: str) -> None:
    path = darwin(folder / "a.json", type=kind)
    text = refusal(folder, folder.parent / "out")
    assert text == f"{path} annotates a video, a volume or several images at once: export single images from V7"
