from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.export import LABEL_FORMATS, export_labels
from segdrone.annotations.export.checks import RECORD
from segdrone.classes import ClassTable
from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import ConfigError, DataError
from tests.annotations.export.conftest import IGNORED, TABLE, blobs, exported, read_back, write_masks

WAYS = [(name, kind) for name, chosen in LABEL_FORMATS.items() for kind in chosen.kinds if name != "voc"]


def masks_of(folder: Path) -> dict[str, NDArray[np.uint8]]:
    return {path.stem: np.array(Image.open(path)) for path in (folder / "masks").rglob("*.png")}


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_each_pixel_comes_back(folder: Path, name: str, kind: str) -> None:
    summary = exported(folder, name, kind=kind)
    assert (summary.photographs, summary.joined, summary.filled) == (3, 0, 0)
    back, masks = read_back(folder), masks_of(folder)
    assert back.keys() == masks.keys()
    for stem, mask in masks.items():
        np.testing.assert_array_equal(back[stem], mask, stem)


def test_masks_of_voc_come_back_without_an_import(folder: Path) -> None:
    exported(folder, "voc")
    (folder / "photographs").rename(folder / "out" / "JPEGImages")
    dataset = open_dataset(DataConfig(root=str(folder / "out")))
    assert dataset.table.names == TABLE.names
    masks = masks_of(folder)
    assert len(dataset.pairs) == 3
    for pair in dataset.pairs:
        np.testing.assert_array_equal(read_pair_mask(pair, dataset.encoding), masks[pair.image.stem])


@pytest.mark.parametrize("name", [name for name, kind in WAYS if kind == "polygons"])
def test_simplified_polygons_leave_no_gap(tmp_path: Path, name: str) -> None:
    pytest.importorskip("shapely")
    mask = np.where(blobs(4) == IGNORED, np.uint8(0), blobs(4))
    write_masks(tmp_path, {"a": mask})
    exported(tmp_path, name, kind="polygons", simplify=1.5)
    back = read_back(tmp_path)["a"]
    assert not (back == IGNORED).any()
    assert 0.95 < (back == mask).mean() < 1


def things_back(
    folder: Path, name: str, mask: NDArray[np.uint8], numbers: NDArray[np.uint16]
) -> Iterator[tuple[str, NDArray[np.uint16]]]:
    """Yields each kind of a format, and the numbers that come back; the mask comes back as it was."""
    write_masks(folder, {"a": mask})
    (folder / "instances").mkdir()
    Image.fromarray(numbers).save(folder / "instances" / "a.png")
    for kind in LABEL_FORMATS[name].kinds:
        exported(folder, name, kind=kind)
        np.testing.assert_array_equal(read_back(folder, instances=True)["a"], mask)
        yield kind, np.array(Image.open(folder / "back" / "instances" / "a.png"))


@pytest.mark.parametrize("name", ["cvat", "labelme", "coco", "coco-panoptic", "datumaro"])
def test_things_come_back_as_things(tmp_path: Path, name: str) -> None:
    mask, numbers = np.zeros((12, 20), np.uint8), np.zeros((12, 20), np.uint16)
    mask[2:8, 2:14] = 1
    numbers[2:8, 2:8], numbers[2:8, 8:14] = 7, 300  # they touch
    mask[10:, 16:], numbers[10:, 16:] = 1, 300  # a thing in two parts
    for kind, found in things_back(tmp_path, name, mask, numbers):
        parts = [found[3, 3], found[3, 10], found[11, 17]]
        assert len({*found[mask == 1].tolist()}) == 2 and parts[0] != parts[1] == parts[2], kind


@pytest.mark.parametrize("name", ["coco", "coco-panoptic"])
def test_things_without_a_number_come_back_without_one(tmp_path: Path, name: str) -> None:
    mask, numbers = np.zeros((12, 20), np.uint8), np.zeros((12, 20), np.uint16)
    mask[2:8, 2:8], mask[2:8, 12:18] = 1, 1
    numbers[2:8, 2:8] = 7
    for kind, found in things_back(tmp_path, name, mask, numbers):
        assert found[3, 3] > 0 and not found[2:8, 12:18].any(), kind


def test_a_dataset_is_its_own_input(folder: Path) -> None:
    exported(folder, "cvat")
    read_back(folder)
    summary = export_labels(folder / "back", folder / "again", "coco", progress=False)
    assert summary.table.names == TABLE.names
    back = folder / "back2"
    import_annotations(folder / "again", back, images=folder / "back" / "images", progress=False)
    names = json.loads((folder / "again" / "annotations.json").read_text())["images"]
    assert sorted(image["file_name"] for image in names) == ["a.jpg", "b.jpg", 'c & "d" + é#?%20.jpg']
    assert len(list((back / "masks").iterdir())) == 3


def test_small_masks_are_joined_and_small_polygons_left_out(tmp_path: Path) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[::4, ::4] = 1
    write_masks(tmp_path, {"a": mask})
    summary = exported(tmp_path, "cvat", max_shapes=10)
    assert (summary.shapes, summary.joined, summary.below) == (9, 93, 2)  # 1 of grass, 7 of cars, and their rest
    np.testing.assert_array_equal(read_back(tmp_path)["a"], mask)
    summary = exported(tmp_path, "cvat", kind="polygons", max_shapes=10)
    assert (summary.shapes, summary.filled, summary.filled_pixels, summary.below) == (1, 100, 100, 2)
    assert "left out: 100 regions of fewer than 2 pixels, 6.250 %" in "\n".join(summary.lines())
    assert not read_back(tmp_path)["a"].any()


def test_a_smallest_area_leaves_no_hole(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[2:4, 2:4], mask[10:16, 10:16] = 1, 2
    write_masks(tmp_path, {"a": mask})
    for kind in ("masks", "polygons"):
        assert exported(tmp_path, "coco", kind=kind, min_area=5).filled == 1
        np.testing.assert_array_equal(read_back(tmp_path)["a"], np.where(mask == 1, 0, mask))


def test_an_empty_mask_has_no_shape(tmp_path: Path) -> None:
    write_masks(tmp_path, {"a": blobs(1), "empty": np.full((9, 9), IGNORED, np.uint8)})
    for name, chosen in LABEL_FORMATS.items():
        for kind in chosen.kinds:
            summary = export_labels(tmp_path / "masks", tmp_path / f"{name}-{kind}", name, kind=kind, progress=False)
            assert summary.empty == ["empty.png"]
            assert "without a shape: 1 photographs, empty.png first" in summary.lines()


def test_the_next_export_replaces_the_last_one(folder: Path) -> None:
    exported(folder, "labelme")
    (folder / "out" / "mine.txt").write_text("stays")
    exported(folder, "cvat")
    names = {path.name for path in (folder / "out").iterdir() if path.is_file() and not path.name.startswith(".")}
    assert names == {"annotations.xml", "labels.json", "mine.txt"}
    assert not list((folder / "out" / "annotations").rglob("*.json"))


def test_what_was_corrected_in_its_place_is_not_replaced(folder: Path) -> None:
    exported(folder, "labelme")
    corrected = folder / "out" / "annotations" / "a.json"
    content = corrected.read_bytes()
    for path in (corrected, corrected.with_name("new.json")):
        path.write_bytes(content.replace(b'"version":"5', b'"version":"6'))
        for label_format in ("labelme", "cvat"):
            with pytest.raises(DataError, match=f"{path.name} was changed or added since the export"):
                exported(folder, label_format)
        assert b'"version":"6' in path.read_bytes()
        path.unlink()
    exported(folder, "labelme")  # what is missing is written again
    assert corrected.read_bytes() == content


def test_an_export_of_an_earlier_version_is_replaced(folder: Path) -> None:
    exported(folder, "labelme")
    (folder / "out" / RECORD).write_text('{"format": "labelme", "images": false}')
    (folder / "out" / "annotations" / "a.json").write_text("{}")
    exported(folder, "cvat")
    assert not list((folder / "out" / "annotations").rglob("*.json"))


def test_an_export_that_was_killed_at_its_end_is_replaced(folder: Path) -> None:
    exported(folder, "cvat")
    out, second = folder / "out", folder / "second"
    export_labels(folder / "masks", second, "cvat", kind="polygons", progress=False)
    (out / ".finished").mkdir()
    (second / "annotations.xml").replace(out / "annotations.xml")
    for name in ("labels.json", RECORD):
        (second / name).rename(out / ".finished" / name)
    assert exported(folder, "cvat").photographs == 3


def test_the_files_of_others_stay(folder: Path) -> None:
    (folder / "out" / "labels").mkdir(parents=True)
    with pytest.raises(DataError, match="labels is not of an earlier export"):
        exported(folder, "yolo")
    assert not (folder / "out" / "data.yaml").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"label_format": "csv"}, "--to csv is not a format: choose one of cvat, label-studio"),
        ({"label_format": "yolo", "kind": "masks"}, "--as masks does not go with --to yolo, which has polygons"),
        ({"label_format": "cvat", "simplify": 1.0}, "--simplify does nothing with masks"),
        ({"label_format": "cvat", "kind": "polygons", "simplify": float("nan")}, "must be a number of pixels"),
        ({"label_format": "cvat", "max_shapes": 0}, "--max-shapes 1 or more"),
        ({"label_format": "cvat", "predictions": True}, "--predictions is for Label Studio"),
        ({"label_format": "coco-panoptic", "max_shapes": 5}, "--max-shapes does not go with --to coco-panoptic"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder: Path, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        exported(folder, **options)
    assert not (folder / "out").exists()


def test_a_class_that_would_not_come_back_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    write_masks(tmp_path, {"a": np.zeros((4, 4), np.uint8)})
    (tmp_path / "masks" / "classes.csv").unlink()
    table.write_text(json.dumps([{"id": 0, "name": "road"}, {"id": 1, "name": "x" * 101}]))
    with pytest.raises(DataError, match="cannot be a label"):
        exported(tmp_path, "cvat", classes=str(table))


def test_photographs_that_share_a_file_are_refused(tmp_path: Path) -> None:
    write_masks(tmp_path / "1", {"a": blobs(1)})
    write_masks(tmp_path / "2", {"a": blobs(1)})
    (tmp_path / "2" / "photographs" / "a.jpg").rename(tmp_path / "2" / "photographs" / "a.jpeg")
    masks = [tmp_path / "1" / "masks", tmp_path / "2" / "masks"]
    with pytest.raises(DataError, match="have the same name"):
        export_labels(masks, tmp_path / "out", "cvat", progress=False)


def test_more_shapes_than_the_tool_bears_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        exported(folder, "cvat", max_shapes=5000)
    assert "cvat gets slow with more than 1000 masks on a photograph" in caplog.text


def test_simplification_without_shapely_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shapely", None)
    with pytest.raises(ConfigError, match=r"pip install 'segdrone\[geo\]'"):
        exported(folder, "cvat", kind="polygons", simplify=1)
    exported(folder, "cvat", kind="polygons")


def test_the_table_of_an_export_has_the_same_colors(folder: Path) -> None:
    for name in ("cvat", "label-studio", "datumaro"):
        exported(folder, name)
        back = folder / f"back-{name}"
        table: ClassTable = import_annotations(
            folder / "out", back, images=folder / "photographs", progress=False
        ).table
        assert dict(zip(table.names, table.colours, strict=True)) == dict(zip(TABLE.names, TABLE.colours, strict=True))
