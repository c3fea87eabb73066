"""A dataset of eight small photographs that passes every check until a test changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.inspection.check import check_dataset
from segdrone.inspection.report import Check, DatasetReport

NAMES = [f"{i:03d}" for i in range(8)]
IMAGES, MASKS = "images", "masks"
HEIGHT, WIDTH = 64, 96


def photograph(seed: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Random coarse blobs; different seeds are as different as two places."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def mask(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Half grass, a quarter road, a quarter roof, and the first row ignored."""
    ids = np.zeros((height, width), np.uint8)
    ids[height // 2 :] = 1
    ids[height // 2 :, width // 2 :] = 2
    ids[0] = 255
    return ids


def write_set(root: Path) -> Path:
    (root / IMAGES).mkdir(parents=True)
    (root / MASKS).mkdir()
    (root / "classes.csv").write_text("name,r,g,b\ngrass,0,255,0\nroad,90,90,90\nroof,255,0,0\n")
    for seed, name in enumerate(NAMES):
        Image.fromarray(photograph(seed)).save(root / IMAGES / f"{name}.jpg", quality=92)
        Image.fromarray(mask()).save(root / MASKS / f"{name}.png")
    return root


def check(root: Path, **options: Any) -> DatasetReport:
    return check_dataset(root, **{"classes": root / "classes.csv", "workers": 1, "progress": False, **options})


def get_check(report: DatasetReport, name: str) -> Check:
    """The check of that name; all ten checks must have a summary."""
    assert len(report.checks) == 10
    assert all(check.summary for check in report.checks)
    return next(check for check in report.checks if check.name == name)


def single_finding(report: DatasetReport, name: str) -> tuple[str, str, list[str]]:
    """Status, text and files of the only finding of a check."""
    (finding,) = get_check(report, name).findings
    return finding.status, finding.text, list(finding.where)
