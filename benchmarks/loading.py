"""Measure reading of full-size photographs: segdrone's data module and the tutorial's Dataset, in turns in one run.

python benchmarks/loading.py                            on 16 rendered scenes of 6000 x 4000
python benchmarks/loading.py --root FOLDER              on photographs

Both get the same photographs, output size and augmentation, one process each, and read files that are in
the page cache. Writes benchmarks/results/loading.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import psutil
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.article import ArticleDataset, transforms

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.augment import build_transforms
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write

SIZE, CROP = (704, 1056), (512, 768)
REPEAT = 20  # reads of each photograph in a timed epoch of cached pixels, for as many samples as the tutorial has
AUGMENT: Any = OmegaConf.to_container(OmegaConf.load(REPO / "conf" / "augment" / "article.yaml"))


class Timed:
    """Adds up the seconds spent in a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls the function."""
        started = time.perf_counter()
        result = self.function(*arguments, **named)
        self.seconds += time.perf_counter() - started
        return result


def datamodule(root: Path, cache: Path, **changes: Any) -> SegmentationDataModule:
    """A data module with every photograph in the training split."""
    values = {"val_share": 0.0, "test_share": 0.0, "image_size": SIZE, "crop_size": CROP, "num_workers": 0, **changes}
    module = SegmentationDataModule(DataConfig(root=str(root), cache_dir=str(cache), **values), AUGMENT)
    module.setup("fit")
    return module


def samples_per_second(loader: DataLoader[Any]) -> float:
    """Returns the samples per second of one epoch."""
    started, count = time.perf_counter(), 0
    for batch in loader:
        count += len(batch[0] if isinstance(batch, list) else batch["image"])
    return count / (time.perf_counter() - started)


def repeated(module: SegmentationDataModule) -> DataLoader[Any]:
    """Returns the training loader over photographs that occur several times."""
    module.splits = {**module.splits, "train": module.splits["train"] * REPEAT}
    return module.train_dataloader()


def article(pairs: list[Any], *steps: A.BasicTransform) -> DataLoader[Any]:
    """Returns the tutorial's loader, which decodes each photograph in every epoch, then transforms it."""
    return DataLoader(ArticleDataset(pairs, A.Compose(list(steps))), batch_size=3, shuffle=True)


def private_memory(root: Path) -> tuple[float, float]:
    """Returns the peak USS, in MB, of a worker that reads native crops: while the cache is built, and after that.

    Call it first: memory that the parent frees after the fork counts as the worker's.
    """
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        loader = repeated(datamodule(root, Path(folder), sampling="crops", samples_per_image=1, num_workers=1))
        for _ in range(2):
            sizes: list[int] = []
            batches, done = iter(loader), threading.Event()
            process = psutil.Process(loader._iterator._workers[0].pid)  # type: ignore[union-attr]

            def watch(process: Any = process, sizes: Any = sizes, done: Any = done) -> None:
                while not done.wait(0.01):
                    sizes.append(process.memory_full_info().uss)

            watcher = threading.Thread(target=watch)
            watcher.start()
            for _ in batches:
                pass
            done.set()
            watcher.join()
            peaks.append(max(sizes) / 1e6)
    return peaks[0], peaks[1]


def measure(root: Path, rounds: int) -> dict[str, list[float]]:
    """Measures every number of the table once per round."""
    results: dict[str, list[float]] = {}

    def note(name: str, value: float) -> float:
        results.setdefault(name, []).append(value)
        print(f"  {name}: {value:.2f}", flush=True)
        return value

    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            module = datamodule(root, Path(folder))
            pairs = module.splits["train"]
            theirs = note("tutorial", samples_per_second(article(pairs, *transforms(SIZE)[0].transforms)))
            first = module.train_dataloader()
            note("whole first", samples_per_second(first) / theirs)
            again = repeated(module)
            pipeline = again.dataset.pipeline  # type: ignore[attr-defined]
            augment, finish = Timed(pipeline.augment), Timed(pipeline.finish)
            pipeline.augment, pipeline.finish = augment, finish
            started = time.perf_counter()
            alone = samples_per_second(again)
            note("whole samples", alone)
            note("whole", alone / theirs)
            note("outside", 100 * (1 - (augment.seconds + finish.seconds) / (time.perf_counter() - started)))
            threads = cv2.getNumThreads()
            two = repeated(datamodule(root, Path(folder), num_workers=2))
            samples_per_second(two)  # starts the workers
            note("two workers", samples_per_second(two) / alone)
            cv2.setNumThreads(threads)
            nearest = datamodule(root, Path(folder), interpolation="nearest").train_dataloader()
            note("nearest first", samples_per_second(nearest) / theirs)
        with tempfile.TemporaryDirectory() as folder:
            cut = A.RandomCrop(*CROP)
            theirs = samples_per_second(article(pairs, cut, *build_transforms(AUGMENT["train"], "")))
            note("peer crops", theirs)
            crops = datamodule(root, Path(folder), sampling="crops", samples_per_image=1)
            note("crops first", samples_per_second(crops.train_dataloader()) / theirs)
            again = repeated(crops)
            note("crops samples", samples_per_second(again))
            note("crops", results["crops samples"][-1] / theirs)
    return results


def machine() -> str:
    """Describes the machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; Python {platform.python_version()}, "
        f"torch {torch.__version__}, OpenCV {cv2.__version__}"
    )


def main() -> None:
    """Measures in turns and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="photographs and masks (default: 16 rendered scenes of 6000 x 4000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, in turns (3)")
    options = parser.parse_args()
    what = "16 rendered scenes of 6000 x 4000 (JPEG of quality 92, PNG masks)"
    if options.root is not None:
        what = f"the photographs of {options.root.name}"
    root = options.root or REPO / "datasets" / "sample-16-6000x4000-0"
    if options.root is None:
        write_scenes(root, count=16, height=4000, width=6000, seed=0)
    building, reading = private_memory(root)
    print(f"private memory of a worker: {building:.0f} MB, then {reading:.0f} MB", flush=True)
    results = {name: statistics.median(values) for name, values in measure(root, options.rounds).items()}
    size, crop = (f"{height} x {width}" for height, width in (SIZE, CROP))
    table = f"""# Reading at full size

`python benchmarks/loading.py`: {what}, the tutorial's augmentation, batch 3,
one process unless said otherwise, medians of {options.rounds} rounds in turns.
{machine()}.

| | measured | goal |
|---|---|---|
| tutorial's Dataset, {size} | {results["tutorial"]:.1f} samples/s | |
| `whole` at {size}, second epoch on | {results["whole samples"]:.1f} samples/s | |
| against the tutorial's | {results["whole"]:.1f} x | >= 10 x |
| share of its time outside augmentation and normalization | {results["outside"]:.0f} % | <= 15 % |
| first epoch, cache being built | {results["whole first"]:.2f} x | >= 1.3 x |
| the same by `data.interpolation=nearest`, with no reduced decoding | {results["nearest first"]:.2f} x | |
| decode, then RandomCrop, {crop} | {results["peer crops"]:.1f} samples/s | |
| `crops` of {crop} at native scale, second epoch on | {results["crops samples"]:.1f} samples/s | |
| against decode and RandomCrop | {results["crops"]:.1f} x | >= 10 x |
| first epoch, cache being built | {results["crops first"]:.2f} x | |
| private memory of one worker reading native crops | {reading:.0f} MB | <= 500 MB |
| the same while the cache is being built | {building:.0f} MB | |
| two workers against none, `whole` | {results["two workers"]:.2f} x | >= 1.6 x |
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "loading.md") as partial:
        partial.write_text(table)


if __name__ == "__main__":
    main()
