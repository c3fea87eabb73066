"""What docs/deploy.md gives to others: options that exist, metrics that exist, files that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from segdrone.serve.app import start_service
from segdrone.serve.settings import OPTIONS, ModelFile, ServeSettings
from tests.helpers.commands import REPO
from tests.helpers.serving import make_client, photograph, write_model

KNOWN = {f"--{name.replace('_', '-')}" for name in OPTIONS}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("deploy")
    model = ModelFile("net", write_model(folder / "net.onnx"))
    with start_service(ServeSettings([model], spool=folder / "spool")) as service:
        yield make_client(service)


def _read(path: str) -> list[Any]:
    return list(yaml.safe_load_all((REPO / path).read_text(encoding="utf-8")))


def _text(path: str) -> str:
    return (REPO / path).read_text(encoding="utf-8")


def test_options_of_the_service_exist() -> None:
    (compose,), kubernetes = _read("compose.yaml"), _read("deploy/kubernetes.yaml")
    (container,) = kubernetes[0]["spec"]["template"]["spec"]["containers"]
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", _text("Containerfile"), re.M)
    arguments = [*compose["services"]["segdrone"]["command"], *container["args"], *json.loads(entry)]
    options = {text for text in arguments if text.startswith("--")}
    assert len(options) >= 6
    assert options <= KNOWN
    documented = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", _text("docs/deploy.md")))
    others = {"--no-deps", "--args", "--to", "--window", "--device", "--strict"}
    assert documented - others <= KNOWN


def test_the_user_of_the_container_may_write_to_its_volumes() -> None:
    """A new volume has the mode of the folder of the image, or is of root where there is none."""
    (compose,) = _read("compose.yaml")
    volumes = (entry.split(":")[:2] for entry in compose["services"]["segdrone"]["volumes"])
    written = [target for name, target in volumes if name in compose["volumes"]]
    (made,) = re.findall(r"mkdir --mode=1777 (.*)$", _text("Containerfile"), re.M)
    assert written and {*written} <= {*made.split()}


def test_the_base_of_the_container_is_named_once_by_digest() -> None:
    text = _text("Containerfile")
    assert re.findall(r"^ARG BASE=docker\.io/library/python:3\.12\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", text, re.M)
    assert re.findall(r"^FROM (\S+)", text, re.M) == ["${BASE}", "${BASE}"]


def test_probes_ask_for_addresses_that_exist(client: TestClient) -> None:
    (container,) = _read("deploy/kubernetes.yaml")[0]["spec"]["template"]["spec"]["containers"]
    probes = [container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    for path in (*probes, "/ping"):
        assert client.get(path).status_code == 200, path
    headers = {"Content-Type": "image/jpeg", "Accept": "image/png"}
    paths = ("/invocations", "/v1/segment")
    masks = [client.post(path, content=photograph(), headers=headers).content for path in paths]
    assert masks[0] == masks[1]
    assert masks[0].startswith(b"\x89PNG")


def test_the_dashboard_shows_metrics_that_exist(client: TestClient) -> None:
    client.post("/v1/segment", content=photograph(), headers={"Content-Type": "image/jpeg"}).raise_for_status()
    text = client.get("/metrics").text
    board = json.loads(_text("deploy/grafana-dashboard.json"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    shown = {name for expression in expressions for name in re.findall(r"segdrone_[a-z_]+", expression)}
    assert len(shown) >= 10
    families = set(re.findall(r"^# TYPE (\S+)", text, re.M)) | set(re.findall(r"^(segdrone_[a-z_]+)", text, re.M))
    assert shown <= families


def test_files_that_are_named_are_there() -> None:
    for source in ("compose.yaml", "Containerfile", "docs/deploy.md"):
        named = re.findall(r"(?:deploy/[\w.-]+|requirements-[a-z]+\.lock|Containerfile)", _text(source))
        assert named
        assert [name for name in named if not (REPO / name).is_file()] == [], source


def test_the_lock_of_the_service_holds_no_torch_and_no_address() -> None:
    text = _text("requirements-serve.lock")
    assert {"fastapi", "uvicorn", "onnxruntime"} <= set(re.findall(r"^([a-z-]+)==", text, re.M))
    assert not re.search(r"^(torch|lightning|nvidia)", text, re.M)
    assert "://" not in text
    runtime = _text("requirements-runtime.lock")
    assert set(re.findall(r"^\S+==\S+", runtime, re.M)) <= set(re.findall(r"^\S+==\S+", text, re.M))
