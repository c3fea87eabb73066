"""The log: one line of JSON for each request, without photograph, name, place or client."""

from __future__ import annotations

import json
import logging
import socket
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from segdrone.serve.service import Service
from tests.helpers.serving import detail, listening, make_client, photograph
from tests.serve.test_uploads import exchange, head


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.message) for record in caplog.records if record.name == "segdrone.requests"]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_a_line_says_what_was_answered(client: TestClient, log: pytest.LogCaptureFixture) -> None:
    content = photograph()
    response = client.post("/v1/segment?model=other", files={"photograph": ("Meier_47.3N_8.5E.jpg", content)})
    (line,) = logged(log)
    assert line.pop("ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "id": response.headers["x-request-id"], "method": "POST", "route": "/v1/segment", "status": 200,
        "bytes": len(content), "megapixels": 0.005, "model": "other",
    }  # fmt: skip
    assert response.json()["id"] == line["id"]


def test_a_line_holds_nothing_that_a_client_has_written(client: TestClient, log: pytest.LogCaptureFixture) -> None:
    secret = "Meier_47.3N"
    headers = {"x-request-id": secret, "user-agent": secret, "x-forwarded-for": secret, "authorization": secret}
    client.get(f"/{secret}?{secret}={secret}", headers=headers)
    client.get(f"/page/{secret}", headers=headers)
    client.get(f"/v1/models/{secret}", headers=headers)
    client.request(secret.upper(), "/v1/models", headers=headers)
    client.post(f"/v1/segment?model={secret}", content=secret.encode(), headers=headers)
    client.post("/v1/segment", content=secret.encode(), headers=headers)
    client.post("/v1/segment", files={secret: (secret, secret)}, headers=headers)
    lines = logged(log)
    assert [line["status"] for line in lines] == [404, 404, 404, 405, 404, 415, 422]
    assert secret not in json.dumps(lines)
    assert len({line["id"] for line in lines}) == 7


def test_a_client_that_leaves_is_logged(service: Service, log: pytest.LogCaptureFixture) -> None:
    with listening(service) as address:
        with socket.create_connection(address) as connection:
            connection.sendall(head("Content-Length: 1000") + b"\xff")
            time.sleep(0.1)
        exchange(address, head("Content-Length: 1") + b"x")
    assert sorted(line["status"] for line in logged(log)) == [415, 499]


def test_an_error_of_the_service_is_logged_and_answered(
    service: Service, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(service)
    monkeypatch.delitem(service.pool.descriptions, "other")
    response = client.get("/v1/models/other")
    assert "an error in the service" in detail(response, 500)
    assert logged(log)[0]["status"] == 500
    assert f"request {response.headers['x-request-id']} failed" in log.text
