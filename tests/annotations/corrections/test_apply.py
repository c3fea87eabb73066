"""Corrections replace masks of a dataset: all or none, and nothing of what was there is lost."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from segdrone.annotations.corrections import apply
from segdrone.data import DataConfig, open_dataset
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.data.class_weights import mask_states
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.data.reader import CachedReader
from segdrone.errors import DataError
from segdrone.windows import Window
from tests.annotations.corrections.conftest import (
    ALL_SOIL,
    CAR,
    SIZE,
    content,
    corrected,
    corrected_mask,
    correction,
    read,
    refusal,
    stored_mask,
    write_image,
    write_photograph,
)


def test_a_corrected_mask_replaces_the_earlier_one_which_is_kept(dataset: Path, fixed: Path) -> None:
    before = content(dataset)
    summary = corrected(fixed, dataset)
    mask = dataset / "masks" / "a.png"
    np.testing.assert_array_equal(read(mask), corrected_mask())
    assert summary.folder is not None
    kept = dataset / summary.folder
    assert (kept / "before" / "masks" / "a.png").read_bytes() == before[mask]
    after = content(dataset)
    assert {path: after[path] for path in before if path != mask} == {p: b for p, b in before.items() if p != mask}
    assert sorted(str(path.relative_to(kept)) for path in after if path not in before) == [
        "before/masks/a.png", "changes.csv", "changes.png", "corrections.json",
    ]  # fmt: skip
    assert [change.name for change in summary.changed] == ["a"]


def test_the_record_says_when_from_what_and_what_changed(dataset: Path, fixed: Path) -> None:
    summary = corrected([Path(f"anna={fixed}")], dataset)
    assert summary.folder is not None
    record = json.loads((dataset / summary.folder / "corrections.json").read_text())
    assert record["sources"] == [{"path": str(fixed), "format": "labelme", "by": "anna"}]
    assert [*record["files"]] == [str(fixed / "a.json")] and len(record["files"][str(fixed / "a.json")]) == 64
    assert record["classes"] == ["soil", "road", "car"]
    described = record["photographs"]["a"]
    assert described["by"] == ["anna"] and described["mask"] == "masks/a.png"
    assert described["changed_pixels"] == 48 + 36 and len(described["mask_before"]) == 64
    rows = [*csv.DictReader((dataset / summary.folder / "changes.csv").open())]
    assert [(row["class"], row["gained"], row["lost"], row["gained_from"], row["by"]) for row in rows] == [
        ("soil", "18", "48", "ignored 18", "anna"),
        ("road", "18", "0", "ignored 18", "anna"),
        ("car", "48", "0", "soil 48", "anna"),
        ("ignored", "0", "36", "", "anna"),
    ]


def test_the_same_corrections_change_nothing_again(dataset: Path, fixed: Path) -> None:
    corrected(fixed, dataset)
    before = content(dataset)
    summary = corrected(fixed, dataset)
    assert not summary.changed and summary.folder is None
    assert content(dataset) == before


def test_what_is_kept_is_no_part_of_the_dataset(dataset: Path, fixed: Path) -> None:
    corrected(fixed, dataset)
    files = find_dataset(dataset)
    assert [pair.id for pair in files.pairs] == ["a", "b", "c"] and not files.passed_over
    shutil.copytree(dataset / "corrections", dataset / "images" / "corrections")
    assert [pair.id for pair in find_dataset(dataset).pairs] == ["a", "b", "c"]


def test_a_run_that_is_killed_while_files_are_replaced_is_finished_by_the_next_one_and_can_be_undone(
    dataset: Path, fixed: Path
) -> None:
    correction(fixed, "b")
    before = content(dataset)
    moved: list[Path] = []
    move = os.replace

    def move_some(source: Path, target: Path) -> None:
        if ".finished" in str(source):
            moved.append(target)
            if len(moved) > 2:
                raise KeyboardInterrupt
        move(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", move_some)
        with pytest.raises(KeyboardInterrupt):
            corrected(fixed, dataset)
    with pytest.raises(DataError, match="a killed command had begun to replace: run the same command again"):
        find_dataset(dataset)
    assert not corrected(fixed, dataset).changed
    for name in "ab":
        np.testing.assert_array_equal(read(dataset / "masks" / f"{name}.png"), corrected_mask())
    (kept,) = (dataset / "corrections").iterdir()
    assert {*json.loads((kept / "corrections.json").read_text())["photographs"]} == {"a", "b"}
    shutil.copytree(kept / "before", dataset, dirs_exist_ok=True)  # as the printed command does
    assert {path: data for path, data in content(dataset).items() if path in before} == before


def test_a_full_disk_changes_nothing(dataset: Path, fixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(apply, "write_changes", full)
    assert "No space left on device): no mask has changed; free some disk space" in refusal(fixed, dataset)
    assert len(find_dataset(dataset).pairs) == 3


def test_a_file_in_the_place_of_the_folder_of_corrections_changes_nothing(dataset: Path, fixed: Path) -> None:
    (dataset / "corrections").write_text("mine")
    assert "cannot be written to (" in refusal(fixed, dataset)


def test_a_link_is_replaced_and_the_file_that_it_leads_to_stays(dataset: Path, fixed: Path) -> None:
    mask, other = dataset / "masks" / "a.png", dataset.parent / "other.png"
    shutil.move(mask, other)
    mask.symlink_to(other)
    before = other.read_bytes()
    summary = corrected(fixed, dataset)
    assert other.read_bytes() == before and not mask.is_symlink()
    np.testing.assert_array_equal(read(mask), corrected_mask())
    assert summary.folder is not None
    assert (dataset / summary.folder / "before" / "masks" / "a.png").read_bytes() == before
    record = json.loads((dataset / summary.folder / "corrections.json").read_text())
    assert record["photographs"]["a"]["was_link_to"] == str(other)


def test_a_hard_link_of_another_dataset_keeps_its_content(dataset: Path, fixed: Path) -> None:
    other = dataset.parent / "other.png"
    os.link(dataset / "masks" / "a.png", other)
    corrected(fixed, dataset)
    np.testing.assert_array_equal(read(other), stored_mask())


def test_a_photograph_without_a_mask_gains_one(dataset: Path, fixed: Path) -> None:
    write_photograph(dataset / "images" / "d.png", 4)
    correction(fixed, "d")
    summary = corrected(fixed, dataset)
    assert [change.name for change in summary.changed if change.is_new] == ["d"]
    np.testing.assert_array_equal(read(dataset / "masks" / "d.png")[:-1], corrected_mask()[:-1])
    assert len(find_dataset(dataset).pairs) == 4


def place_at(x: float, y: float) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The tags of a GeoTIFF whose first pixel is there."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550], tags[33922] = (0.5, 0.5, 0.0), (0.0, 0.0, 0.0, x, y, 0.0)
    tags.tagtype[33550] = tags.tagtype[33922] = 12
    return tags


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_a_new_mask_is_where_its_photograph_is_not_where_the_mask_is_whose_form_it_has(
    dataset: Path, fixed: Path, suffix: str
) -> None:
    for name in "abc":
        (dataset / "masks" / f"{name}.png").unlink()
        Image.fromarray(stored_mask()).save(dataset / "masks" / f"{name}.tif", tiffinfo=place_at(5e5, 52e5))
    photograph = write_photograph(dataset / "images" / "d.png", 4)
    if suffix == "tif":
        with Image.open(photograph) as image:
            image.save(photograph.with_suffix(".tif"), tiffinfo=place_at(6e5, 53e5))
        photograph.unlink()
    correction(fixed, "d", imagePath=f"d.{suffix}")
    assert len(corrected(fixed, dataset).changed) == 2
    places = []
    for name in "ad":
        with Image.open(dataset / "masks" / f"{name}.tif") as image:
            places.append(image.tag_v2.get(33922))  # type: ignore[attr-defined]
    assert places == [(0, 0, 0, 5e5, 52e5, 0), (0, 0, 0, 6e5, 53e5, 0) if suffix == "tif" else None]


def test_a_photograph_without_shapes_keeps_its_mask(dataset: Path, fixed: Path) -> None:
    document = json.loads(correction(fixed, "b").read_text())
    (fixed / "b.json").write_text(json.dumps({**document, "shapes": []}))
    summary = corrected(fixed, dataset)
    assert summary.empty == 1 and [change.name for change in summary.changed] == ["a"]
    assert [change.name for change in corrected(fixed, dataset, background="car").changed] == ["b"]
    assert (read(dataset / "masks" / "b.png") == CAR).all()


def test_ids_of_the_class_table_are_kept(dataset: Path, fixed: Path) -> None:
    (dataset / "classes.csv").write_text("id,name,r,g,b\n7,road,1,1,1\n40,car,2,2,2\n41,soil,3,3,3\n")
    codes = np.array([41, 7, 40, *[255] * 253], np.uint8)
    for name in "abc":
        write_image(codes[stored_mask()], dataset / "masks" / f"{name}.png")
    corrected(fixed, dataset)
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), codes[corrected_mask()])


def test_colors_are_kept(dataset: Path, fixed: Path) -> None:
    (dataset / "classes.csv").write_text("name,r,g,b\nsoil,90,60,30\nroad,90,90,90\ncar,200,0,0\nignored,9,9,9\n")
    colors = np.zeros((256, 3), np.uint8)
    colors[:3], colors[255] = [(90, 60, 30), (90, 90, 90), (200, 0, 0)], 9
    for name in "abc":
        write_image(colors[stored_mask()], dataset / "masks" / f"{name}.png")
    corrected(fixed, dataset)
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), colors[corrected_mask()])


def test_no_data_of_a_photograph_is_not_corrected(dataset: Path, fixed: Path) -> None:
    alpha = np.full(SIZE, 255, np.uint8)
    alpha[:4] = 0
    photograph = np.dstack([read(dataset / "images" / "a.png"), alpha])
    write_image(photograph, dataset / "images" / "a.png")
    corrected(fixed, dataset)
    expected = corrected_mask()
    expected[:4] = stored_mask()[:4]
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), expected)


def test_decoded_pixels_and_counts_of_training_are_not_stale(dataset: Path, fixed: Path) -> None:
    cache = DiskCache(dataset.parent / "cache")
    cache.reserve([])
    window = Window(0, 0, *SIZE)

    def masks() -> list[Any]:
        opened = open_dataset(DataConfig(root=str(dataset)))
        reader = CachedReader(opened.encoding, "area", DiskCache(cache.folder))
        states = mask_states(opened.pairs, opened.encoding)
        return [states, *(reader.mask(pair, SIZE, window).tolist() for pair in opened.pairs)]

    reader = CachedReader(open_dataset(DataConfig(root=str(dataset))).encoding, "area", cache)
    pair = open_dataset(DataConfig(root=str(dataset))).pairs[0]
    np.testing.assert_array_equal(reader.mask(pair, SIZE, window), stored_mask())  # open while it is corrected
    states, first, *others = masks()
    corrected(fixed, dataset)
    np.testing.assert_array_equal(reader.mask(pair, SIZE, window), corrected_mask())
    new_states, new_first, *new_others = masks()
    assert new_first == corrected_mask().tolist() != first and new_others == others
    assert new_states[0] != states[0] and new_states[1:] == states[1:]


def test_pictures_leave_out_what_cannot_be_decoded(
    dataset: Path, fixed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photograph = dataset / "images" / "a.png"
    photograph.write_bytes(photograph.read_bytes()[:300])
    summary = corrected(fixed, dataset)
    assert summary.folder is not None and not (dataset / summary.folder / "changes.png").exists()
    assert "not drawn: " in caplog.text and "a.png" in caplog.text


def test_the_folder_must_exist(fixed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--onto .*missing is not a folder"):
        corrected(fixed, tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_a_mask_of_another_class_alone_is_written_as_such(dataset: Path, fixed: Path) -> None:
    correction(fixed, "a", ALL_SOIL)
    corrected(fixed, dataset)
    assert (read(dataset / "masks" / "a.png") == 0).all()
