"""Kill processes of the service: other requests and all jobs come to their end, with the right masks."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx2
import numpy as np
import psutil
from benchmarks.torture.outcome import Outcome, TrialError, check
from benchmarks.torture.process import run
from benchmarks.torture.service import SECONDS, Service, running_service, temporary_folder

_SIZES = ((400, 600), (800, 1200), (1600, 2400), (2400, 3600))
_CLIENTS = 6
_JOBS = 3


def kill_workers(ground: Path, seeds: Sequence[int]) -> list[Outcome]:
    """Kills a worker under load, for each seed: its request alone is answered 500, the others have their masks."""
    with temporary_folder(ground) as folder:
        photographs, expected = _predict(ground, folder)
        with running_service(ground, folder / "spool", "--workers", "2", "--per-client", "99") as service:
            return [_try(seed, lambda rng: _kill_worker(service, photographs, expected, rng)) for seed in seeds]


def kill_services(ground: Path, seeds: Sequence[int]) -> list[Outcome]:
    """Kills the service while it has jobs, for each seed: the next one ends them, each once."""
    with temporary_folder(ground) as folder:
        photographs, expected = _predict(ground, folder)
        return [_try(seed, lambda rng: _kill_service(ground, photographs, expected, rng)) for seed in seeds]


def _try(seed: int, trial: Callable[[random.Random], str]) -> Outcome:
    try:
        return Outcome(seed, True, trial(random.Random(seed)))
    except (TrialError, OSError, httpx2.HTTPError, psutil.Error, ValueError, KeyError) as error:
        return Outcome(seed, False, f"{type(error).__name__}: {error}")


def _predict(ground: Path, folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Makes photographs; returns them, and the masks that `segdrone predict` makes of them, by name."""
    rng = np.random.default_rng(0)
    (folder / "photographs").mkdir()
    for number, (height, width) in enumerate(_SIZES):
        pixels = cv2.resize(rng.integers(0, 256, (20, 30, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "photographs" / f"{number}.jpg"), pixels)
    model, inputs = str(ground / "exported" / "best.onnx"), str(folder / "photographs")
    done = run(["predict", model, inputs, "--out", str(folder / "out"), "--device", "cpu"], folder)
    check(done.code == 0, f"predict fails, undisturbed: {done.err}")
    files = sorted((folder / "photographs").iterdir())
    return (
        {file.name: file.read_bytes() for file in files},
        {file.name: (folder / "out" / "masks" / f"{file.stem}.png").read_bytes() for file in files},
    )


def _kill_worker(
    service: Service, photographs: dict[str, bytes], expected: dict[str, bytes], rng: random.Random
) -> str:
    names = [rng.choice([*photographs]) for _ in range(4 * _CLIENTS)]
    wait = rng.uniform(0, 1.5)

    def send(name: str) -> int:
        headers = {"Content-Type": "image/jpeg", "Accept": "image/png"}
        answer = httpx2.post(f"{service.url}/v1/segment", content=photographs[name], headers=headers, timeout=SECONDS)
        check(answer.status_code in (200, 500), f"answers {answer.status_code}: {answer.text[:200]}")
        check(answer.status_code == 500 or answer.content == expected[name], f"another mask of {name}")
        return answer.status_code

    with ThreadPoolExecutor(_CLIENTS) as threads:
        answers = threads.map(send, names)
        time.sleep(wait)
        workers = [
            process for process in psutil.Process(service.pid).children() if "spawn_main" in str(process.cmdline())
        ]
        check(len(workers) in (1, 2), f"{len(workers)} workers")
        rng.choice(workers).kill()
        failed = [*answers].count(500)
    check(failed <= 1, f"{failed} requests failed by one kill")
    service.check_ready()
    return f"{failed} of {len(names)} answered 500"


def _kill_service(ground: Path, photographs: dict[str, bytes], expected: dict[str, bytes], rng: random.Random) -> str:
    with temporary_folder(ground) as folder:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            for name, content in photographs.items():
                packed.writestr(name, content)
        ids: list[str] = []
        for _ in range(rng.choice((1, 1, 2))):
            with _jobs_service(ground, folder) as service, ThreadPoolExecutor(1) as threads:
                adding = threads.submit(_add_jobs, service, archive.getvalue(), ids)
                time.sleep(rng.uniform(0, 4))
                os.kill(service.pid, signal.SIGKILL)
                adding.result()
        with _jobs_service(ground, folder) as service:
            for job in ids:
                _check_job(service, job, expected)
            service.check_ready()
        found = [path for path in (folder / "jobs").iterdir() if (path / "job.json").is_file()]
        check(len(found) <= len(ids) + 2, f"{len(found)} jobs, of {len(ids)} that were answered 202")
        return f"{len(ids)} jobs done"


@contextmanager
def _jobs_service(ground: Path, folder: Path) -> Iterator[Service]:
    with running_service(ground, folder / "spool", "--jobs", str(folder / "jobs"), "--per-client", "99") as service:
        yield service


def _add_jobs(service: Service, content: bytes, ids: list[str]) -> None:
    """Adds jobs until the service is killed; notes those that it took."""
    with contextlib.suppress(httpx2.HTTPError):
        for _ in range(_JOBS):
            answer = httpx2.post(
                f"{service.url}/v1/jobs", content=content, headers={"Content-Type": "application/zip"}, timeout=SECONDS
            )
            check(answer.status_code == 202, f"answers {answer.status_code}")
            ids.append(answer.json()["id"])


def _check_job(service: Service, job: str, expected: dict[str, bytes]) -> None:
    end = time.monotonic() + 2 * SECONDS
    while (state := httpx2.get(f"{service.url}/v1/jobs/{job}", timeout=SECONDS).json())["state"] != "done":
        check(state["state"] in ("queued", "running"), f"a job is {state['state']}: {state.get('error')}")
        check(time.monotonic() < end, "a job does not end")
        time.sleep(0.1)
    content = httpx2.get(f"{service.url}/v1/jobs/{job}/result", timeout=SECONDS).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        rows = archive.read("summary.csv").decode().splitlines()[1:]
        check([row.split(",")[0] for row in rows] == [*expected], f"rows of {[row.split(',')[0] for row in rows]}")
        for name, mask in expected.items():
            check(archive.read(f"masks/{Path(name).stem}.png") == mask, f"another mask of {name}")
