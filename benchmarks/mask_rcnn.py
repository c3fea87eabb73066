"""Mask R-CNN of torchvision, to compare with: photographs as its targets, training, and predictions as files."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

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

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, open_dataset
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.evaluation.detection import DetectionScores
from segdrone.raster.decode import read_image

LEVELS = [1, 2, 3, 4]  # of MobileNetV2, at 1/4, 1/8, 1/16 and 1/32 of the size
ANCHORS = (16, 32, 64, 128, 256)  # sides in pixels, one per level and one for its pooled last one
CERTAIN, POSSIBLE = 0.5, 0.05  # smallest scores for panoptic quality and for average precision
PEAK_RATE, WARM_UP = 5e-4, 0.05  # learning rate, and the share of the training in which it rises
LEAST_PIXELS = 8  # of a thing in a crop; what is left of it below that is background


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


def crop(
    image: Tensor, truth: dict[str, Tensor], size: tuple[int, int], rng: np.random.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Cuts a random window out of a photograph and its things; a thing outside is left out."""
    top, left = (int(rng.integers(have - want + 1)) for have, want in zip(image.shape[1:], size, strict=True))
    window = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    masks = truth["masks"][window]
    kept = masks.flatten(1).sum(1) >= LEAST_PIXELS
    masks = masks[kept]
    boxes = masks_to_boxes(masks) + torch.tensor([0.0, 0.0, 1.0, 1.0]) if len(masks) else torch.zeros(0, 4)
    return image[window], {"boxes": boxes, "labels": truth["labels"][kept], "masks": masks}


def build(classes: int, weights: Path | None) -> nn.Module:
    """Returns Mask R-CNN for photographs of any size, which it does not resize."""
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
        backbone, num_classes=classes, rpn_anchor_generator=anchors, _skip_resize=True,
        box_roi_pool=MultiScaleRoIAlign(maps, output_size=7, sampling_ratio=2),
        mask_roi_pool=MultiScaleRoIAlign(maps, output_size=14, sampling_ratio=2), box_score_thresh=POSSIBLE,
    )  # fmt: skip
    return model


def fit(
    model: nn.Module, photographs: Photographs, size: tuple[int, int], batch: int, minutes: float, seed: int
) -> int:
    """Trains on crops for some minutes, with a learning rate that rises and falls; returns the number of steps."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=PEAK_RATE, weight_decay=1e-4)
    rng, steps, started = np.random.default_rng(seed), 0, time.monotonic()
    model.train()
    with tqdm(total=round(60 * minutes), desc="training, seconds") as bar:
        while (share := (time.monotonic() - started) / (60 * minutes)) < 1:
            for group in optimizer.param_groups:
                group["lr"] = PEAK_RATE * min(share / WARM_UP, (1 - share) / (1 - WARM_UP))
            images, truths = [], []
            for index in rng.choice(len(photographs.train), batch, replace=False):
                image, truth = photographs.train[index]
                image, truth = crop(image, truth, size, rng)
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
