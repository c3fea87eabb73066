"""Things one by one, beside Mask R-CNN: panoptic quality, average precision and time after equal minutes of training.

python benchmarks/instances_peer.py --minutes 30                                    on rendered crowded scenes
python benchmarks/instances_peer.py --minutes 30 --checkpoint best.ckpt             with a model of segdrone beside it
python benchmarks/instances_peer.py --root FOLDER --split-dir FOLDER ...            on photographs with instances/

Mask R-CNN is torchvision's, on a feature pyramid of MobileNetV2, with anchors of half the usual sizes, as things seen
from the air are small; --weights are ImageNet weights of the encoder. It trains on random crops, and predicts whole
photographs: things and no stuff, so only things are compared. A model of segdrone is trained before, for as many
minutes on the same lists (WORK is --work):

segdrone train data.root=WORK/scenes data.split_dir=WORK/splits model=fpn_mbv2 model.instances=true ...

Both are scored by `segdrone evaluate predictions=FOLDER`, which reads masks, and things numbered in instances/. There a
pixel belongs to one thing: of masks that overlap, that of the higher score has it. Detections with a score of at least
0.5 make the panoptic quality; all of at least 0.05 make the average precision. A training that has ended is not
repeated. Prints a table, and with --write writes benchmarks/results/instances_peer.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import torch
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks import mask_rcnn

from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.predict_folder import predict_photograph
from segdrone.raster import ArraySource
from segdrone.raster.decode import read_image
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write, write_json

NAME = "Mask R-CNN"


def score(predictions: Path, root: Path, split_dir: Path, out: Path) -> dict[str, Any]:
    """Returns what `segdrone evaluate` says of predictions, in a process of its own."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "segdrone", "evaluate", f"predictions={predictions}", f"data.root={root}",
               f"data.split_dir={split_dir}", "split=val", "pictures=null", f"output_dir={out}"]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr.strip() or f"{predictions} could not be scored")
    return dict(json.loads((out / "metrics.json").read_text(encoding="utf-8")))


def row(name: str, quality: dict[str, Any], precision: dict[str, Any], ms: str, things: Sequence[str]) -> str:
    """Returns a row of the table, from `metrics.json` for panoptic quality and for average precision."""
    classes, objects = quality["panoptic"]["classes"], precision["objects"]
    of_things = [classes[thing]["pq"] for thing in things]
    ranked = precision["reliability"] is not None  # by confidence, not by area
    averages = [objects[key] if ranked else None for key in ("map", "map_50")]
    values = [quality["panoptic"]["pq_things"], *of_things, *averages]
    return f"| {name} | {' | '.join('-' if value is None else f'{value:.3f}' for value in values)} | {ms} |"


def train_peer(options: argparse.Namespace, photographs: mask_rcnn.Photographs) -> dict[str, Any]:
    """Trains Mask R-CNN and predicts with it, unless that is done; returns the number of steps and milliseconds."""
    found, done = options.work / "maskrcnn", options.work / "maskrcnn.json"
    used = {"minutes": options.minutes, "crop": [*options.crop], "batch": options.batch, "seed": options.seed,
            "weights": bool(options.weights), "ids": [pair.id for pair in photographs.val]}  # fmt: skip
    if done.is_file() and (result := dict(json.loads(done.read_text(encoding="utf-8"))))["used"] == used:
        return result
    shutil.rmtree(found, ignore_errors=True)
    torch.manual_seed(options.seed)
    model = mask_rcnn.build(1 + len(photographs.things), options.weights)
    steps = mask_rcnn.fit(model, photographs, options.crop, options.batch, options.minutes, options.seed)
    result = {"used": used, "steps": steps, "ms": mask_rcnn.predict(model, photographs, found)}
    write_json(result, done)
    return result


def predict(checkpoint: Path, photographs: mask_rcnn.Photographs, folder: Path) -> tuple[str, float]:
    """Predicts with a model of segdrone; returns its name, and the median milliseconds of a photograph."""
    predictor, seconds = Predictor.from_checkpoint(checkpoint, device="cpu"), []
    shutil.rmtree(folder, ignore_errors=True)
    for pair in tqdm(photographs.val, "predicting"):
        image = read_image(pair.image)
        started = time.perf_counter()
        found = predict_photograph(predictor, ArraySource(image), image, Cleanup(), things=photographs.things)
        seconds.append(time.perf_counter() - started)
        for part, array in {".": found.mask, "instances": found.numbers, "confidence": found.confidence}.items():
            (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / part / f"{pair.id}.png"), np.asarray(array))
    made_by = predictor.backend.spec.made_by
    return f"segdrone: {made_by['network']}, {made_by['encoder']}", 1000 * statistics.median(seconds)


def prepare(options: argparse.Namespace) -> None:
    """Renders scenes and splits them, unless other photographs are given."""
    if options.root is not None:
        return
    options.root, options.split_dir = options.work / "scenes", options.work / "splits"
    height, width = options.size
    write_scenes(options.root, count=options.scenes, height=height, width=width, seed=options.seed, crowded=True)
    names = [f"{i:03d}" for i in range(options.scenes)]
    options.split_dir.mkdir(exist_ok=True)
    for split, chosen in (("train", names[: 3 * len(names) // 4]), ("val", names[3 * len(names) // 4 :])):
        (options.split_dir / f"{split}.txt").write_text("\n".join(chosen) + "\n", encoding="utf-8")


def main() -> None:
    """Trains and scores Mask R-CNN, scores the other predictions, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="minutes of training (30)")
    parser.add_argument("--root", type=Path, help="photographs, masks and instances/ (default: rendered scenes)")
    parser.add_argument("--split-dir", type=Path, help="with --root: folder of train.txt and val.txt")
    parser.add_argument("--scenes", type=int, default=160, help="rendered scenes, a quarter to score on (160)")
    parser.add_argument("--size", type=int, nargs=2, default=(704, 1056), metavar=("HEIGHT", "WIDTH"),
                        help="of the rendered scenes (704 1056)")  # fmt: skip
    parser.add_argument("--crop", type=int, nargs=2, default=(256, 384), metavar=("HEIGHT", "WIDTH"), help="(256 384)")
    parser.add_argument("--batch", type=int, default=4, help="crops of a step (4)")
    parser.add_argument("--weights", type=Path, help="ImageNet weights of MobileNetV2, .safetensors (default: random)")
    parser.add_argument("--checkpoint", type=Path, nargs="*", default=[], help="models of segdrone, to put beside it")
    parser.add_argument("--work", type=Path, default=REPO / "outputs" / "instances_peer", help="folder of all files")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/instances_peer.md")
    options = parser.parse_args()
    if (options.root is None) != (options.split_dir is None):
        parser.error("--root and --split-dir belong together: give both, or neither")
    if options.minutes <= 0:
        parser.error(f"--minutes {options.minutes:g} must be above 0")
    options.work.mkdir(parents=True, exist_ok=True)
    prepare(options)
    photographs = mask_rcnn.open_photographs(options.root, options.split_dir)
    if len(photographs.train) < options.batch or not photographs.val:
        sys.exit(f"{options.split_dir} needs {options.batch} photographs to train on, by --batch, and one to score on")
    height, width = photographs.val[0].size
    trained, found = train_peer(options, photographs), options.work / "maskrcnn"

    def scored(predictions: Path, name: str) -> dict[str, Any]:
        return score(predictions.resolve(), options.root, options.split_dir, options.work / "scores" / name)

    quality, precision = scored(found / "certain", "certain"), scored(found / "possible", "possible")
    rows = [row(NAME, quality, precision, f"{trained['ms']:.0f}", photographs.things)]
    for number, checkpoint in enumerate(options.checkpoint):
        name, ms = predict(checkpoint, photographs, options.work / f"segdrone-{number}")
        metrics = scored(options.work / f"segdrone-{number}", f"segdrone-{number}")
        rows.append(row(name, metrics, metrics, f"{ms:.0f}", photographs.things))
    header = ["", "PQ of things", *(f"PQ {name}" for name in photographs.things), "mAP", "mAP 50", "ms"]
    start = "ImageNet weights" if options.weights else "random weights"
    given = " --weights FILE" * bool(options.weights) + " --checkpoint best.ckpt" * bool(options.checkpoint)
    table = f"""# Things one by one, beside Mask R-CNN

`python benchmarks/instances_peer.py --minutes {options.minutes:g}{given}`:
{len(photographs.train)} photographs to train on,
{len(photographs.val)} to score on, {height} x {width}; Mask R-CNN on MobileNetV2, {start}, {trained["steps"]} steps of
{options.batch} crops of {options.crop[0]} x {options.crop[1]}; threads: {torch.get_num_threads()},
{platform.machine()}, torch {torch.__version__}. Panoptic quality (PQ) and average precision of masks by
`segdrone evaluate`; milliseconds a photograph, by torch, from its pixels to its things.

| {" | ".join(header)} |
|{"---|" * len(header)}
{chr(10).join(rows)}
"""
    print(table)
    if options.write:
        with atomic_write(REPO / "benchmarks" / "results" / "instances_peer.md") as partial:
            partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
