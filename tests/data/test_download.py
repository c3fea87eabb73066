"""Download of the dataset from a server on this machine."""

from __future__ import annotations

import io
import json
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import DataError

PORT = 7777  # where kagglehub looks for its test server
FOLDERS = {
    "original_images": ("jpg", np.full((8, 12, 3), 90, np.uint8)),
    "label_images_semantic": ("png", np.full((8, 12), 3, np.uint8)),
}


@pytest.fixture(autouse=True)
def local_kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Makes kagglehub use a server on this machine, without credentials."""
    pytest.importorskip("kagglehub")
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "localhost")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError as error:
            pytest.skip(f"port {PORT}, where kagglehub looks for its test server, is taken: {error}")


def image_file(name: str, folder: str = "dataset/semantic_drone_dataset/") -> dict[str, bytes]:
    files = {}
    for parent, (suffix, pixels) in FOLDERS.items():
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format={"jpg": "jpeg"}.get(suffix, suffix))
        files[f"{folder}{parent}/{name}.{suffix}"] = buffer.getvalue()
    return files


def zip_files(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_files(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@contextmanager
def kaggle(archive: bytes, status: int = 200, promised: int | None = None) -> Iterator[list[str]]:
    """A server that answers as Kaggle's API does; yields the calls it gets."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = self.path.rsplit("/", 1)[-1]
            calls.append(f"{call} {request['ownerSlug']}/{request['datasetSlug']}")
            if call == "GetDataset":
                self.answer(200, "application/json", json.dumps({"currentVersionNumber": 6}).encode())
            elif status == 200:
                self.answer(200, "application/zip", archive, promised)
            else:
                self.answer(status, "text/plain", b"out of order")

        def answer(self, code: int, kind: str, body: bytes, promised: int | None = None) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(promised or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", PORT), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def module(root: Path) -> SegmentationDataModule:
    return SegmentationDataModule(DataConfig(root=str(root), download=True))


def error_text(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        module(root).prepare_data()
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("the download of bulentsiyah/semantic-drone-dataset failed (")
    assert text.endswith(f": try again, or unpack the dataset into {root} by hand")
    assert not root.exists()
    return text


def dataset() -> dict[str, bytes]:
    names = ("000", "001", "002", "003")
    return {path: content for name in names for path, content in image_file(name).items()}


def test_a_download_is_unpacked_and_found(tmp_path: Path) -> None:
    root = tmp_path / "datasets" / "semantic_drone_dataset"
    with kaggle(zip_files(dataset())) as calls:
        datamodule = module(root)
        datamodule.prepare_data()
    handle = "bulentsiyah/semantic-drone-dataset"
    assert calls == [f"GetDataset {handle}", f"DownloadDataset {handle}"]
    datamodule.setup("fit")
    assert [pair.id for pair in datamodule.splits["all"]] == ["000", "001", "002", "003"]
    assert {pair.size for pair in datamodule.splits["all"]} == {(8, 12)}
    assert list(root.parent.iterdir()) == [root]
    assert not list(root.rglob("*.archive"))


def test_an_existing_dataset_is_not_downloaded_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with kaggle(zip_files(dataset())) as calls:
        module(root).prepare_data()
        count = len(calls)
        module(root).prepare_data()
    assert len(calls) == count


def test_without_the_option_nothing_is_downloaded(tmp_path: Path) -> None:
    with kaggle(zip_files(dataset())) as calls, pytest.raises(DataError, match=r"data\.download=true"):
        SegmentationDataModule(DataConfig(root=str(tmp_path / "root"))).prepare_data()
    assert calls == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_of_the_server_is_reported(tmp_path: Path, status: int) -> None:
    with kaggle(b"", status):
        assert str(status) in error_text(tmp_path / "root")


def test_a_missing_server_is_reported(tmp_path: Path) -> None:
    assert "refused" in error_text(tmp_path / "root")


def test_a_download_that_is_not_an_archive_is_refused(tmp_path: Path) -> None:
    with kaggle(b"<html>please log in</html>"):
        assert "archive" in error_text(tmp_path / "root")


def test_a_broken_download_leaves_no_root_and_can_be_repeated(tmp_path: Path) -> None:
    root, archive = tmp_path / "root", zip_files(dataset())
    with kaggle(archive[: len(archive) // 2], promised=len(archive)):
        error_text(root)
    with kaggle(archive):
        datamodule = module(root)
        datamodule.prepare_data()
    datamodule.setup("fit")
    assert len(datamodule.splits["all"]) == 4


def test_a_damaged_archive_leaves_no_root(tmp_path: Path) -> None:
    archive = bytearray(zip_files(dataset()))
    archive[200:260] = bytes(60)
    with kaggle(bytes(archive)):
        error_text(tmp_path / "a" / "root")


@pytest.mark.parametrize("pack", [zip_files, tar_files], ids=["zip", "tar"])
@pytest.mark.parametrize("name", ["../../escaped.txt", "{folder}/escaped.txt"], ids=["above", "absolute"])
def test_an_archive_writes_nothing_outside_its_folder(tmp_path: Path, pack: object, name: str) -> None:
    assert callable(pack)
    root = tmp_path / "a" / "b" / "root"
    with kaggle(pack({**dataset(), name.format(folder=tmp_path): b"out"})) as calls:
        try:
            module(root).prepare_data()
        except DataError:
            assert not root.exists()
    assert len(calls) == 2
    parts = (root, root.with_name("root.part"))
    outside = [path for path in tmp_path.rglob("escaped.txt") if not any(path.is_relative_to(part) for part in parts)]
    assert outside == []
