"""Speak with the REST interface of a labeling tool: JSON both ways, files in streams, one line for whatever fails.

The token goes to the address that the user gave and to no other: redirects are not followed.
"""

from __future__ import annotations

import http.client
import io
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, parse_json
from segdrone.utils.console import one_line

_PART = 1 << 20
_MOST_JSON = 64 << 20  # bytes of an answer that is read as a whole


class ServerError(DataError):
    """A labeling tool that cannot be reached, or that refuses a request.

    Args:
        text: What is wrong and what to do.
        status: HTTP status; None without an answer.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **_: Any) -> None:
        """Follows nothing: the answer is an error with its status."""


class Connection:
    """Requests to one address.

    Args:
        address: Of `parse_address`.
        tool: Name of the tool, for errors.
        token_name: Environment variable of the token, for errors.
        authorize: Returns the value of the header Authorization; with `True`, a new one, as the server does not take
            the former one (401), or None if there is no other.
        seconds: Time in which a part of an answer must arrive.

    Attributes:
        address: The address.
        secrets: Tokens, which no error shows although a server may repeat them.
    """

    def __init__(
        self,
        address: str,
        tool: str,
        token_name: str,
        authorize: Callable[[bool], str | None],
        seconds: float = 60.0,
    ) -> None:
        self.address, self._tool, self._token_name = address, tool, token_name
        self._authorize, self._seconds = authorize, seconds
        self.secrets: set[str] = set()
        self._opener = build_opener(_NoRedirects)

    def get(self, path: str) -> Any:
        """Returns the JSON at a path below the address.

        Raises:
            ServerError: There is no such answer.
        """
        return self._json("GET", path, lambda: (None, {}))

    def post(self, path: str, content: Any, *, seconds: float | None = None, has_token: bool = True) -> Any:
        """Sends JSON, and returns the JSON of the answer; None if it is empty.

        Raises:
            ServerError: The server does not take it.
        """
        body = json.dumps(content, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return self._json("POST", path, lambda: (io.BytesIO(body), headers), seconds=seconds, has_token=has_token)

    def upload(self, path: str, file: Path, name: str) -> Any:
        """Sends a file as the field `file` of a form, part by part, and returns the JSON of the answer.

        Args:
            path: Below the address.
            file: The file.
            name: Its name in the form, of letters, digits and `._-`.

        Raises:
            ServerError: The server does not take it.
            OSError: The file cannot be read.
        """
        boundary = secrets.token_hex(16)
        start = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        end = f"\r\n--{boundary}--\r\n".encode()
        size = file.stat().st_size

        def body() -> tuple[Iterator[bytes], dict[str, str]]:
            length = str(len(start) + size + len(end))
            return _form(start, file, size, end), {
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Content-Length": length,
            }

        return self._json("POST", path, body, seconds=max(self._seconds, 300.0))

    def download(self, path: str, file: IO[bytes], most: int, *, seconds: float = 600.0, in_all: float = 7200.0) -> int:
        """Writes the answer at a path to an open file; returns its bytes.

        Args:
            path: Below the address.
            file: Where to write.
            most: Most bytes.
            seconds: Time in which a part of the answer must arrive.
            in_all: Time in which all of it must arrive.

        Raises:
            ServerError: There is no such answer, or it has more bytes, or takes longer, or is cut.
        """
        with self._errors(path), self._open("GET", path, lambda: (None, {}), seconds, True) as answer:
            return self._read(answer, file, most, time.monotonic() + in_all)

    def _json(
        self,
        method: str,
        path: str,
        body: Callable[[], tuple[Any, dict[str, str]]],
        *,
        seconds: float | None = None,
        has_token: bool = True,
    ) -> Any:
        seconds = seconds or self._seconds
        with self._errors(path), self._open(method, path, body, seconds, has_token) as answer:
            content = io.BytesIO()
            self._read(answer, content, _MOST_JSON, time.monotonic() + 10 * seconds)
        try:
            return parse_json(content.getvalue().decode()) if content.getvalue() else None
        except (UnreadableError, UnicodeDecodeError):
            raise ServerError(
                f"{self.address} answers {_place(path)} with other than JSON: is it the address of {self._tool}?"
            ) from None

    def _open(
        self,
        method: str,
        path: str,
        body: Callable[[], tuple[Any, dict[str, str]]],
        seconds: float,
        has_token: bool,
    ) -> Any:
        def send(token: str | None) -> Any:
            data, own = body()
            headers = {"Accept": "application/json, */*", "User-Agent": "segdrone", **own}
            if token is not None:
                headers["Authorization"] = token
            request = Request(self.address + path, data, headers, method=method)
            return self._opener.open(request, timeout=seconds)

        try:
            return send(self._authorize(False) if has_token else None)
        except HTTPError as error:
            renewed = self._authorize(True) if error.code == 401 and has_token else None
            if renewed is None:
                raise
            error.close()
        return send(renewed)

    def _read(self, answer: Any, file: IO[bytes], most: int, end: float) -> int:
        size = 0
        while part := answer.read1(_PART):
            size += len(part)
            if size > most:
                raise ServerError(f"{self.address} answers with more than {most >> 20} MiB: fetch it in parts")
            if time.monotonic() > end:
                raise TimeoutError
            file.write(part)
        announced = answer.headers.get("Content-Length")
        if announced is not None and announced.isdigit() and size < int(announced):
            raise ConnectionResetError
        return size

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except HTTPError as error:
            with error:
                raise self._refusal(error, path) from None
        except URLError as error:
            raise self._failure(error.reason) from None
        except (TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError) as error:
            raise self._failure(error) from None

    def _failure(self, reason: object) -> ServerError:
        if isinstance(reason, TimeoutError):
            text = "does not answer in time: look whether it still works, and run the same command again"
        elif isinstance(reason, ssl.SSLError):
            text = f"has a certificate that is not trusted ({one_line(reason)}): check the address, or SSL_CERT_FILE"
        elif isinstance(reason, ConnectionRefusedError):
            text = f"cannot be reached (connection refused): is {self._tool} running there?"
        elif isinstance(reason, (ConnectionError, http.client.HTTPException)):
            text = (
                "closed the connection before its answer: it has ended, or takes no file of this size (the limit of a "
                "proxy, such as client_max_body_size of nginx); run the same command again"
            )
        else:
            reason = getattr(reason, "strerror", None) or reason
            text = f"cannot be reached ({one_line(reason)}): check the address and the network"
        return ServerError(f"{self.address} {text}")

    def _refusal(self, error: HTTPError, path: str) -> ServerError:
        status = error.code
        if 300 <= status < 400:
            place = urlsplit(error.headers.get("Location") or "")
            new = one_line(f"{place.scheme}://{place.hostname}") if place.hostname else "another address"
            return ServerError(
                f"{self.address} redirects {_place(path)} to {new} ({status}), where the token is not sent: if you "
                "trust it, give that address",
                status,
            )
        texts = {
            401: f"does not take the token (401): {self._token_name} is wrong, has expired, or is of a kind that is "
            "switched off there; make another one",
            403: f"refuses {_place(path)} (403): the user of {self._token_name} lacks the permission",
            404: f"has no {_place(path)} (404): is it the address of {self._tool}, and has its user this project?",
            413: "takes no upload of this size (413): raise its limit (client_max_body_size of nginx, "
            "DATA_UPLOAD_MAX_MEMORY_SIZE of Label Studio), or reduce the photographs",
            429: "has had too many requests (429): wait, and run the same command again",
        }
        text = texts.get(status, f"refuses {_place(path)} ({status})")
        if status >= 500:
            text = f"fails at {_place(path)} ({status}): see its log, and run the same command again"
        detail = self._detail(error)
        return ServerError(f"{self.address} {text}{detail and f' [it says: {detail}]'}", status)

    def _detail(self, error: HTTPError) -> str:
        """Returns what the server says, without the token; nothing if it is no JSON."""
        try:
            content = parse_json(error.read1(1 << 16).decode())
        except (UnreadableError, UnicodeDecodeError, OSError, http.client.HTTPException, ValueError):
            return ""
        if isinstance(content, dict):
            content = content.get("validation_errors") or content.get("detail") or content
        text = one_line(content if isinstance(content, str) else json.dumps(content))
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text[:300]


def _place(path: str) -> str:
    return path.partition("?")[0]


def _form(start: bytes, file: Path, size: int, end: bytes) -> Iterator[bytes]:
    yield start
    with file.open("rb") as opened:
        left = size
        while left and (part := opened.read(min(_PART, left))):
            left -= len(part)
            yield part
    if left:
        raise DataError(f"{file} has become shorter while it was sent: run the same command again")
    yield end
