from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations import ANNOTATION_FORMATS, import_annotations, write
from segdrone.class_files import read_class_table
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from tests.annotations import (
    test_coco,
    test_coco_panoptic,
    test_cvat,
    test_cvat_video,
    test_darwin,
    test_datumaro,
    test_encord,
    test_hasty,
    test_label_studio,
    test_labelbox,
    test_labelme_xml,
    test_supervisely,
    test_via,
    test_yolo,
)
from tests.annotations.conftest import document, imported, mask, photograph, refusal
from tests.annotations.test_labelme import labelme, shape

STREET = shape("street", [[10, 10], [50, 10], [50, 40], [10, 40]])
CAR = shape("car", [[20, 20], [30, 20], [30, 30], [20, 30]])

EXPORTS = {
    "labelme": lambda path: labelme(path / "a.json", CAR),
    "labelme-xml": lambda path: test_labelme_xml.labelme_xml(
        path / "a.xml", test_labelme_xml.thing("car", *test_labelme_xml.CAR)
    ),
    "coco": lambda path: test_coco.coco(path / "a.json", test_coco.annotation(90, [test_coco.SMALL])),
    "coco-panoptic": lambda path: panoptic(path),
    "cvat": lambda path: test_cvat.cvat(path / "a.xml", test_cvat.CAR.format(0)),
    "cvat-video": lambda path: test_cvat_video.video(path / "a.xml", test_cvat_video.outline(0, 10)),
    "label-studio": lambda path: document(path / "a.json", [test_label_studio.task(test_label_studio.SQUARE)]),
    "labelbox": lambda path: test_labelbox.ndjson(path / "a.json", test_labelbox.row(test_labelbox.SQUARE)),
    "darwin": lambda path: test_darwin.darwin(path / "a.json", test_darwin.polygon("a", test_darwin.square(1, 1, 9))),
    "encord": lambda path: test_encord.encord(path / "a.json", test_encord.thing(polygon=test_encord.POINTS)),
    "yolo": lambda path: test_yolo.yolo(path, test_yolo.SQUARE, label="labels/a.txt"),
    "via": lambda path: test_via.via(path / "a.json", test_via.region()),
    "datumaro": lambda path: test_datumaro.datumaro(path / "a.json", test_datumaro.SQUARE),
    "supervisely": lambda path: test_supervisely.supervisely(path, test_supervisely.SQUARE),
    "hasty": lambda path: test_hasty.hasty(path / "a.json", test_hasty.SQUARE),
}


def panoptic(path: Path) -> Path:
    test_coco_panoptic.segments(path / "a" / "a.png")
    info = [{"id": test_coco_panoptic.ROAD, "category_id": 1}, {"id": test_coco_panoptic.CAR, "category_id": 1}]
    large = {"id": test_coco_panoptic.LARGE, "category_id": 1}
    return test_coco_panoptic.panoptic(path / "a.json", segments_info=[*info, large])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photograph(tmp_path / "in" / "a.png")
    return tmp_path / "in"


@pytest.fixture
def every_name(folder: Path) -> Path:
    """A folder with the photographs that all of `EXPORTS` name."""
    for name in ("a.jpg", "frame_000000.png"):
        photograph(folder.parent / "photographs" / name)
    shutil.copy(folder / "a.png", folder.parent / "photographs" / "a.png")
    return folder.parent / "photographs"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", ANNOTATION_FORMATS)
def test_each_format_is_recognized(tmp_path: Path, every_name: Path, kind: str, named: bool) -> None:
    path = EXPORTS[kind](tmp_path / "export")
    (every_name / "a.jpg").unlink() if kind != "coco-panoptic" else None
    summary = imported(path, tmp_path / "out", images=every_name, annotation_format=kind if named else None)
    assert (summary.annotation_format, summary.photographs, summary.shapes.sum()) == (kind, 1, 1)


@pytest.mark.parametrize("kind", ANNOTATION_FORMATS)
def test_folder_of_each_format_is_recognized(tmp_path: Path, every_name: Path, kind: str) -> None:
    EXPORTS[kind](tmp_path / "export")
    (every_name / "a.jpg").unlink() if kind != "coco-panoptic" else None
    assert imported(tmp_path / "export", tmp_path / "out", images=every_name).annotation_format == kind


@pytest.mark.parametrize("kind", ANNOTATION_FORMATS)
@pytest.mark.parametrize("other", ANNOTATION_FORMATS)
def test_formats_are_not_confused(folder: Path, kind: str, other: str) -> None:
    path = EXPORTS[kind](folder)
    if kind != other:
        assert f"is not in the format {other}: give the right --format" in refusal(
            path, folder.parent / "out", annotation_format=other
        )


def test_imported_dataset_can_be_opened_for_training(tmp_path: Path) -> None:
    from segdrone.data.config import DataConfig
    from segdrone.data.dataset_folder import open_dataset
    from segdrone.data.masks.mask_files import read_mask

    source, out = tmp_path / "export", tmp_path / "dataset"
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees, as the tools show it
    photograph(source / "a.jpg")
    turned = Image.fromarray(np.zeros((96, 64, 3), np.uint8))
    turned.save(source / "b.jpg", exif=exif)
    for name in "ab":
        labelme(source / f"{name}.json", STREET, CAR, imagePath=f"..\\photos\\{name}.jpg")
    summary = imported(source, out)
    dataset = open_dataset(DataConfig(root=str(out)))
    assert dataset.table == summary.table
    pairs = dataset.pairs
    assert [(pair.id, pair.size) for pair in pairs] == [("a", (64, 96)), ("b", (64, 96))]
    for pair in pairs:
        assert pair.mask is not None
        assert pair.image.samefile(source / pair.image.name)
        values = read_mask(pair.mask, dataset.encoding)
        assert read_image(pair.image).shape[:2] == values.shape
        assert (values == 0).sum() == 100
        assert (values == 1).sum() == 30 * 40 - 100
    assert (summary.pixels[0], summary.pixels[1], summary.pixels.sum()) == (200, 2200, 2 * 64 * 96)
    assert summary.shapes.tolist() == [2, 2]


def test_background_fills_uncovered_pixels(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    summary = imported(folder, folder.parent / "out", background="ground")
    assert summary.table.names == ("ground", "car")
    values = mask(folder.parent / "out")
    assert (values[25, 25], values[0, 0], (values == 0).sum()) == (1, 0, 64 * 96 - 100)


def test_import_can_be_repeated_with_other_shapes(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", CAR)
    imported(folder, out)
    labelme(folder / "a.json", STREET, CAR)
    imported(folder, out)
    assert mask(out)[15, 15] == 1
    assert read_class_table(out / "classes.csv").names == ("car", "street")
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["a.png", "a.png", "classes.csv"]


def test_import_that_fails_leaves_the_earlier_one(folder: Path) -> None:
    out = folder.parent / "out"
    photograph(folder / "b.png")
    for name in "ab":
        labelme(folder / f"{name}.json", CAR, imagePath=f"{name}.png")
    imported(folder, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    labelme(folder / "a.json", STREET, CAR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "write_split", fail)
        with pytest.raises(KeyboardInterrupt):
            imported(folder, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    imported(folder, out)
    assert read_class_table(out / "classes.csv").names == ("car", "street")


def fail(*_: Any) -> None:
    raise KeyboardInterrupt


def test_dataset_whose_import_was_killed_while_it_was_replaced_is_refused(folder: Path) -> None:
    out = folder.parent / "out"
    labelme(folder / "a.json", CAR)
    imported(folder, out)
    (out / ".finished").mkdir()
    with pytest.raises(DataError, match="out holds results that a killed command had begun to replace: run the same"):
        find_dataset(out)
    imported(folder, out)
    assert len(find_dataset(out).pairs) == 1


def test_photographs_of_another_import_are_refused(folder: Path) -> None:
    photograph(folder / "b.png")
    labelme(folder / "a.json", CAR)
    labelme(folder / "b.json", STREET, imagePath="b.png")
    out = folder.parent / "out"
    imported(folder, out)
    (folder / "b.json").unlink()
    (out / "classes.csv").unlink()
    assert "b.png belongs to another import: remove" in refusal(folder, out)


def test_photographs_without_annotations_are_counted_as_skipped(folder: Path) -> None:
    photograph(folder / "b.png")
    photograph(folder / "c.png")
    labelme(folder / "a.json", CAR)
    labelme(folder / "b.json", imagePath="b.png")
    out = folder.parent / "out"
    assert imported(folder, out).skipped == {
        "photographs without a shape": 1,
        "photographs that the annotations do not name": 1,
    }
    assert [path.name for path in (out / "masks").iterdir()] == ["a.png"]


def test_annotations_and_photographs_may_be_in_separate_folders(folder: Path) -> None:
    path = labelme(folder.parent / "mine" / "a.json", CAR)
    assert imported(path, folder.parent / "out", images=folder).photographs == 1
    text = refusal(path, folder.parent / "out2")
    assert f"1 annotated photographs are not in {path.parent} (JPEG, PNG, TIFF or WebP): 'a.png'; give their" in text


def test_photographs_are_looked_for_beside_a_folder_of_annotations(folder: Path) -> None:
    path = labelme(folder / "labels" / "a.json", CAR)
    assert imported(path, folder.parent / "out").photographs == 1


@pytest.mark.parametrize("name", ["../secret.png", "{tmp}/secret.png", "deep/../../secret.png", "..\\secret.png"])
def test_paths_never_lead_out_of_the_folder(folder: Path, name: str) -> None:
    photograph(folder.parent / "secret.png")
    labelme(folder / "a.json", CAR, imagePath=name.format(tmp=folder.parent))
    assert "1 annotated photographs are not in" in refusal(folder, folder.parent / "out")


def test_link_to_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    (folder / "s.png").symlink_to(photograph(folder.parent / "secret.png"))
    labelme(folder / "a.json", CAR, imagePath="s.png")
    assert "s.png is a link to a file outside" in refusal(folder, folder.parent / "out")


def test_ambiguous_name_is_refused(folder: Path) -> None:
    photograph(folder / "x" / "b.png")
    photograph(folder / "y" / "b.png")
    labelme(folder / "a.json", CAR, imagePath="C:\\b.png")
    assert "names '/b.png', but" in refusal(folder, folder.parent / "out")


def test_photographs_that_would_share_a_mask_are_refused(folder: Path) -> None:
    photograph(folder / "x" / "b.png")
    photograph(folder / "x" / "b.jpg")
    labelme(folder / "a.json", CAR, imagePath="x/b.png")
    labelme(folder / "b.json", CAR, imagePath="x/b.jpg")
    assert "b.png and" in (text := refusal(folder, folder.parent / "out"))
    assert "would share one mask: rename one of them" in text


def test_equal_names_in_several_folders_stay_apart(folder: Path) -> None:
    photograph(folder / "x" / "b.png")
    photograph(folder / "y" / "b.jpg")
    labelme(folder / "a.json", CAR, imagePath="x/b.png")
    labelme(folder / "b.json", STREET, imagePath="y/b.jpg")
    summary = imported(folder, folder.parent / "out")
    assert summary.notes == [
        "photographs of 2 folders (x, y) are one dataset: if they are flights, keep each in one split "
        "(data.split_by or data.split_dir in training)",
        "named with their folders, as their names are equal: 2, x_b first",
    ]
    assert mask(folder.parent / "out", "x_b")[25, 25] == 0
    assert mask(folder.parent / "out", "y_b")[15, 15] == 1
    assert sorted(path.name for path in (folder.parent / "out" / "images").iterdir()) == ["x_b.png", "y_b.jpg"]


def test_photograph_annotated_twice_is_refused(folder: Path) -> None:
    first, second = labelme(folder / "a.json", CAR), labelme(folder / "b.json", CAR)
    assert f"{first} and {second} both annotate" in refusal(folder, folder.parent / "out")


@pytest.mark.parametrize("size", [(96, 64), (64, 95), (640, 960)])
def test_size_other_than_that_of_the_photograph_is_refused(folder: Path, size: tuple[int, int]) -> None:
    path = labelme(folder / "a.json", CAR, imageHeight=size[0], imageWidth=size[1])
    text = refusal(folder, folder.parent / "out")
    assert f"{path} annotates a photograph of {size[1]} x {size[0]} pixels, but {folder / 'a.png'} has 96 x 64" in text


def test_huge_size_is_refused_before_a_mask_is_drawn(folder: Path) -> None:
    labelme(folder / "a.json", CAR, imageHeight=1_000_000, imageWidth=1_000_000)
    assert "annotates a photograph of 1000000 x 1000000 pixels" in refusal(folder, folder.parent / "out")
    labelme(folder / "a.json", CAR, imageHeight=10**30, imageWidth=1)
    assert "imageHeight contains a number that is not finite or beyond" in refusal(folder, folder.parent / "out")


def test_unknown_labels_are_reported_with_count_and_file(folder: Path) -> None:
    lorry = {**CAR, "label": "lorry"}
    path = labelme(folder / "a.json", CAR, lorry, STREET, lorry)
    assert (
        f"the class table drone lacks 'lorry' (2 shapes, first in {path}: shapes[1]), "
        f"'street' (1 shapes, first in {path}: shapes[2]): add them"
        in refusal(folder, folder.parent / "out", classes="drone")
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "a.json is broken JSON"),
        ("[" * 200_000, "a.json is nested too deeply"),
        (
            "{}",
            "contains no annotations in a known format: export it as labelme, labelme-xml, coco, coco-panoptic, cvat",
        ),
        ("3", "a.json contains no annotations in a known format"),
        ("[]", "a.json contains no annotations in a known format"),
        ("[[]]", "a.json contains no annotations in a known format"),
    ],
)
def test_unknown_format_is_refused(folder: Path, content: str, expected: str) -> None:
    document(folder / "a.json", content)
    assert expected in refusal(folder, folder.parent / "out")


def test_formats_cannot_be_mixed(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    test_coco.coco(folder / "b.json")
    text = refusal(folder, folder.parent / "out")
    assert f"holds annotations in 2 formats: labelme ({folder / 'a.json'}), coco ({folder / 'b.json'}): choose" in text
    summary = imported(folder, folder.parent / "out", annotation_format="labelme")
    assert summary.notes == [f"passed over: 1 files that hold no such annotations: {folder / 'b.json'}"]


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        ("none", {}, "none does not exist: give an annotation file"),
        ("empty", {}, "empty contains no annotations (.json, .jsonl, .ndjson, .xml, .yaml or .yml)"),
        ("in/a.png", {}, "a.png contains no annotations (.json, .jsonl"),
        (
            "in",
            {"annotation_format": "voc"},
            "'voc' is not an annotation format: choose one of labelme, labelme-xml, coco, coco-panoptic",
        ),
        ("in", {"annotation_format": "cvat"}, "a.json is not in the format cvat"),
        ("in", {"images": Path("nowhere")}, "nowhere is not a folder"),
        ("in", {"classes": "nowhere.csv"}, "class table nowhere.csv does not exist"),
        ("in", {"classes": "drone", "background": "ground"}, "lacks 'ground' (the background)"),
        ("in", {"background": "ignore"}, "--background ignore: pixels outside of shapes are ignored without it"),
    ],
)
def test_invalid_arguments_are_reported(folder: Path, source: str, options: dict[str, Any], expected: str) -> None:
    labelme(folder / "a.json", CAR)
    (folder.parent / "empty").mkdir()
    assert expected in refusal(folder.parent / source, folder.parent / "out", **options)


def test_annotations_without_shapes_are_refused(folder: Path) -> None:
    labelme(folder / "a.json")
    assert "has no shape on any photograph" in refusal(folder, folder.parent / "out")
    assert imported(folder, folder.parent / "out", background="ground").photographs == 1


@pytest.mark.parametrize("out", ["in", "in/images"])
def test_folder_of_the_photographs_is_not_written_to(folder: Path, out: str) -> None:
    labelme(folder / "a.json", CAR)
    assert "would mix" in refusal(folder, folder.parent / out)
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.png"]


def test_folder_below_the_photographs_is_not_searched_for_them(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    for _ in range(2):
        assert imported(folder, folder / "out").skipped == {}
        assert imported(folder / "a.json", folder / "out").photographs == 1


def test_folder_without_write_permission_is_reported(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    out = folder.parent / "out"
    out.mkdir()
    (out / "masks").write_text("a file")
    assert f"{out} cannot be written to" in refusal(folder, out)


def test_broken_photograph_is_reported(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    (folder / "a.png").write_bytes(b"none")
    assert "a.png is not an image" in refusal(folder, folder.parent / "out")


def test_progress_bar_is_shown_on_demand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelme(folder / "a.json", CAR)
    import_annotations(folder, folder.parent / "out", progress=True)
    assert "masks: 100%" in capsys.readouterr().err
    shutil.rmtree(folder.parent / "out")
    imported(folder, folder.parent / "out")
    assert capsys.readouterr().err == ""
    assert os.listdir(folder.parent / "out" / "masks") == ["a.png"]
