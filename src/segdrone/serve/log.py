"""Follow each request: its id, its line in the log, its place in the metrics, its folder.

A line says nothing about the photograph but its size: no name, no pixel, no place, and no address of a client.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segdrone.serve.metrics import Metrics
from segdrone.serve.problems import CLIENT_GONE, Problem, disk_errors, problem_response

log = logging.getLogger(__name__)
lines = logging.getLogger("segdrone.requests")
"""Gets one line of JSON for each request."""

_KEY = "segdrone.record"
_HEADERS = {  # unless an answer has its own
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


@dataclass
class Record:
    """What is known of a request.

    Attributes:
        spool: Where its folder is made.
        id: Its id, also in the answer.
        status: Of its answer; 499 if the client left before.
        model: Name of the model, once it is known to be one.
        bytes: Size of the photograph's file.
        megapixels: Size of the photograph.
        folder: Its folder, if it has one.
    """

    spool: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: int = CLIENT_GONE
    model: str = ""
    bytes: int = 0
    megapixels: float = 0.0
    folder: Path | None = None

    def make_folder(self) -> Path:
        """Makes the folder of the request, which is removed after the answer.

        Raises:
            Problem: The disk is full.
        """
        with disk_errors():
            self.folder = Path(tempfile.mkdtemp(dir=self.spool))
        return self.folder


def record_of(request: Request) -> Record:
    """Returns the record of a request."""
    record: Record = request.scope[_KEY]
    return record


class FollowRequests:
    """Middleware around all others.

    Args:
        app: What answers.
        spool: Folder of the requests' folders.
        metrics: What is counted.
    """

    def __init__(self, app: ASGIApp, spool: Path, metrics: Metrics) -> None:
        self._app, self._spool, self._metrics = app, spool, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, and logs it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record, start = Record(self._spool), time.monotonic()
        scope[_KEY] = record

        async def follow(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = record.id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                record.status = message["status"]
                self._metrics.count_request(_route(scope), record.model, record.status)  # before the client knows
            await send(message)

        try:
            await self._app(scope, receive, follow)
        except Exception:
            log.exception("request %s failed", record.id)
            if record.status == CLIENT_GONE:
                problem = Problem(500, "an error in the service: its log has the details under the request_id")
                await problem_response(problem, record.id, scope["path"])(scope, receive, follow)
        finally:
            if record.folder is not None:
                shutil.rmtree(record.folder, ignore_errors=True)
            self._write_line(scope, record, time.monotonic() - start)

    def _write_line(self, scope: Scope, record: Record, seconds: float) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "id": record.id,
            "method": scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE", "OPTIONS") else "other",
            "route": _route(scope),
            "status": record.status,
            "ms": round(1000 * seconds, 1),
            "bytes": record.bytes,
            "megapixels": round(record.megapixels, 3),
            "model": record.model,
        }
        lines.info("%s", json.dumps(line))


def _route(scope: Scope) -> str:
    """Returns the template of a route, such as `/v1/models/{name}`: an address may hold names."""
    return getattr(scope.get("route"), "path", None) or "other"
