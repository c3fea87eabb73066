"""Pipes, devices, sockets and folders are no files, whatever their names say."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from segdrone.annotations.documents import read_document
from segdrone.errors import DataError
from segdrone.inference.video_io import open_video
from segdrone.raster.file_kind import identify
from segdrone.raster.header import read_header
from segdrone.utils.digest import file_digest
from segdrone.utils.regular_file import open_regular


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


MAKERS: dict[str, Callable[[Path], None]] = {
    "a named pipe": lambda path: os.mkfifo(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": bind,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".json", ".xml", ".yaml", ".mp4"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    MAKERS[kind](path)
    with pytest.raises(OSError, match=f"{kind}, not a file"):
        open_regular(path)
    assert "empty" in identify(path).name
    assert not file_digest(path)
    reader = {".json": read_document, ".xml": read_document, ".yaml": read_document}.get(suffix, read_header)
    with pytest.raises(DataError, match=str(path)):
        reader(path)
    if suffix == ".mp4":
        with pytest.raises(DataError, match=f"{kind}, not a file"), open_video(path):
            pass


def test_links_to_files_are_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    with open_regular(tmp_path / "b") as file:
        assert file.read() == b"content"
