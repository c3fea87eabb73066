"""Whatever a server does, the error is one line, and the token goes nowhere else."""

from __future__ import annotations

import io
import socket
import tracemalloc
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from segdrone.annotations.servers.connection import Connection, ServerError
from segdrone.errors import DataError
from tests.helpers.label_studio_server import serving

SECRET = "secret-token"


class Scripted(BaseHTTPRequestHandler):
    """Answers with what a test has set."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b"{}"
    headers_: ClassVar[dict[str, str]] = {}
    seen: ClassVar[list[tuple[str, str, int]]]

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""

    def do_GET(self) -> None:
        left = size = int(self.headers.get("Content-Length") or 0)
        while left:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        self.seen.append((self.path, self.headers.get("Authorization", ""), size))
        self.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers_}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET


def scripted(**values: object) -> type[Scripted]:
    return type("Own", (Scripted,), {"seen": [], **values})


def connection(address: str, seconds: float = 10) -> Connection:
    made = Connection(address, "the tool", "TOKEN", lambda renew: None if renew else f"Token {SECRET}", seconds)
    made.secrets.add(SECRET)
    return made


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, b"{}", r"does not take the token \(401\): TOKEN is wrong"),
        (403, b'{"detail": "not yours"}', r"refuses /api/x \(403\).*lacks the permission \[it says: not yours\]"),
        (404, b"<html>", r"has no /api/x \(404\): is it the address of the tool"),
        (413, b"<html>", r"no upload of this size \(413\).*client_max_body_size"),
        (429, b"", r"too many requests \(429\): wait"),
        (500, b"secret-token\n", r"fails at /api/x \(500\): see its log, and run the same command again$"),
        (400, b'{"validation_errors": {"title": ["line\\nbreak"]}}', r"refuses /api/x \(400\) \[it says: .*line"),
        (400, b'{"detail": "your secret-token is wrong"}', r"\[it says: your \*\*\* is wrong\]"),
        (200, b"<html>", r"answers /api/x with other than JSON: is it the address of the tool"),
        (200, b'{"a": NaN}', r"with other than JSON"),
        (200, b"\xff", r"with other than JSON"),
    ],
)
def test_a_refusal_is_one_line_with_what_to_do(status: int, body: bytes, text: str) -> None:
    with serving(scripted(status=status, body=body)) as address, pytest.raises(ServerError, match=text) as error:
        connection(address).get("/api/x?title=name")
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.status == (status if status != 200 else None)
    assert isinstance(error.value, DataError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    other = scripted()
    with serving(other) as elsewhere:
        redirecting = scripted(status=status, headers_={"Location": f"{elsewhere}/x?{SECRET}"})
        with serving(redirecting) as address:
            acts: list[Callable[[Connection], object]] = [
                lambda made: made.get("/a"),
                lambda made: made.post("/a", {}),
                lambda made: made.download("/a", io.BytesIO(), 9),
            ]
            for act in acts:
                with pytest.raises(ServerError, match=r"redirects /a to http://127.0.0.1 .*token is not sent") as error:
                    act(connection(address))
                assert SECRET not in str(error.value)
    assert other.seen == []
    assert len(redirecting.seen) == 3


def test_a_server_that_hangs_does_not_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServerError, match="does not answer in time"):
            connection(address, seconds=0.2).get("/a")


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerError, match=r"connection refused\): is the tool running there"):
        connection(f"http://127.0.0.1:{port}").get("/a")


def test_an_answer_that_is_cut_is_no_answer() -> None:
    cut = scripted(body=b'{"a": 1}', headers_={"Content-Length": "100"})
    with serving(cut) as address:
        with pytest.raises(ServerError, match="closed the connection before its answer"):
            connection(address).get("/a")
        with pytest.raises(ServerError, match="closed the connection before its answer"):
            connection(address).download("/a", io.BytesIO(), 1000)


def test_an_answer_that_is_too_large_or_too_slow_ends_early() -> None:
    with serving(scripted(body=b"x" * 5_000_000)) as address:
        file = io.BytesIO()
        with pytest.raises(ServerError, match="more than 2 MiB"):
            connection(address).download("/a", file, 2 << 20)
        assert file.tell() <= 2 << 20
        with pytest.raises(ServerError, match="does not answer in time"):
            connection(address).download("/a", file, 9 << 20, in_all=0)


def test_a_file_is_sent_in_parts(tmp_path: Path) -> None:
    file = tmp_path / "photograph.jpg"
    with file.open("wb") as opened:
        opened.truncate(100 << 20)
    receiving = scripted()
    with serving(receiving) as address:
        tracemalloc.start()
        connection(address).upload("/a", file, "photograph.jpg")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert receiving.seen[0][2] > 100 << 20
    assert peak < 20 << 20


def test_a_file_that_is_refused_before_it_has_arrived_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "photograph.jpg"
    with file.open("wb") as opened:
        opened.truncate(100 << 20)

    class Refusing(Scripted):
        def do_POST(self) -> None:
            self.send_error(413)
            self.close_connection = True

    with serving(Refusing) as address, pytest.raises(ServerError, match="client_max_body_size"):
        connection(address).upload("/a", file, "photograph.jpg")


def test_a_new_token_is_asked_for_once() -> None:
    refusing = scripted(status=401)
    with serving(refusing) as address:
        tokens = iter(["Bearer a", "Bearer b", "Bearer c"])
        with pytest.raises(ServerError, match="401"):
            Connection(address, "the tool", "TOKEN", lambda renew: next(tokens)).post("/a", {})
    assert [token for _, token, _ in refusing.seen] == ["Bearer a", "Bearer b"]
