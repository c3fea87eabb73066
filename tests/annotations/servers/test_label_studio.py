"""Photographs and shapes go to a server like Label Studio once, whatever interrupts, and come back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.export import LabelSummary, export_labels
from segdrone.annotations.servers.connection import ServerError
from segdrone.annotations.servers.label_studio import LabelStudio
from segdrone.annotations.servers.push import pull_labels, push_labels
from segdrone.errors import ConfigError, DataError
from tests.annotations.export.conftest import TABLE, blobs, write_masks
from tests.helpers.label_studio_server import LEGACY, PERSONAL, Handler, LabelStudioState

Studio = tuple[str, LabelStudioState]
MASKS = {"a": blobs(1), "flight1/b": blobs(2), "flight2/b": blobs(3), "é\" 'x": blobs(4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Masks and photographs; two have one name in different folders, and different bytes."""
    folder = tmp_path_factory.mktemp("masks")
    write_masks(folder, MASKS)
    for number, file in enumerate(sorted((folder / "photographs").rglob("*.jpg"))):
        file.write_bytes(file.read_bytes() + bytes([number]))
    return folder


def push(folder: Path, out: Path, address: str, project: str | None = None, **options: Any) -> str:
    def export() -> LabelSummary:
        return export_labels(
            folder / "masks", out, "label-studio", images=folder / "photographs", progress=False, **options
        )

    return push_labels(export, out, "label-studio", address, project, progress=False)[1]


def test_what_is_pushed_comes_back(folder: Path, tmp_path: Path, studio: Studio) -> None:
    address, state = studio
    assert push(folder, tmp_path / "flights", address) == f"sent: 4 photographs to {address}/projects/1"
    assert state.projects[1]["title"] == "flights"
    assert {token for *_, token in state.requests} == {f"Token {LEGACY}"}
    for task in state.tasks[1]:
        data = task["data"]
        content = (folder / "photographs" / data["photograph"]).read_bytes()
        assert state.uploads[data["image"].removeprefix("/data/")] == content
        assert data["sha256"] == hashlib.sha256(content).hexdigest()
        assert len(task["annotations"]) == 1
    out = tmp_path / "back.json"
    assert "segdrone data import" in pull_labels("label-studio", address, "flights", out)
    classes = str(folder / "masks" / "classes.csv")
    import_annotations(out, tmp_path / "back", images=folder / "photographs", classes=classes, progress=False)
    back = {path.stem: np.array(Image.open(path)) for path in (tmp_path / "back" / "masks").iterdir()}
    assert len(back) == 4
    assert all(np.array_equal(back[name.replace("/", "_")], mask) for name, mask in MASKS.items())


def test_the_name_of_a_folder_is_no_number_of_a_project(folder: Path, tmp_path: Path, studio: Studio) -> None:
    address, _ = studio
    push(folder, tmp_path / "flights", address)
    with pytest.raises(ConfigError, match="1 has a number as its name, by which a project would be found: give --proj"):
        push(folder, tmp_path / "1", address)
    assert not (tmp_path / "1").exists()


@pytest.mark.parametrize("at", ["upload", "number", "task", "answer of the task"])
def test_a_push_that_was_cut_off_goes_on_without_duplicates(
    folder: Path, tmp_path: Path, studio: Studio, at: str
) -> None:
    address, state = studio

    def cut(handler: Handler) -> bool:
        is_task = handler.path.endswith("/import")
        ours = {"upload": "commit_to_project" in handler.path, "number": "file-upload" in handler.path}
        if len(state.tasks.get(1, ())) < 2 or not ours.get(at, is_task):
            return False
        if at == "answer of the task":  # it is made, and nobody hears of it
            state.misbehave = lambda handler: False
            handler.answer = lambda *_: None  # type: ignore[method-assign]
            state.requests.pop()
            handler.handle_any()
        handler.close_connection = True
        return True

    state.misbehave = cut
    with pytest.raises(ServerError, match="closed the connection before its answer.*run the same command again"):
        push(folder, tmp_path / "out", address, "flights")
    done = len(state.tasks[1])
    assert done == (3 if at == "answer of the task" else 2)
    state.misbehave = lambda handler: False
    assert push(folder, tmp_path / "out", address, "flights").endswith(f"where {done} were already")
    assert [task["data"]["photograph"] for task in state.tasks[1]] == sorted(
        (f"{name}.jpg" for name in MASKS), key=str.casefold
    )
    assert len(state.projects) == 1


def test_what_is_there_is_left_as_it_is(
    folder: Path, tmp_path: Path, studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    address, state = studio
    push(folder, tmp_path / "out", address, "flights")
    before = json.dumps(state.tasks)
    assert push(folder, tmp_path / "out", address, "1", predictions=True).startswith("sent: 0 photographs")
    assert json.dumps(state.tasks) == before
    assert "left as they are: to send new labels for them, give another --project" in caplog.text
    state.tasks[1][2]["data"]["sha256"] = "0" * 64
    with pytest.raises(DataError, match="has another photograph 'flight2/b.jpg': give another --project"):
        push(folder, tmp_path / "out", address, "flights")


def test_predictions_are_sent_as_predictions(folder: Path, tmp_path: Path, studio: Studio) -> None:
    address, state = studio
    push(folder, tmp_path / "out", address, "flights", predictions=True, kind="polygons")
    assert all("annotations" not in task and task["predictions"][0]["result"] for task in state.tasks[1])


def test_projects_with_other_labels_are_refused(folder: Path, tmp_path: Path, studio: Studio) -> None:
    address, state = studio
    push(folder, tmp_path / "out", address, "flights")
    config = state.projects[1]["label_config"]
    with pytest.raises(DataError, match="has no polygon called 'polygon' for an image 'image'"):
        push(folder, tmp_path / "out", address, "flights", kind="polygons")
    state.projects[1]["label_config"] = config.replace('value="road"', 'value="lane"')
    with pytest.raises(DataError, match=r"has other labels: it lacks road and has also lane; give another --project"):
        push(folder, tmp_path / "out", address, "flights")
    for broken in ("<View>", "<!DOCTYPE a [<!ENTITY b 'c'>]><View>&b;</View>", ""):
        state.projects[1]["label_config"] = broken
        with pytest.raises(DataError, match="the labeling interface cannot be read"):
            push(folder, tmp_path / "out", address, "flights")


def test_a_project_is_found_by_name_or_number(folder: Path, tmp_path: Path, studio: Studio) -> None:
    address, state = studio
    for title in ("flights 2", "flights", "my flights", "twice", "twice"):
        number = len(state.projects) + 1
        state.projects[number] = {"id": number, "title": title}
    server = LabelStudio(address)
    assert server.find_project("flights") == 2
    assert server.find_project("3") == 3
    assert server.find_project("Flights") is None
    with pytest.raises(ConfigError, match="2 projects are called 'twice': give the number of one of them: 4, 5"):
        server.find_project("twice")
    with pytest.raises(ConfigError, match="has no project 99 for this user"):
        server.find_project("99")
    with pytest.raises(ConfigError, match="has no project called 'none'"):
        pull_labels("label-studio", address, "none", tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_a_personal_access_token_buys_others(
    folder: Path, tmp_path: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, state = studio
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", PERSONAL)

    expired: set[str] = set()

    def expire(handler: Handler) -> bool:
        if "/import" in handler.path and handler.command == "POST" and handler.path not in expired:
            expired.add(handler.path)
            state.access = "expired"
        return False

    state.misbehave = expire
    push(folder, tmp_path / "out", address, "flights")
    assert len(state.tasks[1]) == 4
    assert state.refreshed == 3
    assert not any(PERSONAL in token for *_, token in state.requests)
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", "head.other.signature")
    with pytest.raises(ServerError, match="does not take the token .*Token is invalid"):
        push(folder, tmp_path / "out", address, "flights")


def test_nothing_is_exported_before_the_server_has_answered(
    folder: Path, tmp_path: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = studio
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", "wrong")
    with pytest.raises(ServerError, match=r"does not take the token \(401\).*Invalid token: Token \*\*\*") as error:
        push(folder, tmp_path / "out", address)
    assert "wrong\n" not in str(error.value)
    with pytest.raises(ConfigError, match="--project 'ab' cannot be the name"):
        monkeypatch.setenv("LABEL_STUDIO_TOKEN", LEGACY)
        push(folder, tmp_path / "out", address, "ab")
    with pytest.raises(ConfigError, match="--push does not go with --to coco"):
        push_labels(lambda: LabelSummary(tmp_path, "", "", TABLE), tmp_path / "out", "coco", address)
    assert not (tmp_path / "out").exists()


def test_photographs_that_are_unknown_or_of_another_kind_are_refused(tmp_path: Path, studio: Studio) -> None:
    address, state = studio
    write_masks(tmp_path, {"a": blobs(1)})

    def export(**options: Any) -> LabelSummary:
        return export_labels(tmp_path / "masks", tmp_path / "out", "label-studio", progress=False, **options)

    with pytest.raises(DataError, match=r"the photograph of a.png is not known: give .* --images"):
        push_labels(export, tmp_path / "out", "label-studio", address, progress=False)
    photograph = tmp_path / "photographs" / "a.jpg"
    Image.open(photograph).save(photograph.with_suffix(".tif"))
    photograph.unlink()
    with pytest.raises(DataError, match=r"a.tif: Label Studio takes no .tif; convert"):
        push_labels(
            lambda: export(images=tmp_path / "photographs"), tmp_path / "out", "label-studio", address, progress=False
        )
    assert not state.projects


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/projects/", b"[]"),
        ("/api/projects/", b'{"results": [1], "count": 1}'),
        ("/api/projects/", b'{"results": [{"id": "x", "title": "flights"}], "count": 1}'),
        ("/api/tasks", b'{"tasks": {}, "total": 0}'),
        ("commit_to_project", b'{"import": 1}'),
        ("/api/import/file-upload/", b'{"file": "../../etc/passwd"}'),
    ],
)
def test_an_answer_that_is_not_label_studios_is_an_error(
    folder: Path, tmp_path: Path, studio: Studio, path: str, answer: bytes
) -> None:
    address, state = studio

    def misbehave(handler: Handler) -> bool:
        if path not in handler.path or (path == "/api/projects/" and handler.command == "POST"):
            return False
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        handler.answer(answer)
        return True

    state.misbehave = misbehave
    with pytest.raises(ServerError, match="is it Label Studio|another edition"):
        push(folder, tmp_path / "out", address, "flights")


def test_a_pull_that_is_cut_off_leaves_the_earlier_file(folder: Path, tmp_path: Path, studio: Studio) -> None:
    address, state = studio
    push(folder, tmp_path / "out", address, "flights")
    out = tmp_path / "back.json"
    out.write_text("earlier")

    def cut(handler: Handler) -> bool:
        if "/export" in handler.path:
            handler.answer(b"[{", headers={"Content-Length": "1000"})
            handler.close_connection = True
            return True
        return False

    state.misbehave = cut
    with pytest.raises(ServerError, match="closed the connection"):
        pull_labels("label-studio", address, "flights", out)
    assert out.read_text() == "earlier"
    with pytest.raises(ConfigError, match=r"must be a file with the suffix .json"):
        pull_labels("label-studio", address, "flights", tmp_path / "back.xml")
    with pytest.raises(ConfigError, match="--from labelme is not a tool"):
        pull_labels("labelme", address, "flights", out)
