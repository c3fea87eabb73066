"""Time of TorchBackend on CPU beside the plain network, from a uint8 window to its probabilities.

python benchmarks/backend.py               the networks of experiment=baseline and of the tutorial, 1 and 2 threads
python benchmarks/backend.py --rounds 30   more rounds, on a busy machine

In turns in one run, minima over the rounds, random weights, 23 classes:

- contiguous: smp's network in torch's default memory layout, normalization and softmax over `[N, C, h, w]`;
- channels-last: the same in channels-last layout;
- TorchBackend: channels-last, batch norms folded into the convolutions, kernels padded instead of images, the scales of
  an FPN added without a stack of them, softmax in the default layout.

Writes benchmarks/results/backend.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
import segmentation_models_pytorch as smp
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from segdrone.classes import DRONE
from segdrone.model.networks import build_network
from segdrone.normalize import Normalize
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.spec import ModelSpec
from segdrone.utils.atomic import atomic_write
from segdrone.utils.memory import keep_freed_memory
from segdrone.windows import Size

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.baseline import ENCODER

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BASELINE = {"encoder_name": ENCODER, "decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64}
NETWORKS: dict[str, tuple[str, type[nn.Module], dict[str, Any], Size]] = {
    "FPN (baseline), 512 x 768": ("fpn", smp.FPN, BASELINE, (512, 768)),
    "U-Net (tutorial), 704 x 1056": ("unet", smp.Unet, {"encoder_name": "mobilenet_v2"}, (704, 1056)),
}
Call = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def plain(network: nn.Module, memory_format: torch.memory_format) -> Call:
    """Returns a call of the network itself: normalize, compute, softmax."""
    network, normalize = network.to(memory_format=memory_format), Normalize(MEAN, STD)

    @torch.inference_mode()
    def call(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = torch.from_numpy(normalize(windows[0])[None]).permute(0, 3, 1, 2)
        logits = network(images.contiguous(memory_format=memory_format))
        probabilities: NDArray[np.float32] = logits.softmax(1).contiguous().numpy()
        return probabilities

    return call


def contenders(title: str) -> dict[str, Call]:
    """Returns the three ways to compute a network's probabilities."""
    name, kind, settings, size = NETWORKS[title]
    torch.manual_seed(0)
    network = build_network(name, **settings, classes=len(DRONE)).eval()

    def original() -> nn.Module:
        module = kind(**settings, encoder_weights=None, classes=len(DRONE)).eval()
        module.load_state_dict(network.state_dict())
        return module

    spec = ModelSpec(DRONE, MEAN, STD, training_size=size)
    return {
        "contiguous": plain(original(), torch.contiguous_format),
        "channels-last": plain(original(), torch.channels_last),
        "TorchBackend": TorchBackend(network, spec, device="cpu"),
    }


def main() -> None:
    """Measures all networks and thread counts, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="calls of each contender, in turns (10)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="torch's thread counts (1 2)")
    options = parser.parse_args()
    keep_freed_memory()
    rows = []
    for title, (*_, size) in NETWORKS.items():
        calls = contenders(title)
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
