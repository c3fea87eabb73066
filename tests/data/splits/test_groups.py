"""Groups of photographs that are not independent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.splits.groups import group_photographs, overlapping_places
from segdrone.errors import ConfigError, DataError
from segdrone.raster.capture import Capture
from tests.helpers.capture import save_with_exif
from tests.helpers.small_dataset import photograph


def pair(name: str, image: Path = Path("photos/x.jpg"), group: str = "") -> ImageMaskPair:
    return ImageMaskPair(name, image, None, (6, 9), group=group)


def by_group(groups: dict[str, str]) -> list[set[str]]:
    return [{name for name, group in groups.items() if group == one} for one in dict.fromkeys(groups.values())]


def test_folder_is_the_sequence_or_the_folder_of_the_file() -> None:
    pairs = [pair("a", group="seq1"), pair("b", group="seq2"), pair("t1/c"), pair("t1/d"), pair("e", Path("x/e.jpg"))]
    assert by_group(group_photographs(pairs, "folder")) == [{"a"}, {"b"}, {"t1/c", "t1/d"}, {"e"}]


@pytest.mark.parametrize(
    ("expression", "groups"),
    [
        (r"^(.+)_\d+$", [{"north_1", "north_2"}, {"south_1"}]),
        (r"north|south", [{"north_1", "north_2"}, {"south_1"}]),
        (r"^(north).*$|.+", [{"north_1", "north_2"}, {"south_1"}]),
        (r"\d", [{"north_1", "south_1"}, {"north_2"}]),
        (r".+", [{"north_1"}, {"north_2"}, {"south_1"}]),
    ],
)
def test_an_expression_names_the_group(expression: str, groups: list[set[str]]) -> None:
    assert by_group(group_photographs([pair(n) for n in ("north_1", "north_2", "south_1")], expression)) == groups


@pytest.mark.parametrize(("expression", "text"), [("north", "1 of 2 photographs, such as south"), ("(", "fix it")])
def test_an_expression_that_does_not_fit_is_refused(expression: str, text: str) -> None:
    with pytest.raises(ConfigError, match=r"data.split_by") as caught:
        group_photographs([pair("north"), pair("south")], expression)
    assert text in str(caught.value)


Change = Callable[[Image.Image], Image.Image]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.transpose(Image.Transpose.ROTATE_90),
        lambda image: ImageEnhance.Brightness(image).enhance(1.3),
        lambda image: ImageEnhance.Contrast(image.transpose(Image.Transpose.TRANSPOSE)).enhance(0.7),
        lambda image: image.resize((45, 31)),
    ],
)
def test_near_copies_are_one_group(tmp_path: Path, change: Change) -> None:
    for number in range(3):
        Image.fromarray(photograph(number)).save(tmp_path / f"{number}.png")
    change(Image.fromarray(photograph(1))).save(tmp_path / "copy.jpg", quality=60)
    pairs = [pair(path.stem, path) for path in sorted(tmp_path.iterdir())]
    assert {"1", "copy"} in by_group(group_photographs(pairs, "similarity"))
    assert len(by_group(group_photographs(pairs, "similarity"))) == 3


def test_places_are_groups(tmp_path: Path) -> None:
    places = {"a": (47.0, 15.0), "b": (47.0002, 15.0), "c": (47.0004, 15.0), "d": (47.1, 15.0), "e": (-47.0, 15.0)}
    pairs = [pair(name, save_with_exif(tmp_path / f"{name}.jpg", position)) for name, position in places.items()]
    assert by_group(group_photographs(pairs, "gps")) == [{"a", "b", "c"}, {"d"}, {"e"}]  # 22 m from one to the next
    assert len(by_group(group_photographs(pairs, "gps", distance=20))) == 5
    assert by_group(group_photographs(pairs, "gps", distance=12_000)) == [{"a", "b", "c", "d"}, {"e"}]


def test_low_flights_have_small_footprints(tmp_path: Path) -> None:
    low = {"a": (47.0, 15.0), "b": (47.0002, 15.0)}
    pairs = [pair(name, save_with_exif(tmp_path / f"{name}.jpg", place, height=10)) for name, place in low.items()]
    assert len(by_group(group_photographs(pairs, "gps"))) == 2  # 15 m wide, 22 m apart


def test_upright_photographs_overlap_along_their_longer_side(tmp_path: Path) -> None:
    places = {"a": (47.0, 15.0), "b": (47.0002, 15.0)}  # 22 m apart, 27 m high, 18 m wide
    pixels = np.full((9, 6, 3), 90, np.uint8)
    pairs = [
        pair(name, save_with_exif(tmp_path / f"{name}.jpg", place, height=18, pixels=pixels))
        for name, place in places.items()
    ]
    assert len(by_group(group_photographs(pairs, "gps"))) == 1


def test_a_photograph_without_position_is_named(tmp_path: Path) -> None:
    pairs = [pair("a", save_with_exif(tmp_path / "a.jpg", (47.0, 15.0))), pair("b", save_with_exif(tmp_path / "b.jpg"))]
    with pytest.raises(DataError, match=r"1 of 2 photographs have no position .* such as b.jpg"):
        group_photographs(pairs, "gps")


def test_places_across_the_date_line_overlap() -> None:
    captures = [Capture(position=(10.0, 179.9999)), Capture(), Capture(position=(10.0, -179.9999))]
    assert overlapping_places(captures) == [(0, 2)]
