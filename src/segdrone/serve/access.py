"""Who may use the service: hosts and origins, tokens, and the share of one client."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segdrone.errors import ConfigError
from segdrone.serve.log import record_of
from segdrone.serve.problems import Problem, problem_response
from segdrone.serve.settings import ServeSettings
from segdrone.utils.bounded import UnreadableError, read_text

log = logging.getLogger(__name__)

_LOCAL = ("localhost", "127.0.0.1", "::1")
_OPEN = (
    "/ping",
    "/health/live",
    "/health/ready",
    "/v2/health/live",
    "/v2/health/ready",
    "/",
    "/docs",
    "/openapi.json",
)  # the same for everybody
_OPEN_FOLDER = "/page/"


def read_tokens(path: Path) -> list[bytes]:
    """Returns the digests of the tokens in a file, one a line.

    Raises:
        ConfigError: The file cannot be read, or holds no token, or one that no header can carry.
    """
    try:
        lines = [line.strip() for line in read_text(path, 1 << 20).splitlines() if line.strip()]
        is_shared = os.name != "nt" and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except (UnreadableError, OSError) as error:
        raise ConfigError(f"--token-file {path} cannot be read ({error}): give a text file of tokens") from None
    if not lines:
        raise ConfigError(f"--token-file {path} is empty: write a token into each line (openssl rand -hex 32)")
    wrong = next((number for number, line in enumerate(lines, 1) if not line.isascii() or " " in line), None)
    if wrong is not None:
        raise ConfigError(f"token {wrong} of --token-file {path} is not a word of ASCII characters: replace it")
    if is_shared:
        log.warning("other users of this machine can read %s: chmod 600 %s", path, path)
    return [_digest(line) for line in lines]


class GuardAccess:
    """Middleware that refuses requests before their body is read.

    Args:
        app: What answers.
        settings: Of the service.
        tokens: Digests of the tokens, one of which a request needs; empty lets everyone in.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, tokens: Sequence[bytes]) -> None:
        self._app, self._settings, self._tokens = app, settings, tokens
        self._running: Counter[str] = Counter()  # by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        client = request.client.host if request.client else ""
        try:
            self._check_host(request)
            self._check_token(request)
            if request.method != "POST":
                client = ""
            elif self._running[client] >= self._settings.per_client:
                raise Problem(
                    429, f"this address has {self._settings.per_client} requests at once already: wait for an answer",
                    {"Retry-After": "1"},
                )  # fmt: skip
        except Problem as problem:
            await problem_response(problem, record_of(request).id, scope["path"])(scope, receive, send)
            return
        is_running = True
        self._running[client] += 1

        def end() -> None:
            nonlocal is_running
            if is_running:
                is_running = False
                self._running[client] -= 1
                if self._running[client] <= 0:
                    del self._running[client]

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                end()  # before the client has the whole answer, and sends its next request
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            end()

    def _check_host(self, request: Request) -> None:
        """Checks that a web page of another site neither reaches a local service, nor posts to any.

        A page can have its own name resolve to 127.0.0.1 (DNS rebinding); the Host header then bears that name.
        """
        host = request.headers.get("host", "")
        if self._settings.is_local and _host_name(host) not in (*_LOCAL, self._settings.host.lower()):
            raise Problem(421, "the Host header is not of this machine: use http://127.0.0.1, or http://localhost")
        origin = request.headers.get("origin")
        if origin is None or origin in self._settings.cors or request.method in ("GET", "HEAD"):
            return
        if (
            request.headers.get("sec-fetch-site") == "same-origin"
        ):  # which pages cannot write; a proxy may change the host
            return
        if origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            raise Problem(403, "web pages of this origin may not use the service: start it with --cors ORIGIN")

    def _check_token(self, request: Request) -> None:
        path = request.scope["path"]
        if not self._tokens or path in _OPEN or path.startswith(_OPEN_FOLDER):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = _digest(_password(token) if scheme.lower() == "basic" else token.strip())
        is_known = [hmac.compare_digest(given, known) for known in self._tokens]  # all of them: in constant time
        if scheme.lower() not in ("bearer", "basic") or not any(is_known):
            raise Problem(
                401, "no valid token: send the header Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )


def _host_name(host: str) -> str:
    """Returns the name in a Host header, without port; empty if it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _password(credentials: str) -> str:
    """Returns the password in the credentials of HTTP Basic, as Label Studio sends it; empty without one."""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
