"""Which photograph an annotation file is of, and whether it fits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.annotations.conftest import imported, mask, photograph, refusal
from tests.annotations.test_labelme import labelme
from tests.helpers.annotation_exports import CAR, STREET


def test_photographs_without_annotations_are_counted_as_skipped(folder: Path) -> None:
    photograph(folder / "b.png")
    photograph(folder / "c.png")
    labelme(folder / "a.json", CAR)
    labelme(folder / "b.json", imagePath="b.png")
    out = folder.parent / "out"
    assert imported(folder, out).skipped == {
        "photographs without a shape": 1,
        "photographs that the annotations do not name": 1,
    }
    assert [path.name for path in (out / "masks").iterdir()] == ["a.png"]


def test_annotations_and_photographs_may_be_in_separate_folders(folder: Path) -> None:
    path = labelme(folder.parent / "mine" / "a.json", CAR)
    assert imported(path, folder.parent / "out", images=folder).photographs == 1
    text = refusal(path, folder.parent / "out2")
    assert f"1 annotated photographs are not in {path.parent} (JPEG, PNG, TIFF or WebP): 'a.png'; give their" in text


def test_photographs_are_looked_for_beside_a_folder_of_annotations(folder: Path) -> None:
    path = labelme(folder / "labels" / "a.json", CAR)
    assert imported(path, folder.parent / "out").photographs == 1


@pytest.mark.parametrize("name", ["../secret.png", "{tmp}/secret.png", "deep/../../secret.png", "..\\secret.png"])
def test_paths_never_lead_out_of_the_folder(folder: Path, name: str) -> None:
    photograph(folder.parent / "secret.png")
    labelme(folder / "a.json", CAR, imagePath=name.format(tmp=folder.parent))
    assert "1 annotated photographs are not in" in refusal(folder, folder.parent / "out")


def test_link_to_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    (folder / "s.png").symlink_to(photograph(folder.parent / "secret.png"))
    labelme(folder / "a.json", CAR, imagePath="s.png")
    assert "s.png is a link to a file outside" in refusal(folder, folder.parent / "out")


def test_ambiguous_name_is_refused(folder: Path) -> None:
    photograph(folder / "x" / "b.png")
    photograph(folder / "y" / "b.png")
    labelme(folder / "a.json", CAR, imagePath="C:\\b.png")
    assert "names '/b.png', but" in refusal(folder, folder.parent / "out")


def test_photographs_that_would_share_a_mask_are_refused(folder: Path) -> None:
    photograph(folder / "x" / "b.png")
    photograph(folder / "x" / "b.jpg")
    labelme(folder / "a.json", CAR, imagePath="x/b.png")
    labelme(folder / "b.json", CAR, imagePath="x/b.jpg")
    assert "b.png and" in (text := refusal(folder, folder.parent / "out"))
    assert "would share one mask: rename one of them" in text


def test_equal_names_in_several_folders_stay_apart(folder: Path) -> None:
    photograph(folder / "x" / "b.png")
    photograph(folder / "y" / "b.jpg")
    labelme(folder / "a.json", CAR, imagePath="x/b.png")
    labelme(folder / "b.json", STREET, imagePath="y/b.jpg")
    summary = imported(folder, folder.parent / "out")
    assert summary.notes == [
        "photographs of 2 folders (x, y) are one dataset: if they are flights, keep each in one split "
        "(data.split_by or data.split_dir in training)",
        "named with their folders, as their names are equal: 2, x_b first",
    ]
    assert mask(folder.parent / "out", "x_b")[25, 25] == 0
    assert mask(folder.parent / "out", "y_b")[15, 15] == 1
    assert sorted(path.name for path in (folder.parent / "out" / "images").iterdir()) == ["x_b.png", "y_b.jpg"]


def test_photograph_annotated_twice_is_refused(folder: Path) -> None:
    first, second = labelme(folder / "a.json", CAR), labelme(folder / "b.json", CAR)
    assert f"{first} and {second} both annotate" in refusal(folder, folder.parent / "out")


@pytest.mark.parametrize("size", [(96, 64), (64, 95), (640, 960)])
def test_size_other_than_that_of_the_photograph_is_refused(folder: Path, size: tuple[int, int]) -> None:
    path = labelme(folder / "a.json", CAR, imageHeight=size[0], imageWidth=size[1])
    text = refusal(folder, folder.parent / "out")
    assert f"{path} annotates a photograph of {size[1]} x {size[0]} pixels, but {folder / 'a.png'} has 96 x 64" in text


def test_huge_size_is_refused_before_a_mask_is_drawn(folder: Path) -> None:
    labelme(folder / "a.json", CAR, imageHeight=1_000_000, imageWidth=1_000_000)
    assert "annotates a photograph of 1000000 x 1000000 pixels" in refusal(folder, folder.parent / "out")
    labelme(folder / "a.json", CAR, imageHeight=10**30, imageWidth=1)
    assert "imageHeight contains a number that is not finite or beyond" in refusal(folder, folder.parent / "out")


def test_broken_photograph_is_reported(folder: Path) -> None:
    labelme(folder / "a.json", CAR)
    (folder / "a.png").write_bytes(b"none")
    assert "a.png is not an image" in refusal(folder, folder.parent / "out")
