"""Points, lines and brushes as labels of a few pixels."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations.sparse import Sparse, parse_sparse
from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.errors import ConfigError
from tests.annotations.conftest import centers, document, imported, mask, photograph, refusal
from tests.annotations.test_bitmaps import packed, rgba
from tests.annotations.test_cvat import STREET, cvat
from tests.annotations.test_label_studio import region, task
from tests.annotations.test_labelme import labelme, shape
from tests.annotations.test_tiles import label, places


def near(x: float, y: float, radius: float) -> NDArray[np.bool_]:
    """Pixels whose centers are so near to a point."""
    columns, rows = centers()
    return np.asarray(np.hypot(columns - x, rows - y) < radius)


def drawn(source: Path, width: int = 8, **options: Any) -> NDArray[np.uint8]:
    out = source / "out" if source.is_dir() else source.parent / "out"
    imported(source, out, sparse=Sparse(width, **options))
    return mask(out)


def test_points_and_lines_of_labelme_get_another_width(folder: Path) -> None:
    point, line = shape("car", [[20, 30]], "point"), shape("road", [[40, 10], [80, 10]], "line")
    labelme(folder / "a.json", point, line)
    found = drawn(folder)
    assert ((found == 0) != near(20, 30, 4)).sum() <= 4
    assert (found[6:14, 40:80] == 1).all() and (found == 1).sum() == 8 * 40 + near(20, 30, 4).sum()
    assert ((found == 255) == ~np.isin(found, (0, 1))).all()


def test_points_and_polylines_of_cvat(folder: Path) -> None:
    lines = '<polyline label="street" points="10,20;50,20"/><points label="car" points="70,20;80,40" group_id="3"/>'
    cvat(folder / "a.xml", lines)
    found = drawn(folder)
    assert (found[16:24, 10:50] == 2).all()
    assert ((found == 0) != (near(70, 20, 4) | near(80, 40, 4))).sum() <= 8
    text = refusal(folder, folder / "other")
    assert "skipped: 2 points and open lines, which cover no pixels (--sparse draws them)" in text


def test_areas_stay_areas_beside_points(folder: Path) -> None:
    cvat(folder / "a.xml", STREET, '<points label="car" points="20,20"/>')
    found = drawn(folder)
    assert (found[30:40, 10:50] == 2).all() and found[20, 20] == 0


def test_keypoints_vectors_and_brushes_of_label_studio(folder: Path) -> None:
    truth = np.zeros((64, 96), bool)
    truth[50:60, 50:60] = True
    vertices = [{"id": str(i), "x": x, "y": 25} for i, x in enumerate((50, 75))]
    results = [
        region("keypoint", "car", {"x": 25, "y": 50, "width": 0.3}),
        region("vector", "road", {"vertices": vertices, "closed": False}),
        region("brush", "tree", {"format": "rle", "rle": list(packed(rgba(truth * np.uint8(255))))}),
        region("keypoint", ["car", "road"], {"x": 1, "y": 1, "width": 0.3}),
        region("vector", "road", {"vertices": [], "closed": False}),
    ]
    document(folder / "a.json", [task(*results)])
    found = drawn(folder)
    assert ((found == 0) != near(24, 32, 4)).sum() <= 4
    assert (found[12:20, 48:72] == 1).all()
    np.testing.assert_array_equal(found == 2, truth)


def test_the_smallest_point_covers_a_pixel_wherever_it_is(folder: Path) -> None:
    for x in (20.0, 20.5, 20.25):
        labelme(folder / "a.json", shape("car", [[x, x]], "point"))
        assert 1 <= (drawn(folder, 2) == 0).sum() <= 6


def test_masks_of_points_are_a_dataset(folder: Path) -> None:
    labelme(folder / "a.json", shape("car", [[20, 30]], "point"))
    drawn(folder)
    dataset = open_dataset(DataConfig(root=str(folder / "out")))
    assert len(dataset.pairs) == 1 and dataset.table.names == ("car",)


@pytest.fixture
def halves(folder: Path) -> Path:
    """A photograph whose left half is dark, and whose right half is bright."""
    pixels = np.full((64, 96, 3), 40, np.uint8)
    pixels[:, 45:] = (220, 200, 90)
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def test_labels_spread_over_their_superpixels(halves: Path) -> None:
    pytest.importorskip("skimage")
    points = [shape("a", [[20, 30]], "point"), shape("b", [[50, 30]], "point"), shape("c", [[90, 5]], "point")]
    labelme(halves / "a.json", *points)
    few = drawn(halves, 4)
    found = drawn(halves, 4, superpixel_width=24)
    for class_id in range(3):
        assert (found[few == class_id] == class_id).all()
        assert 5 * (few == class_id).sum() < (found == class_id).sum() < 2 * 24**2
    assert not np.isin(found[:, 45:], 0).any() and not np.isin(found[:, :45], (1, 2)).any()
    assert (found == 255).any()


@pytest.mark.parametrize("other", ["b", "__ignore__"])
def test_superpixels_of_two_labels_keep_them_as_drawn(halves: Path, other: str) -> None:
    pytest.importorskip("skimage")
    labelme(halves / "a.json", shape("a", [[20, 30]], "point"), shape(other, [[26, 30]], "point"))
    few = drawn(halves, 4)
    summary = imported(halves, halves / "out", sparse=Sparse(4, 90))
    np.testing.assert_array_equal(mask(halves / "out"), few)
    assert "not spread: 1 superpixels with labels of several classes, which stay as drawn" in summary.notes


def test_a_photograph_that_cannot_be_divided_is_refused_without_options_that_an_import_lacks(halves: Path) -> None:
    pytest.importorskip("skimage")
    Image.fromarray(np.full((64, 96), 2000, np.uint16)).save(halves / "a.png")
    labelme(halves / "a.json", shape("a", [[20, 30]], "point"))
    text = refusal(halves, halves / "out", sparse=Sparse(4, 24))
    assert "1 band of uint16, not 8 bits per channel: convert it to 8-bit RGB" in text


def test_areas_do_not_spread(halves: Path) -> None:
    pytest.importorskip("skimage")
    labelme(halves / "a.json", shape("a", [[5, 5], [15, 5], [15, 15]]), shape("b", [[80, 30]], "point"))
    found = drawn(halves, 4, superpixel_width=12)
    assert (found == 0).sum() in range(30, 70)
    assert (found == 1).sum() > 60


@pytest.mark.parametrize("is_embedded", [False, True])
def test_photographs_are_spread_as_displayed(halves: Path, is_embedded: bool) -> None:
    pytest.importorskip("skimage")
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(halves / "a.png") as image:
        image.convert("RGB").save(halves / "a.jpg", exif=exif, quality=95)
    (halves / "a.png").unlink()
    data = base64.b64encode((halves / "a.jpg").read_bytes()).decode() if is_embedded else None
    if is_embedded:
        (halves / "a.jpg").unlink()
    points = shape("a", [[30, 20]], "point"), shape("b", [[30, 80]], "point")
    labelme(halves / "a.json", *points, imagePath="a.jpg", imageData=data, imageHeight=96, imageWidth=64)
    found = drawn(halves, 4, superpixel_width=24)
    assert found.shape == (96, 64)
    assert (found == 0).sum() > 60 and not (found[46:] == 0).any() and not (found[:44] == 1).any()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((False, 5, None, None), "--sparse-width is for points and lines: give --sparse too"),
        ((False, None, "superpixels", None), "--spread is for points and lines: give --sparse too"),
        ((True, None, "clusters", None), "--spread clusters is unknown: give --spread superpixels"),
        ((True, None, None, 20), "--superpixel-width needs --spread superpixels"),
        ((True, 1, None, None), "--sparse-width 1 must be 2 to 1000 pixels"),
        ((True, None, "superpixels", 0), "--superpixel-width 0 must be 4 to 512 pixels"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse_sparse(*options)


def test_options_of_the_command() -> None:
    assert parse_sparse(False, None, None, None) is None
    assert parse_sparse(True, None, None, None) == Sparse(10, None)
    assert parse_sparse(True, 4, "superpixels", None) == Sparse(4, 32)


@pytest.mark.parametrize("options", [{"background": "ground"}, {"instances": True}])
def test_what_a_few_pixels_cannot_say_is_refused(folder: Path, options: dict[str, Any]) -> None:
    labelme(folder / "a.json", shape("car", [[20, 30]], "point"))
    with pytest.raises(ConfigError, match="does not go with --sparse, where a few pixels are labeled"):
        imported(folder, folder / "out", sparse=Sparse(), **options)


def test_an_export_of_areas_alone_is_refused(folder: Path) -> None:
    labelme(folder / "a.json", shape("car", [[20, 30], [40, 30], [40, 60]]))
    assert "has no points or lines (LabelMe, CVAT" in refusal(folder, folder / "out", sparse=Sparse())


def test_a_missing_library_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "skimage.segmentation", None)
    labelme(folder / "a.json", shape("car", [[20, 30]], "point"))
    with pytest.raises(ConfigError, match=r"pip install 'segdrone\[classic\]'"):
        imported(folder, folder / "out", sparse=Sparse(10, 32))


def test_points_on_tiles_are_put_together(folder: Path) -> None:
    photo = photograph(folder / "a.png")
    for place in places(photo):
        label(photo, place, points=[[20, 30]], suffix=".png", shapes=[shape("car", [[20, 30]], "point")])
    found = drawn(folder)
    assert ((found == 0) != (near(20, 30, 4) | near(68, 30, 4))).sum() <= 8


def test_labels_spread_within_the_tiles_that_are_there(folder: Path) -> None:
    pytest.importorskip("skimage")
    photo = folder / "a.png"
    Image.fromarray(np.full((64, 96, 3), 40, np.uint8)).save(photo)
    left = places(photo)[0]
    label(photo, left, points=[[45, 30]], suffix=".png", shapes=[shape("car", [[45, 30]], "point")])
    summary = imported(folder, folder / "out", sparse=Sparse(4, 32), allow_missing_tiles=True)
    assert "spread: the labels of 1 superpixels, about 32 pixels wide" in summary.notes
    assert not any("not spread" in note for note in summary.notes)
    found = mask(folder / "out")
    assert 200 < (found[:, :48] == 0).sum() < 48 * 64 and (found[:, 48:] == 255).all()
