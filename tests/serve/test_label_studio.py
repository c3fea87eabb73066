"""Label Studio's calls of a model: brushes are the pixels of the prediction, and nothing but its uploads is opened."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from segdrone.annotations.brush import Brush
from segdrone.annotations.outlines import fill_outlines
from segdrone.annotations.servers.label_studio import LabelStudio
from segdrone.serve.access import _digest
from segdrone.serve.app import create_app
from segdrone.serve.service import Service
from tests.helpers.exported import CLASSES
from tests.helpers.label_studio_server import LEGACY, Handler, LabelStudioState, label_studio
from tests.helpers.serving import detail, left_in_spool, photograph

URL = "/v1/models/net/label-studio"
PATH = "/data/upload/1/0000000a-a%20b.jpg"


def config(kind: str = "Brush", names: tuple[str, ...] = CLASSES.names, value: str = "$photo") -> str:
    labels = "".join(f"<Label value={quoteattr(name)}/>" for name in (*names, "another"))
    return f'<View><Image name="i" value="{value}"/><{kind}Labels name="c" toName="i">{labels}</{kind}Labels></View>'


def tasks(*paths: Any) -> dict[str, Any]:
    return {"tasks": [{"id": i, "data": {"photo": path}} for i, path in enumerate(paths)], "label_config": config()}


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, LabelStudioState]]:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", LEGACY)
    with label_studio() as (address, state):
        state.uploads[PATH.removeprefix("/data/")] = photograph()
        yield address, state


@pytest.fixture
def client(service: Service, studio: tuple[str, LabelStudioState]) -> Iterator[TestClient]:
    changed = dataclasses.replace(service, label_studio=LabelStudio(studio[0], "--label-studio"))
    yield TestClient(create_app(changed), base_url="http://127.0.0.1")
    assert left_in_spool(service) == []


def mask_of(client: TestClient, content: bytes) -> np.ndarray[Any, Any]:
    headers = {"Accept": "image/png", "Content-Type": "image/jpeg"}
    answer = client.post("/v1/segment", content=content, headers=headers)
    return np.array(Image.open(io.BytesIO(answer.content)))


@pytest.mark.parametrize("kind", ["Brush", "Polygon"])
def test_regions_are_the_pixels_of_the_prediction(
    client: TestClient, studio: tuple[str, LabelStudioState], kind: str
) -> None:
    studio[1].uploads["upload/1/b.png"] = photograph(40, 50, "PNG")
    body = {**tasks(PATH, "/data/upload/1/b.png"), "label_config": config(kind)}
    results = client.post(f"{URL}/predict", json=body).json()["results"]
    assert len(results) == 2
    for result, content in zip(results, (photograph(), photograph(40, 50, "PNG")), strict=True):
        expected = mask_of(client, content)
        drawn = np.full(expected.shape, 255, np.uint8)
        for region in result["result"]:
            assert (region["from_name"], region["to_name"]) == ("c", "i")
            assert region["type"] == f"{kind.lower()}labels"
            assert (region["original_height"], region["original_width"]) == expected.shape
            value = region["value"]
            (label,) = value[f"{kind.lower()}labels"]
            if kind == "Brush":
                inside = Brush(bytes(value["rle"])).decode(expected.shape)[2]
            else:
                points = np.array(value["points"]) * np.array(expected.shape[::-1]) / 100
                filled = np.zeros(expected.shape, np.uint8)
                fill_outlines(filled, [points.round()], 1)
                inside = filled > 0
            assert (drawn[inside] == 255).all()
            drawn[inside] = CLASSES.names.index(label)
        assert np.array_equal(drawn, expected)
        assert len(np.unique(expected)) > 1
        assert 0 < result["score"] <= 1
        assert result["model_version"] == client.get(f"{URL}/versions").json()["versions"][0]
    ids = [region["id"] for result in results for region in result["result"]]
    assert len({*ids}) == len(ids)


def test_a_model_that_is_replaced_between_two_photographs_gives_its_own_classes(
    client: TestClient, service: Service, models: dict[str, str], studio: tuple[str, LabelStudioState]
) -> None:
    studio[1].uploads["upload/1/b.png"] = photograph(40, 50, "PNG")

    def replace_model(handler: Handler) -> bool:
        if handler.path.endswith("b.png"):
            service.pool.reload("net", models["other"]).answer.result(60)
        return False

    studio[1].misbehave = replace_model
    labels = config(names=(*CLASSES.names, "a", "b", "c"))
    try:
        body = {**tasks(PATH, "/data/upload/1/b.png"), "label_config": labels}
        first, second = client.post(f"{URL}/predict", json=body).json()["results"]
    finally:
        service.pool.reload("net", service.models.paths["net"]).answer.result(60)
    named = {label for region in second["result"] for label in region["value"]["brushlabels"]}
    assert named & {"a", "b", "c"}
    assert named <= {"a", "b", "c", "car"}
    assert first["model_version"] != second["model_version"]


def test_a_model_is_connected_if_the_labels_have_its_classes(client: TestClient) -> None:
    assert client.get(f"{URL}/health").json() == {"status": "UP", "model_class": "net"}
    body = {"project": "1.1", "schema": config(), "hostname": "http://evil.example.org", "access_token": "secret"}
    version = client.get("/v1/models/net").json()["digest"][:12]
    assert client.post(f"{URL}/setup", json=body).json() == {"model_version": f"net {version}"}
    lacking = {**body, "schema": config(names=("road", "car"))}
    text = detail(client.post(f"{URL}/setup", json=lacking), 422)
    assert text.startswith(
        "the labeling interface of the project lacks grass, tree of the model net: take label_config"
    )
    assert "lacks BrushLabels" in detail(client.post(f"{URL}/setup", json={"schema": "<View/>"}), 422)
    for broken in ("<View>", None, "<!DOCTYPE a SYSTEM 'http://evil.example.org/a'><View/>", 7):
        assert "cannot be read" in detail(client.post(f"{URL}/setup", json={"schema": broken}), 422)


@pytest.mark.parametrize(
    "path",
    [
        "http://127.0.0.1/data/upload/1/a.jpg",
        "//evil.example.org/data/upload/1/a.jpg",
        "file:///data/upload/1/a.jpg",
        "/data/upload/1/../../../api/projects/",
        "/data/upload/1/..",
        "/data/upload/1/%2e%2e",
        "/data/upload/1/%2e%2e%2fa",
        "/data/upload/1/a%5Cb",
        "/data/upload/1/a.jpg?x=/",
        "/data/upload/1/a.jpg#x",
        "/data/upload/1/a.jpg\r\nX: y",
        "/data/upload/x/a.jpg",
        "/data/local-files/?d=a.jpg",
        "/api/projects/",
        "/etc/passwd",
        "",
        7,
        None,
        ["/data/upload/1/a.jpg"],
    ],
)
def test_no_other_place_is_opened(client: TestClient, studio: tuple[str, LabelStudioState], path: Any) -> None:
    text = detail(client.post(f"{URL}/predict", json=tasks(PATH, path)), 422)
    assert "not among the uploads of Label Studio" in text
    assert studio[1].requests == []


@pytest.mark.parametrize(
    ("status", "headers", "text"),
    [
        (404, {}, "has no a photograph"),
        (401, {}, "does not take the token"),
        (302, {"Location": "http://evil.example.org/a.jpg"}, "redirects a photograph to http://evil.example.org"),
        (500, {}, "fails at a photograph"),
    ],
)
def test_a_photograph_that_cannot_be_had_is_an_error(
    client: TestClient, studio: tuple[str, LabelStudioState], status: int, headers: dict[str, str], text: str
) -> None:
    def refuse(handler: Handler) -> bool:
        handler.answer({"detail": "no"}, status, headers)
        return True

    studio[1].misbehave = refuse
    assert text in detail(client.post(f"{URL}/predict", json=tasks(PATH)), 502)


def test_the_limits_of_photographs_hold(service: Service, studio: tuple[str, LabelStudioState]) -> None:
    address, state = studio
    state.uploads["upload/1/text.jpg"] = b"<html>"

    def client(**settings: Any) -> TestClient:
        settings_ = dataclasses.replace(service.settings, **settings)
        changed = dataclasses.replace(service, settings=settings_, label_studio=LabelStudio(address, ""))
        return TestClient(create_app(changed), base_url="http://127.0.0.1")

    body = tasks(PATH)
    assert "answers with more than" in detail(client(max_megabytes=0.001).post(f"{URL}/predict", json=body), 502)
    assert "megapixels" in detail(client(max_megapixels=0.001).post(f"{URL}/predict", json=body), 413)
    assert "the body is" in detail(client().post(f"{URL}/predict", json=tasks("/data/upload/1/text.jpg")), 415)
    assert left_in_spool(service) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"tasks": []}', b'{"tasks": 7}', b"\xff", b'{"a": NaN}'])
def test_a_broken_request_is_refused(client: TestClient, body: bytes) -> None:
    with_config = body.replace(b"}", b', "label_config": ' + json.dumps(config()).encode() + b"}")
    detail(client.post(f"{URL}/predict", content=with_config), 422)


def test_training_is_refused_and_other_events_are_ignored(client: TestClient) -> None:
    assert client.post(f"{URL}/webhook", json={"action": "ANNOTATION_CREATED"}).json() == {"status": "ignored"}
    assert "does not train" in detail(client.post(f"{URL}/webhook", json={"action": "START_TRAINING"}), 501)


def test_without_the_option_there_is_no_such_model(service: Service) -> None:
    client = TestClient(create_app(service), base_url="http://127.0.0.1")
    for method, name in (("GET", "health"), ("POST", "setup"), ("POST", "predict"), ("POST", "webhook")):
        assert "--label-studio URL" in detail(client.request(method, f"{URL}/{name}", json={}), 404)


def test_a_token_comes_as_a_password(service: Service, studio: tuple[str, LabelStudioState]) -> None:
    changed = dataclasses.replace(service, label_studio=LabelStudio(studio[0], ""), tokens=[_digest("token")])
    client = TestClient(create_app(changed), base_url="http://127.0.0.1")
    assert client.get(f"{URL}/health", auth=("anybody", "token")).status_code == 200
    for given in ("Basic !", "Basic " + base64.b64encode(b"token").decode(), "Basic /w==", "Basic", "Digest token"):
        detail(client.get(f"{URL}/health", headers={"Authorization": given}), 401)
    detail(client.get(f"{URL}/health", auth=("token", "other")), 401)
