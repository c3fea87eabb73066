"""Archives from anybody: nothing is written outside of the folder, and not more than is allowed."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from segdrone.errors import DataError
from segdrone.serve.archive import unpack
from tests.helpers.serving import photograph

LIMIT = 1_000_000


def pack(path: Path, *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def refusal(archive: Path, folder: Path, limit: int = LIMIT) -> str:
    before = {path for path in folder.parent.rglob("*") if not path.is_relative_to(folder)}
    with pytest.raises(DataError) as caught:
        unpack(archive, folder, limit)
    assert {path for path in folder.parent.rglob("*") if not path.is_relative_to(folder)} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_photographs_and_films_keep_their_folders_and_others_are_left_out(tmp_path: Path) -> None:
    files = [("a.JPG", b"1"), ("flight 1/ä.jpg", b"2"), ("flight 1/film.mp4", b"3")]
    others = [("notes.txt", b"x"), ("__MACOSX/a.jpg", b"x"), (".hidden/a.jpg", b"x"), ("empty/", b""), ("a.exe", b"x")]
    assert unpack(pack(tmp_path / "a.zip", *files, *others), tmp_path / "input", LIMIT) == 3
    found = {str(path.relative_to(tmp_path / "input")): path.read_bytes() for path in tmp_path.rglob("input/**/*.*")}
    assert found == dict(files)


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "/etc/a.jpg", "a/../../b.jpg", "C:\\a.jpg", "..\\a.jpg", "c:/a.jpg", "a\x1b[2Jb.jpg", "a\n.jpg"],
)
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "a.zip", ("good.jpg", b"1"), ("X" * len(name), b"2"))
    path.write_bytes(path.read_bytes().replace(b"X" * len(name), name.encode()))
    assert "whose name leaves its folder" in refusal(path, tmp_path / "input")


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "has a link, a.jpg" in refusal(pack(tmp_path / "a.zip", (link, b"/etc/passwd")), tmp_path / "input")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    honest = pack(tmp_path / "a.zip", ("a.jpg", bytes(600_000)), ("b.jpg", bytes(600_000)))
    assert "unpacks to more than 1 megabytes" in refusal(honest, tmp_path / "input")
    content = honest.read_bytes()
    assert content.count(struct.pack("<I", 600_000)) == 4
    honest.write_bytes(content.replace(struct.pack("<I", 600_000), struct.pack("<I", 6)))  # its headers lie
    text = refusal(honest, tmp_path / "second")
    assert "damaged" in text or "unpacks to more than" in text
    assert sum(path.stat().st_size for path in tmp_path.rglob("second/*")) <= LIMIT


@pytest.mark.parametrize("kept", [10, 60, -30])
def test_a_cut_archive_is_refused(tmp_path: Path, kept: int) -> None:
    path = pack(tmp_path / "a.zip", ("a.jpg", photograph()))
    path.write_bytes(path.read_bytes()[:kept])
    assert "the archive is damaged" in refusal(path, tmp_path / "input")


def test_a_list_of_files_that_leads_before_the_archive_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", ("a.jpg", photograph()))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x05\x06") + 16
    content[at : at + 4] = struct.pack("<I", len(content) * 2)  # where the list begins: all places move before the file
    path.write_bytes(content)
    assert "the archive is damaged" in refusal(path, tmp_path / "input")


def test_content_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", ("a.jpg", photograph()), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(photograph()[100:120], bytes(20)))
    assert "the archive is damaged" in refusal(path, tmp_path / "input")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("notes.txt", b"x")], "has no photograph or video"),
        ([], "has no photograph or video"),
        ([("A.jpg", b"1"), ("a.jpg", b"2")], "has two files a.jpg"),
        ([("a.jpg", b"1"), ("a.jpg/b.jpg", b"2")], "a file and a folder of one name"),
        ([("a.jpg/b.jpg", b"1"), ("a.jpg", b"2")], "a file and a folder of one name"),
        ([("x" * 300 + ".jpg", b"1")], "a name that is too long"),
    ],
)
def test_archives_that_cannot_be_predicted(tmp_path: Path, files: list[tuple[str, bytes]], expected: str) -> None:
    assert expected in refusal(pack(tmp_path / "a.zip", *files), tmp_path / "input")


def test_a_password_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", ("a.jpg", b"1"))
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    path.write_bytes(content)
    assert "has a password" in refusal(path, tmp_path / "input")


def test_an_archive_of_too_many_files_is_refused_before_its_list_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", ("a.jpg", b"1"))
    content = bytearray(path.read_bytes())
    end = content.index(b"PK\x05\x06")
    content[end + 10 : end + 12] = struct.pack("<H", 60_000)
    path.write_bytes(content)
    assert "more than 20000 files" in refusal(path, tmp_path / "input")
