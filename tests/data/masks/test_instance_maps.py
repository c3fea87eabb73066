"""Instance maps: found beside the masks, read as numbers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.data import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.instance_maps import (
    InstanceMaps,
    find_instance_maps,
    find_predicted_maps,
    instance_map_place,
    read_instance_map,
)
from segdrone.errors import DataError


def write(path: Path, values: NDArray[np.integer[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), values)
    return path


def find(root: Path, *ids: str, **options: Any) -> InstanceMaps:
    """Returns the maps of the photographs of a dataset, or of some of them."""
    dataset = open_dataset(DataConfig(root=str(root)))
    return find_instance_maps(dataset.files, [p for p in dataset.pairs if not ids or p.id in ids], **options)


def test_maps_of_rendered_scenes_are_found(all_scenes: Path) -> None:
    assert find(all_scenes).files == {f"{i:03d}": all_scenes / "instances" / f"{i:03d}.png" for i in range(20)}


def test_a_dataset_without_the_folder_has_none(scenes: Path) -> None:
    (scenes / "instances").rename(scenes / "others")
    assert not find(scenes)


def test_a_missing_map_is_named(scenes: Path) -> None:
    (scenes / "instances" / "003.png").unlink()
    with pytest.raises(DataError, match=r"1 of 20 photographs, 003 first, have no instance map like .*000\.png"):
        find(scenes)
    assert [*find(scenes, "001", "002").files] == ["001", "002"]  # only those that are scored need one


def test_a_folder_with_other_files_is_passed_over(scenes: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in (scenes / "instances").iterdir():
        file.rename(file.with_suffix(".json"))
    assert not find(scenes)
    assert "instances has no file of the name of a mask: things are connected components" in caplog.text


def test_pictures_of_things_are_passed_over(scenes: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in (scenes / "instances").iterdir():
        write(file, np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    assert not find(scenes)
    assert "000.png is a picture, not the numbers of things: things are connected components" in caplog.text


def test_maps_are_found_whatever_the_case_of_their_suffix(scenes: Path) -> None:
    for file in (scenes / "instances").iterdir():
        file.rename(file.with_suffix(".PNG"))
    assert len(find(scenes).files) == 20


@pytest.mark.parametrize("place", ["{kind}/{split}", "{split}/{kind}"])
def test_maps_in_folders_of_splits_are_found(scenes: Path, place: str) -> None:
    beside = scenes.parent / "instances"  # of another dataset
    shutil.copytree(scenes / "instances", beside)
    for split, names in (("train", range(15)), ("val", range(15, 20))):
        for old, new in (("original_images", "images"), ("label_images_semantic", "masks"), ("instances", "instances")):
            for name in names:
                (file,) = (scenes / old).glob(f"{name:03d}.*")
                target = scenes / place.format(kind=new, split=split) / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                file.rename(target)
    for old in ("original_images", "label_images_semantic"):
        (scenes / old).rmdir()
    assert find(scenes).files["017"] == scenes / place.format(kind="instances", split="val") / "017.png"


def test_maps_of_a_single_flight_are_found(scenes: Path) -> None:
    for old, new in (("original_images", "images"), ("label_images_semantic", "masks"), ("instances", "instances")):
        (scenes / new / "flight1").mkdir(parents=True)
        for file in [*(scenes / old).glob("*.*")]:
            file.rename(scenes / new / "flight1" / file.name)
    for old in ("original_images", "label_images_semantic"):
        (scenes / old).rmdir()
    assert find(scenes).files["003"] == scenes / "instances" / "flight1" / "003.png"
    dataset = open_dataset(DataConfig(root=str(scenes)))
    place = instance_map_place(dataset.files, scenes / "masks" / "flight1" / "new.png")
    assert place == scenes / "instances" / "flight1" / "new.png"


def test_maps_outside_of_the_dataset_are_not_taken(scenes: Path) -> None:
    (scenes / "instances").rename(scenes.parent / "instances")
    assert not find(scenes)


def test_things_of_merged_classes_do_not_share_a_number(tmp_path: Path) -> None:
    """Numbered by class from 1 on: a car and a bus; a window that touches its car belongs to it."""
    (tmp_path / "classes.csv").write_text("name,r,g,b,thing\nroad,0,0,0,0\ncar,9,0,0,1\nbus,0,9,0,1\nwindow,0,0,9,1\n")
    mask, numbers = np.zeros((8, 24), np.uint8), np.zeros((8, 24), np.uint16)
    for class_id, left in ((1, 1), (3, 5), (2, 12), (1, 20)):
        mask[2:6, left : left + 4] = class_id
        numbers[2:6, left : left + 4] = 2 if left == 20 else 1
    write(tmp_path / "masks" / "a.png", mask)
    write(tmp_path / "images" / "a.png", np.zeros((8, 24, 3), np.uint8))
    path = write(tmp_path / "instances" / "a.png", numbers)
    dataset = open_dataset(DataConfig(root=str(tmp_path), class_groups={"vehicle": ["car", "bus", "window"]}))
    read = find_instance_maps(dataset.files, dataset.pairs, encoding=dataset.encoding).read("a", (8, 24))
    assert [*read[4, [2, 6, 13, 21]]] == [1, 1, 3, 2] and np.array_equal(read > 0, numbers > 0)
    plain = find(tmp_path).read("a", (8, 24))
    assert np.array_equal(plain, read_instance_map(path, (8, 24)))  # without groups, a number is that of its class


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numbers_are_read_at_their_size_and_reduced_as_masks(tmp_path: Path, dtype: type[np.uint8 | np.uint16]) -> None:
    values: NDArray[np.integer[Any]] = np.arange(24 * 36).reshape(24, 36).astype(dtype)
    path = write(tmp_path / "a.png", values)
    assert np.array_equal(read_instance_map(path, (24, 36)), values)
    for interpolation, first in (("area", 1), ("nearest", 0)):
        reduced = InstanceMaps({"a": path}, {"a": (24, 36)}, interpolation).read("a", (8, 12))
        assert reduced.dtype == np.uint16
        assert np.array_equal(reduced, values[first::3, first::3])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((4, 6, 3), np.uint8) + np.arange(3, dtype=np.uint8), "has no numbers of things, but colors"),
        (np.zeros((6, 4), np.uint8), "is 4 x 6 pixels, and its mask 60 x 40: write it at the size of the mask"),
        (np.zeros((40, 61), np.uint8), "is 61 x 40 pixels, and its mask 60 x 40"),
    ],
)
def test_other_images_are_refused(tmp_path: Path, values: NDArray[np.integer[Any]], words: str) -> None:
    path = write(tmp_path / "a.png", values)
    with pytest.raises(DataError, match=words):
        read_instance_map(path, (40, 60))


@pytest.mark.parametrize("number", [65536, -1])
def test_numbers_that_16_bits_do_not_hold_are_refused(tmp_path: Path, number: int) -> None:
    Image.fromarray(np.full((4, 6), number, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=f"has the number {number}: number at most 65,535 things, from 1 on"):
        read_instance_map(tmp_path / "a.tif", (4, 6))


def test_lossy_files_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "a.png", "JPEG")
    with pytest.raises(DataError, match=r"a\.png is a JPEG, which changes numbers: write a gray PNG of 16 bits"):
        read_instance_map(tmp_path / "a.png", (40, 60))


def test_predicted_maps_are_found_by_the_ids_of_photographs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find_predicted_maps(tmp_path, ["a"]) == {}
    (tmp_path / "instances").mkdir()
    assert find_predicted_maps(tmp_path, ["a"]) == {}
    assert "instances has no file" in caplog.text
    for name in ("a", "sub/b"):
        write(tmp_path / "instances" / f"{name}.png", np.zeros((4, 6), np.uint16))
    assert find_predicted_maps(tmp_path, ["a", "sub/b"])["sub/b"] == tmp_path / "instances" / "sub" / "b.png"
    with pytest.raises(DataError, match="1 of 2 photographs, c first, have no instance map"):
        find_predicted_maps(tmp_path, ["a", "c"])


def test_a_damaged_map_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", np.arange(600).reshape(20, 30).astype(np.uint16))
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(DataError, match=r"a\.png"):
        read_instance_map(path, (20, 30))
