"""The tutorial's hand-written training loop, rebuilt from its text: the reference that segdrone is compared with.

Everything is as in the tutorial: every photograph is decoded completely in every epoch, nearest-neighbor resizing,
albumentations, AdamW with OneCycleLR, no workers, and a mean IoU in Python for every batch.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from segdrone.classes import DRONE
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.data.discovery.pairs import ImageMaskPair, find_pairs
from segdrone.evaluation.bootstrap import interval, resample
from segdrone.evaluation.counts import Counts, count_image, stack_counts
from segdrone.evaluation.scores import score

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CLASSES = 23


class ArticleDataset(Dataset[tuple[Tensor, Tensor]]):
    """Photographs that are decoded, resized and augmented on every access."""

    def __init__(self, pairs: list[ImageMaskPair], transform: A.Compose) -> None:
        self.pairs, self.transform = pairs, transform

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pair = self.pairs[index]
        decoded = cv2.imread(str(pair.image))
        assert decoded is not None
        image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
        mask = cv2.imread(str(pair.mask), cv2.IMREAD_GRAYSCALE)
        augmented = self.transform(image=image, mask=mask)
        pixels = torch.from_numpy(augmented["image"]).permute(2, 0, 1).float() / 255
        pixels = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        return pixels, torch.from_numpy(augmented["mask"]).long()


def transforms(size: tuple[int, int]) -> tuple[A.Compose, A.Compose]:
    """Returns the tutorial's augmentation for training and for validation."""
    resize = A.Resize(*size, interpolation=cv2.INTER_NEAREST)
    noise = A.GaussNoise(std_range=(10**0.5 / 255, 50**0.5 / 255))
    light = A.RandomBrightnessContrast((0, 0.5), (0, 0.5))
    train = [resize, A.HorizontalFlip(), A.VerticalFlip(), A.GridDistortion(p=0.2), light, noise]
    return A.Compose(train), A.Compose([resize, A.HorizontalFlip(), A.GridDistortion(p=0.2)])


def batch_miou(logits: Tensor, mask: Tensor, smooth: float = 1e-10) -> float:
    """Returns the tutorial's mIoU: of one batch, over the classes that occur in its truth."""
    prediction, truth = logits.softmax(1).argmax(1).view(-1), mask.view(-1)
    scores = []
    for index in range(CLASSES):
        predicted, true = prediction == index, truth == index
        if true.long().sum().item() == 0:
            scores.append(np.nan)
        else:
            intersection = torch.logical_and(predicted, true).sum().float().item()
            union = torch.logical_or(predicted, true).sum().float().item()
            scores.append((intersection + smooth) / (union + smooth))
    return float(np.nanmean(scores))


def batch_accuracy(logits: Tensor, mask: Tensor) -> float:
    """Returns the share of correctly predicted pixels of a batch."""
    return float((logits.softmax(1).argmax(1) == mask).float().mean())


class ArticleNetwork:
    """The tutorial's network and optimizer, and one step of its loop with metrics."""

    def __init__(self, weights: Path | None, steps: int) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        model: Any = smp.Unet(
            "mobilenet_v2", encoder_weights=None, classes=CLASSES, decoder_channels=[256, 128, 64, 32, 16]
        )
        if weights:
            model.encoder.load_state_dict(load_file(weights))
        self.model = model.to(self.device)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, 1e-3, total_steps=steps)

    def step(self, image: Tensor, mask: Tensor) -> None:
        """Trains on a batch."""
        image, mask = image.to(self.device), mask.to(self.device)
        logits = self.model(image)
        loss = self.criterion(logits, mask)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step()
        loss.item(), batch_miou(logits.detach(), mask), batch_accuracy(logits.detach(), mask)


@dataclass
class ArticleLoop:
    """The tutorial's data loaders and network; `epoch` trains and validates once."""

    train: list[ImageMaskPair]
    val: list[ImageMaskPair]
    size: tuple[int, int]
    batch_size: int
    weights: Path | None
    epochs: int

    def __post_init__(self) -> None:
        train_transform, val_transform = transforms(self.size)
        self.train_loader = DataLoader(ArticleDataset(self.train, train_transform), self.batch_size, shuffle=True)
        self.val_loader = DataLoader(ArticleDataset(self.val, val_transform), self.batch_size, shuffle=True)
        self.network = ArticleNetwork(self.weights, self.epochs * len(self.train_loader))

    @torch.no_grad()
    def counts(self, predictions: Path | None = None) -> Counts:
        """Returns the counts of the validation photographs, without augmentation.

        The predicted masks are written to the folder `predictions`, if it is given.
        """
        dataset = ArticleDataset(self.val, A.Compose([transforms(self.size)[0][0]]))
        self.network.model.eval()
        counts = []
        for index, pair in enumerate(self.val):
            image, mask = dataset[index]
            prediction = self.network.model(image[None].to(self.network.device)).argmax(1)[0].byte().cpu().numpy()
            if predictions is not None:
                predictions.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(predictions / f"{pair.id}.png"), prediction)
            counts.append(count_image(mask.byte().numpy(), prediction, None, DRONE))
        return stack_counts(counts)

    def epoch(self) -> float:
        """Trains and validates once; returns the seconds."""
        started = time.perf_counter()
        model, device = self.network.model, self.network.device
        model.train()
        for image, mask in self.train_loader:
            self.network.step(image, mask)
        model.eval()
        with torch.no_grad():
            for image, mask in self.val_loader:
                image, mask = image.to(device), mask.to(device)
                logits = model(image)
                self.network.criterion(logits, mask).item(), batch_miou(logits, mask), batch_accuracy(logits, mask)
        return time.perf_counter() - started


def main() -> None:
    """Trains and scores; prints the scores as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="photographs and masks")
    parser.add_argument("--split-dir", type=Path, required=True, help="folder of train.txt and val.txt")
    parser.add_argument("--weights", type=Path, help="encoder weights, .safetensors (default: random)")
    parser.add_argument("--height", type=int, default=256, help="input height in pixels (256)")
    parser.add_argument("--width", type=int, default=384, help="input width in pixels (384)")
    parser.add_argument("--epochs", type=int, default=15, help="(15)")
    parser.add_argument("--seed", type=int, default=42, help="(42)")
    parser.add_argument("--predictions", type=Path, help="folder for the predicted masks of val.txt")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    np.random.seed(options.seed)
    pairs = {pair.id: pair for pair in find_pairs(find_dataset(options.root))}
    train, val = (
        [pairs[name] for name in (options.split_dir / f"{split}.txt").read_text().split()] for split in ("train", "val")
    )
    loop = ArticleLoop(train, val, (options.height, options.width), 3, options.weights, options.epochs)
    for _ in tqdm(range(options.epochs), desc="tutorial's loop"):
        loop.epoch()
    counts = loop.counts(options.predictions)
    scores, [drawn] = score(counts).overall, resample(counts)
    result: dict[str, Any] = {name: scores[name] for name in ("miou", "miou_per_image", "accuracy")}
    print(json.dumps({**result, "interval": interval(drawn.overall["miou"]).tolist()}))


if __name__ == "__main__":
    main()
