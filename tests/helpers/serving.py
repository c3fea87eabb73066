"""Models and photographs for tests of the service: small ones, and ones that take seconds."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from onnx import numpy_helper
from PIL import Image
from pytest import MonkeyPatch
from starlette.testclient import TestClient

from segdrone.classes import ClassTable
from segdrone.runtime.description import Description, Signature
from segdrone.serve.app import create_app
from segdrone.serve.process import WorkerProcess
from segdrone.serve.server import bound_socket, make_server
from segdrone.serve.service import Service
from segdrone.serve.settings import ServeSettings
from tests.helpers.exported import SPEC, random_pixels
from tests.helpers.small_graphs import graph, weights, write

# Photographs at their own size, in windows of 48 x 64 pixels: a large one takes seconds, and can be stopped meanwhile.
TILED = dataclasses.replace(SPEC, sampling="tiles")
OTHER = dataclasses.replace(TILED, classes=ClassTable(("a", "b", "c", "car"), TILED.classes.colours))


def write_model(path: Path, *, other: bool = False) -> Path:
    """Writes a model of one convolution; `other` has other classes and weights."""
    model = graph()
    if other:
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights()), "w"))
    return write(model, path, Description(OTHER if other else TILED, Signature("unit", "probabilities")))


@cache
def photograph(height: int = 60, width: int = 90, kind: str = "JPEG") -> bytes:
    """Returns a file of coarse shapes with noise."""
    file = BytesIO()
    Image.fromarray(random_pixels(1, height, width)[0]).save(file, kind)
    return file.getvalue()


def slow_photograph() -> bytes:
    """Returns a photograph that takes some seconds in 1,100 windows, and a moment to decode."""
    return photograph(1200, 1600)


def make_client(service: Service, **settings: Any) -> TestClient:
    """Returns a client of an application of a service, with some of its settings changed."""
    changed = dataclasses.replace(service, settings=dataclasses.replace(service.settings, **settings))
    return TestClient(create_app(changed), base_url="http://127.0.0.1")


@contextmanager
def listening(service: Service, **settings: Any) -> Iterator[tuple[str, int]]:
    """Runs a server for a service in a thread; yields its address."""
    changed = dataclasses.replace(service, settings=dataclasses.replace(service.settings, port=0, **settings))
    with running(create_app(changed), changed.settings) as address:
        yield address


@contextmanager
def running(app: FastAPI, settings: ServeSettings) -> Iterator[tuple[str, int]]:
    """Runs a server for an application in a thread; yields its address."""
    server = make_server(app, lambda: None)
    with bound_socket(settings) as listener:
        address = listener.getsockname()
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield address
        finally:
            server.should_exit = True
            thread.join()


def left_in_spool(service: Service) -> list[str]:
    """Returns what requests have left, once those that end have ended."""

    def left() -> list[str]:
        return [path.name for path in service.spool.iterdir() if path.name not in ("lock", "models", "jobs")]

    with suppress(TimeoutError):
        wait_until(lambda: not left(), 30)
    return left()


def detail(response: Any, status: int) -> str:
    """Returns the detail of a problem, and checks its form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {*problem} == {"type", "title", "status", "detail", "request_id"}
    assert (problem["status"], problem["request_id"]) == (status, response.headers["x-request-id"])
    text: str = problem["detail"]
    assert text
    assert "\n" not in text
    assert "/tmp" not in text
    return text


@contextmanager
def held_opening(monkeypatch: MonkeyPatch, worker: Callable[[], object] | None = None) -> Iterator[threading.Event]:
    """Holds the answers of workers, or of one, that have opened models until the body ends; yields when one has."""
    receive, reached, free = WorkerProcess.receive, threading.Event(), threading.Event()

    def held(self: WorkerProcess, deadline: float | None = None) -> dict[str, Any]:
        message = receive(self, deadline)
        if "models" in message and (worker is None or worker() is self) and not free.is_set():
            reached.set()
            free.wait(60)
        return message

    with monkeypatch.context() as patched:
        patched.setattr(WorkerProcess, "receive", held)
        try:
            yield reached
        finally:
            free.set()


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Waits until a condition holds.

    Raises:
        TimeoutError: It does not.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
