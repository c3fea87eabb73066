"""Connections that ask for nothing are closed."""

from __future__ import annotations

import http.client
import socket
import time

import pytest

from segdrone.serve import server
from segdrone.serve.service import Service
from tests.helpers.serving import listening


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


def test_a_connection_may_be_used_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.3)
    with listening(service) as address, socket.create_connection(address, timeout=10) as connection:
        for _ in range(4):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read()) == (200, b'{"status":"live"}')
            time.sleep(0.2)
