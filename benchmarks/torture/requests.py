"""Send hostile requests to the service: each is answered below 500 in one line, and the service stays ready."""

from __future__ import annotations

import io
import json
import random
import socket
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx2
import numpy as np
from benchmarks.torture import samples
from benchmarks.torture.change_bytes import change_bytes
from benchmarks.torture.change_images import change_structure
from benchmarks.torture.change_trees import INFINITIES, change_tree, nested
from benchmarks.torture.outcome import Outcome, TrialError, check
from benchmarks.torture.service import SECONDS, Service, running_service, temporary_folder

_LIMITS = ("--max-megabytes", "4", "--max-job-megabytes", "4", "--upload-timeout", "2", "--job-upload-timeout", "2")
_TEXTS = (
    "",
    "*/*",
    "image/png",
    "image/*;q=nan",
    "text/html",
    "a/b;q=9e99, " * 200,
    "image/png;profile=" + "x" * 999,
    "\xff",
)
_PATHS = (
    "/v1/segment",
    "/v1/jobs",
    "/v1/jobs/",
    "/v1/jobs/../../etc/passwd",
    "/v1/jobs/%2e%2e%2fjob.json",
    "//",
    "/page/..%2f..",
    "/v1/models/%00",
    "/v1/models/" + "x" * 5000,
    "/v2/models/best/infer",
    "/v1/segment?model=../best",
    "/%ff%fe",
)
_LENGTHS = ("-1", "0", "99999999999999999999", "10737418240", "1e3", "abc", "1, 2", "")


def run_requests(ground: Path, seeds: Sequence[int]) -> list[Outcome]:
    """Starts a service, and sends one hostile request for each seed."""
    outcomes: list[Outcome] = []
    try:
        with temporary_folder(ground) as spool, running_service(ground, spool, *_LIMITS) as service:
            for seed in seeds:
                outcomes.append(_run(service, seed))
    except (TrialError, OSError) as error:
        outcomes += [Outcome(seed, False, str(error)) for seed in seeds[len(outcomes) :]]
    return outcomes


def _run(service: Service, seed: int) -> Outcome:
    rng = random.Random(seed)
    send = rng.choice((_changed_photograph, _changed_photograph, _changed_archive, _changed_tensor, _raw))
    try:
        detail = send(service, rng)
        service.check_ready()
    except (TrialError, OSError, httpx2.HTTPError, ValueError, KeyError) as error:
        return Outcome(seed, False, f"{type(error).__name__}: {error}")
    return Outcome(seed, True, detail)


def _post(service: Service, path: str, content: bytes, **headers: str) -> str:
    answer = httpx2.post(f"{service.url}{path}", content=content, headers=headers, timeout=SECONDS)
    check(answer.status_code < 500, f"{path} answers {answer.status_code}: {answer.text[:200]}")
    if answer.status_code >= 400:
        problem = answer.json()
        detail = problem.get("detail") or problem["error"]
        check(
            "\n" not in detail and "/tmp" not in detail and "Traceback" not in detail, f"not one line: {detail[:200]}"
        )
    return str(answer.status_code)


def _photograph(rng: random.Random) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        content = samples.photograph(Path(folder), rng).read_bytes()
    return rng.choice((change_bytes, change_structure))(content, rng)


def _changed_photograph(service: Service, rng: random.Random) -> str:
    path, kind = (
        rng.choice(("/v1/segment", "/v1/segment", "/v1/jobs")),
        rng.choice(("image/jpeg", "application/octet-stream")),
    )
    accept = rng.choice(("image/png", "application/json", "image/jpeg", "image/png;profile=colours"))
    return _post(service, path, _photograph(rng), **{"Content-Type": kind, "Accept": accept})


def _changed_archive(service: Service, rng: random.Random) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name in rng.sample(("a.jpg", "b/c.png", "../d.jpg", "/e.tif", "f.zip", "g.mp4", "h" * 300 + ".jpg"), 3):
            archive.writestr(name, rng.choice((_photograph(rng), bytes(6_000_000), b"")))
    content = buffer.getvalue() if rng.random() < 0.5 else change_bytes(buffer.getvalue(), rng)
    return _post(service, "/v1/jobs", content, **{"Content-Type": "application/zip"})


def _changed_tensor(service: Service, rng: random.Random) -> str:
    windows = np.zeros((1, 32, 32, 3), np.uint8)
    request = {
        "inputs": [
            {"name": "windows", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": windows.ravel().tolist()[:500]}
        ]
    }
    changed = json.dumps(change_tree(request, rng, (nested(100), *INFINITIES))).encode()
    content = changed if rng.random() < 0.7 else change_bytes(changed, rng)
    length = (
        {"Inference-Header-Content-Length": rng.choice(("0", "-1", "9" * 30, "10", "x"))} if rng.random() < 0.3 else {}
    )
    return _post(service, "/v2/models/best/infer", content, **{"Content-Type": "application/json"}, **length)


def _raw(service: Service, rng: random.Random) -> str:
    """Sends bytes that no library sends: other methods, lengths, headers and boundaries, or a part of a body."""
    body = _photograph(rng)
    method = rng.choice(("POST", "POST", "GET", "PUT", "DELETE", "PATCH", "BREW"))
    boundary = rng.choice(("x", "", "y" * 71, 'x"; filename="../../a'))
    kind = rng.choice(("image/jpeg", "application/zip", f"multipart/form-data; boundary={boundary}", "", "\xff/;;"))
    if kind.startswith("multipart"):
        name = rng.choice(("photograph", "other", 'photograph"; x="', ""))
        body = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="../a.jpg"\r\n\r\n'.encode() + body
        body += rng.choice((b"\r\n--x--\r\n", b"\r\n--x\r\n", b""))
    length = rng.choice((str(len(body)), str(len(body)), str(len(body) + 1000), *_LENGTHS))
    head = f"{method} {rng.choice(_PATHS)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    head += f"Accept: {rng.choice(_TEXTS)}\r\n"
    head += rng.choice((f"Content-Length: {length}\r\n", "Transfer-Encoding: chunked\r\n"))
    with socket.create_connection((service.host, service.port), timeout=SECONDS) as connection:
        try:
            connection.sendall(head.encode("latin-1") + b"\r\n" + body[: rng.choice((len(body), len(body), 10))])
            if rng.random() < 0.5:
                with suppress(OSError):  # answered and closed already
                    connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except ConnectionError:
            return "closed"
    status = answer.split(b" ", 2)[1:2]
    check(not status or not status[0].startswith(b"5"), f"answers {answer[:300]!r}")
    return status[0].decode() if status else "closed"
