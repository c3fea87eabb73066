"""A server that answers cvat-sdk as CVAT does, on a real socket, as far as the tests need it."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from tests.helpers.label_studio_server import serving

TOKEN = "cvat-token"


@dataclass
class CvatState:
    """What the server holds, and how it misbehaves.

    Attributes:
        tasks: Tasks by number: `name`, `labels`, `frames` (bytes by name), and `xml`, the annotations.
        requests: Method, path and Authorization of each request.
        parts: Largest body of a request.
        misbehave: Called with the handler before each answer; true if it has answered, or will not.
    """

    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    parts: int = 0
    misbehave: Callable[[CvatHandler], bool] = lambda handler: False


class CvatHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    state: CvatState
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""

    def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        own = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        self.send_response(status)
        for name, value in {**own, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        state, path = self.state, urlsplit(self.path).path
        given = self.headers.get("Authorization", "")
        state.requests.append((self.command, self.path, given))
        if state.misbehave(self):
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state.parts = max(state.parts, len(body))
        if given != f"Bearer {TOKEN}":
            return self.answer({"detail": f"Invalid token {given}"}, 401)
        if path == "/api/server/about":
            about = {"name": "CVAT", "description": "", "version": "2.80.0", "subtitle": "", "logo_url": "/"}
            return self.answer(about)
        if path == "/api/tasks" and self.command == "GET":
            name = self.query().get("name", "")
            found = [self.task(number) for number, one in state.tasks.items() if name.lower() in one["name"].lower()]
            return self.answer(_page(found))
        if path == "/api/tasks":
            number = len(state.tasks) + 1
            state.tasks[number] = {**json.loads(body), "frames": {}, "xml": b""}
            return self.answer(self.task(number), 201)
        if path == "/api/labels":
            labels = state.tasks[int(self.query()["task_id"])]["labels"]
            return self.answer(_page([{"id": i, "name": one["name"]} for i, one in enumerate(labels, 1)]))
        if match := re.fullmatch("/api/requests/(.+)", path):
            return self.answer(self.finished(match[1]))
        if match := re.fullmatch(r"/api/tasks/(\d+)(/.*)?", path):
            number, rest = int(match[1]), match[2] or ""
            if number in state.tasks:
                return self.handle_task(number, rest.rstrip("/"), body)
        return self.answer({"detail": "Not found."}, 404)

    do_GET = do_POST = do_PATCH = do_HEAD = do_PUT = do_DELETE = handle_any

    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}

    def task(self, number: int) -> dict[str, Any]:
        task = self.state.tasks[number]
        jobs = {"count": 1, "completed": 0, "validation": 0, "url": "/"}
        return {"id": number, "name": task["name"], "size": len(task["frames"]), "organization": None,
                "target_storage": None, "jobs": jobs, "labels": {"url": "/"}}  # fmt: skip

    def handle_task(self, number: int, rest: str, body: bytes) -> None:
        task = self.state.tasks[number]
        if not rest:
            return self.answer(self.task(number))
        if rest == "/data/meta":
            sizes = {name: Image.open(io.BytesIO(content)).size for name, content in task["frames"].items()}
            frames = [{"name": name, "width": width, "height": height, "related_files": 0}
                      for name, (width, height) in sizes.items()]  # fmt: skip
            return self.answer({"frames": frames, "size": len(frames), "image_quality": 70, "deleted_frames": [],
                                "chunks_updated_date": "2026-01-01T00:00:00Z"})  # fmt: skip
        if rest == "/annotations" and self.command == "GET":
            shapes = [{"type": "mask", "frame": 0, "label_id": 1, "points": [1.0]}] if task["xml"] else []
            return self.answer({"version": 0, "tags": [], "shapes": shapes, "tracks": []})
        if rest == "/dataset/export":
            return self.answer({"rq_id": f"export-{number}"}, 202)
        if rest == "/result":
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("annotations.xml", task["xml"])
            return self.answer(file.getvalue(), headers={"Content-Disposition": "attachment; filename=a.zip"})
        return self.handle_upload(task, number, rest, body)

    def handle_upload(self, task: dict[str, Any], number: int, rest: str, body: bytes) -> None:
        uploads, kind = self.state.uploads, rest.split("/")[1]
        if "Upload-Start" in self.headers:
            return self.answer(b"", 202)
        if "Upload-Finish" in self.headers:
            content = bytes(uploads.pop(f"{number}-{kind}"))
            if kind == "annotations":
                task["xml"] = content
            else:
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    task["frames"] = {one: archive.read(one) for one in archive.namelist()}
            return self.answer({"rq_id": f"{kind}-{number}"}, 202)
        if "Upload-Multiple" in self.headers:
            boundary = b"--" + self.headers["Content-Type"].partition("boundary=")[2].encode()
            (part,) = (part for part in body.split(boundary) if b"photographs.zip" in part.partition(b"\r\n\r\n")[0])
            uploads[f"{number}-{kind}"] = bytearray(part.partition(b"\r\n\r\n")[2][:-2])
            return self.answer(b"")
        if self.command == "POST":
            pairs = dict(pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
            uploads[f"{number}-{kind}"] = bytearray()
            place = f"http://{self.headers['Host']}/api/tasks/{number}/{kind}/upload"
            filename = base64.b64decode(pairs["filename"]).decode()
            return self.answer(b"", 201, {"Location": place, "Upload-Filename": filename})
        uploads[f"{number}-{kind}"] += body
        return self.answer(b"", 204, {"Upload-Offset": str(len(uploads[f"{number}-{kind}"]))})

    def finished(self, name: str) -> dict[str, Any]:
        kind, _, number = name.partition("-")
        place = f"http://{self.headers['Host']}/api/tasks/{number}/result"
        return {"id": name, "status": "finished", "message": "", "operation": {"type": kind, "target": "task"},
                "created_date": "2026-01-01T00:00:00Z", "owner": {"id": 1, "username": "a"},
                **({"result_url": place} if kind == "export" else {})}  # fmt: skip


def _page(results: list[Any]) -> dict[str, Any]:
    return {"count": len(results), "next": None, "previous": None, "results": results}


@contextmanager
def cvat() -> Iterator[tuple[str, CvatState]]:
    """Runs the server; yields its address and its state."""
    state = CvatState()
    with serving(type("OwnHandler", (CvatHandler,), {"state": state})) as address:
        yield address, state
