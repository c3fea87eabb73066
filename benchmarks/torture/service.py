"""Start the service, and talk to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
from benchmarks.torture.outcome import check

SECONDS = 60.0  # after which a request hangs


class Service(NamedTuple):
    """A running service.

    Attributes:
        host: Its address.
        port: Its port.
        pid: The process that accepts requests.
    """

    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        """What addresses begin with."""
        return f"http://{self.host}:{self.port}"

    def check_ready(self) -> None:
        """Raises a TrialError unless the service takes requests."""
        answer = httpx2.get(f"{self.url}/health/ready", timeout=SECONDS)
        check(answer.status_code == 200, f"not ready: {answer.status_code}")


@contextmanager
def temporary_folder(ground: Path) -> Iterator[Path]:
    """Yields a new folder beside the ground, and removes it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="torture-service-", dir=ground.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_service(ground: Path, spool: Path, *options: str) -> Iterator[Service]:
    """Starts the service with the exported model, and ends it; it may have been killed meanwhile."""
    server = subprocess.Popen(
        [sys.executable, "-m", "segdrone", "serve", str(ground / "exported" / "best.onnx"), "--port", "0",
         "--spool", str(spool), *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stderr is not None
    try:
        line = server.stderr.readline()
        check(" on http://" in line, f"the service does not start: {line}")
        host, _, port = line.split("http://")[1].strip().rstrip("/").rpartition(":")
        yield Service(host, int(port), server.pid)
    finally:
        server.terminate()
        try:
            server.wait(SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
        server.stderr.close()
