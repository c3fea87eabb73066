"""Make what trials start from, once for a campaign: scenes, annotations, a trained run, predictions, an evaluation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.torture.process import run

SCENES, COUNT = "scenes", 12
CHECKPOINT, ONNX = "run/checkpoints/best.ckpt", "exported/best.onnx"
TRAIN = [
    "data.root=scenes", "data.image_size=[64,96]", "data.test_image_size=[64,96]", "data.cache=disk",
    "data.cache_dir=cache", "data.num_workers=0", "data.batch_size=3", "model.encoder_weights=null",
    "model.encoder_name=tu-test_efficientnet", "model.decoder_channels=[16,16,8,8,8]", "trainer=cpu",
    "trainer.max_epochs=3", "trainer.precision=32-true", "pictures=1",
]  # fmt: skip
"""Overrides of a training run of seconds, with relative paths: a run's folder can then be compared with another."""
EVALUATE = ["trainer=cpu", "pictures=1", f"ckpt_path={CHECKPOINT}"]


def make_ground(folder: Path) -> Path:
    """Fills a folder with commands of segdrone, and returns it.

    Raises:
        RuntimeError: A command fails, undisturbed.
    """
    _run(folder, "data", "sample", SCENES, "--count", str(COUNT), "--size", "96x64")
    _annotate(folder)
    _run(folder, "train", *TRAIN, "output_dir=run")
    _run(folder, "predict", CHECKPOINT, f"{SCENES}/original_images", "--out", "predicted", "--device", "cpu")
    _run(folder, "evaluate", *EVALUATE, "split=all", "output_dir=evaluated")
    _run(folder, "export", CHECKPOINT, "--to", "onnx,openvino", "--out", "exported", "--no-parity")
    _run(folder, "data", "stats", SCENES, "--out", "stats")
    return folder


def start_trial(ground: Path, folder: Path) -> Path:
    """Makes the working folder of a trial: links to what commands only read."""
    folder.mkdir(parents=True)
    for name in (SCENES, "export", "exported", "run"):
        shutil.copytree(ground / name, folder / name, copy_function=_link)
    return folder


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _annotate(folder: Path) -> None:
    """Writes a LabelMe file for each scene, with a few rectangles."""
    (folder / "export").mkdir()
    for number, image in enumerate(sorted((folder / SCENES / "original_images").iterdir())):
        shapes = [
            {"label": label, "points": [[x, 4], [x + 20, 4], [x + 20, 40 + number], [x, 40 + number]],
             "shape_type": "polygon"}
            for label, x in (("grass", 3), ("roof", 30 + number), ("car", 60))
        ]  # fmt: skip
        content = {"shapes": shapes, "imagePath": image.name, "imageHeight": 64, "imageWidth": 96, "imageData": None}
        (folder / "export" / f"{image.stem}.json").write_text(json.dumps({"version": "5.5.0", "flags": {}} | content))


def _run(folder: Path, *arguments: str) -> None:
    ended = run(arguments, folder)
    if ended.code != 0:
        raise RuntimeError(f"segdrone {' '.join(arguments)} ended with {ended.code}: {ended.err[-2000:]}")
