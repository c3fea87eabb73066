"""Datasets of sample scenes on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from segdrone.class_files import read_class_table
from segdrone.classes import DRONE
from segdrone.errors import DataError
from segdrone.synthetic import render_scene, write_scenes
from segdrone.synthetic.write import scene_seed

REPO = Path(__file__).parents[2]


def write(root: Path, *, count: int = 3, height: int = 64, width: int = 96, seed: int = 5) -> None:
    write_scenes(root, count=count, height=height, width=width, seed=seed, progress=False)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_folder_has_the_layout_of_the_real_dataset(tmp_path: Path) -> None:
    write(tmp_path / "new" / "set")
    root = tmp_path / "new" / "set"
    names = [f"{i:03d}" for i in range(3)]
    assert set(contents(root)) == {
        *(f"original_images/{name}.jpg" for name in names),
        *(f"label_images_semantic/{name}.png" for name in names),
        *(f"instances/{name}.png" for name in names),
        "class_dict_seg.csv",
        "scenes.json",
    }
    table = read_class_table(root / "class_dict_seg.csv")
    assert (table.names, table.colours) == (DRONE.names, DRONE.colours)


def test_files_hold_the_rendered_scenes(tmp_path: Path) -> None:
    write(tmp_path)
    for i in range(3):
        image, mask, instances = render_scene(64, 96, scene_seed(5, i))
        stored = cv2.imread(str(tmp_path / f"label_images_semantic/{i:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert stored is not None and stored.dtype == np.uint8
        assert np.array_equal(stored, mask)
        numbers = cv2.imread(str(tmp_path / f"instances/{i:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert numbers is not None and numbers.dtype == np.uint16
        assert np.array_equal(numbers, instances)
        photo = cv2.imread(str(tmp_path / f"original_images/{i:03d}.jpg"), cv2.IMREAD_COLOR_RGB)
        assert photo is not None and photo.shape == image.shape
        assert np.abs(photo.astype(int) - image).mean() < 12


def test_an_interrupted_dataset_is_continued(tmp_path: Path) -> None:
    write(tmp_path)
    complete = contents(tmp_path)
    (tmp_path / "scenes.json").rename(tmp_path / "scenes.json.part")
    (tmp_path / "original_images/001.jpg").unlink()
    (tmp_path / "label_images_semantic/002.png").unlink()
    (tmp_path / "instances/002.png").unlink()
    (tmp_path / "original_images/.001.0123abcd.part.jpg").write_bytes(b"half")
    kept = (tmp_path / "original_images/000.jpg").stat().st_mtime_ns
    write(tmp_path)
    assert contents(tmp_path) == complete
    assert (tmp_path / "original_images/000.jpg").stat().st_mtime_ns == kept


def test_a_complete_dataset_is_kept_and_missing_files_are_written_again(tmp_path: Path) -> None:
    write(tmp_path)
    complete = contents(tmp_path)
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    write(tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == times
    (tmp_path / "label_images_semantic/001.png").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path)
    assert contents(tmp_path) == {**complete, "notes.txt": b"mine"}


@pytest.mark.parametrize("change", [{"count": 2}, {"height": 72}, {"width": 97}, {"seed": 6}])
def test_another_dataset_is_not_overwritten(tmp_path: Path, change: dict[str, int]) -> None:
    write(tmp_path)
    complete = contents(tmp_path)
    with pytest.raises(DataError, match="holds other sample scenes") as caught:
        write(tmp_path, **change)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == complete


@pytest.mark.parametrize("other", ["notes.txt", "original_images/000.jpg"])
def test_other_files_are_not_touched(tmp_path: Path, other: str) -> None:
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).write_text("mine")
    with pytest.raises(DataError, match="choose an empty folder") as caught:
        write(tmp_path)
    assert other.split("/")[0] in str(caught.value)
    assert contents(tmp_path) == {other: b"mine"}


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to .*free some disk space or choose another folder"):
        write(tmp_path / "file" / "set")


@pytest.mark.parametrize("change", [{"count": 0}, {"count": -3}, {"height": 63}, {"width": 12001}, {"seed": -1}])
def test_bad_arguments_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(DataError) as caught:
        write(tmp_path / "set", **change)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "set").exists()


def test_several_processes_can_write_the_same_dataset(tmp_path: Path) -> None:
    write(tmp_path / "one")
    code = "import sys; from tests.synthetic.test_write import Path, write; write(Path(sys.argv[1]))"
    start = [sys.executable, "-c", code, str(tmp_path / "set")]
    several = [subprocess.Popen(start, stderr=subprocess.PIPE, text=True, cwd=REPO) for _ in range(3)]
    for process in several:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert contents(tmp_path / "set") == contents(tmp_path / "one")


def test_crowded_scenes_are_another_dataset(tmp_path: Path) -> None:
    write_scenes(tmp_path / "a", count=1, height=64, width=96, seed=5, crowded=True, progress=False)
    stored = cv2.imread(str(tmp_path / "a" / "instances" / "000.png"), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert np.array_equal(stored, render_scene(64, 96, scene_seed(5, 0), crowded=True).instances)
    with pytest.raises(DataError, match="holds other sample scenes"):
        write_scenes(tmp_path / "a", count=1, height=64, width=96, seed=5, progress=False)


def test_scenes_of_another_region_are_another_dataset(tmp_path: Path) -> None:
    write_scenes(tmp_path / "a", count=1, height=64, width=96, seed=5, region="winter", progress=False)
    assert json.loads((tmp_path / "a" / "scenes.json").read_text())["region"] == "winter"
    stored = cv2.imread(str(tmp_path / "a" / "original_images" / "000.jpg"))
    assert stored is not None
    rendered = render_scene(64, 96, scene_seed(5, 0), region="winter").image[..., ::-1]
    assert np.abs(stored.astype(int) - rendered).mean() < 6  # JPEG
    with pytest.raises(DataError, match="holds other sample scenes"):
        write_scenes(tmp_path / "a", count=1, height=64, width=96, seed=5, progress=False)
