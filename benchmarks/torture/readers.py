"""Read a file as segdrone's commands do. Each returns on success, and may raise nothing but a SegdroneError."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.torture.ground import CHECKPOINT, EVALUATE, TRAIN
from benchmarks.torture.outcome import check
from benchmarks.torture.samples import IDS, SIZE


def photograph(path: Path, seed: int) -> None:
    """Reads it as prediction, training or a description of the flight."""
    from segdrone.raster.capture import read_capture
    from segdrone.raster.decode import read_image
    from segdrone.raster.open import open_image
    from segdrone.windows import Window

    if seed % 3 == 0:
        read_image(path, at_least=(12, 16))
    elif seed % 3 == 1:
        source = open_image(path, stretch=(0, 4095) if seed % 2 else None)
        height, width = source.size
        source.read(Window(height // 2, width // 2, 1, 1))
        if not source.fully_valid:
            source.valid(Window(0, 0, height, width))
    else:
        read_capture(path)
        read_image(path)


def mask(path: Path, seed: int) -> None:
    """Reads it by the drone table, or of two classes."""
    from segdrone.classes import DRONE, ClassTable
    from segdrone.data.masks.mask_encoding import MaskEncoding
    from segdrone.data.masks.mask_files import read_mask

    binary = MaskEncoding(ClassTable(("ground", "crop"), ((0, 0, 0), (255, 255, 255))), kind="binary")
    read_mask(path, binary if seed % 4 == 0 else MaskEncoding(DRONE, colour_tolerance=seed % 3 * 10.0))


def export(path: Path, seed: int) -> None:
    """Imports the export that the file is part of."""
    from segdrone.annotations import import_annotations

    folder = path.parents[len(path.parts) - path.parts.index("export") - 2].parent
    background = "ground" if seed % 2 else None
    options: dict[str, Any] = {"images": folder / "photographs", "background": background, "progress": False}
    import_annotations(folder / "export", folder / "out", **options)
    check(not list((folder / "out").rglob("*.part*")), "an import that succeeded has left half a file")


def checkpoint(path: Path, seed: int, ground: Path) -> None:
    """Opens it for prediction and predicts, or for training, or to resume from it."""
    from segdrone.inference import Predictor
    from segdrone.model import load_module
    from segdrone.model.resume import check_resumable

    if seed % 2:
        Predictor.from_checkpoint(path, device="cpu")(np.zeros((*SIZE, 3), np.uint8))
    else:
        load_module(path)
        check_resumable(path, _module(ground))


def evaluated(path: Path, seed: int, ground: Path) -> None:
    """Evaluates it, as anyone does who gets a checkpoint."""
    from tests.helpers.small_run import compose_config

    from segdrone.evaluation.run import evaluate

    overrides = [option for option in EVALUATE if not option.startswith("ckpt_path")]
    root = [f"data.root={ground}/scenes"] if seed % 2 else []
    cfg = compose_config(
        "evaluate", *overrides, *root, f"ckpt_path={path}", "split=all", f"output_dir={path.parent}/out"
    )
    _as_command(lambda: evaluate(cfg))


def resumed(path: Path, seed: int, ground: Path) -> None:
    """Resumes a run from it for an epoch."""
    from tests.helpers.small_run import UNDRAWN, compose_config

    from segdrone.training import train

    overrides = [o.replace("=scenes", f"={ground}/scenes").replace("=cache", f"={path.parent}/cache") for o in TRAIN]
    start = f"init_from={path}" if seed % 5 == 0 else f"ckpt_path={path}"
    overrides += [*UNDRAWN, start, "trainer.max_epochs=4", f"output_dir={path.parent}/out"]
    cfg = compose_config("train", *overrides)
    _as_command(lambda: train(cfg))


def _as_command(run: Any) -> None:
    """Lets an OSError pass as the commands do, which print it as one line."""
    from segdrone.errors import DataError

    try:
        run()
    except OSError as error:
        raise DataError(str(error)) from None


@functools.lru_cache
def _module(ground: Path) -> Any:
    from segdrone.model import load_module

    return load_module(ground / CHECKPOINT)


def counts(path: Path, seed: int, ground: Path) -> None:
    """Compares it with the evaluation that it was part of."""
    from segdrone.evaluation.compare import compare

    compare([path, ground / "evaluated"])


def result(path: Path, seed: int, ground: Path) -> None:
    """Reads `stats.json`, `metrics.json`, `run.json`, `predict.json`, `summary.csv` or the record of scenes."""
    _RESULTS[path.name](path, ground)


def _stats(path: Path, ground: Path) -> None:
    from segdrone.classes import DRONE
    from segdrone.data.class_weights import class_weights, read_class_pixels

    class_weights("auto", read_class_pixels(path, DRONE, IDS, [""] * len(IDS)))


def _metrics(path: Path, ground: Path) -> None:
    from segdrone.sweep import read_sweep, report

    job = path.parent / "sweep" / "0"
    shutil.copytree(ground / "run", job, ignore=shutil.ignore_patterns("*.ckpt", "tensorboard"))
    shutil.copy(path, job / path.name)
    if (sweep := read_sweep(job.parent)) is not None:
        report(sweep)


def _predictions(path: Path, ground: Path) -> None:
    from segdrone.evaluation.prediction_classes import find_prediction_classes
    from segdrone.inference import Predictor
    from segdrone.inference.inputs import find_inputs
    from segdrone.inference.predict_folder import predict_folder

    out, photographs = path.parent / "predicted", ground / "scenes" / "original_images"
    shutil.copytree(ground / "predicted", out)
    shutil.copy(path, out / path.name)
    find_prediction_classes(out)
    predictor = Predictor.from_checkpoint(ground / CHECKPOINT, device="cpu")
    predict_folder(predictor, find_inputs([photographs], out), out, progress=False)


def _scenes(path: Path, ground: Path) -> None:
    from segdrone.synthetic import write_scenes

    shutil.copytree(ground / "scenes", path.parent / "scenes")
    shutil.copy(path, path.parent / "scenes" / path.name)
    write_scenes(path.parent / "scenes", count=12, height=64, width=96, seed=0, progress=False)


_RESULTS = {
    "stats.json": _stats, "metrics.json": _metrics, "run.json": _metrics, "predict.json": _predictions,
    "summary.csv": _predictions, "scenes.json": _scenes,
}  # fmt: skip


def class_table(path: Path, seed: int) -> None:
    """Reads a class table."""
    from segdrone.class_files import read_class_table

    read_class_table(path)


def class_groups(path: Path, seed: int) -> None:
    """Merges the drone classes by it."""
    from segdrone.class_groups import load_class_groups, remap
    from segdrone.classes import DRONE

    remap(DRONE, load_class_groups(path))


def split_list(path: Path, seed: int) -> None:
    """Reads a split."""
    from segdrone.data.splits.split import read_split

    read_split(path.parent, IDS)


def video(path: Path, seed: int) -> None:
    """Decodes a video."""
    from segdrone.inference.video_io import open_video

    with open_video(path) as frames:
        for number, frame in enumerate(frames):
            check(frame.shape == (*frames.size, 3), f"frame {number} has the shape {frame.shape}")
            if number >= 200:
                break


def cache(path: Path, seed: int) -> None:
    """Reads the pixels that a cache file keeps: those of the photograph, or they are decoded again."""
    from benchmarks.torture.cached import read_cached

    pixels, expected = read_cached(path)
    check(bool((pixels == expected).all()), "wrong pixels from the cache")
