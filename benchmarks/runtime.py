"""Speed of a finished model by runtime and precision: windows, films, and the command from its start to a mask.

pip install -e '.[export,video]'
python benchmarks/runtime.py               the networks of experiment=realtime, laptop and article
python benchmarks/runtime.py --rounds 3 --networks realtime

All contenders take turns in one run, each in its own process, with as many threads as there are cores, on CPU. Weights
are random, 23 classes; int8 is calibrated on rendered scenes, without accuracy control, as speed does not depend on it.

- plain torch: the network in channels-last layout, normalized windows to probabilities;
- the others: `Backend` of the checkpoint and of each file that `segdrone export` makes of it, from uint8 windows.

Photographs a second are windows of the recipe's size a second: one photograph at the scale of training. Frames a
second are those of `segdrone predict film.mp4`: decoded, predicted, drawn, encoded. The command is
`segdrone predict MODEL photograph.jpg`, from its start to its end, on a photograph of 384 x 256 pixels. Memory is the
largest resident memory of that command. Linux only. Writes benchmarks/results/runtime.md.
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
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

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
from segdrone.export.formats import FORMATS
from segdrone.export.run import export
from segdrone.inference import Predictor
from segdrone.inference.predict_video import predict_video
from segdrone.model import SegmentationModule, load_network
from segdrone.normalize import Normalize
from segdrone.runtime.open_backend import open_backend
from segdrone.synthetic.scene import render_scene
from segdrone.utils.atomic import atomic_write
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.openmp import sleep_while_waiting

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FPN = {"name": "fpn", "decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64}
NETWORKS: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "realtime": (
        {"name": "upernet", "encoder_name": "tu-mobilenetv4_conv_small.e2400_r224_in1k", "decoder_channels": 32},
        (512, 768),
    ),
    "laptop": ({**FPN, "encoder_name": "tu-tf_efficientnet_lite0"}, (512, 768)),
    "article": ({"name": "unet", "encoder_name": "mobilenet_v2"}, (704, 1056)),
}
PLAIN = "plain torch"
FILM_SIZE, FILM_FRAMES = (720, 1280), 24
SCENES = 8  # to calibrate int8 on
BACKENDS = [name for name, entry in FORMATS.items() if entry.runs_here]


def make_checkpoint(name: str, path: Path) -> None:
    """Writes a checkpoint of a network with random weights, as training would."""
    model, size = NETWORKS[name]
    data = {"root": ".", "image_size": list(size), "mean": list(MEAN), "std": list(STD)}
    torch.manual_seed(0)
    module = SegmentationModule(model, DRONE.to_dict(), data, {"train": [], "val": [], "test": []})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)


def export_all(checkpoint: Path, folder: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Exports a checkpoint; returns the file of each format."""
    scenes = folder / "scenes"
    scenes.mkdir()
    for seed in range(SCENES):
        cv2.imwrite(str(scenes / f"{seed}.png"), render_scene(512, 768, seed)[0][..., ::-1])
    files = export(checkpoint, formats, folder / "exported", calibrate=scenes, progress=False)
    return dict(zip(formats, files, strict=True))


def plain(checkpoint: Path) -> Callable[[NDArray[np.uint8]], object]:
    """Returns a call of the plain network: normalize, compute, softmax."""
    network, spec = load_network(checkpoint)
    normalize = Normalize(spec.mean, spec.std)

    @torch.inference_mode()
    def call(windows: NDArray[np.uint8]) -> object:
        image = torch.from_numpy(normalize(windows[0])[None]).permute(0, 3, 1, 2)
        return network(image).softmax(1).contiguous()

    return call


def contend(path: Path, is_plain: bool, film: Path | None, turn: Connection) -> None:
    """Runs one contender: at each turn, predicts a window, or a film, and sends the seconds."""
    keep_freed_memory()
    backend = open_backend(path, device="cpu")
    call = plain(path) if is_plain else backend
    predictor = Predictor(backend)
    while (task := turn.recv()) is not None:
        started = time.perf_counter()
        if isinstance(task, np.ndarray):
            call(task)
        else:
            assert film is not None
            predict_video(predictor, film, path.parent / f"{os.getpid()}.mp4", progress=False)
        turn.send(time.perf_counter() - started)


def write_film(path: Path) -> None:
    """Writes a film of a flight over a rendered scene."""
    from fractions import Fraction

    from segdrone.inference.video_io import video_writer

    height, width = FILM_SIZE
    scene = render_scene(height, width + 4 * FILM_FRAMES, 0)[0]
    with video_writer(path, FILM_SIZE, Fraction(25)) as write:
        for i in range(FILM_FRAMES):
            write(np.ascontiguousarray(scene[:, 4 * i : 4 * i + width]), i / 25)


def run_command(model: Path, photograph: Path, out: Path) -> tuple[float, float]:
    """Runs `segdrone predict`; returns its seconds, and its largest resident memory in MB."""
    program = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    command = [sys.executable, "-m", "segdrone", "predict", str(model), str(photograph), "--out", str(out), "-q"]
    started = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, int(result.stdout) / 1024


def measure(name: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """Measures one network, and returns the rows of its table."""
    checkpoint = folder / "best.ckpt"
    make_checkpoint(name, checkpoint)
    files = {PLAIN: checkpoint, "torch": checkpoint, **export_all(checkpoint, folder, options.formats)}
    film, photograph = folder / "film.mp4", folder / "small.jpg"
    write_film(film)
    height, width = NETWORKS[name][1]
    scene = render_scene(height, width, 0)[0]
    cv2.imwrite(str(photograph), cv2.resize(scene, (384, 256))[..., ::-1])
    seconds: dict[str, list[float]] = {contender: [] for contender in files}
    frames: dict[str, list[float]] = {contender: [] for contender in files if contender != PLAIN}
    commands: dict[str, list[tuple[float, float]]] = {contender: [] for contender in frames}
    contenders = {key: start(contend, path, key == PLAIN, film) for key, path in files.items()}
    for i in tqdm(range(options.rounds + 1), f"{name}: windows"):
        for key in files:
            took = take_turn(contenders, key, scene[None])
            seconds[key] += [took] if i else []  # the first call compiles
    for _ in tqdm(range(options.films), f"{name}: films"):
        for key, values in frames.items():
            values.append(FILM_FRAMES / take_turn(contenders, key, film))
    for contender in contenders.values():
        contender.send(None)
    for i in tqdm(range(options.films), f"{name}: commands"):
        for key, pairs in commands.items():
            pairs.append(run_command(files[key], photograph, folder / f"{key}-{i}"))
    rows = []
    for key, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(values, seconds[PLAIN], strict=True))
        middle = statistics.median(values)
        cells = [f"{1000 * middle:.0f}", f"{1 / middle:.1f}", f"{ratio:.2f}", "", "", ""]
        if key in frames:
            took, memory = (statistics.median(values) for values in zip(*commands[key], strict=True))
            cells[3:] = [f"{statistics.median(frames[key]):.1f}", f"{took:.1f}", f"{memory:.0f}"]
        rows.append(f"| {name}, {width} x {height} | {key} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Measures all networks, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="windows of each contender, in turns (15)")
    parser.add_argument("--films", type=int, default=3, help="films and commands of each contender, in turns (3)")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), help="(all)")
    parser.add_argument("--formats", nargs="+", default=BACKENDS, choices=BACKENDS, help="(all)")
    options = parser.parse_args()
    sleep_while_waiting()  # as the command does
    rows = []
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(name, Path(folder), options)
    changed = {key: value for key, value in vars(options).items() if value != parser.get_default(key)}
    shown = "".join(
        f" --{key} {' '.join(map(str, value)) if isinstance(value, list) else value}" for key, value in changed.items()
    )
    table = f"""# A finished model, by runtime and precision

`python benchmarks/runtime.py{shown}`: in turns, each in its own process; medians,
of ratios those of the rounds' ratios; {os.cpu_count()} CPU cores, {cpu_name()}, torch {torch.__version__}. The command
is `segdrone predict` of a photograph of 384 x 256 pixels, from its start to its end; MB is its largest resident memory.

| network | runtime | ms a window | photographs/s | to plain torch | video frames/s | command, s | command, MB |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "runtime.md") as partial:
        partial.write_text(table, encoding="utf-8")


def cpu_name() -> str:
    """Returns the processor, with those of its units that decide the speed of low precision."""
    text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    units = [unit for unit in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16") if unit in text]
    return f"{model or platform.machine()} ({', '.join(units) or 'no AVX2'})"


if __name__ == "__main__":
    main()
