"""Measure exported files beside their checkpoint: scores on the validation photographs, speed, memory and size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.data import SegmentationDataModule
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import CheckpointError
from segdrone.evaluation.compare import Comparison, compare_counts
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.metrics_files import NamedCounts, plain_number
from segdrone.evaluation.scores import score
from segdrone.evaluation.sliding_window import read_truth
from segdrone.export.peak_memory import peak_memory
from segdrone.export.source import ExportSource
from segdrone.inference import Predictor
from segdrone.raster import TileCollector
from segdrone.runtime.backend import Backend, check_probabilities
from segdrone.runtime.open_backend import open_backend
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size

SPLIT = "val"
CHECKPOINT = "checkpoint"
"""Name of the checkpoint among the models."""

MARGIN = 0.005
"""Largest loss of mIoU, with 95 % certainty, at which a file counts as good as its checkpoint: half a point."""

NOT_SCORED = dict.fromkeys(("scores", "iou", "largest_difference", "agreement", "comparison", "verdict"))
"""What `parity.json` says of the scores of a model that was not scored."""

_ROUNDS = 7  # of timed windows


@dataclass(frozen=True)
class ExportedFile:
    """A file of an export.

    Attributes:
        format: Its format.
        path: The file.
        num_bytes: Size of all files of this format.
        runs_here: Whether segdrone predicts with it.
    """

    format: str
    path: Path
    num_bytes: int
    runs_here: bool


class ComparedModel:
    """A model that predicts photographs with the others in turns, window by window, and is scored.

    Args:
        name: What errors call it.
        backend: The model.
        reference: The model that it is compared with; None for the first one.
        window: Height and width of the windows of all models; None is the model's choice.

    Attributes:
        reference: The model that it is compared with.
        predictor: Predicts as `segdrone predict` does.
        evaluator: Counts its masks.
        difference: Largest difference of a probability to the first model's.
        agreeing: Pixels with the class of the first model.
        pixels: Pixels with data.
    """

    def __init__(self, name: str, backend: Backend, reference: ComparedModel | None, window: Size | None) -> None:
        self.name, self.backend, self.reference = name, backend, reference
        self.spec, self.stride, self.device, self.window = backend.spec, backend.stride, backend.device, backend.window
        self.batch_size, self.settings = 1, backend.settings
        self.predictor = Predictor(self, window=window)
        self.evaluator = Evaluator(backend.spec.classes, pictures=0, things=[])
        self.difference, self.agreeing, self.pixels = 0.0, 0, 0
        self.outputs: list[NDArray[np.float32]] = []  # since the last tiles

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the probabilities of the model, and compares them with the first model's of the same windows.

        Raises:
            CheckpointError: The model fails on these windows, or its output overflows.
        """
        try:
            probabilities = self.backend(windows)
            check_probabilities(self.backend, windows, probabilities)
        except CheckpointError as error:
            raise CheckpointError(f"{self.name} does not predict the photographs: {error}") from None
        self.outputs.append(probabilities)
        if self.reference is not None:
            expected = self.reference.outputs[len(self.outputs) - 1]
            classes = len(self.spec.classes)  # without the planes of an instance head, which are in pixels
            ours, theirs = (output[:, :classes].reshape(classes, -1) for output in (probabilities, expected))
            apart = cv2.norm(ours, theirs, cv2.NORM_INF)
            self.difference = max(self.difference, apart)
            self.outputs[-1] = np.empty(0, np.float32)  # only the first model's are needed again
        return probabilities


def score_together(models: Sequence[ComparedModel], pair: ImageMaskPair, encoding: MaskEncoding) -> None:
    """Predicts a photograph with all models as `segdrone predict` does, and updates their scores.

    Tile by tile, the models take turns, so that the probabilities of a few windows are held at once.

    Args:
        models: The models; the first one is the reference of the others.
        pair: The photograph and its mask.
        encoding: How the mask files hold classes.

    Raises:
        DataError: The photograph or the mask cannot be read.
    """
    first = models[0]
    source = first.predictor.open(pair.image)
    truth = read_truth(pair, encoding, source.size)
    masks, confidences = ([TileCollector(source.size) for _ in models] for _ in range(2))
    for tiles in zip(*(model.predictor.tiles(source) for model in models), strict=True):
        valid = tiles[0].classes != first.spec.classes.ignore_index
        for model, mask, confidence, tile in zip(models, masks, confidences, tiles, strict=True):
            mask.write(tile.top, tile.left, tile.classes)
            confidence.write(tile.top, tile.left, np.rint(tile.confidence * 255).astype(np.uint8))
            model.agreeing += int((tile.classes == tiles[0].classes)[valid].sum())
            model.pixels += int(valid.sum())
            model.outputs.clear()
    for model, mask, confidence in zip(models, masks, confidences, strict=True):
        model.evaluator.update(EvalSample(pair.id, truth, mask.result(), confidence.result(), None))


def measure_parity(
    source: ExportSource,
    files: Sequence[ExportedFile],
    photographs: SegmentationDataModule | None,
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Measures exported files beside their checkpoint, on CPU.

    Args:
        source: The checkpoint.
        files: The files.
        photographs: Those to score; None compares nothing.
        progress: Whether to show a progress bar on stderr.

    Returns:
        The content of `parity.json`: `models`, the checkpoint first, and what they were measured on. Of a model that
        was not scored, `scores`, `iou` and `comparison` are None.

    Raises:
        SegdroneError: A photograph or a mask cannot be read, or a file cannot predict one.
    """
    window = source.signature.window
    checkpoint = ExportedFile(CHECKPOINT, source.path, source.path.stat().st_size, runs_here=True)
    files = [checkpoint, *files]
    backends = {file.format: _open(source, file) for file in files if file.runs_here}
    pairs = [] if photographs is None else photographs.splits[SPLIT]
    scored: dict[str, dict[str, Any]] = {}
    if photographs is not None:
        scored = compare_models(backends, pairs, photographs.encoding, window, progress=progress)
    timed_size = window or source.spec.training_size
    times = dict(zip(backends, time_in_turns([*backends.values()], timed_size), strict=True))
    image = pairs[0].image if pairs else None
    models = []
    for file in progress_bar(files, "measuring memory", disable=not progress):
        memory = peak_memory(file.path, image) if file.runs_here else None
        cost = {"bytes": file.num_bytes, "seconds": times.get(file.format), "memory": memory}
        models.append({"name": file.format, "file": file.path.name, **cost, **scored.get(file.format, NOT_SCORED)})
    return {
        "models": models,
        "split": SPLIT if pairs else None,
        "root": None if photographs is None else str(Path(photographs.config.root).resolve()),
        "photographs": len(pairs),
        "window": None if window is None else list(window),
        "timed_size": list(timed_size),
        "margin": MARGIN,
    }


def compare_models(
    backends: Mapping[str, Backend],
    pairs: Sequence[ImageMaskPair],
    encoding: MaskEncoding,
    window: Size | None = None,
    *,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Scores models on photographs, and compares them with the first one.

    Args:
        backends: The models by name.
        pairs: The photographs and their masks.
        encoding: How the mask files hold classes.
        window: Height and width of the windows of all models; None is the models' choice.
        progress: Whether to show a progress bar on stderr.

    Returns:
        By name: `scores` of the set, `iou` of each class, `largest_difference` of a probability, `agreement` of the
        classes of pixels, `comparison` as `segdrone compare` makes it, and `verdict`: `as good`, `worse` or `cannot
        tell`. The last four are None for the first model; the last two also for fewer than two photographs.

    Raises:
        DataError: A photograph or a mask cannot be read.
    """
    models: list[ComparedModel] = []
    for name, backend in backends.items():
        models.append(ComparedModel(name, backend, models[0] if models else None, window))
    for pair in progress_bar(pairs, "comparing", disable=not progress):
        score_together(models, pair, encoding)
    counts = [NamedCounts.of(model.evaluator.counts, model.evaluator.table) for model in models]
    names, comparisons = [*backends], dict.fromkeys(backends)
    if len(names) > 1 and len(pairs) > 1:
        comparisons |= dict(zip(names[1:], compare_counts(names, counts), strict=True))
    return {
        name: {
            "scores": {key: plain_number(value) for key, value in score(part.counts).overall.items()},
            "iou": dict(zip(part.classes, map(plain_number, score(part.counts).classes["iou"]), strict=True)),
            **_describe(model, comparisons[name]),
        }
        for name, model, part in zip(names, models, counts, strict=True)
    }


def _describe(model: ComparedModel, comparison: Comparison | None) -> dict[str, Any]:
    """Returns how a model differs from the first one."""
    first = model.reference is None
    return {
        "largest_difference": None if first else model.difference,
        "agreement": None if first or not model.pixels else model.agreeing / model.pixels,
        "comparison": None if comparison is None else {"overall": comparison.overall, "classes": comparison.classes},
        "verdict": None if comparison is None else _verdict(comparison),
    }


def time_in_turns(backends: Sequence[Backend], size: Size) -> list[float]:
    """Returns the median of the seconds that each model takes for a window of noise, after a first one.

    The models take turns, so that other programs slow all of them alike.

    Args:
        backends: The models.
        size: Height and width of the window, in pixels.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    seconds: list[list[float]] = [[] for _ in backends]
    for _ in range(1 + _ROUNDS):
        for backend, taken in zip(backends, seconds, strict=True):
            started = time.perf_counter()
            backend(pixels)
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken[1:]) for taken in seconds]


def _open(source: ExportSource, file: ExportedFile) -> Backend:
    if file.path == source.path:
        return source.backend
    return open_backend(file.path, device="cpu")


def _verdict(comparison: Comparison) -> str:
    low, high = comparison.overall[0]["interval"]
    if low >= -MARGIN:
        return "as good"
    return "worse" if high < 0 else "cannot tell"
