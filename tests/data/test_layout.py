"""How the folders of photographs and masks are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.layout import LAYOUTS, Folders, Layout, find_folders, find_layout
from segdrone.errors import DataError
from tests.helpers.dataset_folders import write_dataset

CASES = [(layout, parent) for layout in LAYOUTS.values() for parent in layout.parents]


@pytest.mark.parametrize(("layout", "parent"), CASES)
def test_each_layout_is_recognized(tmp_path: Path, layout: Layout, parent: str) -> None:
    folders = Folders(tmp_path / parent / layout.images, tmp_path / parent / layout.masks)
    for folder in folders:
        folder.mkdir(parents=True)
    assert find_folders(tmp_path) == find_layout(tmp_path) == folders


def test_public_copies_are_among_the_layouts(tmp_path: Path) -> None:
    kaggle = "dataset/semantic_drone_dataset/"
    for images, masks in (
        (f"{kaggle}original_images", f"{kaggle}label_images_semantic"),
        ("training_set/images", "training_set/gt/semantic/label_images"),
    ):
        root = tmp_path / images.replace("/", "_")
        for folder in (images, masks):
            (root / folder).mkdir(parents=True)
        assert find_layout(root) == (root / images, root / masks)


def test_a_new_layout_is_one_entry_of_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("rgb", "labels"):
        (tmp_path / folder).mkdir()
    assert find_layout(tmp_path) is None
    monkeypatch.setitem(LAYOUTS, "mine", Layout("rgb", "labels"))
    assert find_folders(tmp_path) == (tmp_path / "rgb", tmp_path / "labels")


def test_a_layout_needs_both_folders(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    assert find_layout(tmp_path) is None


def test_folders_are_named_below_the_root_and_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root / "rgb", root / "labels", elsewhere / "labels"):
        folder.mkdir(parents=True)
    assert find_folders(root, "rgb", "labels") == (root / "rgb", root / "labels")
    assert find_folders(root, "rgb", str(elsewhere / "labels")) == (root / "rgb", elsewhere / "labels")
    monkeypatch.chdir(tmp_path)
    assert find_folders(root, "rgb", "elsewhere/labels") == (root / "rgb", Path("elsewhere/labels"))


def test_named_folders_take_precedence_over_a_layout(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    (tmp_path / "rgb").mkdir()
    assert find_folders(tmp_path, "rgb", "masks") == (tmp_path / "rgb", tmp_path / "masks")


@pytest.mark.parametrize(
    ("images", "masks", "parts"),
    [
        ("images", None, ("data.images and data.masks belong together", "give both, or neither")),
        (None, "masks", ("data.images and data.masks belong together", "give both, or neither")),
        ("images", "lables", ("data.masks=lables is not a folder", "fix the path")),
        ("imgs", "masks", ("data.images=imgs is not a folder", "fix the path")),
    ],
)
def test_missing_named_folders_are_refused(
    tmp_path: Path, images: str | None, masks: str | None, parts: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as caught:
        find_folders(write_dataset(tmp_path / "root"), images, masks)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_folders(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"data.root={tmp_path / 'nowhere'} does not exist: give the folder that holds the photographs and masks"
    )


def test_a_root_without_a_known_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError) as caught:
        find_folders(tmp_path)
    for part in (f"data.root={tmp_path}", "original_images + label_images_semantic", "images + masks", "data.masks="):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
