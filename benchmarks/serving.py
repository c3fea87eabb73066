"""Load on the service: many clients at once, photographs of all sizes, every mask compared.

pip install -e '.[serve]' httpx2
python benchmarks/serving.py --model best.onnx                     200 clients for two minutes
python benchmarks/serving.py --model best.onnx --clients 20 --seconds 30 --megapixels 0.3 2
python benchmarks/serving.py --model best.onnx larger.onnx         also photographs a second of another model

Starts `segdrone serve` on loopback. Each client sends rendered photographs, most of them small, one after the other,
and compares each mask with the bytes that `segdrone predict` wrote before. A client that is told to wait (429) waits.
First, one client alone, in turns with `predict_folder` of the same photograph in this process, which decodes, predicts
and writes. Then four clients for each worker send the smallest photograph, in turns with the network alone in a loop,
which does no more than compute the windows of that photograph. Linux only. Writes benchmarks/results/serving.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx2
import numpy as np
import psutil
from tqdm import tqdm

from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import predict_folder
from segdrone.synthetic.scene import render_scene
from segdrone.utils.atomic import atomic_write
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.openmp import sleep_while_waiting

REPO = Path(__file__).parents[1]
_ROUND = 10.0  # seconds
HEADERS = {"Content-Type": "image/jpeg", "Accept": "image/png"}


@dataclass
class Seen:
    """What the clients have seen.

    Attributes:
        statuses: Number of answers by status.
        seconds: Times of the right answers by megapixels.
        wrong: Number of masks that were others than those of `segdrone predict`.
        lost: Number of requests without an answer.
        memory: Largest resident memory of all processes together, in bytes.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[float, list[float]] = field(default_factory=dict)
    wrong: int = 0
    lost: int = 0
    memory: list[int] = field(default_factory=list)


def make_photographs(folder: Path, megapixels: list[float]) -> dict[float, bytes]:
    """Renders one photograph of 3:2 for each size; returns the files by megapixels."""
    photographs = {}
    for size in megapixels:
        height = round((size * 1e6 * 2 / 3) ** 0.5)
        image, _, _ = render_scene(height, round(1.5 * height), seed=0)
        file = folder / f"{size:g}.jpg"
        cv2.imwrite(str(file), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        photographs[size] = file.read_bytes()
    return photographs


def predict_masks(model: Path, folder: Path, out: Path, megapixels: list[float]) -> dict[float, bytes]:
    """Predicts the photographs as `segdrone predict`; returns the masks by megapixels."""
    predictor = Predictor.from_file(model, device="cpu")
    predict_folder(predictor, find_inputs([folder], out), out, colours=False, overlays=False)
    return {size: (out / "masks" / f"{size:g}.png").read_bytes() for size in megapixels}


def start_server(model: Path, workers: int, clients: int, spool: Path) -> tuple[subprocess.Popen[str], str]:
    """Starts the service; returns it and its address, once it is ready."""
    arguments = ["--port", "0", "--workers", str(workers), "--spool", str(spool)]
    arguments += ["--max-queue", str(clients), "--per-client", str(clients), "--timeout", "3600"]
    server = subprocess.Popen(
        [sys.executable, "-m", "segdrone", "serve", str(model), *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stderr is not None
    line = server.stderr.readline()
    if "http://" not in line:
        sys.exit(f"the service did not start: {line}{server.stderr.read()}")
    return server, line.split(" on ")[1].strip().rstrip("/")


def processes_memory(pid: int) -> int:
    """Returns the resident memory of a process and those that it started, in bytes."""
    total = 0
    for process in (root := psutil.Process(pid)), *root.children(recursive=True):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


async def load(
    address: str, pid: int, photographs: dict[float, bytes], masks: dict[float, bytes], options: argparse.Namespace
) -> Seen:
    """Sends photographs from all clients for a time, and waits for the last answers."""
    seen, sizes = Seen(), [*photographs]
    weights = [1 / size for size in sizes]
    end = time.monotonic() + options.seconds
    limits = httpx2.Limits(max_connections=options.clients)
    async with httpx2.AsyncClient(base_url=address, timeout=None, limits=limits) as client:

        async def send(seed: int) -> None:
            rng = random.Random(seed)
            while time.monotonic() < end:
                (size,) = rng.choices(sizes, weights)
                begin = time.perf_counter()
                try:
                    answer = await client.post("/v1/segment", content=photographs[size], headers=HEADERS)
                except httpx2.HTTPError:
                    seen.lost += 1
                    continue
                seen.statuses[answer.status_code] += 1
                if answer.status_code == 429:
                    await asyncio.sleep(int(answer.headers["retry-after"]))
                elif answer.status_code == 200:
                    seen.seconds.setdefault(size, []).append(time.perf_counter() - begin)
                    seen.wrong += answer.content != masks[size]

        async def watch() -> None:
            with tqdm(total=options.seconds, desc="load", unit="s") as bar:
                while True:
                    seen.memory.append(processes_memory(pid))
                    bar.update(1)
                    bar.set_postfix(answers=seen.statuses.total())
                    await asyncio.sleep(1)

        watcher = asyncio.create_task(watch())
        await asyncio.gather(*(send(seed) for seed in range(options.clients)))
        watcher.cancel()
    return seen


def time_alone(address: str, model: Path, photograph: Path, out: Path, rounds: int) -> tuple[float, float]:
    """Returns the median seconds of a request of one client, and of `predict_folder`, in turns, after a first one."""
    predictor, images = Predictor.from_file(model, device="cpu"), find_inputs([photograph], out)
    content, served, predicted = photograph.read_bytes(), [], []
    with httpx2.Client(base_url=address, timeout=None) as client:
        for _ in range(rounds + 1):
            begin = time.perf_counter()
            client.post("/v1/segment", content=content, headers=HEADERS).raise_for_status()
            served.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            predict_folder(predictor, images, out, colours=False, overlays=False, redo=True, progress=False)
            predicted.append(time.perf_counter() - begin)
    return statistics.median(served[1:]), statistics.median(predicted[1:])


def measure_rates(model: Path, workers: int, photograph: Path, spool: Path) -> str:
    """Returns a row with photographs a second: the service's with four clients for each worker, and the network's.

    Medians over rounds of ten seconds each, in turns. The network alone computes the windows again and again, with as
    many threads as it takes; nothing is decoded, blended or written.
    """
    predictor = Predictor.from_file(model, device="cpu")
    source = predictor.open(photograph)
    resized = predictor.resize(source)
    windows = [resized.read(window)[None] for window in predictor.windows(source.size)]
    content, served, computed = photograph.read_bytes(), [], []
    clients = 4 * workers
    server, address = start_server(model, workers, clients, spool)

    def send(end: float) -> int:
        count = 0
        with httpx2.Client(base_url=address, timeout=None) as client:
            while time.perf_counter() < end:
                client.post("/v1/segment", content=content, headers=HEADERS).raise_for_status()
                count += 1
        return count

    try:
        for _ in range(3):
            begin = time.perf_counter()
            with ThreadPoolExecutor(clients) as threads:
                answers = sum(threads.map(send, [begin + _ROUND] * clients))
            served.append(answers / (time.perf_counter() - begin))
            begin, count = time.perf_counter(), 0
            while time.perf_counter() < begin + _ROUND:
                for window in windows:
                    predictor.backend(window)
                count += 1
            computed.append(count / (time.perf_counter() - begin))
    finally:
        server.terminate()
        server.wait(60)
    rates = statistics.median(served), statistics.median(computed)
    height, width = resized.size
    cells = [model.name, f"{height} x {width}", str(workers), *(f"{rate:.2f}" for rate in rates)]
    return f"| {' | '.join(cells)} | {rates[0] / rates[1]:.2f} |"


def quantiles(values: list[float]) -> str:
    """Returns the median, the 95 % and the 99 % quantile as cells of a table."""
    return " | ".join(f"{np.quantile(values, share):.2f}" for share in (0.5, 0.95, 0.99))


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="exported model or checkpoint")
    parser.add_argument("--clients", type=int, default=200, help="at once (200)")
    parser.add_argument("--seconds", type=float, default=120, help="for which requests are begun (120)")
    parser.add_argument("--workers", type=int, default=1, help="of the service (1)")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.3, 2, 12, 24], help="(0.3 2 12 24)")
    parser.add_argument("--rounds", type=int, default=20, help="requests of one client (20); of the largest, 2")
    options = parser.parse_args()
    model = options.model[0]
    keep_freed_memory()
    sleep_while_waiting()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "photographs").mkdir()
        photographs = make_photographs(place / "photographs", options.megapixels)
        masks = predict_masks(model, place / "photographs", place / "out", options.megapixels)
        server, address = start_server(model, options.workers, options.clients, place / "spool")
        try:
            idle = processes_memory(server.pid)
            small, large = min(photographs), max(photographs)
            alone = {
                size: time_alone(address, model, place / "photographs" / f"{size:g}.jpg", place / "alone", rounds)
                for size, rounds in ((small, options.rounds), (large, 2))
            }
            seen = asyncio.run(load(address, server.pid, photographs, masks, options))
        finally:
            server.terminate()
            code = server.wait(60)
        photograph = place / "photographs" / f"{small:g}.jpg"
        counts = sorted({1, os.cpu_count() or 1})
        rates = [
            measure_rates(one, count, photograph, place / f"spool-{number}-{count}")
            for number, one in enumerate(options.model)
            for count in counts
        ]
    rows = [f"| {size:g} | {len(times)} | {quantiles(times)} |" for size, times in sorted(seen.seconds.items())]
    others = {status: count for status, count in seen.statuses.items() if status != 200}
    sizes = " ".join(f"{size:g}" for size in options.megapixels)
    names = " ".join(one.name for one in options.model)
    command = f"--clients {options.clients} --seconds {options.seconds:g} --workers {options.workers}"
    table = f"""# The service under load

`python benchmarks/serving.py --model {names} {command} --megapixels {sizes}`:
{os.cpu_count()} CPU cores, {platform.machine()}; clients, service and workers on the same machine.

| megapixels | answers | seconds: median | 95 % | 99 % |
|---|---|---|---|---|
{chr(10).join(rows)}

- Lost requests: {seen.lost}. Masks that are not those of `segdrone predict`: {seen.wrong}.
- Other statuses than 200: {others or "none"}. Exit code of the service: {code}.
- Memory of all processes: {idle / 1e6:.0f} MB before, {max(seen.memory) / 1e6:.0f} MB at most.

One client alone, in turns with `predict_folder` of the same photograph in one process:

| megapixels | service, s | `predict_folder`, s | ratio |
|---|---|---|---|
{chr(10).join(f"| {size:g} | {a:.3f} | {b:.3f} | {a / b:.2f} |" for size, (a, b) in alone.items())}

Photographs of {small:g} megapixels a second, in turns: by the service with four clients for each worker, which decodes,
predicts and writes, and by the network alone in a loop, with all threads:

| model | network size | workers | service | network | ratio |
|---|---|---|---|---|---|
{chr(10).join(rates)}
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "serving.md") as partial:
        partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
