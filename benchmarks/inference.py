"""Time and memory to predict a whole photograph: segdrone beside the bare network and MONAI, in turns in one run.

pip install monai                          the other library (Apache-2.0); not needed with --no-monai
python benchmarks/inference.py             one rendered photograph of 6000 x 4000 pixels at its own size
python benchmarks/inference.py --large     also the memory for one of 12000 x 8000

All run the tutorial's network (U-Net on MobileNetV2, random weights, 23 classes) in channels-last layout
on windows of 704 x 1056 that overlap by a quarter, one at a time, in single precision on CPU:

- the bare network: a forward pass per window, of a window that is already normalized, and nothing else;
- monai: `SlidingWindowInferer(mode="gaussian")` on the normalized photograph, then argmax;
- segdrone: `Predictor`, from the same file to the mask, by torch, and by ONNX Runtime and OpenVINO with what
  `segdrone export` makes of the checkpoint, all in single precision.

Each runs in its own process, and waits while another works. That of segdrone starts as `segdrone predict` does, with
OpenMP's threads asleep while they wait. Memory is the peak resident memory of the process minus its
resident memory after loading the network; the decoded photograph and the mask are included. Linux only. Writes
benchmarks/results/inference.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.turns import start, take_turn

from segdrone.classes import DRONE
from segdrone.export.to_onnx import to_onnx
from segdrone.export.to_openvino import to_openvino
from segdrone.inference import Predictor
from segdrone.model.networks import build_network
from segdrone.raster.decode import read_image
from segdrone.runtime.description import Description, Signature
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.spec import ModelSpec
from segdrone.synthetic.scene import render_scene
from segdrone.utils.atomic import atomic_write
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.openmp import sleep_while_waiting

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BARE, MONAI, OURS = "the bare network", "monai", "segdrone"
EXPORTED = {"segdrone, ONNX Runtime": "best.onnx", "segdrone, OpenVINO": "best.xml"}
Mask = NDArray[np.uint8] | None


def bare(options: argparse.Namespace) -> Callable[[Path], Mask]:
    """Returns a function that runs the network on as many windows as a photograph has, and does nothing else."""
    keep_freed_memory()
    network = tutorial_network()
    window = torch.randn(1, *options.window, 3).permute(0, 3, 1, 2)

    @torch.inference_mode()
    def run(path: Path) -> Mask:
        for _ in range(options.windows):
            network(window)
        return None

    return run


def monai(options: argparse.Namespace) -> Callable[[Path], Mask]:
    """Returns a function that predicts with MONAI's sliding window."""
    from monai.inferers import SlidingWindowInferer

    keep_freed_memory()
    network = tutorial_network()
    inferer = SlidingWindowInferer(options.window, sw_batch_size=1, overlap=options.overlap, mode="gaussian")

    @torch.inference_mode()
    def run(path: Path) -> Mask:
        image = torch.from_numpy(read_image(path).copy()).permute(2, 0, 1).float().div_(255)
        image.sub_(torch.tensor(MEAN).view(3, 1, 1)).div_(torch.tensor(STD).view(3, 1, 1))
        logits = inferer(image[None], network)
        assert isinstance(logits, torch.Tensor)
        return logits[0].argmax(0).byte().numpy()

    return run


def ours(options: argparse.Namespace) -> Callable[[Path], Mask]:
    """Returns a function that predicts with segdrone."""
    keep_freed_memory()
    predictor = make_predictor(options)
    return lambda path: predictor(path).mask


def exported(options: argparse.Namespace, file: str) -> Callable[[Path], Mask]:
    """Returns a function that predicts with a file of `segdrone export`."""
    keep_freed_memory()
    predictor = Predictor.from_file(
        options.folder / file, device="cpu", scale=1.0, window=options.window, overlap=options.overlap
    )
    return lambda path: predictor(path).mask


CONTENDERS = {BARE: bare, MONAI: monai, OURS: ours} | {
    name: partial(exported, file=file) for name, file in EXPORTED.items()
}


def tutorial_network() -> torch.nn.Module:
    """Returns the tutorial's network with random weights, in evaluation mode."""
    torch.manual_seed(0)
    return build_network("unet", encoder_name="mobilenet_v2", classes=len(DRONE)).eval()


def tutorial_spec(options: argparse.Namespace) -> ModelSpec:
    """Returns what the network expects."""
    return ModelSpec(DRONE, MEAN, STD, training_size=options.window, sampling="tiles")


def make_predictor(options: argparse.Namespace) -> Predictor:
    """Returns a predictor with the tutorial's network."""
    backend = TorchBackend(tutorial_network(), tutorial_spec(options), device="cpu")
    return Predictor(backend, scale=1.0, window=options.window, overlap=options.overlap)


def resident(key: str) -> int:
    """Returns a value of this process's memory from /proc, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(key))


def contend(name: str, options: argparse.Namespace, turn: Connection) -> None:
    """Runs one contender: at each turn, predicts a photograph, and sends seconds and bytes."""
    run = CONTENDERS[name](options)
    while (path := turn.recv()) is not None:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak, see proc(5)
        before, started = resident("VmRSS"), time.perf_counter()
        run(path)
        turn.send((time.perf_counter() - started, resident("VmHWM") - before))


def main() -> None:
    """Measures all contenders in turns, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=4000, help="of the photograph, in pixels (4000)")
    parser.add_argument("--width", type=int, default=6000, help="in pixels (6000)")
    parser.add_argument("--window", type=int, nargs=2, default=(704, 1056), help="height and width (704 1056)")
    parser.add_argument("--overlap", type=float, default=0.25, help="of windows (0.25)")
    parser.add_argument("--rounds", type=int, default=3, help="photographs per contender, in turns (3)")
    parser.add_argument("--large", action="store_true", help="also the memory for a photograph with twice the sides")
    parser.add_argument("--no-monai", action="store_true", help="leave MONAI out")
    options = parser.parse_args()
    options.window = tuple(options.window)
    size = (options.height, options.width)
    options.windows = len(make_predictor(options).windows(size))
    names = [name for name in CONTENDERS if not (options.no_monai and name == MONAI)]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    memory: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, large = Path(folder) / "photograph.jpg", Path(folder) / "large.jpg"
        image = cv2.cvtColor(render_scene(*size, 0)[0], cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(path), image)
        options.folder = Path(folder)
        description = Description(tutorial_spec(options), Signature(stride=(32, 32)))
        to_onnx(tutorial_network(), description, options.folder / "best.onnx")
        to_openvino(tutorial_network(), description, options.folder / "best.xml")
        contenders: dict[str, Connection] = {}
        for name in sorted(names, key=OURS.__eq__):  # the last one, as its processes inherit the setting
            if name == OURS:
                sleep_while_waiting()
            contenders[name] = start(contend, name, options)
        for _ in tqdm(range(options.rounds), desc="photographs of each"):
            for name in names:
                took, peak = take_turn(contenders, name, path)
                seconds[name].append(took)
                memory.setdefault(name, peak)  # of the first round: later ones start with memory that malloc has kept
        for contender in contenders.values():
            contender.send(None)
        note = ""
        if options.large:
            cv2.imwrite(str(large), cv2.resize(image, None, fx=2, fy=2))
            contender = start(contend, OURS, options)
            _, peak = take_turn({OURS: contender}, OURS, large)
            contender.send(None)
            note = f"\nFor {2 * size[1]} x {2 * size[0]} pixels segdrone takes {peak / 1e6:.0f} MB: "
            note += f"{peak / memory[OURS]:.2f} times as much.\n"
    rows, compared = [], [name for name in names if name not in EXPORTED]
    for name, values in seconds.items():
        ratios = [statistics.median(a / b for a, b in zip(values, seconds[other], strict=True)) for other in compared]
        shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        peak = "" if name == BARE else f"{memory[name] / 1e6:.0f}"
        rows.append(f"| {name} | {statistics.median(values):.1f} | {shown} | {peak} |")
    others = " | ".join(f"to {name}" for name in compared)
    flags = f"--rounds {options.rounds}{' --large' * options.large}{' --no-monai' * options.no_monai}"
    table = f"""# A whole photograph, from file to mask

`python benchmarks/inference.py {flags}`: {size[1]} x {size[0]} pixels,
{options.windows} windows of {options.window[1]} x {options.window[0]}, in turns, each in its own process;
{os.cpu_count()} CPU cores, {platform.machine()}, torch {torch.__version__}. Medians; ratios are medians of the
rounds' ratios. Memory is the peak resident memory, less that of the process when it has loaded the network.

| | seconds | {others} | memory, MB |
|---|---|{"---|" * len(compared)}---|
{chr(10).join(rows)}
{note}
What the torch backend gains on the network alone: [backend](backend.md).
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "inference.md") as partial:
        partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
