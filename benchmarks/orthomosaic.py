"""An orthomosaic predicted whole: time beside the network alone, memory at twice the area, and kills.

python benchmarks/orthomosaic.py --model best.onnx                     32,768 x 32,768 pixels, and twice as many
python benchmarks/orthomosaic.py --model best.onnx --side 8192         for a first look
python benchmarks/orthomosaic.py                                       with a network of random weights

The map is made of rendered scenes, with a slanted outline and a hole, as a GeoTIFF of red, green, blue and alpha.
`segdrone predict MODEL map.tif --polygons gpkg --simplify 0.1` makes mask, confidence, polygons, areas and page in a
process of its own. The other contender, in a process of its own too, decodes the same windows of the map and gives them
to the same model, and does nothing with what it says. Then the command is killed at three moments, started again, and
its files are compared. Needs a machine that does nothing else, the extra geo, and about 12 bytes of disk a pixel. Linux
only. Prints a page, and with --write writes benchmarks/results/orthomosaic.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np

from segdrone.raster.gdal import gdal_options
from segdrone.utils.atomic import atomic_write

REPO = Path(__file__).parents[1]
SCENE = (704, 1056)
GSD = 0.05  # meters
LAYERS = ["--polygons", "gpkg", "--simplify", "0.1"]


class Run(NamedTuple):
    """A finished process: its seconds, and its largest resident memory in MB."""

    seconds: float
    megabytes: float


def draw_map(path: Path, side: int) -> None:
    """Writes a square map of rendered scenes; scene by scene, so that its size does not matter."""
    if path.is_file():
        return
    from segdrone.synthetic.scene import render_scene

    scenes = [render_scene(*SCENE, seed).image for seed in range(8)]
    rng = np.random.default_rng(0)
    with gdal_options() as rasterio, atomic_write(path) as partial:
        names = rasterio.enums.ColorInterp
        profile = {
            "driver": "GTiff", "height": side, "width": side, "count": 4, "dtype": "uint8", "crs": "EPSG:32633",
            "transform": rasterio.Affine(GSD, 0, 500_000, 0, -GSD, 5_200_000), "tiled": True, "blockxsize": 512,
            "blockysize": 512, "compress": "deflate", "zlevel": 1, "bigtiff": "yes",
        }  # fmt: skip
        with rasterio.open(partial, "w", **profile) as file:
            file.colorinterp = [names.red, names.green, names.blue, names.alpha]
            for top in range(0, side, SCENE[0]):
                chosen = [scenes[i][:, :: rng.choice([-1, 1])] for i in rng.integers(0, 8, -(-side // SCENE[1]))]
                rows = np.concatenate(chosen, axis=1)[: side - top, :side]
                y, x = np.arange(top, top + len(rows))[:, None] / side, np.arange(side)[None] / side
                seen = (x + 0.3 * y > 0.15) & (x - 0.2 * y < 0.95) & ((x - 0.6) ** 2 + (y - 0.5) ** 2 > 0.06**2)
                bands = np.concatenate([rows.transpose(2, 0, 1) * seen, seen[None] * np.uint8(255)])
                file.write(bands, window=rasterio.windows.Window(0, top, side, len(rows)))


def export_random(folder: Path) -> None:
    """Writes an FPN on MobileNetV2 with random weights as `random.onnx`."""
    import torch

    from segdrone.classes import DRONE
    from segdrone.export.run import export
    from segdrone.model import SegmentationModule

    torch.manual_seed(0)
    data = {"mean": [0.5] * 3, "std": [0.25] * 3, "image_size": [512, 768], "sampling": "tiles"}
    module = SegmentationModule({"name": "fpn", "encoder_name": "mobilenet_v2"}, DRONE.to_dict(), data, {})
    checkpoint = folder / "random.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, checkpoint)
    export(checkpoint, ["onnx"], folder / "exported")
    next((folder / "exported").glob("*.onnx")).replace(folder / "random.onnx")


def aside(function: Callable[..., None], *arguments: Any) -> None:
    """Calls a function in a process of its own: what it holds in memory would count for the processes started later."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{function.__name__} failed")


def measure(command: list[str], log: Path) -> Run:
    """Runs a command to its end."""
    started = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed: see {log}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def predict(options: argparse.Namespace, raster: Path, out: Path) -> list[str]:
    """Returns the command that predicts a map."""
    command = [sys.executable, "-m", "segdrone", "predict", str(options.model), str(raster), "--out", str(out)]
    return [*command, "--geotiff", "--scale", str(options.scale), *LAYERS, "--quiet"]


def network_alone(model: Path, raster: Path, scale: float) -> None:
    """Decodes the windows of a map and computes them; what `--alone` does."""
    from segdrone.inference import Predictor
    from segdrone.raster import MapSource

    predictor = Predictor.from_file(model, scale=scale)
    source = MapSource(raster, predictor.backend.spec.interpolation)
    resized = predictor.resize(source)
    computed = 0
    for window in predictor.windows(source.size):
        if resized.valid(window).any():
            predictor.backend(resized.read(window)[None])
            computed += 1
    print(f"{computed} windows")


def digests(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of the files of a folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: hashlib.file_digest(path.open("rb"), "sha256").hexdigest() for path in files}


def killed(options: argparse.Namespace, raster: Path, out: Path, seconds: float) -> list[float]:
    """Kills the command at three moments and lets it finish; returns the moments, in seconds."""
    shutil.rmtree(out, ignore_errors=True)
    rng, moments = random.Random(0), []
    for _ in range(3):
        process = subprocess.Popen(predict(options, raster, out), stderr=subprocess.DEVNULL)
        moment = rng.uniform(0.1, 0.45) * seconds
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            moments.append(moment)
    measure(predict(options, raster, out), out.with_suffix(".log"))
    return moments


def report(options: argparse.Namespace, results: dict[str, Any]) -> str:
    """Returns the page."""
    rows = "\n".join(
        f"| {side:,} x {side:,} | {run['alone'].seconds:.0f} s | {run['whole'].seconds:.0f} s | "
        f"{run['whole'].seconds / run['alone'].seconds:.2f} | {run['whole'].megabytes:.0f} MB |"
        for side, run in results["sides"].items()
    )
    ratio = [run["whole"].megabytes for run in results["sides"].values()]
    moments = ", ".join(f"{moment:.0f} s" for moment in results["moments"])
    given = "" if options.random else f" --model {options.model.name}"
    return f"""# An orthomosaic, whole

`python benchmarks/orthomosaic.py --side {options.side} --scale {options.scale}{given}`: a map of rendered scenes with
a slanted outline and a hole; mask, confidence, polygons, areas and page by
`segdrone predict MODEL map.tif --out FOLDER --geotiff {" ".join(LAYERS)}`.
{os.cpu_count()} CPU cores, {platform.machine()}.

| pixels | windows decoded and computed, nothing else | segdrone predict | ratio | memory |
|---|---|---|---|---|
{rows}

- Memory at twice the area: {ratio[-1] / ratio[0]:.2f} times.
- Killed after {moments}, and started again: {"the same bytes in all files" if results["same"] else "OTHER BYTES"}.
"""


def main() -> None:
    """Measures, and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="exported model (default: one of random weights)")
    parser.add_argument("--side", type=int, default=32768, help="pixels of the smaller map's side (32768)")
    parser.add_argument("--scale", type=float, default=1.0, help="scale of the network (1)")
    parser.add_argument(
        "--work", type=Path, default=REPO / "outputs" / "orthomosaic", help="folder for maps and results"
    )
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/orthomosaic.md")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is not None:
        network_alone(options.model, options.alone, options.scale)
        return
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    options.random = options.model is None
    if options.random:
        options.model = options.work / "random.onnx"
        if not options.model.is_file():
            aside(export_random, options.work)
    options.model = options.model.resolve()
    results: dict[str, Any] = {"sides": {}}
    for side in (options.side, round(options.side * 2**0.5)):
        raster = options.work / f"map_{side}.tif"
        aside(draw_map, raster, side)
        alone = [sys.executable, __file__, "--model", str(options.model), "--scale", str(options.scale)]
        out = options.work / f"predicted_{side}"
        shutil.rmtree(out, ignore_errors=True)
        results["sides"][side] = {
            "alone": measure([*alone, "--alone", str(raster)], options.work / "alone.log"),
            "whole": measure(predict(options, raster, out), options.work / "whole.log"),
        }
        print(json.dumps({str(side): results["sides"][side]}), flush=True)
    raster, whole = options.work / f"map_{options.side}.tif", options.work / f"predicted_{options.side}"
    seconds = results["sides"][options.side]["whole"].seconds
    results["moments"] = killed(options, raster, options.work / "killed", seconds)
    results["same"] = digests(whole / "maps") == digests(options.work / "killed" / "maps")
    text = report(options, results)
    print(text)
    if options.write:
        with atomic_write(REPO / "benchmarks" / "results" / "orthomosaic.md") as partial:
            partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
