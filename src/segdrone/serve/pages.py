"""Pages for browsers: the files of `page/`, and the description of the API. Nothing is loaded from another host."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from segdrone.serve.api_page import STYLE, render_api
from segdrone.serve.samples import show_sample

_COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
_SAME_HOST = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:",
        "connect-src 'self'", "worker-src 'self'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
PAGE_HEADERS = {**_COMMON, "Content-Security-Policy": _SAME_HOST}
"""Headers of the files of `page/`: scripts and styles are files of it, never parts of the HTML."""

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_API_HEADERS = {
    **_COMMON,
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}


class _PageFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(PAGE_HEADERS)
        return response


def add_pages(app: FastAPI, folder: Path) -> None:
    """Adds `/` and `/page/`, from the files of a folder, and `/docs`."""

    async def index(request: Request) -> Response:
        return FileResponse(folder / "index.html", headers=PAGE_HEADERS)

    def sample(request: Request) -> Response:
        response = show_sample(request)
        response.headers.update({**PAGE_HEADERS, "Cache-Control": "max-age=86400"})
        return response

    async def docs(request: Request) -> Response:
        return HTMLResponse(render_api(app.openapi()), headers=_API_HEADERS)

    app.add_route("/", index, include_in_schema=False)
    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route("/page/samples/{number:int}.jpg", sample, include_in_schema=False)
    app.mount("/page", _PageFiles(directory=folder))
