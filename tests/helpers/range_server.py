"""A web server on loopback that gives parts of files, as those do that hold large rasters.

It is a process of its own, since GDAL waits for its answers without letting other threads of Python run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

_LOG, _REFUSED = "asked.log", ".refused"


class RangeServer(NamedTuple):
    """A running server of the files in a folder.

    Attributes:
        folder: The folder.
        address: The server's address, without a `/` at the end.
    """

    folder: Path
    address: str

    def bytes_sent(self) -> dict[str, int]:
        """Returns the number of bytes that were sent of each file."""
        sent: dict[str, int] = {}
        for line in (self.folder / _LOG).read_text().splitlines():
            name, count = line.split()
            sent[name] = sent.get(name, 0) + int(count)
        return sent

    def refuse(self, name: str) -> None:
        """Answers requests for a file with 403 from now on."""
        (self.folder / f"{name}{_REFUSED}").touch()


@contextmanager
def serve_ranges(folder: Path) -> Iterator[RangeServer]:
    """Serves the files of a folder."""
    (folder / _LOG).touch()
    process = subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield RangeServer(folder, f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.communicate()


class _Handler(BaseHTTPRequestHandler):
    folder = Path()

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        name = self.path.partition("?")[0].lstrip("/")
        file = self.folder / name
        if (self.folder / f"{name}{_REFUSED}").exists() or not file.is_file():
            self.send_error(404 if not file.is_file() else 403)
            return
        content = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = map(int, asked.groups()) if asked else (0, len(content) - 1)
        part = content[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            with (self.folder / _LOG).open("a") as log:
                log.write(f"{name} {len(part)}\n")
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    _Handler.folder = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
