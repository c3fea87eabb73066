"""Time of TorchBackend on CPU beside the plain network, from a uint8 window to its probabilities.

python benchmarks/backend.py               the networks of experiment=baseline and of the tutorial, 1 and 2 threads
python benchmarks/backend.py --rounds 30   more rounds, on a busy machine

In turns in one run, minima over the rounds, random weights, 23 classes:

- contiguous: the plain network in torch's default memory layout, normalization and softmax over `[N, C, h, w]`;
- channels-last: the same in channels-last layout, the way of segdrone before it had backends;
- TorchBackend: channels-last, batch norms folded into the convolutions, softmax over the last axis, then transposed.

Writes benchmarks/results/backend.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone.classes import DRONE
from segdrone.model.networks import build_network
from segdrone.normalize import Normalize
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.spec import ModelSpec
from segdrone.utils.atomic import atomic_write
from segdrone.utils.memory import keep_freed_memory

REPO = Path(__file__).parents[1]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NETWORKS = {
    "FPN (baseline), 512 x 768": ("fpn", (512, 768)),
    "U-Net (tutorial), 704 x 1056": ("unet", (704, 1056)),
}
Call = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def plain(network: torch.nn.Module, memory_format: torch.memory_format) -> Call:
    """Returns a call of the network itself: normalize, compute, softmax."""
    network, normalize = network.to(memory_format=memory_format), Normalize(MEAN, STD)

    @torch.inference_mode()
    def call(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(normalize(windows[0])[None]).permute(0, 3, 1, 2)
        logits = network(images.contiguous(memory_format=memory_format))
        probabilities: NDArray[np.float32] = logits.softmax(1).contiguous().numpy()
        return probabilities

    return call


def contenders(name: str, size: tuple[int, int]) -> dict[str, Call]:
    """Returns the three ways to compute a network's probabilities."""

    def build() -> torch.nn.Module:
        torch.manual_seed(0)
        return build_network(name, encoder_name="mobilenet_v2", classes=len(DRONE)).eval()

    spec = ModelSpec(DRONE, MEAN, STD, training_size=size)
    return {
        "contiguous": plain(build(), torch.contiguous_format),
        "channels-last": plain(build(), torch.channels_last),
        "TorchBackend": TorchBackend(build(), spec, device="cpu"),
    }


def main() -> None:
    """Measures all networks and thread counts, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="calls of each contender, in turns (10)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="torch's thread counts (1 2)")
    options = parser.parse_args()
    keep_freed_memory()
    rows = []
    for title, (name, size) in NETWORKS.items():
        calls = contenders(name, size)
        window = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
        for threads in options.threads:
            torch.set_num_threads(threads)
            best = dict.fromkeys(calls, float("inf"))
            for _ in tqdm(range(options.rounds), f"{title}, {threads} threads", unit="round"):
                for contender, call in calls.items():
                    started = time.perf_counter()
                    call(window)
                    best[contender] = min(best[contender], time.perf_counter() - started)
            rows += [
                f"| {title} | {threads} | {contender} | {1000 * seconds:.0f} | {seconds / best['channels-last']:.2f} |"
                for contender, seconds in best.items()
            ]
    table = f"""# A window, from pixels to probabilities

`python benchmarks/backend.py --rounds {options.rounds}`: minima over the rounds, in turns;
{os.cpu_count()} CPU cores, {platform.machine()}, torch {torch.__version__}.

| network | threads | | ms | to channels-last |
|---|---|---|---|---|
{chr(10).join(rows)}
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "backend.md") as partial:
        partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
