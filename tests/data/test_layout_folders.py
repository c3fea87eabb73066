"""Where the folders of photographs and masks are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.layout import LAYOUTS, find_folders, find_image_folder
from segdrone.data.pairs import ImageMaskPair, find_photographs
from segdrone.errors import DataError
from tests.helpers.dataset_folders import SIZE, folders, photograph


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_found_by_itself(tmp_path: Path, layout: tuple[str, str]) -> None:
    images, masks = (tmp_path / folder for folder in layout)
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    assert find_folders(tmp_path) == (images, masks)
    assert find_image_folder(tmp_path) == images


def test_public_copies_are_among_the_layouts() -> None:
    kaggle = "dataset/semantic_drone_dataset/"
    assert (f"{kaggle}original_images", f"{kaggle}label_images_semantic") in LAYOUTS
    assert ("training_set/images", "training_set/gt/semantic/label_images") in LAYOUTS


def test_folders_are_named_below_the_root_and_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root / "rgb", root / "labels", elsewhere / "labels"):
        folder.mkdir(parents=True)
    assert find_folders(root, "rgb", "labels") == (root / "rgb", root / "labels")
    assert find_folders(root, "rgb", str(elsewhere / "labels")) == (root / "rgb", elsewhere / "labels")
    monkeypatch.chdir(tmp_path)
    assert find_folders(root, "rgb", "elsewhere/labels") == (root / "rgb", Path("elsewhere/labels"))
    assert find_image_folder(root, "rgb") == root / "rgb"


def test_named_folders_win_over_a_layout(tmp_path: Path) -> None:
    folders(tmp_path)
    (tmp_path / "rgb").mkdir()
    assert find_folders(tmp_path, "rgb", "masks") == (tmp_path / "rgb", tmp_path / "masks")


def test_photographs_to_predict_may_lie_in_the_root_itself(tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg")
    assert find_image_folder(tmp_path) == tmp_path
    assert find_photographs(tmp_path) == [ImageMaskPair("a", tmp_path / "a.jpg", None, SIZE)]


@pytest.mark.parametrize(
    ("images", "masks", "parts"),
    [
        ("images", None, ("data.images and data.masks belong together", "give both, or neither")),
        (None, "masks", ("data.images and data.masks belong together", "give both, or neither")),
        ("images", "lables", ("data.masks=lables is no folder", "mend the path")),
        ("imgs", "masks", ("data.images=imgs is no folder", "mend the path")),
    ],
)
def test_wrongly_named_folders_are_refused(
    tmp_path: Path, images: str | None, masks: str | None, parts: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as caught:
        find_folders(folders(tmp_path / "root"), images, masks)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_folders(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"data.root={tmp_path / 'nowhere'} does not exist: give the folder that holds the photographs and masks"
    )


def test_root_without_a_known_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError) as caught:
        find_folders(tmp_path)
    for part in (f"data.root={tmp_path}", "original_images + label_images_semantic", "images + masks", "data.masks="):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
