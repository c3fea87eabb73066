"""The open inference protocol: probabilities of windows, in JSON and as binary tensors."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from starlette.testclient import TestClient

from segdrone.runtime.description import Description, Signature
from segdrone.runtime.open_backend import open_backend
from segdrone.serve.access import _digest
from segdrone.serve.app import start_service
from segdrone.serve.service import Service
from segdrone.serve.settings import ModelFile, ServeSettings
from segdrone.serve.tensors import Inference, write_answer
from tests.helpers.exported import random_pixels
from tests.helpers.serving import TILED, make_client
from tests.helpers.small_graphs import graph, write

URL = "/v2/models/net/infer"
HEADER = "inference-header-content-length"
WINDOWS = random_pixels(2, 20, 30)


def document(windows: NDArray[np.uint8] = WINDOWS, **changes: Any) -> dict[str, Any]:
    tensor = {"name": "windows", "datatype": "UINT8", "shape": list(windows.shape), "data": windows.ravel().tolist()}
    return {"inputs": [{**tensor, **changes}]}


def binary(windows: NDArray[np.uint8] = WINDOWS, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """Returns a body with a binary tensor, and its header."""
    tensor = {"name": "windows", "datatype": "UINT8", "shape": list(windows.shape)}
    content = {"inputs": [{**tensor, "parameters": {"binary_data_size": windows.nbytes}}], **changes}
    text = json.dumps(content).encode()
    return text + windows.tobytes(), {HEADER: str(len(text))}


def test_health_and_descriptions(client: TestClient) -> None:
    assert client.get("/v2").json()["name"] == "segdrone"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/other/ready").json() == {"name": "other", "ready": True}
    described = client.get("/v2/models/net").json()
    assert described["inputs"] == [{"name": "windows", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert described["outputs"][0]["shape"] == [-1, len(TILED.classes), -1, -1]


@pytest.mark.parametrize("model", ["net", "other"])
def test_the_probabilities_are_those_of_the_backend(client: TestClient, models: dict[str, str], model: str) -> None:
    expected, url = open_backend(models[model], device="cpu")(WINDOWS), f"/v2/models/{model}/infer"
    response = client.post(url, json={**document(), "id": "42"})
    answer, [version] = response.json(), client.get(f"/v2/models/{model}").json()["versions"]
    assert answer | {"outputs": None} == {"model_name": model, "model_version": version, "id": "42", "outputs": None}
    assert (response.headers["x-model"], response.headers["x-model-digest"]) == (model, version)
    (tensor,) = answer["outputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("probabilities", "FP32", list(expected.shape))
    assert np.abs(np.array(tensor["data"]) - expected.ravel()).max() < 1e-6
    nested = client.post(url, json=document(data=WINDOWS.tolist())).json()
    assert nested["outputs"] == answer["outputs"]


@pytest.mark.parametrize(
    "wish",
    [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}]},
    ],
)
def test_binary_tensors(client: TestClient, models: dict[str, str], wish: dict[str, Any]) -> None:
    expected = open_backend(models["net"], device="cpu")(WINDOWS)
    content, headers = binary(**wish)
    response = client.post(URL, content=content, headers=headers)
    length = int(response.headers[HEADER])
    (tensor,) = json.loads(response.content[:length])["outputs"]
    assert tensor["parameters"] == {"binary_data_size": expected.nbytes}
    assert response.content[length:] == expected.astype("<f4").tobytes()
    assert len(response.headers["x-model-digest"]) == 64
    assert response.headers["content-type"] == "application/octet-stream"


def test_several_windows_of_a_model_that_tells_things_apart(tmp_path: Path) -> None:
    table = dataclasses.replace(TILED.classes, things=("car",))
    spec = dataclasses.replace(TILED, classes=table, instances=True)
    nodes: Any = (
        ("Conv", ["x", "w"], ["logits"], {}),
        ("Softmax", ["logits"], ["p"], {"axis": 1}),
        ("Concat", ["p", "x"], ["y"], {"axis": 1}),
    )
    model = graph(nodes, outputs=(("y", TensorProto.FLOAT, ["n", 7, "h", "w"]),))
    path = write(model, tmp_path / "net.onnx", Description(spec, Signature("unit", "probabilities")))
    expected = open_backend(path, device="cpu")(WINDOWS)[:, :4]
    content, headers = binary(parameters={"binary_data_output": True})
    with start_service(ServeSettings([ModelFile("net", path)], spool=tmp_path / "spool", job_workers=0)) as service:
        response = make_client(service).post(URL, content=content, headers=headers)
    assert response.status_code == 200
    length = int(response.headers[HEADER])
    assert json.loads(response.content[:length])["outputs"][0]["shape"] == [2, 4, 20, 30]
    assert response.content[length:] == expected.astype("<f4").tobytes()


def test_a_binary_input_may_have_an_answer_in_json(client: TestClient) -> None:
    content, headers = binary()
    answer = client.post(URL, content=content, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == client.post(URL, json=document()).json()


def test_an_answer_in_json_takes_little_memory(tmp_path: Path) -> None:
    """As Python's numbers and texts, its values would take seventy bytes each."""
    values = np.random.default_rng(0).random((1, 4, 150, 200), np.float32)
    tracemalloc.start()
    write_answer(Inference(WINDOWS, "[]", False), "net", "0", values, tmp_path / "answer")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    answer = json.loads((tmp_path / "answer").read_text())
    assert answer["id"] == "[]"
    assert np.abs(np.array(answer["outputs"][0]["data"]) - values.ravel()).max() < 1e-6
    assert peak < 6 << 20


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"x", "not that of the open inference protocol"),
        (b"\xff", "not that of the open inference protocol"),
        (b"[" * 100_000, "not that of the open inference protocol"),
        (b"{}", "inputs"),
        (json.dumps({"inputs": []}), "inputs"),
        (json.dumps({"inputs": document()["inputs"] * 2}), "inputs"),
        (json.dumps(document(name="image")), "the input must be windows"),
        (json.dumps(document(datatype="FP32")), "of the datatype UINT8"),
        (json.dumps({**document(), "outputs": [{"name": "logits"}]}), "the output probabilities"),
        (json.dumps(document(shape=[2, 20, 30])), "shape"),
        (json.dumps(document(shape=[2, 20, 30, 4])), "[N, height, width, 3]"),
        (json.dumps(document(shape=[2, 20, 29, 3])), "3480 whole numbers"),
        (json.dumps(document(shape=[-2, -20, 30, 3])), "[N, height, width, 3]"),
        (json.dumps(document(shape=[10**9, 10**9, 10**9, 3])), "at most 4000000 pixels"),
        (json.dumps(document(data=None)), "whole numbers from 0 to 255"),
        (json.dumps(document(data=[256] * 3600)), "whole numbers from 0 to 255"),
        (json.dumps(document(data=[-1] * 3600)), "whole numbers from 0 to 255"),
        (json.dumps(document(data=[0.5] * 3600)), "whole numbers from 0 to 255"),
        (json.dumps(document(data=[10**30] * 3600)), "whole numbers from 0 to 255"),
        (json.dumps(document(data=[[1], [2, 3]])), "whole numbers from 0 to 255"),
        (json.dumps(document(data={"a": 1})), "whole numbers from 0 to 255"),
        (json.dumps(document(parameters={"binary_data_size": 3600})), "has 0 bytes, not the 3600"),
    ],
)
def test_requests_that_cannot_be_taken(client: TestClient, content: str | bytes, text: str) -> None:
    response = client.post(URL, content=content)
    assert response.status_code == 422
    assert {*response.json()} == {"error"}
    assert text in response.json()["error"]
    assert "/tmp" not in response.text


@pytest.mark.parametrize("length", ["0", "-1", "x", "1", "100000000", "9" * 30])
def test_a_wrong_length_of_the_json(client: TestClient, length: str) -> None:
    response = client.post(URL, content=binary()[0], headers={HEADER: length})
    assert response.status_code == 422
    assert response.json()["error"]


def test_a_tensor_that_is_cut(client: TestClient) -> None:
    content, headers = binary()
    for wrong in (content[:-1], content + b"x"):
        assert "not the 3600 of its shape" in client.post(URL, content=wrong, headers=headers).json()["error"]


def test_refusals_have_the_form_of_the_protocol(service: Service) -> None:
    client = make_client(dataclasses.replace(service, tokens=[_digest("token")]))
    refused = client.post(URL, json=document())
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer TOKEN" in refused.json()["error"]
    assert "Host header" in make_client(service).get("/v2", headers={"host": "example.org"}).json()["error"]
    assert "does not take this method" in make_client(service).post("/v2").json()["error"]
    assert "detail" in client.get("/v1/models").json()


def test_an_unknown_model(client: TestClient) -> None:
    for response in (client.get("/v2/models/none"), client.post("/v2/models/none/infer", content=b"{}")):
        assert response.status_code == 404
        assert response.json()["error"].startswith("there is no model 'none'")
    assert client.get("/v2/nothing").json() == {"error": "there is nothing at this address: see /docs"}
