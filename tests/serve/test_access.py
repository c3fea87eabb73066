"""Hosts, origins, tokens and the share of one client."""

from __future__ import annotations

import dataclasses
import http.client
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segdrone.errors import ConfigError
from segdrone.serve.access import read_tokens
from segdrone.serve.service import Service
from tests.helpers.serving import detail, listening, make_client, photograph, slow_photograph, wait_until
from tests.serve.test_segment import post

TOKENS = ["0123456789abcdef0123456789abcdef", "second-token"]


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def guarded(service: Service, tmp_path: Path) -> Service:
    """Returns a service that needs a token."""
    return dataclasses.replace(service, tokens=read_tokens(write(tmp_path / "tokens", "\n".join(TOKENS) + "\n")))


OPEN = ["/", "/page/index.html", "/docs", "/openapi.json", "/health/live", "/health/ready", "/v2/health/ready"]
CLOSED = [
    "/metrics",
    "/v1/models",
    "/v1/models/net",
    "/v1/models/none",
    "/nothing",
    "/page",
    "/health",
    "/health/live/",
]


@pytest.mark.parametrize("token", TOKENS)
def test_each_token_opens_the_service(service: Service, tmp_path: Path, token: str) -> None:
    client = make_client(guarded(service, tmp_path))
    for scheme in ("Bearer", "bearer", "BEARER "):
        headers = {"authorization": f"{scheme} {token}"}
        assert client.post("/v1/segment", content=photograph(), headers=headers).status_code == 200
        assert all(client.get(path, headers=headers).status_code == 200 for path in ("/metrics", "/v1/models"))


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKENS[0]}", TOKENS[0], f"Bearer {TOKENS[0]}0",
     f"Bearer {TOKENS[0][:-1]}", f"Bearer {' '.join(TOKENS)}", f"Bearer {TOKENS[0].upper()}", "Bearer \xe9"],
)  # fmt: skip
def test_without_a_token_nothing_but_the_pages_is_open(service: Service, tmp_path: Path, header: str | None) -> None:
    client = make_client(guarded(service, tmp_path))
    headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
    for path in CLOSED:
        response = client.get(path, headers=headers, follow_redirects=False)
        assert "Authorization: Bearer TOKEN" in detail(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/v1/segment", "/v1/models/net/reload", "/v2/models/net/infer", "/page/../v1/segment", "//v1/segment"):
        assert client.post(path, content=photograph(), headers=headers).status_code == 401
    for path in OPEN:
        assert client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("text", "error"),
    [("", "is empty"), ("\n \n", "is empty"), ("two words", "token 1"), ("good\nschlüssel", "token 2"), ("a\0b", None)],
)
def test_token_files(tmp_path: Path, text: str, error: str | None) -> None:
    path = write(tmp_path / "tokens", text)
    if error is None:
        assert len(read_tokens(path)) == 1
    else:
        with pytest.raises(ConfigError, match=error):
            read_tokens(path)


@pytest.mark.parametrize("name", ["missing", ".", "binary"])
def test_a_token_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_tokens(tmp_path / name)


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, True), (0o644, True), (0o400, False)])
def test_a_token_file_that_others_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warns: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        read_tokens(write(tmp_path / "tokens", "token", mode))
    assert ("chmod 600" in caplog.text) is warns
    assert "token\n" not in caplog.text


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "localhost.", "[::1]:8000"]
)
def test_hosts_of_this_machine(service: Service, host: str) -> None:
    assert make_client(service).get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[::1", "10.0.0.1", "a@evil.b"],
)
def test_a_name_that_resolves_to_this_machine_is_refused(service: Service, host: str) -> None:
    client = make_client(service)
    for path in ("/v1/models", "/health/live", "/"):
        assert "the Host header is not of this machine" in detail(client.get(path, headers={"host": host}), 421)


def test_other_addresses_take_any_host(service: Service) -> None:
    client = make_client(service, host="0.0.0.0", no_auth=True)
    assert client.get("/v1/models", headers={"host": "segment.example.org"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://[", ""])
def test_pages_of_other_origins_cannot_post(service: Service, origin: str) -> None:
    client, headers = make_client(service, cors=("https://maps.example",)), {"origin": origin}
    for path in ("/v1/segment", "/v1/models/net/reload"):
        assert "--cors" in detail(client.post(path, content=photograph(), headers=headers), 403)
    assert "access-control-allow-origin" not in client.get("/v1/models", headers=headers).headers


def test_the_own_page_can_post_through_a_proxy(service: Service) -> None:
    """The browser knows the proxy's name, the service its own."""
    client, headers = make_client(service), {"origin": "https://segment.example"}
    for site, status in (("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("none", 403)):
        response = client.post("/v1/segment", content=photograph(), headers={**headers, "sec-fetch-site": site})
        assert response.status_code == status


def test_the_own_page_and_named_origins_can_post(service: Service) -> None:
    for origin, allowed in (("http://127.0.0.1", None), ("https://maps.example", "https://maps.example")):
        client = make_client(service, cors=("https://maps.example", "https://other.example"))
        response = client.post("/v1/segment", content=photograph(), headers={"origin": origin})
        assert response.status_code == 200
        assert response.headers.get("access-control-allow-origin") == allowed


def test_a_named_origin_may_ask_first(service: Service, tmp_path: Path) -> None:
    headers = {"origin": "https://maps.example", "access-control-request-method": "POST"}
    headers["access-control-request-headers"] = "authorization,content-type"
    client = make_client(guarded(service, tmp_path), cors=("https://maps.example",))
    assert client.options("/v1/segment", headers=headers).status_code == 200
    assert client.options("/v1/segment", headers={**headers, "origin": "https://evil.example"}).status_code == 400


def test_one_address_has_its_share(service: Service) -> None:
    with listening(service, per_client=2) as address, ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(post, address, slow_photograph()) for _ in range(2)]
        wait_until(lambda: service.pool.running and service.pool.waiting)
        status, headers, problem = post(address, photograph())
        assert (status, headers["retry-after"]) == (429, "1")
        assert problem["detail"].startswith("this address has 2 requests at once already")

        def end() -> bool:
            for task in service.pool.running:
                service.pool.cancel(task)
            return all(future.done() for future in futures)

        wait_until(end)
        assert post(address, photograph())[0] == 200


def test_a_client_that_has_its_answer_may_send_the_next_request(service: Service) -> None:
    with listening(service, per_client=1) as address:
        connection = http.client.HTTPConnection(*address)
        for number in range(50):
            accept = "image/png" if number % 2 else "application/json"
            connection.request("POST", "/v1/segment", photograph(), {"Content-Type": "image/jpeg", "Accept": accept})
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
