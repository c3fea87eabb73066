"""Connections that ask for nothing, or take no answer, are closed."""

from __future__ import annotations

import dataclasses
import http.client
import socket
import time
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.responses import FileResponse

from segdrone.serve import server
from segdrone.serve.service import Service
from tests.helpers.serving import listening, running


@pytest.mark.parametrize(
    "start", [b"", b"GET /health/live HTTP/1.1\r\nHost:", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"]
)
def test_headers_that_do_not_come(service: Service, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.5)
    with listening(service) as address, socket.create_connection(address, timeout=10) as connection:
        connection.sendall(start)
        begin, answer = time.monotonic(), b""
        while content := connection.recv(65536):
            answer += content
        assert 0.3 < time.monotonic() - begin < 4
        assert answer == b"" or answer.startswith(b"HTTP/1.1 200")


def test_an_answer_that_is_not_taken(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is larger than what the system takes for the client; one who takes it slowly gets it."""
    monkeypatch.setattr(server, "_READ_SECONDS", 0.5)
    app, size, file = FastAPI(), 20_000_000, tmp_path / "large"
    file.write_bytes(bytes(size))
    app.add_route("/large", lambda request: FileResponse(file))
    taken = dict.fromkeys((1.5, 0.0), 0)
    with running(app, dataclasses.replace(service.settings, port=0)) as address:
        for pause in taken:
            with socket.create_connection(address, timeout=10) as connection:
                connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                time.sleep(pause)
                while content := connection.recv(1 << 20):
                    taken[pause] += len(content)
                    time.sleep(0.05)
    assert taken[1.5] < size < taken[0.0]


def test_a_connection_may_be_used_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.3)
    with listening(service) as address, socket.create_connection(address, timeout=10) as connection:
        for _ in range(4):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read()) == (200, b'{"status":"live"}')
            time.sleep(0.2)
