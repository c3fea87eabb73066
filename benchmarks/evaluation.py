"""Measure time and memory of scoring masks of 24 megapixels, next to scikit-learn and torchmetrics.

python benchmarks/evaluation.py                40 rendered photographs of 6000 x 4000, two sets of masks
python benchmarks/evaluation.py --photographs 8 --scenes 2 --rounds 1

First `evaluate.py predictions=FOLDER data.masks=FOLDER` runs as usual, and its memory is measured: private memory, and
resident memory, which includes the files of libraries. Then each part is timed on one core, on the same arrays, in
turns. Predicted masks are the true masks with distorted borders, and patches and specks of other classes. The same few
scenes are used several times, because rendering takes longer than everything else. Linux only. Writes
benchmarks/results/evaluation.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from torchmetrics.functional.classification import multiclass_confusion_matrix
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from segdrone.classes import DRONE
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.evaluation.boundary import boundary
from segdrone.evaluation.counts import count_image, stack_counts
from segdrone.evaluation.detection import DetectionScores
from segdrone.evaluation.scores import score
from segdrone.raster.pixels import joint_histogram
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write

Mask = NDArray[np.uint8]
CLASSES = len(DRONE)


def distort(truth: Mask, rng: np.random.Generator) -> Mask:
    """Returns a mask that a network might have predicted."""
    height, width = truth.shape
    offsets = [
        cv2.resize(rng.normal(0, 25, (40, 60)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    mask = cv2.remap(truth, columns + offsets[0], rows + offsets[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    for size, patches in ((400, 30), (20, 1000)):
        for _ in range(patches):
            top, left = int(rng.integers(height - size)), int(rng.integers(width - size))
            center = (left + size // 2, top + size // 2)
            cv2.ellipse(mask, center, (size // 2, size // 3), 0, 0, 360, int(rng.integers(CLASSES)), cv2.FILLED)
    return np.asarray(mask, np.uint8)


def write_masks(folder: Path, options: argparse.Namespace) -> None:
    """Writes true and predicted masks, as hard links under one name per photograph."""
    scenes = folder / "scenes"
    write_scenes(scenes, count=options.scenes, height=options.height, width=options.width, seed=0)
    for kind in ("truth", "predicted"):
        (folder / kind).mkdir()
    for number, path in enumerate(tqdm(sorted((scenes / "label_images_semantic").iterdir()), desc="predicted masks")):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        prediction = folder / "prediction.png"
        cv2.imwrite(str(prediction), distort(np.asarray(mask, np.uint8), np.random.default_rng(number)))
        for index in range(number, options.photographs, options.scenes):
            os.link(path, folder / "truth" / f"{index:03d}.png")
            os.link(prediction, folder / "predicted" / f"{index:03d}.png")
        prediction.unlink()


class Memory(NamedTuple):
    """Peak memory of a process in MB: resident, and the private part of it, without the files of libraries."""

    resident: float
    private: float


def run_measured(*command: object) -> tuple[float, Memory]:
    """Runs Python in another process; returns its seconds and its peak memory."""
    started, peak = time.perf_counter(), {"VmHWM:": 0, "RssAnon:": 0}
    process = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL, cwd=REPO)
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        for name, value in ((line.split()[0], line.split()[1]) for line in lines if line.startswith((*peak,))):
            peak[name] = max(peak[name], int(value))
        time.sleep(0.01)
    if process.wait():
        raise SystemExit(f"{command[0]} failed")
    return time.perf_counter() - started, Memory(*(value / 1000 for value in peak.values()))


def parts(truth: Mask, prediction: Mask, files: tuple[Path, Path]) -> dict[str, Callable[[], object]]:
    """Returns the functions to time, by name."""
    encoding = MaskEncoding.load("drone")
    confidence = np.full_like(truth, 200)
    tensors = torch.from_numpy(prediction), torch.from_numpy(truth)
    counts = stack_counts([count_image(truth, prediction, None, DRONE)])

    def objects() -> None:
        scores = DetectionScores(DRONE)
        scores.update("one", truth, prediction, confidence)

    def boundaries() -> None:
        edges = boundary(truth, CLASSES), boundary(prediction, CLASSES)
        joint_histogram(truth, prediction, where=(edges[0] & edges[1]).view(np.uint8))

    return {
        "decoding both masks": lambda: [read_mask(file, encoding) for file in files],
        "confusion matrix, segdrone": lambda: joint_histogram(truth, prediction)[:CLASSES, :CLASSES],
        "confusion matrix, torchmetrics": lambda: multiclass_confusion_matrix(
            *tensors, CLASSES, ignore_index=255, validate_args=False
        ),
        "confusion matrix, scikit-learn": lambda: confusion_matrix(
            truth.ravel(), prediction.ravel(), labels=range(CLASSES)
        ),
        "all scores of a confusion matrix": lambda: score(counts),
        "boundaries": boundaries,
        "levels of confidence": lambda: joint_histogram((truth == prediction).view(np.uint8), confidence),
        "objects": objects,
    }


def main() -> None:
    """Runs the command, times its parts, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=40, help="(40)")
    parser.add_argument("--scenes", type=int, default=8, help="different ones among them (8)")
    parser.add_argument("--height", type=int, default=4000, help="in pixels (4000)")
    parser.add_argument("--width", type=int, default=6000, help="in pixels (6000)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each part is timed (3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_masks(folder, options)
        _, libraries = run_measured("-c", "import segdrone.evaluation")
        masks = f"predictions={folder}/predicted", f"data.masks={folder}/truth"
        seconds, memory = run_measured("evaluate.py", *masks, f"output_dir={folder}/out")
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        files = folder / "truth" / "000.png", folder / "predicted" / "000.png"
        truth, prediction = (np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8) for file in files)
        contenders = parts(truth, prediction, files)
        ours, others = (
            "confusion matrix, segdrone",
            ("confusion matrix, torchmetrics", "confusion matrix, scikit-learn"),
        )
        for other in others:
            assert (np.asarray(contenders[other]()) == contenders[ours]()).all()
        times: dict[str, list[float]] = {part: [] for part in contenders}
        for _ in tqdm(range(options.rounds), desc="rounds"):
            for part, run in contenders.items():
                started = time.perf_counter()
                run()
                times[part].append(time.perf_counter() - started)
    median = {part: statistics.median(values) for part, values in times.items()}
    ratios = [
        statistics.median(other_time / own_time for other_time, own_time in zip(times[other], times[ours], strict=True))
        for other in others
    ]
    rows = "\n".join(f"| {part} | {value:.3f} |" for part, value in median.items())
    options_text = "".join(
        f" --{key} {value}" for key, value in vars(options).items() if value != parser.get_default(key)
    )
    table = f"""# Scoring masks of {options.width} x {options.height} pixels

`python benchmarks/evaluation.py{options_text}`; {os.cpu_count()} CPU cores, {platform.machine()},
OpenCV {cv2.__version__}, torch {torch.__version__}.

`evaluate.py predictions=FOLDER data.masks=FOLDER` with {options.photographs} photographs, from start to report:
{seconds:.0f} s, {seconds / options.photographs:.2f} s per photograph. Peak memory: {memory.private:.0f} MB private,
{memory.resident:.0f} MB resident with the files of libraries. After importing torch and all other libraries, before
the first photograph: {libraries.private:.0f} and {libraries.resident:.0f} MB.

Parts on one core, median of {options.rounds} rounds in turns on the same arrays:

| part, for one photograph | seconds |
|---|---|
{rows}

Counting the confusion matrix is {ratios[0]:.0f} times as fast as torchmetrics and {ratios[1]:.0f} times as fast as
scikit-learn (medians of the ratios per round); all three give the same matrix.
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "evaluation.md") as partial:
        partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
