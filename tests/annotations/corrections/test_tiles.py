"""Corrections of photographs that were cut into tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.annotations.corrections import CorrectionOptions, compare_annotators
from segdrone.annotations.tile_names import TilePlace, tile_places
from segdrone.errors import DataError
from segdrone.utils.digest import file_digest
from tests.annotations.conftest import document
from tests.annotations.corrections.conftest import (
    CAR,
    ROAD,
    SIZE,
    SOIL,
    box,
    corrected,
    correction,
    read,
    refusal,
    stored_mask,
    write_image,
)
from tests.annotations.corrections.test_versions import annotation, task

WHOLE_TILE = (0, 0, 18, 24)


@pytest.fixture
def tiles(dataset: Path) -> list[TilePlace]:
    """The left and the right half of the photograph `a`."""
    return tile_places(SIZE, (24, 18), file_digest(dataset / "images" / "a.png"))


def tile(folder: Path, place: TilePlace, label: str, **more: Any) -> Path:
    return correction(folder, place.name("a"), box(label, *WHOLE_TILE), imageWidth=18, **more)


def test_tiles_become_one_mask(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    for place, label in zip(tiles, ("road", "car"), strict=True):
        tile(tmp_path / "fixed", place, label)
    summary = corrected(tmp_path / "fixed", dataset)
    mask = read(dataset / "masks" / "a.png")
    assert (mask[:, :18] == ROAD).all() and (mask[:, 18:] == CAR).all()
    assert [change.name for change in summary.changed] == ["a"]


def test_pixels_of_missing_tiles_stay_if_that_is_allowed(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    tile(tmp_path / "fixed", tiles[1], "car")
    assert "1 of 2 tiles of" in refusal(tmp_path / "fixed", dataset)
    corrected(tmp_path / "fixed", dataset, allow_missing_tiles=True)
    mask = read(dataset / "masks" / "a.png")
    np.testing.assert_array_equal(mask[:, :18], stored_mask()[:, :18])
    assert (mask[:, 18:] == CAR).all()


def test_tiles_of_several_people_are_put_together_apart(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    for name, labels in {"anna": ("road", "car"), "ben": ("road", "soil")}.items():
        for place, label in zip(tiles, labels, strict=True):
            tile(tmp_path / name, place, label)
    sources = [tmp_path / "anna", tmp_path / "ben"]
    assert "have several corrections (anna, ben)" in refusal(sources, dataset)
    options = CorrectionOptions(images=dataset / "images")
    summary = compare_annotators(sources, tmp_path / "out", options, progress=False)
    assert summary.agreement.pairs["anna", "ben"].pixel_agreement == 0.5
    corrected(sources, dataset, prefer=["ben"])
    assert (read(dataset / "masks" / "a.png")[:, 18:] == SOIL).all()


def shared_tasks(tiles: list[TilePlace], *answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks of Label Studio, one for each tile."""
    for one in answers:
        for answer in one:
            for result in answer["result"]:
                result |= {"original_width": 18}
    return [task(*one, image=f"{place.name('a')}.png") for place, one in zip(tiles, answers, strict=True)]


def test_tiles_that_people_shared_out_are_one_correction(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    tasks = shared_tasks(tiles, [annotation("anna", "road")], [annotation("ben", "car")])
    source = document(tmp_path / "tasks.json", tasks)
    summary = corrected(source, dataset)
    mask = read(dataset / "masks" / "a.png")
    assert (mask[:, :18] == ROAD).all() and (mask[:, 18:] == CAR).all()
    assert summary.changed[0].by == ["anna, ben"] and not summary.agreement.photographs
    with pytest.raises(DataError, match="no photograph has annotations of two people"):
        options = CorrectionOptions(images=dataset / "images")
        compare_annotators([source], tmp_path / "out", options, progress=False)


def test_tiles_of_several_sources_are_one_correction(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    for place, label in zip(tiles, ("road", "car"), strict=True):
        tile(tmp_path / label, place, label)
    named = [Path(f"{by}={tmp_path / label}") for by, label in (("anna", "road"), ("ben", "car"))]
    corrected(named, dataset, background="soil", prefer=["ben"])
    mask = read(dataset / "masks" / "a.png")
    assert (mask[:, :18] == ROAD).all() and (mask[:, 18:] == CAR).all()


def test_an_empty_annotation_of_a_tile_of_two_people_is_an_opinion(
    dataset: Path, tiles: list[TilePlace], tmp_path: Path
) -> None:
    answers = [annotation("anna", "road"), annotation("ben", "road", result=[])], [annotation("anna", "car")]
    source = document(tmp_path / "tasks.json", shared_tasks(tiles, *map(list, answers)))
    corrected(source, dataset)  # without a background, ben says nothing
    assert "have several corrections (anna, ben)" in refusal(source, dataset, background="soil")


def test_people_are_chosen_tile_by_tile(dataset: Path, tmp_path: Path) -> None:
    tiles = tile_places(SIZE, (24, 12), file_digest(dataset / "images" / "a.png"))
    labels = {"anna": ("road", "road", None), "ben": (None, "car", "car"), "eva": (None, "car", None)}
    for by, drawn in labels.items():
        for place, label in zip(tiles, drawn, strict=True):
            if label is not None:
                correction(tmp_path / by, place.name("a"), box(label, 0, 0, 12, 24), imageWidth=12)
    sources = [tmp_path / by for by in labels]
    assert "have several corrections (anna, ben, eva)" in refusal(sources, dataset)
    options = CorrectionOptions(images=dataset / "images")
    agreement = compare_annotators(sources, tmp_path / "out", options, progress=False).agreement
    assert {people: int(counts.confusion.sum()) for people, counts in agreement.pairs.items()} == {
        ("anna", "ben"): 12 * 24, ("anna", "eva"): 12 * 24, ("ben", "eva"): 12 * 24,
    }  # fmt: skip
    for choice, people, expected in (
        ({"prefer": ["anna"]}, ["anna, ben"], [ROAD, ROAD, CAR]),
        ({"merge": "majority"}, ["anna", "ben", "eva"], [ROAD, CAR, CAR]),
        ({"prefer": ["eva", "anna"]}, ["anna, ben, eva"], [ROAD, CAR, CAR]),
    ):
        write_image(stored_mask(), dataset / "masks" / "a.png")
        summary = corrected(sources, dataset, **choice)
        assert summary.changed[0].by == people
        assert read(dataset / "masks" / "a.png")[0, ::12].tolist() == expected
    (tmp_path / "ben" / f"{tiles[2].name('a')}.json").unlink()
    assert "1 of 3 tiles of" in refusal(sources, dataset, merge="majority")
    write_image(stored_mask(), dataset / "masks" / "a.png")
    corrected(sources, dataset, merge="majority", allow_missing_tiles=True)
    mask = read(dataset / "masks" / "a.png")
    assert (mask[:, :12] == ROAD).all() and (mask[:, 12:24] == CAR).all()
    np.testing.assert_array_equal(mask[:, 24:], stored_mask()[:, 24:])


def test_an_empty_tile_of_a_part_of_a_project_says_nothing(
    dataset: Path, tiles: list[TilePlace], tmp_path: Path
) -> None:
    tile(tmp_path / "anna", tiles[0], "road")
    for by, place in (("anna", tiles[1]), ("ben", tiles[1])):
        tile(tmp_path / by, place, "car")
    path = tile(tmp_path / "ben", tiles[0], "car")
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "shapes": []}))
    corrected([tmp_path / "anna", tmp_path / "ben"], dataset, background="soil", prefer=["ben"])
    mask = read(dataset / "masks" / "a.png")
    assert (mask[:, :18] == ROAD).all() and (mask[:, 18:] == CAR).all()
    named = [Path(f"{by}={tmp_path / by}") for by in ("anna", "ben")]
    corrected(named, dataset, background="soil", prefer=["ben"])
    assert (read(dataset / "masks" / "a.png")[:, :18] == SOIL).all()


def test_a_tile_of_another_photograph_is_refused(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    for place in tiles:
        tile(tmp_path / "fixed", place._replace(digest="0" * 8), "road")
    assert "a tile of another photograph than" in refusal(tmp_path / "fixed", dataset)


def test_things_of_tiles_are_joined(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    for name in "bc":
        (dataset / "images" / f"{name}.png").unlink()
        (dataset / "masks" / f"{name}.png").unlink()
    for place in tiles:
        tile(tmp_path / "fixed", place, "car")
    corrected(tmp_path / "fixed", dataset, instances=True)
    numbers = read(dataset / "instances" / "a.png")
    assert len({*np.unique(numbers).tolist()}) == 1 and numbers.all()


def test_things_of_missing_tiles_stay(dataset: Path, tiles: list[TilePlace], tmp_path: Path) -> None:
    mask, numbers = np.full(SIZE, CAR, np.uint8), np.ones(SIZE, np.uint16)
    numbers[:, 30:] = 2
    numbers[5:9, 18:30] = 3
    for name in "abc":
        write_image(mask, dataset / "masks" / f"{name}.png")
        write_image(numbers, dataset / "instances" / f"{name}.png")
    tile(tmp_path / "fixed", tiles[0], "car")
    corrected(tmp_path / "fixed", dataset, instances=True, allow_missing_tiles=True)
    after, left = read(dataset / "instances" / "a.png"), tiles[0].window(SIZE)
    assert left is not None and left.width == 18
    assert len({*after[:, :18].flat}) == 1 and (after > 0).all()
    assert after[0, 17] == after[0, 18]  # a thing that the border cuts is one again
    assert len({after[0, 18], after[6, 18], after[0, 30]}) == 3  # others stay apart, also those that touch it
