"""Uploads: what is taken, what is refused with which status, and that nothing is left."""

from __future__ import annotations

import http.client
import resource
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from segdrone.serve.service import Service
from tests.helpers.hostile import CONTENTS
from tests.helpers.serving import detail, left_in_spool, listening, make_client, photograph
from tests.helpers.tiff_files import write_tiff

PHOTOGRAPH = photograph()


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """Returns a PNG whose header says its size; its pixels are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", b"")


def tiff(width: int, height: int) -> bytes:
    """Returns a TIFF whose directory says its size, and places of pixels that are not there."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 1 << 30), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 1 << 31)]  # fmt: skip
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)


@pytest.mark.parametrize("kind", ["image/jpeg", "image/x-unknown", "application/octet-stream", "IMAGE/PNG; a=b", None])
def test_a_body_of_any_image_type_is_taken(client: TestClient, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    assert client.post("/v1/segment", content=PHOTOGRAPH, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({"content-type": "text/plain"}, 415, "the Content-Type is not one that is taken: send image/..."),
        ({"content-type": "application/json"}, 415, "application/octet-stream"),
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "the field photograph"),
        ({"content-type": "image/jpeg", "content-encoding": "gzip"}, 415, "compressed"),
        ({"content-type": "multipart/form-data"}, 400, "no boundary"),
        ({"content-type": f"multipart/form-data; boundary={'x' * 71}"}, 400, "no boundary"),
        ({"content-type": "multipart/form-data; boundary=x"}, 400, "not multipart/form-data"),
        ({"content-type": "multipart/mixed; boundary=x"}, 415, "not one that is taken"),
    ],
)
def test_another_content_type_is_refused(client: TestClient, headers: dict[str, str], status: int, text: str) -> None:
    assert text in detail(client.post("/v1/segment", content=PHOTOGRAPH, headers=headers), status)


@pytest.mark.parametrize(
    ("content", "status", "text"),
    [
        (b"", 422, "the body is empty"),
        (b"GIF89a" + bytes(100), 415, "a GIF image"),
        (b"PK\x03\x04" + bytes(100), 415, "a ZIP archive: unpack it"),
        (b"\0\0\0\x18ftypheic" + bytes(100), 415, "HEIC"),
        (b"%PDF-1.7" + bytes(100), 415, "a PDF"),
        (b"<!doctype html><html>", 415, "a web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "a PostScript"),
        (b"../../etc/passwd", 415, "not an image"),
        (bytes(1000), 415, "zeros"),
        (b"\xff\xd8\xff", 422, "the photograph"),
        (b"\xff\xd8\xff\xe0" + bytes(1000), 422, "the photograph"),
        (PHOTOGRAPH[:300], 422, "the photograph"),
        (PHOTOGRAPH[:-900], 422, "the photograph"),
        (b"RIFF\0\0\0\0WAVE" + bytes(100), 422, "the photograph"),
        (b"II*\0" + bytes(100), 422, "the photograph"),
        (b"MM\0*\xff\xff\xff\xff", 422, "the photograph"),
        (b"II+\0\x08\0\0\0" + b"\xff" * 64, 422, "the photograph"),
        (png(60_000, 60_000), 413, "too large"),
        (png(2**31 - 1, 2**31 - 1), 413, "too large"),
        (png(20_000, 8_920), 413, "more than the 178 that are taken"),
        (tiff(60_000, 60_000), 413, "too large"),
        (tiff(2**32 - 1, 2**32 - 1), 413, "too large"),
        (tiff(0, 0), 422, "the photograph"),
        (tiff(100, 100), 422, "the photograph"),
        (png(100, 100), 422, "the photograph"),
    ],
)
@pytest.mark.parametrize("is_form", [False, True])
def test_a_body_that_is_no_photograph(
    client: TestClient, content: bytes, status: int, text: str, is_form: bool
) -> None:
    given = {"files": {"photograph": ("a.jpg", content)}} if is_form else {"content": content}
    assert text in detail(client.post("/v1/segment", **given), status)


@pytest.mark.parametrize("name", CONTENTS)
def test_hostile_bytes_are_refused(client: TestClient, name: str) -> None:
    for start in (b"", b"\xff\xd8\xff\xe0", b"II*\0"):
        response = client.post("/v1/segment", content=start + CONTENTS[name])
        assert response.status_code in (413, 415, 422)
        detail(response, response.status_code)


def test_a_photograph_that_the_model_cannot_take(client: TestClient, tmp_path: Path) -> None:
    """Sixteen bits and six bands need settings of the training."""
    deep = write_tiff(tmp_path / "deep.tif", np.zeros((20, 30, 3), np.uint16)).read_bytes()
    bands = write_tiff(tmp_path / "bands.tif", np.zeros((20, 30, 6), np.uint8)).read_bytes()
    for content, text in ((deep, "uint16"), (bands, "6 bands")):
        assert text in detail(client.post("/v1/segment", content=content), 422)


BOUNDARY = b"--x"


def part(headers: bytes, content: bytes = PHOTOGRAPH) -> bytes:
    return b"--x\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


GOOD = part(b'Content-Disposition: form-data; name="photograph"; filename="a.jpg"')


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        (GOOD + b"--x--\r\n", 200, ""),
        (part(b"content-disposition: form-data; name=photograph") + b"--x--\r\n", 200, ""),
        (GOOD + b"--x--", 200, ""),
        (GOOD, 400, "the form is cut"),
        (GOOD[:-50], 400, "the form is cut"),
        (b"--x--\r\n", 422, "no field photograph"),
        (b"", 400, "the form is cut"),
        (GOOD + GOOD + b"--x--\r\n", 422, "twice"),
        (part(b'Content-Disposition: form-data; name="model"', b"net") + GOOD + b"--x--\r\n", 422, "another field"),
        (part(b'Content-Disposition: form-data; name="photograph[]"') + b"--x--\r\n", 422, "another field"),
        (part(b"Content-Disposition: form-data") + b"--x--\r\n", 422, "another field"),
        (part(b"Content-Type: image/jpeg") + b"--x--\r\n", 422, "another field"),
        (b"--y\r\n", 400, "multipart/form-data"),
        (GOOD + b"--x--\r\n" + b"e" * 100_000, 413, "more than the field"),
    ],
)
def test_forms(client: TestClient, form: bytes, status: int, text: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = client.post("/v1/segment", content=form, headers=headers)
    if status == 200:
        assert response.status_code == 200
    else:
        assert text in detail(response, status)


@pytest.mark.parametrize("headers", [b"X: " + b"y" * 200_000, b"X: y\r\n" * 2000 + b"Z: a", b"x" * 200_000])
def test_endless_headers_of_a_form(service: Service, headers: bytes) -> None:
    form = part(headers) + b"--x--\r\n"
    lines = ["POST /v1/segment HTTP/1.1", "Host: localhost", "Content-Type: multipart/form-data; boundary=x"]
    start = "\r\n".join([*lines, f"Content-Length: {len(form)}", "", ""]).encode()
    with listening(service) as address:
        assert exchange(address, start, form)[0] in (400, 413, 422)
    assert left_in_spool(service) == []


@pytest.mark.parametrize("is_form", [False, True])
def test_too_many_bytes_are_refused_whether_announced_or_not(service: Service, is_form: bool) -> None:
    client = make_client(service, max_megabytes=len(PHOTOGRAPH) / 1e6)
    given = {"files": {"photograph": PHOTOGRAPH}} if is_form else {"content": PHOTOGRAPH}
    assert client.post("/v1/segment", **given).status_code == 200
    client = make_client(service, max_megabytes=(len(PHOTOGRAPH) - 1) / 1e6)
    assert "megabytes: reduce it" in detail(client.post("/v1/segment", **given), 413)

    def chunks() -> Iterator[bytes]:
        yield from (PHOTOGRAPH[i : i + 1000] for i in range(0, len(PHOTOGRAPH), 1000))

    assert "megabytes" in detail(client.post("/v1/segment", content=chunks()), 413)
    assert left_in_spool(service) == []


def test_too_many_megapixels_are_refused(service: Service) -> None:
    assert make_client(service, max_megapixels=0.0054).post("/v1/segment", content=PHOTOGRAPH).status_code == 200
    problem = detail(make_client(service, max_megapixels=0.0053).post("/v1/segment", content=PHOTOGRAPH), 413)
    assert problem.startswith("the photograph has 0.0 megapixels, more than the 0.0053 that are taken")


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Lets no file of this process exceed some bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(service: Service) -> None:
    client = make_client(service)
    with file_size_limit(1000):
        response = client.post("/v1/segment", content=PHOTOGRAPH)
    assert detail(response, 507) == "the disk of the service is full: try again later"
    assert client.post("/v1/segment", content=PHOTOGRAPH).status_code == 200
    assert left_in_spool(service) == []


def exchange(address: tuple[str, int], *parts: bytes, pause: float = 0.0) -> tuple[int, bytes]:
    """Sends parts of a request; returns status and body of the answer, or 0 if the connection ends without one."""
    with socket.create_connection(address, timeout=30) as connection:
        with suppress(OSError):
            for content in parts:
                connection.sendall(content)
                time.sleep(pause)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
            return answer.status, answer.read()
        except (http.client.HTTPException, OSError):
            return 0, b""


def head(*lines: str) -> bytes:
    return "\r\n".join(
        ["POST /v1/segment HTTP/1.1", "Host: 127.0.0.1", "Content-Type: image/jpeg", *lines, "", ""]
    ).encode()


def test_an_announced_size_is_refused_before_a_byte_is_read(service: Service) -> None:
    with listening(service) as address, socket.create_connection(address, timeout=30) as connection:
        connection.sendall(head("Content-Length: 10000000000"))
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in answer.lower()


def test_an_endless_body_is_refused_at_the_limit(service: Service) -> None:
    with listening(service, max_megabytes=1) as address:
        chunk = b"10000\r\n" + b"\xff\xd8\xff\xe0" + bytes(0xFFFC) + b"\r\n"
        status, _ = exchange(address, head("Transfer-Encoding: chunked"), *[chunk] * 400)
    assert status == 413
    assert left_in_spool(service) == []


def test_a_client_that_sends_all_before_it_reads_gets_the_answer(service: Service) -> None:
    size = 40_000_000
    with listening(service, max_megabytes=1) as address:
        assert exchange(address, head(f"Content-Length: {size}"), bytes(size))[0] == 413


def test_a_slow_client_is_refused(service: Service) -> None:
    with listening(service, upload_timeout=0.5) as address:
        start = time.monotonic()
        status, problem = exchange(address, head("Content-Length: 100"), *[b"\xff"] * 8, pause=0.1)
        assert (status, b"did not arrive in 0.5 seconds" in problem) == (408, True)
        assert time.monotonic() - start < 4
    assert left_in_spool(service) == []


@pytest.mark.parametrize(
    "request_parts",
    [
        (head("Content-Length: 100000"), PHOTOGRAPH[:1000]),
        (head("Transfer-Encoding: chunked"), b"3e8\r\n" + PHOTOGRAPH[:1000] + b"\r\n"),
        (head("Transfer-Encoding: chunked"), b"3e8\r\n" + PHOTOGRAPH[:10]),
    ],
)
def test_a_cut_body_leaves_nothing(service: Service, request_parts: tuple[bytes, ...]) -> None:
    before = service.pool.waiting, service.pool.running
    with listening(service) as address:
        with socket.create_connection(address) as connection:
            for content in request_parts:
                connection.sendall(content)
            time.sleep(0.1)
        assert left_in_spool(service) == []
        assert make_client(service).get("/health/ready").status_code == 200
    assert (service.pool.waiting, service.pool.running) == before


@pytest.mark.parametrize(
    "content",
    [
        head("Transfer-Encoding: chunked") + b"xyz\r\n",
        head("Content-Length: -1"),
        head("Content-Length: 5", "Content-Length: 6"),
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: " + b"y" * 100_000,
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_the_connection(service: Service, content: bytes) -> None:
    with listening(service) as address:
        assert exchange(address, content)[0] in (0, 400)
        assert make_client(service).get("/health/ready").status_code == 200
    assert left_in_spool(service) == []
