"""What the instance head is worth, and what it costs, on rendered scenes with things that touch.

python benchmarks/instances.py --weights FOLDER                     the encoder from ImageNet weights
python benchmarks/instances.py --no-training --time                 the costs, after that, on a quiet machine

Trains the network of experiment=baseline with and without the head on the same scenes, by the same recipe, for each
seed: on crops at the scenes' own size, where people are 30 pixels wide, half of them around things. Both are scored on
other scenes, in windows of twice the sides of a crop, as a thing that a window cuts is two: panoptic quality of the
things that the head tells apart, that of connected components of the same masks, and mIoU. --time measures, with and
without the head in turns in one process, a training step, and the prediction of a photograph of 24 megapixels by the
networks of the first seed: with the head all things are numbered, without it none. Every run has a folder in --work:
what is finished is not repeated, what was interrupted is resumed. Prints a table; --write writes
benchmarks/results/instances.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import torch

from segdrone.classes import DRONE, THING_CLASSES
from segdrone.evaluation.compare import compare
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.predict_folder import predict_photograph
from segdrone.model import SegmentationModule
from segdrone.model.checkpoint import load_network
from segdrone.raster import ArraySource
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.synthetic import write_scenes
from segdrone.synthetic.scene import render_scene
from segdrone.utils.atomic import atomic_write
from segdrone.utils.output_dir import claim_dir

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.baseline import ENCODER
from benchmarks.lever_list import encoder_weights

NETWORK = {
    "name": "fpn",
    "encoder_name": ENCODER,
    "decoder_pyramid_channels": 128,
    "decoder_segmentation_channels": 64,
    "decoder_dropout": 0.0,
}  # of experiment=baseline
RECIPE = ["experiment=baseline", "data=folder", "data.batch_size=4", "inference=tiled", "data.sampling=crops"]
RECIPE += ["data.samples_per_image=4", "data.rare_share=0.5", "data.rare_classes=[person,dog,car,bicycle]"]
RECIPE += ["callbacks.early_stopping=null", "pictures=null", "logger.tensorboard=null", "callbacks.curves=null"]
RECIPE += ["callbacks.pictures=null", "+trainer.check_val_every_n_epoch=4"]
HEADS = {"with": True, "without": False}
Record = dict[str, Any]


def run_folder(options: argparse.Namespace, head: str, seed: int) -> Path:
    """The folder of a run."""
    return Path(options.work) / f"{head}-{seed}"


def score_folder(options: argparse.Namespace, head: str, seed: int) -> Path:
    """The folder of what a run scores on the scenes that are tested on."""
    return Path(options.work) / "scores" / f"{head}-{seed}-{options.test_count}"


def test_scenes(options: argparse.Namespace) -> Path:
    """Renders the scenes that are tested on, where they are not there yet, and returns their folder."""
    folder = Path(options.work) / f"test-{options.test_count}"
    write_scenes(folder, count=options.test_count, height=704, width=1056, seed=1, crowded=True)
    return folder


def train(options: argparse.Namespace, head: str, seed: int) -> None:
    """Trains a network, or resumes its training, in a process of its own."""
    run = run_folder(options, head, seed)
    if (run / "metrics.json").is_file():
        return
    command = [sys.executable, "-m", "segdrone", "train", f"output_dir={run}"]
    if (last := run / "checkpoints" / "last.ckpt").is_file():
        command += [f"ckpt_path={last}"]
    else:
        for folder in (run, *(options.work / "scores").glob(f"{run.name}-*")):
            shutil.rmtree(folder, ignore_errors=True)
        size = f"[{options.size[0]},{options.size[1]}]"
        command += [
            *RECIPE, encoder_weights(ENCODER, options.weights), f"model.instances={str(HEADS[head]).lower()}",
            f"data.root={options.work / 'scenes'}", f"data.crop_size={size}",
            f"data.cache_dir={options.work / 'cache'}", f"trainer.max_epochs={options.epochs}", f"seed={seed}",
        ]  # fmt: skip
    subprocess.run(command, check=True)


def score(options: argparse.Namespace, head: str, seed: int) -> Record | None:
    """Returns what `segdrone evaluate` says of a finished run, in windows of twice the sides of a crop."""
    run, folder = run_folder(options, head, seed), score_folder(options, head, seed)
    if not (run / "metrics.json").is_file():
        return None
    if not (folder / "metrics.json").is_file():
        height, width = (2 * side for side in options.size)
        command = [
            sys.executable, "-m", "segdrone", "evaluate", f"ckpt_path={run / 'checkpoints' / 'best.ckpt'}",
            "inference=tiled", f"inference.window=[{height},{width}]", "pictures=null", f"output_dir={folder}",
            f"data.root={test_scenes(options)}", "split=all",
        ]  # fmt: skip
        subprocess.run(command, check=True)
    return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))


def scores(options: argparse.Namespace) -> list[Record]:
    """Returns the scores of the finished runs, by seed; those of a run that is not are absent."""
    found = []
    for seed in options.seeds:
        record: Record = {"seed": seed}
        for head in HEADS:
            if (metrics := score(options, head, seed)) is None:
                continue
            panoptic = metrics["panoptic"]
            record |= {f"pq {head}": panoptic["pq_things"], f"map {head}": metrics["objects"]["map"]}
            record |= {f"miou {head}": metrics["miou"]}
            if HEADS[head]:
                record["components"] = panoptic["components"]["pq_things"]
        if {"miou with", "miou without"} <= record.keys():
            folders = [score_folder(options, head, seed) for head in ("without", "with")]
            record["difference"] = compare(folders)[0].overall[0]
        found.append(record)
    return found


def step(has_head: bool, size: tuple[int, int]) -> Callable[[], None]:
    """Returns a training step: loss, gradients and update."""
    torch.manual_seed(0)
    data: Record = {"mean": [0.5] * 3, "std": [0.25] * 3, "image_size": [*size]}
    table = {**DRONE.to_dict(), "things": [*THING_CLASSES]}
    module = SegmentationModule({**NETWORK, "instances": has_head}, table, data, {})
    optimizer = torch.optim.AdamW(module.train().parameters(), fused=True)
    scenes = [render_scene(*size, seed, crowded=True) for seed in range(4)]
    image = torch.stack([torch.from_numpy(scene.image.copy()).permute(2, 0, 1).float() / 255 for scene in scenes])
    image = image.contiguous(memory_format=torch.channels_last)
    mask, instances = (
        torch.from_numpy(np.stack([getattr(scene, name) for scene in scenes]).astype(dtype))
        for name, dtype in (("mask", np.int64), ("instances", np.int32))
    )

    def run() -> None:
        logits, planes = module(image).split([len(DRONE), module.spec.planes - len(DRONE)], 1)
        loss = module.loss(logits, mask)
        if module.instance_loss is not None:
            loss = loss + module.instance_loss(planes, mask, instances)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return run


def prediction(options: argparse.Namespace, head: str, *, whole: bool) -> Callable[[], None]:
    """Returns the prediction of a photograph of 24 megapixels by a trained network; with the head, things are numbered.

    One of random weights would find things everywhere.
    """
    network, spec = load_network(run_folder(options, head, options.seeds[0]) / "checkpoints" / "best.ckpt")
    window = None if whole else (2 * options.size[0], 2 * options.size[1])  # the default with the head
    if whole:
        spec = replace(spec, sampling="whole", training_size=(704, 1056))
    predictor = Predictor(TorchBackend(network, spec, device="cpu"), window=window)
    scene = render_scene(1000, 1500, 0, crowded=True).image
    pixels = np.asarray(cv2.resize(scene, (6000, 4000), interpolation=cv2.INTER_LINEAR), np.uint8)
    things = spec.classes.things or () if HEADS[head] else ()

    def run() -> None:
        predict_photograph(predictor, ArraySource(pixels), pixels, Cleanup(), things=things)

    return run


def measure(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Returns the median seconds of each job, with and without the head."""
    jobs: dict[str, Callable[[str], Callable[[], None]]] = {
        "step": lambda head: step(HEADS[head], options.size),
        "windows": lambda head: prediction(options, head, whole=False),
        "whole": lambda head: prediction(options, head, whole=True),
    }
    result = {}
    for name, prepare in jobs.items():
        contenders = {head: prepare(head) for head in HEADS}
        seconds: dict[str, list[float]] = {head: [] for head in HEADS}
        for i in range(options.rounds + 1):
            for head, job in contenders.items():
                started = time.perf_counter()
                job()
                seconds[head] += [time.perf_counter() - started] if i else []
        result[name] = {head: statistics.median(values) for head, values in seconds.items()}
    return result


def difference(row: Record) -> str:
    """Returns the difference of the mIoU of a pair with its interval, as text."""
    if "difference" not in row:
        return "not run"
    low, high = row["difference"]["interval"]
    return f"{row['difference']['difference']:+.3f} ({low:+.3f} to {high:+.3f})"


def table(rows: list[Record], costs: dict[str, dict[str, float]] | None, options: argparse.Namespace) -> str:
    """Returns the page."""
    lines = [
        "# The instance head",
        "",
        f"Trained on {options.count} scenes of 704 x 1056 whose things touch (`segdrone data sample --crowded`),",
        f"crops of {options.size[0]} x {options.size[1]}, {options.epochs} epochs, windows of twice their sides:",
        f"`python benchmarks/instances.py{' --weights FOLDER' if options.weights else ''}`. Scores are of",
        f"{options.test_count} other scenes; PQ is of the thing classes, and each connected component counts as a",
        "thing, also a speck of a few pixels. The difference of the mIoU has the interval of `segdrone compare`.",
        "",
        "| seed | PQ, head | PQ, its masks by connected components | PQ, network without the head | mAP, head "
        "| mAP, without | mIoU, head | mIoU, without | difference, 95 % interval |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    keys = ("pq with", "components", "pq without", "map with", "map without", "miou with", "miou without")
    cells = [[*(f"{row[key]:.3f}" if key in row else "not run" for key in keys), difference(row)] for row in rows]
    lines += [f"| {row['seed']} | {' | '.join(line)} |" for row, line in zip(rows, cells, strict=True)]
    if costs is not None:
        lines += ["", "| | with the head | without | ratio |", "|---|---|---|---|"]
        titles = {
            "step": "training step, 4 images",
            "windows": "24 megapixels at their own size; with the head, things are numbered",
            "whole": "24 megapixels reduced to 704 x 1056; with the head, things are numbered",
        }
        lines += [
            f"| {titles[name]} | {t['with']:.2f} s | {t['without']:.2f} s | {t['with'] / t['without']:.2f} |"
            for name, t in costs.items()
        ]
        lines += [
            "",
            f"In turns in one process, medians of {options.rounds}; {os.cpu_count()} CPU cores, torch "
            f"{torch.__version__}.",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Trains and measures what is asked for and missing, and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=REPO / "outputs" / "instances", help="folder of scenes and runs")
    parser.add_argument("--count", type=int, default=160, help="scenes that are trained on (160)")
    parser.add_argument("--test-count", type=int, default=160, help="other scenes that are scored (160)")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(256, 384), metavar=("HEIGHT", "WIDTH"), help="crops (256 384)"
    )
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each run, a multiple of 4 (20)")
    parser.add_argument("--weights", type=Path, help="folder of ENCODER_imagenet.safetensors (default: random weights)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42], help="a pair of runs for each seed (42)")
    parser.add_argument("--no-training", action="store_true", help="score the runs that are there")
    parser.add_argument("--time", action="store_true", help="measure the costs; needs a machine that does nothing else")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each cost (5)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/instances.md")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    used = {"count": options.count, "size": [*options.size], "epochs": options.epochs, "weights": bool(options.weights)}
    claim_dir(options.work, "options.json", used, (), "benchmarks/instances.py", "--work")
    if not options.no_training:
        write_scenes(options.work / "scenes", count=options.count, height=704, width=1056, seed=0, crowded=True)
        for seed in options.seeds:
            for head in HEADS:
                train(options, head, seed)
    text = table(scores(options), measure(options) if options.time else None, options)
    print(text)
    if options.write:
        with atomic_write(REPO / "benchmarks" / "results" / "instances.md") as partial:
            partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
