"""What names tell: copies of one photograph, tiles of one mosaic, numbered series."""

from __future__ import annotations

import pytest

from segdrone.data.splits.photo_names import mosaic_tiles, numbered_series, source_photographs

UUIDS = ["3b2e1111-aaaa-bbbb-cccc-0123456789ab", "4b2e1111-aaaa-bbbb-cccc-0123456789ab"]


@pytest.mark.parametrize(
    ("ids", "copies"),
    [
        (["a_JPG.rf.00aa11bb", "a_JPG.rf.00aa11bc", "b_JPG.rf.0123abcd"], {0, 1}),
        (["001", "001_aug_1", "001_AUG_2", "002"], {0, 1, 2}),
        (["001_aug_1", "001_aug_2", "002", "003", "004"], {0, 1}),
        (["aug_0_001", "augmented_001", "001", "002"], {0, 1, 2}),
        (["001", "001-hflip", "001_rot90_bright1.2", "002"], {0, 1, 2}),
        (["001_rot90", "001_rot180", "002", "003"], {0, 1}),
        (["001", "001 (1)", "001 - Copy", "001_copy2", "002"], {0, 1, 2, 3}),
        (["001", *(f"images_original_001.jpg_{uuid}" for uuid in UUIDS), "002"], {0, 1, 2}),
        (["north/001", "north/001_flip", "south/002"], {0, 1}),
    ],
)
def test_copies_have_one_source(ids: list[str], copies: set[int]) -> None:
    sources = source_photographs(ids)
    together = {sources[ids[index]] for index in copies}
    assert len(together) == 1
    assert all(sources[name] == name or ".rf." in name for i, name in enumerate(ids) if i not in copies)
    assert together.isdisjoint(sources[name] for i, name in enumerate(ids) if i not in copies)


@pytest.mark.parametrize(
    "ids",
    [
        [f"{i:03d}" for i in range(30)],
        [f"DJI_{i:04d}" for i in range(30)],
        [f"site_aug_{i}" for i in range(12)],  # August
        ["north_crop_1", "north_crop_2", "south_crop_1", "south_crop_2"],  # maize
        ["photo (1)", "photo (2)", "photo (3)"],  # renamed together
        ["augsburg_01", "augsburg_02", "rotterdam_1", "darkroom"],
        ["Tile 1/image_part_001", "Tile 2/image_part_001"],
    ],
)
def test_other_names_are_no_copies(ids: list[str]) -> None:
    assert source_photographs(ids) == {name: name for name in ids}


@pytest.mark.parametrize(
    ("ids", "mosaics", "expression"),
    [
        ([f"area{a}_{y}_{x}" for a in (1, 2) for y in (0, 512) for x in (0, 512)], 2, "^(.+)_[0-9]+_[0-9]+$"),
        ([f"ortho_r{y:03}_c{x:03}" for y in range(3) for x in range(4)], 1, "^(.+)_r[0-9]+_c[0-9]+$"),
        ([f"m{a}-col{x}-row{y}" for a in "ab" for y in range(2) for x in range(2)], 2, "^(.+)-col[0-9]+-row[0-9]+$"),
        ([f"f{a}_{256 * (a % 2)}_{x}" for a in range(9) for x in (0, 256)], 9, "^(.+)_[0-9]+_[0-9]+$"),
        ([f"a_{y}_{x}_{y + 9}_{x + 9}" for y in (0, 9, 18) for x in (0, 9)], 1, "^(.+)_[0-9]+_[0-9]+_[0-9]+_[0-9]+$"),
        ([f"{y}_{x}" for y in range(3) for x in range(3)], 1, ""),
        ([f"{a}.{y}.{x}" for a in ("p", "q") for y in range(2) for x in range(3)], 2, "^(.+)[.][0-9]+[.][0-9]+$"),
    ],
)  # fmt: skip
def test_tiles_of_a_mosaic(ids: list[str], mosaics: int, expression: str) -> None:
    tiles = mosaic_tiles(ids)
    assert tiles is not None
    assert set(tiles.mosaics) == set(ids)
    assert len(set(tiles.mosaics.values())) == mosaics
    assert tiles.expression == expression


@pytest.mark.parametrize(
    "ids",
    [
        [f"{i:03d}" for i in range(30)],
        [f"DJI_2024010112{i:02}00_{i:04}" for i in range(30)],  # time and number
        [f"Tile {k}/image_part_{i:03}" for k in range(1, 9) for i in range(1, 10)],
        [f"N-33-60-D-c-4-2_{i}" for i in range(10)],
    ],
)
def test_other_names_are_no_tiles(ids: list[str]) -> None:
    assert mosaic_tiles(ids) is None


def test_numbered_series_have_several_beginnings() -> None:
    flights = [f"flight{a}_{i:02}" for a in "AB" for i in range(5)]
    assert set(numbered_series(flights).values()) == {"flightA_", "flightB_"}
    assert numbered_series([f"{i:03d}" for i in range(9)]) == {}
    assert numbered_series([*flights, "overview"]) == {}
    assert numbered_series([f"roof{i}" for i in range(5)] + ["yard1"]) == {}
