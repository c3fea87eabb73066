"""A server that answers as Label Studio 1.23 does, on a real socket, as far as the tests need it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LEGACY, PERSONAL = "0123456789abcdef", "head.refresh.signature"


@dataclass
class LabelStudioState:
    """What the server holds, and how it misbehaves.

    Attributes:
        projects: Project by number.
        tasks: Tasks by project.
        uploads: Bytes by path below `/data/`.
        requests: Method, path and Authorization of each request.
        access: Access token that is taken at present.
        refreshed: Number of access tokens that were given.
        misbehave: Called with the handler before each answer; true if it has answered, or will not.
    """

    projects: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    access: str = "head.access-0.signature"
    refreshed: int = 0
    misbehave: Callable[[Handler], bool] = lambda handler: False

    def count(self, method: str, pattern: str) -> int:
        """Returns how many requests had a path that matches."""
        return sum(one == method and bool(re.fullmatch(pattern, path)) for one, path, _ in self.requests)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    state: LabelStudioState
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""

    def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        state, path = self.state, urlsplit(self.path).path
        given = self.headers.get("Authorization", "")
        state.requests.append((self.command, self.path, given))
        if state.misbehave(self):
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/api/token/refresh/":
            if json.loads(body) != {"refresh": PERSONAL}:
                return self.answer({"detail": "Token is invalid"}, 401)
            state.refreshed += 1
            state.access = f"head.access-{state.refreshed}.signature"
            return self.answer({"access": state.access})
        if given not in (f"Token {LEGACY}", f"Bearer {state.access}"):
            return self.answer({"detail": f"Invalid token: {given}"}, 401)
        for method, pattern, action in _ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                return action(self, body, *map(int, match.groups()))
        return self.answer({"detail": "Not found."}, 404)

    do_GET = do_POST = handle_any

    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}


def _list_projects(handler: Handler, body: bytes) -> None:
    title = handler.query().get("title", "")
    found = [one for one in handler.state.projects.values() if title.lower() in one["title"].lower()]
    page = int(handler.query().get("page", 1))
    handler.answer({"count": len(found), "results": found[page - 1 : page]})  # one a page


def _make_project(handler: Handler, body: bytes) -> None:
    number = len(handler.state.projects) + 1
    handler.state.projects[number] = {"id": number, **json.loads(body)}
    handler.state.tasks[number] = []
    handler.answer(handler.state.projects[number], 201)


def _project(handler: Handler, body: bytes, number: int) -> None:
    known = handler.state.projects.get(number)
    handler.answer(known or {"detail": "No Project matches the given query."}, 200 if known else 404)


def _import(handler: Handler, body: bytes, number: int) -> None:
    state = handler.state
    if handler.headers["Content-Type"] == "application/json":
        for task in json.loads(body):
            tasks = state.tasks[number]
            tasks.append({**task, "id": len(tasks) + 1})
        return handler.answer({"task_count": 1}, 201)
    match = re.fullmatch(rb'--(\w+)\r\n[^\r]*filename="([^"]+)"\r\n[^\r]*\r\n\r\n(.*)\r\n--\1--\r\n', body, re.DOTALL)
    assert match is not None
    upload = len(state.uploads) + 1
    state.names[upload] = f"upload/{number}/{upload:08x}-{match[2].decode()}"
    state.uploads[state.names[upload]] = match[3]
    return handler.answer({"file_upload_ids": [upload]}, 201)


def _file_upload(handler: Handler, body: bytes, number: int) -> None:
    handler.answer({"id": number, "file": handler.state.names[number]})


def _list_tasks(handler: Handler, body: bytes) -> None:
    query = handler.query()
    tasks, page, size = handler.state.tasks[int(query["project"])], int(query["page"]), int(query["page_size"])
    light = [{"id": task["id"], "data": task["data"]} for task in tasks]
    handler.answer({"tasks": light[size * (page - 1) : size * page], "total": len(tasks)})


def _export(handler: Handler, body: bytes, number: int) -> None:
    handler.answer([task for task in handler.state.tasks[number] if task.get("annotations")])


def _download(handler: Handler, body: bytes) -> None:
    content = handler.state.uploads.get(urlsplit(handler.path).path.removeprefix("/data/"))
    handler.answer(content or {"detail": "Not found."}, 200 if content else 404)


_ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("GET", "/api/projects/", _list_projects),
    ("POST", "/api/projects/", _make_project),
    ("GET", "/api/projects/([0-9]+)/", _project),
    ("POST", "/api/projects/([0-9]+)/import", _import),
    ("GET", "/api/import/file-upload/([0-9]+)", _file_upload),
    ("GET", "/api/tasks", _list_tasks),
    ("GET", "/api/projects/([0-9]+)/export", _export),
    ("GET", "/data/upload/[0-9]+/[^/]+", _download),
]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Runs a server in a thread; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def label_studio() -> Iterator[tuple[str, LabelStudioState]]:
    """Runs the server; yields its address and its state."""
    state = LabelStudioState()
    with serving(type("OwnHandler", (Handler,), {"state": state})) as address:
        yield address, state
