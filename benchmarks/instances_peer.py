"""Things one by one, beside Mask R-CNN: panoptic quality, average precision and time after equal minutes of training.

python benchmarks/instances_peer.py --minutes 30                                    on rendered crowded scenes
python benchmarks/instances_peer.py --minutes 30 --predictions predicted            with a folder of segdrone predict
python benchmarks/instances_peer.py --root FOLDER --split-dir FOLDER ...            on photographs with instances/

Mask R-CNN is torchvision's, on a feature pyramid of MobileNetV2, with anchors of half the usual sizes, as things seen
from the air are small; --weights are ImageNet weights of the encoder. It predicts things and no stuff, so only things
are compared. To put a model of segdrone beside it, train that for as many minutes on the same lists (WORK is --work),
predict, and give the folder; photographs that were not asked for do not count:

segdrone train data.root=WORK/scenes data.split_dir=WORK/splits model=fpn_mbv2 model.instances=true ...
segdrone predict best.ckpt WORK/scenes/original_images --out predicted --panoptic --confidence

Both are scored by `segdrone evaluate predictions=FOLDER`, which reads masks, and things numbered in instances/. There a
pixel belongs to one thing: of masks that overlap, that of the higher score has it. Detections with a score of at least
0.5 make the panoptic quality; all of at least 0.05 make the average precision, which predictions without confidence do
not get. Prints a table, and with --write writes benchmarks/results/instances_peer.md.
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
from typing import Any, NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign, masks_to_boxes
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, open_dataset
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.evaluation.detection import DetectionScores
from segdrone.raster.decode import read_image
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write

NAME = "Mask R-CNN"
LEVELS = [1, 2, 3, 4]  # of MobileNetV2, at 1/4, 1/8, 1/16 and 1/32 of the size
ANCHORS = (16, 32, 64, 128, 256)  # sides in pixels, one per level and one for its pooled last one
CERTAIN, POSSIBLE = 0.5, 0.05  # smallest scores for panoptic quality and for average precision
PEAK_RATE, WARM_UP = 5e-4, 0.05  # learning rate, and the share of the training in which it rises
BATCH = 2


class Photographs(NamedTuple):
    """The photographs, with what is true of them.

    Attributes:
        train: Those to train on: image, float32 `[3, H, W]`, 0 to 1, and torchvision's target.
        val: Those to score on.
        table: The classes.
        things: Names of the thing classes.
    """

    train: list[tuple[Tensor, dict[str, Tensor]]]
    val: list[ImageMaskPair]
    table: ClassTable
    things: list[str]


def open_photographs(root: Path, split_dir: Path) -> Photographs:
    """Reads the photographs to train on, their masks and instance maps."""
    dataset = open_dataset(DataConfig(root=str(root), split_dir=str(split_dir)))
    things = DetectionScores(dataset.table).things
    maps = find_instance_maps(dataset.files, dataset.pairs)
    if not (maps and things):
        sys.exit(f"{root} has no instance maps, or no class that is a thing: give another --root")
    train = []
    for pair in tqdm(dataset.splits["train"], "reading"):
        mask = read_pair_mask(pair, dataset.encoding)
        numbers = maps.read(pair.id, (mask.shape[0], mask.shape[1]))
        train.append((to_tensor(read_image(pair.image)), target(mask, numbers, dataset.table, things)))
    return Photographs(train, list(dataset.splits["val"]), dataset.table, things)


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Returns an image as torchvision's detectors take it: float32 `[3, H, W]`, 0 to 1."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255


def target(
    mask: NDArray[np.uint8], numbers: NDArray[np.uint16], table: ClassTable, things: Sequence[str]
) -> dict[str, Tensor]:
    """Returns the things of a photograph as torchvision's detectors are trained with; label 0 is the background."""
    masks, labels = [], []
    for label, name in enumerate(things, 1):
        of_class = np.where(mask == table.names.index(name), numbers, 0)
        for number in np.unique(of_class[of_class > 0]):
            masks.append(of_class == number)
            labels.append(label)
    stacked = torch.from_numpy(np.array(masks, bool).reshape(-1, *mask.shape))
    boxes = masks_to_boxes(stacked) + torch.tensor([0.0, 0.0, 1.0, 1.0]) if masks else torch.zeros(0, 4)
    return {"boxes": boxes, "labels": torch.tensor(labels, dtype=torch.int64), "masks": stacked.to(torch.uint8)}


def flip(image: Tensor, truth: dict[str, Tensor], axis: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Flips a photograph and its things; axis 1 turns it upside down, axis 2 left to right."""
    boxes, low, high = truth["boxes"].clone(), 2 - axis, 4 - axis
    boxes[:, [low, high]] = image.shape[axis] - boxes[:, [high, low]]
    return image.flip(axis), {**truth, "boxes": boxes, "masks": truth["masks"].flip(axis)}


def build(classes: int, size: tuple[int, int], weights: Path | None) -> nn.Module:
    """Returns Mask R-CNN for photographs of one size, which are not resized."""
    norm = nn.BatchNorm2d if weights is None else FrozenBatchNorm2d
    backbone = mobilenet_backbone(
        backbone_name="mobilenet_v2", weights=None, fpn=True, norm_layer=norm, trainable_layers=6,
        returned_layers=LEVELS,
    )  # fmt: skip
    if weights is not None:
        state = {key.removeprefix("features."): tensor for key, tensor in load_file(weights).items()}
        if missing := backbone.body.load_state_dict(state, strict=False).missing_keys:
            sys.exit(f"{weights} lacks {missing[0]}: give ImageNet weights of MobileNetV2, as torchvision names them")
    maps = [str(i) for i in range(len(LEVELS))]
    anchors = AnchorGenerator(tuple((side,) for side in ANCHORS), ((0.5, 1.0, 2.0),) * len(ANCHORS))
    model: nn.Module = MaskRCNN(
        backbone, num_classes=classes, min_size=min(size), max_size=max(size), rpn_anchor_generator=anchors,
        box_roi_pool=MultiScaleRoIAlign(maps, output_size=7, sampling_ratio=2),
        mask_roi_pool=MultiScaleRoIAlign(maps, output_size=14, sampling_ratio=2), box_score_thresh=POSSIBLE,
    )  # fmt: skip
    return model


def fit(model: nn.Module, photographs: Photographs, minutes: float, seed: int) -> int:
    """Trains for some minutes, with a learning rate that rises and falls; returns the number of steps."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=PEAK_RATE, weight_decay=1e-4)
    rng, steps, started = np.random.default_rng(seed), 0, time.monotonic()
    model.train()
    with tqdm(total=round(60 * minutes), desc="training, seconds") as bar:
        while (share := (time.monotonic() - started) / (60 * minutes)) < 1:
            for group in optimizer.param_groups:
                group["lr"] = PEAK_RATE * min(share / WARM_UP, (1 - share) / (1 - WARM_UP))
            images, truths = [], []
            for index in rng.choice(len(photographs.train), BATCH, replace=False):
                image, truth = photographs.train[index]
                for axis in (1, 2):
                    if rng.random() < 0.5:
                        image, truth = flip(image, truth, axis)
                images.append(image)
                truths.append(truth)
            loss = sum(model(images, truths).values())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            steps += 1
            bar.update(round(time.monotonic() - started) - bar.n)
    return steps


@torch.inference_mode()
def predict(model: nn.Module, photographs: Photographs, folder: Path) -> float:
    """Writes the predicted things of the photographs to score on; returns the median milliseconds of one."""
    model.eval()
    seconds = []
    for pair in tqdm(photographs.val, "predicting"):
        image = to_tensor(read_image(pair.image))
        started = time.perf_counter()
        [found] = model([image])
        seconds.append(time.perf_counter() - started)
        for least, kind in ((CERTAIN, "certain"), (POSSIBLE, "possible")):
            for part, array in paint(found, least, pair.size, photographs).items():
                path = folder / kind / part / f"{pair.id}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), array)
    return 1000 * statistics.median(seconds)


def paint(
    found: dict[str, Tensor], least: float, size: tuple[int, int], photographs: Photographs
) -> dict[str, NDArray[Any]]:
    """Returns mask, instance map and confidence of detections; where none is, the mask has a class of stuff."""
    table, things = photographs.table, photographs.things
    stuff = next(i for i, name in enumerate(table.names) if name not in things)
    mask, confidence = np.full(size, stuff, np.uint8), np.zeros(size, np.uint8)
    numbers = np.zeros(size, np.uint16)
    detections = zip(found["scores"].tolist(), found["labels"].tolist(), found["masks"], strict=True)
    for number, (score, label, soft) in enumerate((item for item in detections if item[0] >= least), 1):  # best first
        pixels = (soft[0].numpy() > 0.5) & (numbers == 0)
        mask[pixels] = table.names.index(things[label - 1])
        numbers[pixels], confidence[pixels] = number, round(255 * score)
    return {".": mask, "instances": numbers, "confidence": confidence}


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
    parser.add_argument("--scenes", type=int, default=120, help="rendered scenes, a quarter to score on (120)")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 384), metavar=("HEIGHT", "WIDTH"), help="(256 384)")
    parser.add_argument("--weights", type=Path, help="ImageNet weights of MobileNetV2, .safetensors (default: random)")
    parser.add_argument("--predictions", type=Path, nargs="*", default=[], help="folders of other predictions")
    parser.add_argument("--work", type=Path, default=REPO / "outputs" / "instances_peer", help="folder of all files")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/instances_peer.md")
    options = parser.parse_args()
    if (options.root is None) != (options.split_dir is None):
        parser.error("--root and --split-dir belong together: give both, or neither")
    if options.minutes <= 0:
        parser.error(f"--minutes {options.minutes:g} must be above 0")
    for folder in options.predictions:
        if not folder.is_dir():
            parser.error(f"--predictions {folder} is no folder")
    options.work.mkdir(parents=True, exist_ok=True)
    prepare(options)
    photographs = open_photographs(options.root, options.split_dir)
    if len(photographs.train) < BATCH or not photographs.val:
        sys.exit(
            f"{options.split_dir} lists too few photographs: give at least {BATCH} to train on and one to score on"
        )
    torch.manual_seed(options.seed)
    height, width = photographs.val[0].size
    model = build(1 + len(photographs.things), (height, width), options.weights)
    steps = fit(model, photographs, options.minutes, options.seed)
    found = options.work / "maskrcnn"
    shutil.rmtree(found, ignore_errors=True)
    ms = predict(model, photographs, found)

    def scored(predictions: Path, name: str) -> dict[str, Any]:
        return score(predictions.resolve(), options.root, options.split_dir, options.work / "scores" / name)

    quality, precision = scored(found / "certain", "certain"), scored(found / "possible", "possible")
    rows = [row(NAME, quality, precision, f"{ms:.0f}", photographs.things)]
    for number, folder in enumerate(options.predictions):
        metrics = scored(folder, f"other-{number}")
        rows.append(row(folder.name, metrics, metrics, "not measured", photographs.things))
    header = ["", "PQ of things", *(f"PQ {name}" for name in photographs.things), "mAP", "mAP 50", "ms"]
    start = "ImageNet weights" if options.weights else "random weights"
    table = f"""# Things one by one, beside Mask R-CNN

`python benchmarks/instances_peer.py --minutes {options.minutes:g}`: {len(photographs.train)} photographs to train on,
{len(photographs.val)} to score on, {height} x {width}; Mask R-CNN on MobileNetV2, {start}, {steps} steps of {BATCH};
{os.cpu_count()} CPU cores, {platform.machine()}, torch {torch.__version__}. Panoptic quality (PQ) and average precision
of masks by `segdrone evaluate`; milliseconds a photograph, by torch.

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
