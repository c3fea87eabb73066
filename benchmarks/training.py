"""Seconds per optimizer step: segdrone and the tutorial's loop, alternating step by step in one run.

python benchmarks/training.py                           3 x 704 x 1056, as the tutorial trains
python benchmarks/training.py --height 256 --width 384 --steps 10

A step is everything from one batch to the next: forward, loss, backward, optimizer, schedule, and the metrics that
each loop computes. Both get the same random batches; loading is measured by loading.py. Each contender runs in a
separate process, as the way memory is allocated holds for a whole process, and waits while another one works. Writes
benchmarks/results/training.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import lightning.pytorch as L
import torch
from hydra import compose, initialize_config_dir
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.article import CLASSES, ArticleNetwork
from benchmarks.turns import start, take_turn

from segdrone.classes import DRONE
from segdrone.model import SegmentationModule, model_settings
from segdrone.training.build_trainer import build_trainer
from segdrone.training.precision import choose_precision
from segdrone.utils.atomic import atomic_write
from segdrone.utils.config import to_container
from segdrone.utils.memory import keep_freed_memory

WARM_UP = 2  # steps that are not timed
PROFILED = 2  # steps that are profiled

TUTORIAL, SINGLE = "tutorial's loop", "segdrone, trainer.precision=32-true"
CONTENDERS: dict[str, list[str]] = {  # overrides of train.py
    TUTORIAL: [],
    SINGLE: ["trainer.precision=32-true"],
    "segdrone, trainer.precision=32-true compile=true": ["trainer.precision=32-true", "compile=true"],
    "segdrone, defaults": [],
    "segdrone, compile=true": ["compile=true"],
}
KINDS = {  # of operations, by a part of their names; the first match counts
    "convolution_backward": "convolutions, backward",
    "convolution": "convolutions, forward",
    "batch_norm": "batch-norm",
    "upsample": "upsampling",
    "softmax": "loss",
    "nll_loss": "loss",
    "hardtanh": "activations",
    "threshold": "activations",
    "clamp": "activations",
    "Optimizer": "optimizer",
    "adam": "optimizer",
    "copy_": "copies",
    "cat": "copies",
    "bincount": "metrics",
    "max": "metrics",
    "index": "metrics",
}


def batches(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yields random batches, the same for all contenders."""
    generator = torch.Generator().manual_seed(0)
    size = (options.height, options.width)
    for _ in range(WARM_UP + options.steps):
        image = torch.randn(options.batch, *size, 3, generator=generator).permute(
            0, 3, 1, 2
        )  # channels last, as from datasets
        mask = torch.randint(0, CLASSES, (options.batch, *size), generator=generator)
        yield {"image": image, "mask": mask, "id": ["random"] * options.batch}


def run_tutorial(options: argparse.Namespace, turn: Connection) -> None:
    """Trains with the tutorial's loop, one step per turn."""
    network = ArticleNetwork(None, WARM_UP + options.steps)
    for batch in batches(options):
        image = batch["image"].contiguous()
        turn.recv()
        started = time.perf_counter()
        network.step(image, batch["mask"])
        turn.send(time.perf_counter() - started)


class StepTimer(L.Callback):
    """Waits for its turn before each step, and sends the seconds after it."""

    def __init__(self, turn: Connection) -> None:
        self.turn, self.started = turn, 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        """Waits for the turn."""
        self.turn.recv()
        self.started = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        """Sends the seconds of the step."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.turn.send(time.perf_counter() - self.started)


def run_segdrone(options: argparse.Namespace, overrides: list[str], callbacks: list[L.Callback]) -> None:
    """Trains as train.py does with these overrides, without loggers and checkpoints."""
    keep_freed_memory()
    with initialize_config_dir(str(REPO / "conf"), version_base="1.3"):
        minimal = ["trainer.max_epochs=1", "+trainer.enable_progress_bar=false", "+trainer.enable_checkpointing=false"]
        cfg = compose("train", [*overrides, *minimal])
    parts: dict[str, Any] = {name: to_container(cfg[name]) for name in ("loss", "optimizer", "scheduler")}
    data = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    module = SegmentationModule(model_settings(to_container(cfg.model)), DRONE.to_dict(), data, {}, **parts)
    if cfg.compile:
        module.network.compile()
    trainer = build_trainer(cfg, callbacks, [], Path(tempfile.gettempdir()))
    loader: DataLoader[Any] = DataLoader([*batches(options)], batch_size=None)  # type: ignore[arg-type]  # a list
    trainer.fit(module, loader)


def run_contender(name: str, options: argparse.Namespace, turn: Connection) -> None:
    """Runs one contender, in a separate process."""
    if name == TUTORIAL:
        run_tutorial(options, turn)
    else:
        run_segdrone(options, CONTENDERS[name], [StepTimer(turn)])


def profile_step(options: argparse.Namespace, connection: Connection) -> None:
    """Sends the seconds of a step by kind of operation, in single precision."""
    options.steps = PROFILED
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run_segdrone(options, CONTENDERS[SINGLE], [])
    seconds: Counter[str] = Counter()
    for event in profiler.key_averages():
        kind = next((kind for part, kind in KINDS.items() if part.lower() in event.key.lower()), "everything else")
        seconds[kind] += event.self_cpu_time_total / 1e6 / (WARM_UP + PROFILED)
    connection.send(seconds.most_common())


def main() -> None:
    """Times all contenders in turns, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=704, help="input height in pixels (704)")
    parser.add_argument("--width", type=int, default=1056, help="input width in pixels (1056)")
    parser.add_argument("--batch", type=int, default=3, help="photographs per batch (3)")
    parser.add_argument("--steps", type=int, default=5, help="steps per contender (5)")
    parser.add_argument("--no-compile", action="store_true", help="skip torch.compile, which takes minutes")
    options = parser.parse_args()
    names = [name for name in CONTENDERS if not (options.no_compile and "compile" in name)]
    if choose_precision("auto") == "32-true":  # the other contenders would be identical
        names = [name for name in names if "32-true" not in name]
    contenders = {name: start(run_contender, name, options) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in tqdm(range(WARM_UP + options.steps), desc="steps per contender"):
        for name in names:
            seconds[name].append(take_turn(contenders, name, "your turn"))
    seconds = {name: values[WARM_UP:] for name, values in seconds.items()}
    rows = []
    for name, values in seconds.items():
        ratios = [value / reference for value, reference in zip(values, seconds[TUTORIAL], strict=True)]
        rows.append(f"| {name} | {statistics.median(values):.2f} | {statistics.median(ratios):.2f} |")
    kinds: list[tuple[str, float]] = start(profile_step, options).recv()
    total = sum(value for _, value in kinds)
    shares = "\n".join(f"| {kind} | {100 * value / total:.0f} % |" for kind, value in kinds)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    amx = not torch.cuda.is_available() and bool(torch.cpu.get_capabilities().get("amx_bf16"))
    table = f"""# Seconds per optimizer step

`python benchmarks/training.py --height {options.height} --width {options.width} --steps {options.steps}`: U-Net
on MobileNetV2, batch {options.batch}, alternating steps, each contender in a separate process;
{device}{" with AMX" if amx else ""}, {platform.machine()}, torch {torch.__version__}.

| | seconds per step (median) | ratio to the tutorial's loop (median over the turns) |
|---|---|---|
{chr(10).join(rows)}

Where a step of `{SINGLE}` spends its time, by torch's profiler:

| | share |
|---|---|
{shares}
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "training.md") as partial:
        partial.write_text(table)


if __name__ == "__main__":
    main()
