"""cvat-sdk sends a task to a server like CVAT, and fetches it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.export import LabelSummary, export_labels
from segdrone.annotations.servers import cvat
from segdrone.annotations.servers.connection import ServerError
from segdrone.annotations.servers.push import pull_labels, push_labels
from segdrone.errors import ConfigError, DataError
from tests.annotations.export.conftest import blobs, write_masks
from tests.helpers.cvat_server import TOKEN, CvatHandler, CvatState
from tests.helpers.cvat_server import cvat as cvat_server
from tests.helpers.label_studio_server import serving

MASKS = {"a": blobs(1), "flight1/b": blobs(2), "flight2/b": blobs(3)}
Server = tuple[str, CvatState]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["cvat_sdk", *(name for name in sys.modules if name.startswith("cvat_sdk."))]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("CVAT_TOKEN", "a")
    with pytest.raises(ConfigError, match=r"CVAT needs cvat-sdk: pip install 'segdrone\[labels\]'"):
        pull_labels("cvat", "http://127.0.0.1:1", "a", Path("a.xml"))
    monkeypatch.delenv("CVAT_TOKEN")
    with pytest.raises(ConfigError, match=r"CVAT_ACCESS_TOKEN or CVAT_TOKEN is not set"):
        pull_labels("cvat", "http://127.0.0.1:1", "a", Path("a.xml"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest.importorskip("cvat_sdk", reason="the extra labels")
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("CVAT_TOKEN", "not taken")
    with cvat_server() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks")
    write_masks(folder, MASKS)
    return folder


def push(folder: Path, out: Path, address: str, project: str | None = None, **options: Any) -> str:
    def export() -> LabelSummary:
        return export_labels(folder / "masks", out, "cvat", images=folder / "photographs", progress=False, **options)

    return push_labels(export, out, "cvat", address, project, progress=False)[1]


def test_what_is_pushed_comes_back(folder: Path, tmp_path: Path, server: Server) -> None:
    address, state = server
    assert push(folder, tmp_path / "flights", address) == (
        f"sent: 3 photographs and their annotations to {address}/tasks/1"
    )
    task = state.tasks[1]
    assert task["name"] == "flights"
    photographs = folder / "photographs"
    assert task["frames"] == {f"{name}.jpg": (photographs / f"{name}.jpg").read_bytes() for name in MASKS}
    assert [label["name"] for label in task["labels"]] == ["road", "car", "grass", "tree & <bush>"]
    assert {token for *_, token in state.requests} == {f"Bearer {TOKEN}"}
    pull_labels("cvat", address, "flights", tmp_path / "back.xml")
    assert (tmp_path / "back.xml").read_bytes() == (tmp_path / "flights" / "annotations.xml").read_bytes()
    classes = str(folder / "masks" / "classes.csv")
    import_annotations(tmp_path / "back.xml", tmp_path / "back", images=photographs, classes=classes, progress=False)
    back = {path.stem: np.array(Image.open(path)) for path in (tmp_path / "back" / "masks").iterdir()}
    assert all(np.array_equal(back[name.replace("/", "_")], mask) for name, mask in MASKS.items())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".pull")] == []
    assert not [*(tmp_path / "flights").glob(".push*")]


@pytest.mark.parametrize("at", ["/data", "/annotations"])
def test_a_push_that_was_cut_off_goes_on(folder: Path, tmp_path: Path, server: Server, at: str) -> None:
    address, state = server

    def cut(handler: CvatHandler) -> bool:
        handler.close_connection = at in handler.path and "Upload-Finish" in handler.headers
        return handler.close_connection

    state.misbehave = cut
    with pytest.raises(ServerError):
        push(folder, tmp_path / "out", address, "flights")
    state.misbehave = lambda handler: False
    sent = 0 if at == "/annotations" else 3
    assert push(folder, tmp_path / "out", address, "flights").startswith(f"sent: {sent} photographs and their")
    assert [len(task["frames"]) for task in state.tasks.values()] == [3]
    assert state.tasks[1]["xml"] == (tmp_path / "out" / "annotations.xml").read_bytes()


def test_what_is_there_is_left_as_it_is(
    folder: Path, tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    address, state = server
    push(folder, tmp_path / "out", address, "flights")
    state.tasks[1]["xml"] = b"corrected"
    assert "0 photographs and no annotations" in push(folder, tmp_path / "out", address, "1")
    assert state.tasks[1]["xml"] == b"corrected"
    assert "has annotations already" in caplog.text
    frames = state.tasks[1]["frames"]
    first, content = frames["a.jpg"], io.BytesIO()
    Image.new("RGB", (7, 5)).save(content, "JPEG")
    frames["a.jpg"] = content.getvalue()
    with pytest.raises(DataError, match=r"has another photograph 'a.jpg', of 7 x 5 pixels, than .*a.jpg of"):
        push(folder, tmp_path / "out", address, "flights")
    frames |= {"a.jpg": first, "more.jpg": first}
    with pytest.raises(DataError, match=r"other photographs \(1 differ, 'more.jpg' first\): give another --project"):
        push(folder, tmp_path / "out", address, "flights")
    state.tasks[1]["labels"][0]["name"] = "lane"
    with pytest.raises(DataError, match=r"other labels \(lane, road differ\): give another --project"):
        push(folder, tmp_path / "out", address, "flights")


def test_nothing_is_sent_to_a_task_of_other_labels(folder: Path, tmp_path: Path, server: Server) -> None:
    address, state = server
    push(folder, tmp_path / "out", address, "flights")
    task = state.tasks[1]
    task["frames"], task["xml"], task["labels"][0]["name"] = {}, b"", "lane"  # a task that somebody has just made
    with pytest.raises(DataError, match=r"other labels \(lane, road differ\): give another --project"):
        push(folder, tmp_path / "out", address, "flights")
    assert task["frames"] == {}


def test_large_archives_are_sent_in_parts(
    folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvat_sdk.core import uploading

    monkeypatch.setattr(uploading, "TUS_CHUNK_SIZE", 1000)
    monkeypatch.setattr(uploading.DataUploader.__init__, "__kwdefaults__", {"max_request_size": 1000})
    address, state = server
    push(folder, tmp_path / "out", address, "flights")
    assert len(state.tasks[1]["frames"]) == 3
    assert sum(method == "PATCH" for method, *_ in state.requests) > 3


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, b'{"detail": "cvat-token is wrong"}', r"does not take the token \(401\).*\*\*\* is wrong"),
        (403, b"{}", r"refuses \(403\): the user of the token lacks"),
        (413, b"<html>", r"no upload of this size \(413\).*client_max_body_size of nginx\)$"),
        (429, b"", r"too many requests"),
        (500, b"<html>", r"fails \(500\): see its log, and run the same command again$"),
        (302, b"", r"redirects to another address"),
    ],
)
def test_a_refusal_is_one_line(
    folder: Path, tmp_path: Path, server: Server, status: int, body: bytes, text: str
) -> None:
    address, state = server
    seen: list[str] = []

    class Elsewhere(CvatHandler):
        def handle_any(self) -> None:
            seen.append(self.path)
            self.answer({})

        do_GET = do_POST = handle_any

    with serving(Elsewhere) as elsewhere:

        def refuse(handler: CvatHandler) -> bool:
            handler.answer(body, status, {"Location": elsewhere} if status == 302 else {})
            return True

        state.misbehave = refuse
        with pytest.raises(ServerError, match=text) as error:
            push(folder, tmp_path / "out", address, "flights")
    assert "\n" not in str(error.value)
    assert TOKEN not in str(error.value)
    assert not seen
    assert not (tmp_path / "out").exists()


def test_a_server_that_hangs_or_is_not_there_is_one_line(
    folder: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(cvat, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServerError, match="does not answer in time"):
            pull_labels("cvat", address, "flights", tmp_path / "a.xml")
    with pytest.raises(ServerError, match="cannot be reached"):
        pull_labels("cvat", address, "flights", tmp_path / "a.xml")
    with pytest.raises(ConfigError, match="no task called 'none'"):
        pull_labels("cvat", server[0], "none", tmp_path / "a.xml")
    with pytest.raises(ConfigError, match="has no task 99 for this user"):
        pull_labels("cvat", server[0], "99", tmp_path / "a.xml")
    with pytest.raises(ConfigError, match="holds a user, a password"):
        pull_labels("cvat", "http://a:b@127.0.0.1", "99", tmp_path / "a.xml")


def test_the_token_goes_to_no_address_that_the_server_names(server: Server) -> None:
    address, _ = server
    with (
        pytest.raises(ServerError, match="names http://localhost for a file, where the token is not sent"),
        cvat._client(address, "--push") as client,
    ):
        client.api_client.rest_client.pool_manager.request("GET", "http://localhost/file")
