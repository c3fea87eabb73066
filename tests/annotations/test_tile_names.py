from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segdrone.annotations.tile_names import TilePlace, has_tile_name, parse_tile_name, tile_places

SIDE, TILE = st.integers(1, 200), st.integers(1, 90)
DIGEST = "0123456789abcdef" * 4


@settings(max_examples=25, deadline=None)
@given(size=st.tuples(SIDE, SIDE), tile=st.tuples(TILE, TILE))
def test_tiles_cover_each_pixel_once_and_say_where_they_are(size: tuple[int, int], tile: tuple[int, int]) -> None:
    covers = np.zeros(size, int)
    for place in tile_places(size, tile, DIGEST):
        parsed = parse_tile_name(place.name("flight 1/a.b"))
        assert parsed == ("flight 1/a.b", place)
        window = parsed[1].window(size)
        assert window is not None and window.height <= tile[0] and window.width <= tile[1]
        covers[window.rows, window.columns] += 1
    assert (covers == 1).all()


@pytest.mark.parametrize(
    "name",
    [
        "DJI_0001", "DJI_0001_x2048_y0", "ortho__tile_x0_y0", "a__tile_x0_y0_of_2x2_0123456", "", "a/b",
        "__tile_x0_y0_of_2x2_01234567", "flight/__tile_x0_y0_of_2x2_01234567", "a__tile_x00_y0_of_2x2_01234567",
        "a__tile_x0_y0_of_0x2_01234567", "a__tile_x0_y0_of_2x2_0123456G", "a__tile_x0_y0_of_2x2_01234567 (1)",
        "a__tile_x99999999_y0_of_2x2_01234567",
    ],
)  # fmt: skip
def test_other_names_are_no_tiles(name: str) -> None:
    assert parse_tile_name(name) is None


def test_a_tile_of_a_tile_is_a_tile_of_the_tile() -> None:
    outer = TilePlace(0, 0, 2, 1, "01234567").name("a")
    inner = TilePlace(5, 7, 2, 2, "76543210")
    assert parse_tile_name(inner.name(outer)) == (outer, inner)


def test_a_changed_name_shows_that_it_was_one_of_a_tile() -> None:
    assert has_tile_name("a__tile_x0_y0_of_2x2_01234567_jpg.rf.0a1b")
    assert not has_tile_name("a__tile_x0_y0.jpg")


@pytest.mark.parametrize("place", [(1, 0, 2, 2), (0, 10, 2, 2), (0, 0, 11, 1), (0, 0, 1, 9999)])
def test_a_place_that_a_photograph_has_not_is_known(place: tuple[int, int, int, int]) -> None:
    assert TilePlace(*place, "01234567").window((8, 10)) is None
