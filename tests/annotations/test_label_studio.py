from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.annotations.conftest import centers, document, imported, mask, photograph, refusal
from tests.annotations.test_bitmaps import packed, rgba


def region(kind: str, label: str | list[str], value: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A result as Label Studio 1 exports it."""
    named = {"from_name": "label", "to_name": "image", "type": f"{kind}labels", "origin": "manual", "id": "xtiVfciBUc"}
    size = {"original_width": 96, "original_height": 64, "image_rotation": 0}
    labels = [label] if isinstance(label, str) else label
    return {**size, **named, "value": {**value, f"{kind}labels": labels}, **more}


def task(*results: Any, image: str = "/data/upload/1/b8c2e0a4-a.png", **more: Any) -> dict[str, Any]:
    answer = {"id": 1, "was_cancelled": False, "ground_truth": False, "updated_at": "2024-01-01T00:00:00Z"}
    return {
        "id": 1,
        "annotations": [{**answer, "result": list(results), **more}],
        "file_upload": "b8c2e0a4-a.png",
        "data": {"image": image, "note": "none"},
        "predictions": [],
    }


SQUARE = region("polygon", "a", {"points": [[12.5, 25.0], [50.0, 25.0], [50.0, 75.0], [12.5, 75.0]], "closed": True})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


def drawn(folder: Path, *results: Any) -> np.ndarray[Any, Any]:
    document(folder / "a.json", [task(*results)])
    imported(folder, folder.parent / "out")
    return mask(folder.parent / "out")


def test_polygons_in_percent_are_drawn_over_earlier_ones(folder: Path) -> None:
    rectangle = region("rectangle", "b", {"x": 25, "y": 50, "width": 12.5, "height": 12.5, "rotation": 0})
    expected = np.full((64, 96), 255, np.uint8)
    expected[16:48, 12:48] = 0
    expected[32:40, 24:36] = 1
    np.testing.assert_array_equal(drawn(folder, SQUARE, rectangle), expected)


def test_rectangle_rotates_clockwise_about_its_upper_left_corner(folder: Path) -> None:
    rectangle = region("rectangle", "a", {"x": 50, "y": 25, "width": 25, "height": 12.5, "rotation": 90})
    expected = np.zeros((64, 96), bool)
    expected[16:40, 40:48] = True  # 24 wide and 8 high: now 8 wide, to the left of column 48, and 24 high
    np.testing.assert_array_equal(drawn(folder, rectangle) == 0, expected)


@pytest.mark.parametrize("rotation", [0, 30])
def test_ellipse_rotates_about_its_center_in_pixels(folder: Path, rotation: int) -> None:
    value = {"x": 50, "y": 50, "radiusX": 25, "radiusY": 12.5, "rotation": rotation}
    x, y = centers()
    sine, cosine = np.sin(np.radians(rotation)), np.cos(np.radians(rotation))
    along, across = (x - 48) * cosine + (y - 32) * sine, (y - 32) * cosine - (x - 48) * sine
    ellipse = drawn(folder, region("ellipse", "a", value)) == 0
    assert (ellipse != ((along / 24) ** 2 + (across / 8) ** 2 <= 1)).sum() <= 4


def test_brush_is_drawn(folder: Path) -> None:
    truth = np.kron(np.random.default_rng(0).random((16, 24)) < 0.4, np.ones((4, 4), bool))
    value = {"format": "rle", "rle": list(packed(rgba(truth * np.uint8(255))))}
    np.testing.assert_array_equal(drawn(folder, region("brush", "a", value)) == 0, truth)


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/1/b8c2e0a4-a.png",
        "/data/local-files/?d=drone/site%201/a.png",
        "s3://bucket/drone/a.png",
        "https://example.com/photos/a.png?X-Amz-Date=1&X=%2F",
        "https://[broken/a.png",
        "a.png",
        "../../a.png",
    ],
)
def test_photograph_is_found_by_its_name_in_label_studio(folder: Path, image: str) -> None:
    document(folder / "a.json", [task(SQUARE, image=image)])
    assert imported(folder, folder.parent / "out").photographs == 1


@pytest.mark.parametrize("image", ["a#1.png", "/data/local-files/?d=drone/a#1.png"])
def test_number_sign_is_a_part_of_the_name(folder: Path, image: str) -> None:
    photograph(folder / "a#1.png")
    document(folder / "a.json", [task(SQUARE, image=image)])
    imported(folder, folder.parent / "out")
    assert [path.stem for path in (folder.parent / "out" / "masks").iterdir()] == ["a#1"]


def test_digits_of_a_name_that_is_no_upload_stay(folder: Path) -> None:
    document(folder / "a.json", [task(SQUARE, image="/data/local-files/?d=drone/20240612-a.png")])
    assert "'drone/20240612-a.png'; give their folder with --images" in refusal(folder, folder.parent / "out")


def test_name_with_upload_digits_comes_first(folder: Path) -> None:
    photograph(folder / "b8c2e0a4-a.png")
    document(folder / "a.json", [task(SQUARE)])
    imported(folder, folder.parent / "out")
    assert [path.stem for path in (folder.parent / "out" / "masks").iterdir()] == ["b8c2e0a4-a"]


def test_ground_truth_comes_before_the_last_updated(folder: Path) -> None:
    def answer(label: str, **more: Any) -> Any:
        return task(region("polygon", label, SQUARE["value"] | {"polygonlabels": [label]}), **more)["annotations"][0]

    old, new = answer("old", updated_at="2024-01-01"), answer("new", updated_at="2024-02-01")
    cancelled, true = answer("no", was_cancelled=True, updated_at="2025"), answer("true", ground_truth=True)
    for answers, chosen in (([old, new, cancelled], "new"), ([true, old, new], "true")):
        document(folder / "a.json", [{**task(), "annotations": answers}])
        summary = imported(folder, folder.parent / "out")
        assert summary.table.names == (chosen,)
        assert summary.skipped["further annotations of the same photograph"] == (1 if chosen == "new" else 2)


def test_skipped_results_are_counted(folder: Path) -> None:
    bare = {key: value for key, value in SQUARE["value"].items() if key != "polygonlabels"}
    choice = {"type": "choices", "value": {"choices": ["day"]}}
    key_point = region("keypoint", "a", {"x": 1, "y": 1, "width": 1})
    line = region("polygon", "a", {"points": [[1, 1], [5, 5]]})
    results = [SQUARE, {**SQUARE, "value": bare}, choice, {"type": "relation"}, key_point, line]
    empty = {**task(), "annotations": []}
    document(folder / "a.json", [task(*results), empty])
    assert imported(folder, folder.parent / "out").skipped == {
        "regions without a label": 1,
        "results that cover no pixels": 2,
        "points and open lines, which cover no pixels (--sparse draws them)": 1,
        "polygons of fewer than 3 points": 1,
        "tasks without an annotation": 1,
    }


def test_regions_on_two_images_of_a_task_are_refused(folder: Path) -> None:
    infrared = region("polygon", "b", SQUARE["value"], to_name="infrared")
    one = {**task(SQUARE, infrared), "data": {"image": "a.png", "infrared": "a_ir.png"}}
    path = document(folder / "a.json", [one])
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: [0].annotations[0].result[1] is on another image of its task")
    assert "('image', 'infrared'): give each photograph a task of its own" in text


def brush(rle: Any) -> dict[str, Any]:
    return region("brush", "a", {"format": "rle", "rle": rle})


WHOLE = list(packed(rgba(np.eye(64, 96, dtype=np.uint8))))


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        (region("polygon", ["a", "b"], {"points": [[1, 1]]}), "value has 2 labels, but a pixel can have only one"),
        (region("polygon", "a", {"points": [[1, 1], [2]]}), "value.points is a list, not numbers"),
        (region("polygon", "a", {"points": [[1, 1], [2, "inf"]]}), "value.points contains a number that is not finite"),
        (region("rectangle", "a", {"x": 1, "y": 1, "height": 1}), "value has no width"),
        (region("ellipse", "a", {"x": 1, "y": 1, "radiusX": {}, "radiusY": 1}), "value.radiusX is a dict, not numbers"),
        ({**SQUARE, "original_width": None}, "has no original_width and original_height"),
        (
            {**SQUARE, "original_width": 95},
            "has no original_width and original_height, or other ones than",
        ),
        ({**SQUARE, "image_rotation": 90}, "is on a photograph that was rotated in the tool"),
        ({**SQUARE, "value": 3}, "value is 3, not a mapping"),
        (brush("text"), "value.rle is not a list of integers"),
        (brush([1, 256]), "value.rle is not a list of bytes"),
        (brush([-1]), "value.rle is not a list of bytes"),
        (brush([1, 2, 3]), "value is a brush that is cut short"),
        (brush(WHOLE[:-9]), "value is a brush that is cut short"),
        (brush([255] * 40), "value is a brush of 4294967295 values, not the 24576 of its photograph"),
        (brush(list(packed(np.ones(24580, np.uint8)))), "value is a brush of 24580 values, not the 24576"),
        (brush([0, 0, 96, 0, *packed(np.ones(24580, np.uint8))[4:]]), "of more than the 24576 values in its header"),
    ],
)
def test_invalid_result_is_reported_with_file_and_item(folder: Path, invalid: Any, expected: str) -> None:
    path = document(folder / "a.json", [task(SQUARE, invalid)])
    text = refusal(folder, folder.parent / "out")
    assert text.startswith(f"{path}: [0].annotations[0].result[1]")
    assert expected in text


@pytest.mark.parametrize(
    ("invalid", "expected"),
    [
        ({**task(SQUARE), "data": {"text": "none"}}, "1 annotated photographs are not in"),
        (
            {**task(SQUARE), "data": {"a": "a.png", "b": "b.png"}},
            "[0].data has 2 texts that may name the photograph (a, b): name the right",
        ),
        ({**task(SQUARE), "data": []}, "[0].data is a list, not a mapping"),
        ({**task(SQUARE), "annotations": 3}, "[0].annotations is 3, not a list"),
        ({**task(SQUARE), "annotations": [3]}, "[0].annotations[0] is 3, not a mapping"),
        ({**task(SQUARE), "annotations": [{}]}, "[0].annotations[0] has no result"),
    ],
)
def test_invalid_task_is_reported(folder: Path, invalid: Any, expected: str) -> None:
    document(folder / "a.json", [invalid])
    assert expected in refusal(folder, folder.parent / "out")
