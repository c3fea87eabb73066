"""Instance maps: found beside the masks, read as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.data import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.instance_maps import find_instance_maps, read_instance_map
from segdrone.errors import DataError


def write(path: Path, values: NDArray[np.integer[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), values)
    return path


def test_maps_of_rendered_scenes_are_found(all_scenes: Path) -> None:
    found = find_instance_maps(open_dataset(DataConfig(root=str(all_scenes))).files)
    assert found == {f"{i:03d}": all_scenes / "instances" / f"{i:03d}.png" for i in range(20)}


def test_a_dataset_without_the_folder_has_none(scenes: Path) -> None:
    (scenes / "instances").rename(scenes / "others")
    assert find_instance_maps(open_dataset(DataConfig(root=str(scenes))).files) == {}


def test_a_missing_map_is_named(scenes: Path) -> None:
    (scenes / "instances" / "003.png").unlink()
    with pytest.raises(
        DataError, match=r"1 of 20 photographs, 003 first, have no file of the name of their mask in .*"
    ):
        find_instance_maps(open_dataset(DataConfig(root=str(scenes))).files)


def test_a_folder_with_other_files_is_passed_over(scenes: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in (scenes / "instances").iterdir():
        file.rename(file.with_suffix(".json"))
    assert find_instance_maps(open_dataset(DataConfig(root=str(scenes))).files) == {}
    assert "instances has no file of the name of a mask: things are connected components" in caplog.text


def test_maps_in_folders_of_splits_are_found(scenes: Path) -> None:
    for split, names in (("train", range(15)), ("val", range(15, 20))):
        for old, new in (("original_images", "images"), ("label_images_semantic", "masks"), ("instances", "instances")):
            for name in names:
                (file,) = (scenes / old).glob(f"{name:03d}.*")
                (scenes / new / split).mkdir(parents=True, exist_ok=True)
                file.rename(scenes / new / split / file.name)
    for old in ("original_images", "label_images_semantic"):
        (scenes / old).rmdir()
    files = open_dataset(DataConfig(root=str(scenes))).files
    assert find_instance_maps(files)["017"] == scenes / "instances" / "val" / "017.png"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numbers_are_read_at_their_size_and_reduced_as_masks(tmp_path: Path, dtype: type[np.uint8 | np.uint16]) -> None:
    values: NDArray[np.integer[Any]] = np.arange(24 * 36).reshape(24, 36).astype(dtype)
    path = write(tmp_path / "a.png", values)
    assert np.array_equal(read_instance_map(path, (24, 36)), values)
    reduced = read_instance_map(path, (8, 12))
    assert reduced.dtype == np.uint16
    assert np.array_equal(reduced, values[1::3, 1::3])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((4, 6, 3), np.uint8) + np.arange(3, dtype=np.uint8), "has no numbers of things, but colors"),
        (np.zeros((6, 4), np.uint8), "is 4 x 6 pixels, and its mask 60 x 40: write it at the size of the mask"),
    ],
)
def test_other_images_are_refused(tmp_path: Path, values: NDArray[np.integer[Any]], words: str) -> None:
    path = write(tmp_path / "a.png", values)
    with pytest.raises(DataError, match=words):
        read_instance_map(path, (40, 60))


def test_more_things_than_16_bits_number_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.full((4, 6), 65536, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="has the number 65536: number at most 65,535 things, from 1 on"):
        read_instance_map(tmp_path / "a.tif", (4, 6))


def test_a_damaged_map_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", np.arange(600).reshape(20, 30).astype(np.uint16))
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(DataError, match=r"a\.png"):
        read_instance_map(path, (20, 30))
