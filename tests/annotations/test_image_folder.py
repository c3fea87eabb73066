from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.annotations.image_folder import ImageFolder
from segdrone.errors import DataError
from tests.annotations.conftest import photograph


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images/a.jpg", "images/deep/b.png", "images/deep/c.jpg", "images/c.jpg", "secret.jpg"):
        photograph(tmp_path / name)
    (tmp_path / "images" / "notes.txt").write_text("none")
    (tmp_path / "images" / ".a.7.part.jpg").write_bytes(b"")
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "a.jpg"),
        ("deep/b.png", "deep/b.png"),
        ("b.png", "deep/b.png"),
        ("deep/c.jpg", "deep/c.jpg"),
        ("./a.jpg", "a.jpg"),
        ("../elsewhere/a.jpg", "a.jpg"),
        ("/home/them/a.jpg", "a.jpg"),
        ("C:\\Users\\them\\a.jpg", "a.jpg"),
        ("deep\\c.jpg", "deep/c.jpg"),
        ("../secret.jpg", None),
        ("deep/../../secret.jpg", None),
        ("/etc/passwd", None),
        ("notes.txt", None),
        ("", None),
        ("..", None),
        ("a.jpg\0", None),
        ("A.jpg", "a.jpg"),
        ("B.PNG", "deep/b.png"),
        ("b", "deep/b.png"),
        ("B.HEIC", "deep/b.png"),
        ("b.tif", None),
    ],
)
def test_names_are_looked_up_and_never_followed(folder: Path, name: str, found: str | None) -> None:
    expected = None if found is None else folder.resolve() / found
    assert ImageFolder(folder).find([name], "here") == expected
    secret = str(folder.parent / "secret.jpg")
    assert ImageFolder(folder).find([secret], "here") is None


def test_first_existing_name_is_used(folder: Path) -> None:
    assert ImageFolder(folder).find(["none.jpg", "b.png", "a.jpg"], "here") == folder.resolve() / "deep" / "b.png"


def test_ambiguous_name_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^f.json names '/home/them/c.jpg', but \S+ and \S+ fit: give") as caught:
        ImageFolder(folder).find(["/home/them/c.jpg"], "f.json")
    assert str(folder.resolve() / "deep" / "c.jpg") in str(caught.value)


def test_link_to_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    (folder / "s.jpg").symlink_to(folder.parent / "secret.jpg")
    with pytest.raises(DataError, match=r"s.jpg is a link to a file outside .*images: copy the photograph there"):
        ImageFolder(folder).find(["s.jpg"], "here")


def test_link_within_the_folder_is_accepted(folder: Path) -> None:
    (folder / "l.jpg").symlink_to(folder / "a.jpg")
    assert ImageFolder(folder).find(["l.jpg"], "here") == folder.resolve() / "l.jpg"


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    photograph(folder.parent / "other" / "o.jpg")
    (folder / "other").symlink_to(folder.parent / "other")
    found = ImageFolder(folder)
    assert found.find(["other/o.jpg"], "here") is None
    assert len(found) == 4


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder: give the folder of the photographs with --images"):
        ImageFolder(tmp_path / "none")


def test_given_files_alone_are_found_wherever_links_lead(folder: Path) -> None:
    (folder / "s.jpg").symlink_to(folder.parent / "secret.jpg")
    found = ImageFolder(folder, files=[folder / "s.jpg", folder / "deep" / "b.png"])
    assert len(found) == 2
    assert found.find(["s.jpg"], "here") == folder.resolve() / "s.jpg"
    assert found.find(["b.png"], "here") == folder.resolve() / "deep" / "b.png"
    assert found.find(["a.jpg"], "here") is None


def test_predictions_in_the_folder_are_no_photographs(tmp_path: Path) -> None:
    for name in ("flights/day/a.jpg", "flights/made/overlays/day/a.jpg", "flights/made/overlays/b.jpg"):
        photograph(tmp_path / name)
    (tmp_path / "flights" / "made" / "predict.json").write_text("{}")
    folder = ImageFolder(tmp_path / "flights")
    assert len(folder) == 1
    assert folder.find(["a.jpg"], "here") == (tmp_path / "flights" / "day" / "a.jpg").resolve()
    assert folder.find(["b.jpg"], "here") is None
    assert len(ImageFolder(tmp_path / "flights" / "made")) == 2  # the folder itself is what was asked for
