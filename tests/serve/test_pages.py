"""Pages for browsers: nothing of another host, a strict policy, and the whole API."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import segdrone.serve
from segdrone.serve.answers import ANSWERS
from segdrone.serve.api_page import render_api

PAGE = Path(segdrone.serve.__file__).parent / "page"


def policy(response_headers: dict[str, str]) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response_headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/docs"])
def test_pages_load_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["x-content-type-options"] == "nosniff"
    allowed = policy(dict(response.headers))
    assert allowed["default-src"] == allowed["base-uri"] == allowed["frame-ancestors"] == "'none'"
    assert not re.search(r"unsafe|https?:|\*", response.headers["content-security-policy"])
    assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", response.text)
    assert "<script>" not in response.text


def test_every_file_of_the_page_has_the_policy(client: TestClient) -> None:
    for file in PAGE.rglob("*"):
        if file.is_file():
            response = client.get(f"/page/{file.relative_to(PAGE).as_posix()}")
            assert response.content == file.read_bytes()
            assert policy(dict(response.headers))["script-src"] == "'self'"


@pytest.mark.parametrize(
    "path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page//etc/passwd", "/page/"]
)
def test_no_other_file_can_be_had(client: TestClient, path: str) -> None:
    assert client.get(path, follow_redirects=False).status_code in (307, 404)


def test_answers_that_are_no_pages_may_not_be_shown_as_such(client: TestClient) -> None:
    for path in ("/v1/models", "/nothing", "/metrics"):
        headers = client.get(path).headers
        assert policy(dict(headers)) == {"default-src": "'none'", "frame-ancestors": "'none'"}
        assert headers["cache-control"] == "no-store"


def test_the_api_page_shows_every_operation(client: TestClient) -> None:
    page, description = client.get("/docs").text, client.get("/openapi.json").json()
    style = re.search("<style>(.*?)</style>", page, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy(dict(client.get("/docs").headers))["style-src"] == f"'sha256-{digest}'"
    operations = [(path, method) for path, methods in description["paths"].items() for method in methods]
    assert ("/v1/segment", "post") in operations
    for path, method in operations:
        assert f"<code>{method.upper()} {path}</code>" in page
    for name in ("model", "objects", "min_area", "fill_holes", "refine", "augment", *(one.accept for one in ANSWERS)):
        assert f"<code>{name}</code>" in page


def test_texts_of_the_description_are_escaped() -> None:
    operation = {"summary": "<b>", "description": "a `<i>` b", "responses": {"200": {"description": "<u>"}}}
    page = render_api({"info": {"title": "<x>", "version": "1"}, "paths": {"/<p>": {"get": operation}}})
    assert not re.search("<(b|i|u|x|p)>(?!Same)", page.replace("<p>", "", page.count("<p>") - page.count("/<p>")))
    assert "<code>&lt;i&gt;</code>" in page
