"""Tiles of photographs, put together by the import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations.tile_names import TilePlace, tile_places
from segdrone.utils.digest import file_digest
from tests.annotations.conftest import document, imported, mask, photograph, refusal

SIZE, TILE = (64, 96), (64, 48)
SQUARE = [[40, 10], [60, 10], [60, 30], [40, 30]]  # reaches out of a tile of 48 columns


@pytest.fixture
def photo(folder: Path) -> Path:
    return folder / "a.png"


def places(photo: Path, tile: tuple[int, int] = TILE) -> list[TilePlace]:
    return tile_places(SIZE, tile, file_digest(photo))


def label(
    photo: Path, place: TilePlace, label: str = "car", points: Any = SQUARE, suffix: str = ".png", **more: Any
) -> Path:
    """Annotates a tile in LabelMe."""
    shapes = [{"label": label, "points": points, "shape_type": "polygon", "group_id": more.pop("group", None)}]
    name = place.name(photo.stem)
    content = {
        "imagePath": name + suffix, "imageData": None, "imageHeight": 64, "imageWidth": 48,
        "shapes": shapes if points else [], **more,
    }  # fmt: skip
    return document(photo.parent / "json" / f"{name}.json", content)


def test_shapes_stay_in_their_tiles(photo: Path) -> None:
    left, right = places(photo)
    label(photo, left)
    label(photo, right, "road", [[0, 0], [9, 0], [9, 9], [0, 9]])
    out = photo.parent.parent / "out"
    summary = imported(photo.parent, out)
    assert "put together: 1 photographs of 2 tiles" in summary.notes
    expected = np.full(SIZE, 255, np.uint8)
    expected[10:30, 40:48], expected[:9, 48:57] = 0, 1
    np.testing.assert_array_equal(mask(out), expected)


def test_the_background_fills_empty_tiles_but_not_missing_ones(photo: Path) -> None:
    left, right = places(photo)
    out = photo.parent.parent / "out"
    label(photo, left)
    expected = np.full(SIZE, 255, np.uint8)
    expected[:, :48], expected[10:30, 40:48] = 0, 1
    summary = imported(photo.parent, out, background="ground", allow_missing_tiles=True)
    np.testing.assert_array_equal(mask(out), expected)
    assert "ignored pixels: 1 tiles that are not in the annotations" in summary.notes
    label(photo, right, points=[])
    imported(photo.parent, out, background="ground")
    np.testing.assert_array_equal(mask(out), np.where(expected == 255, 0, expected))


def test_missing_tiles_are_named(photo: Path) -> None:
    first, *_ = places(photo, (9, 48))
    label(photo, first, imageHeight=8)
    text = refusal(photo.parent, photo.parent.parent / "out")
    digest = file_digest(photo)[:8]
    assert (
        f"15 of 16 tiles of {photo} are not in the annotations: a__tile_x48_y0_of_2x8_{digest}, a__tile_x0_y8" in text
    )
    assert "and more; export all of them from the tool, or ignore their pixels with --allow-missing-tiles" in text


def test_tiles_of_another_photograph_are_refused(photo: Path) -> None:
    label(photo, places(photo)[0])
    photograph(photo, (64, 97))
    assert "annotates a tile of another photograph than" in refusal(photo.parent, photo.parent.parent / "out")


def test_resized_tiles_are_refused(photo: Path) -> None:
    for place in places(photo):
        label(photo, place, imageHeight=32, imageWidth=24)
    text = refusal(photo.parent, photo.parent.parent / "out")
    assert "annotates a tile of 24 x 32 pixels that has 48 x 64: it was resized in the tool" in text


def test_renamed_tiles_are_refused(photo: Path) -> None:
    left, right = places(photo)
    name = right.name("a")
    label(photo, left)
    other = label(photo, right, imagePath=f"{name}_png.rf.0a1b.jpg")
    moved = other.rename(other.with_name("b.json"))
    assert "tile that was renamed in the tool" in refusal(photo.parent, photo.parent.parent / "out")
    moved.unlink()
    label(photo, right._replace(left=47))
    assert "96 x 64 pixels has not: the tile was renamed" in refusal(photo.parent, photo.parent.parent / "out")


def test_tiles_of_two_exports_are_refused(photo: Path) -> None:
    label(photo, places(photo)[0])
    label(photo, places(photo, (32, 32))[0], imageHeight=32, imageWidth=32)
    text = refusal(photo.parent, photo.parent.parent / "out")
    assert "of two exports (2 x 1 and 3 x 2)" in text or "of two exports (3 x 2 and 2 x 1)" in text


def test_a_tile_that_is_annotated_twice_is_refused_unless_one_is_empty(photo: Path) -> None:
    left, right = places(photo)
    label(photo, left)
    twice = label(photo, right, points=[])
    (photo.parent / "more").mkdir()
    copy = photo.parent / "more" / twice.name
    twice.rename(copy)
    label(photo, right, "road", [[0, 0], [9, 0], [9, 9], [0, 9]])
    out = photo.parent.parent / "out"
    imported(photo.parent, out)
    assert mask(out)[4, 52] == 1
    copy.write_bytes(twice.read_bytes())
    assert "both annotate the tile 'a__tile_x48_y0" in refusal(photo.parent, out.parent / "other")


def test_tiles_of_a_photograph_stay_in_one_split(photo: Path) -> None:
    photograph(photo.parent / "b.png")
    left, right = places(photo)
    for split, place in (("train", left), ("val", right)):
        made = label(photo, place)
        (photo.parent / split).mkdir()
        made.rename(photo.parent / split / made.name)
    text = refusal(photo.parent, photo.parent.parent / "out")
    assert "put tiles of" in text and "into two splits (train and val)" in text


def test_tiles_of_several_sources_are_put_together(photo: Path) -> None:
    for i, place in enumerate(places(photo)):
        made = label(photo, place)
        (photo.parent.parent / f"part{i}").mkdir()
        made.rename(photo.parent.parent / f"part{i}" / made.name)
    out = photo.parent.parent / "out"
    imported([out.parent / "part0", out.parent / "part1"], out, images=photo.parent)  # type: ignore[arg-type]
    assert mask(out)[15, 44] == 0 and mask(out)[15, 90] == 0


def test_things_without_a_group_are_joined_at_the_border(photo: Path) -> None:
    left, right = places(photo)
    label(photo, left, points=[[40, 10], [48, 10], [48, 30], [40, 30]])
    label(photo, right, points=[[0, 12], [9, 12], [9, 30], [0, 30]])
    out = photo.parent.parent / "out"
    assert [*numbers(photo, out)[20, [45, 50]]] == [1, 1]
    label(photo, right, points=[[0, 20], [9, 20], [9, 40], [0, 40]])  # a third of both
    assert [*numbers(photo, out)[25, [45, 50]]] == [1, 2]
    label(photo, right, points=[[0, 12], [9, 12], [9, 30], [0, 30]], label="van")
    assert [*numbers(photo, out)[20, [45, 50]]] == [1, 2]


def test_groups_decide_which_parts_are_one_thing(photo: Path) -> None:
    left, right = places(photo)
    out = photo.parent.parent / "out"
    label(photo, left, group=1)
    label(photo, right, points=[[0, 10], [9, 10], [9, 30], [0, 30]], group=2)
    assert [*numbers(photo, out)[20, [45, 50]]] == [1, 2]
    label(photo, right, points=[[20, 40], [30, 40], [30, 50], [20, 50]], group=1)
    assert [*numbers(photo, out)[[20, 45], [45, 70]]] == [1, 1]


def numbers(photo: Path, out: Path) -> NDArray[np.uint16]:
    imported(photo.parent, out, instances=True)
    return np.array(Image.open(out / "instances" / "a.png"))
