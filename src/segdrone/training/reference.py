"""Leave statistics of the validation photographs in the best checkpoint, for `segdrone monitor` to compare with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np

from segdrone.classic.model_file import write_model
from segdrone.data import SegmentationDataModule
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import SegdroneError, explain_error
from segdrone.evaluation.bootstrap import interval, resample
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.metrics_files import NamedCounts
from segdrone.evaluation.scores import score
from segdrone.evaluation.sliding_window import read_truth
from segdrone.inference import Predictor
from segdrone.inference.photo_statistics import forget_empty, measure_photograph, monitored_columns
from segdrone.model.checkpoint import read_checkpoint
from segdrone.reference_statistics import MIN_PHOTOGRAPHS, ReferenceStatistics
from segdrone.runtime.classic_backend import ClassicBackend
from segdrone.training.checkpoint_io import AtomicCheckpointIO
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window

log = logging.getLogger(__name__)

_DECIMALS = 4
_MOST = 200  # photographs: more would hardly change the quantiles


def add_reference(checkpoint: str, datamodule: SegmentationDataModule, trainer: L.Trainer) -> None:
    """Predicts the validation photographs as `segdrone predict` does, and adds their statistics to a checkpoint's spec.

    Nothing is added after a validation on a part of the photographs, or on fewer than `MIN_PHOTOGRAPHS`. The run is
    complete without the statistics: what fails here is a warning.

    Args:
        checkpoint: The best checkpoint, or the file of a classical model; empty if the run kept none.
        datamodule: The photographs.
        trainer: Decides on which device the model runs.
    """
    pairs = datamodule.splits["val"]
    limit = trainer.limit_val_batches
    if not checkpoint or len(pairs) < MIN_PHOTOGRAPHS or isinstance(limit, int) or limit != 1.0:  # 1 is one batch
        return
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), _MOST)).round().astype(int))
    try:
        predictor = Predictor.from_file(checkpoint, device=str(trainer.strategy.root_device))
        reference = measure_reference(predictor, [pairs[i] for i in chosen], datamodule.encoding)
        if isinstance(predictor.backend, ClassicBackend):
            _add_to_classic(Path(checkpoint), predictor.backend, reference)
        else:
            content = read_checkpoint(checkpoint)
            spec: dict[str, Any] = {**content["spec"], "reference_statistics": asdict(reference)}
            AtomicCheckpointIO().save_checkpoint({**content, "spec": spec}, checkpoint)
    except SegdroneError as error:
        log.warning(
            "%s got no statistics for segdrone monitor (%s): give it --reference FOLDER", Path(checkpoint).name,
            explain_error(error),
        )  # fmt: skip


def _add_to_classic(path: Path, backend: ClassicBackend, reference: ReferenceStatistics) -> None:
    spec = replace(backend.spec, reference_statistics=reference)
    write_model(path, backend.model, replace(backend.description, spec=spec).to_json())


def measure_reference(
    predictor: Predictor, pairs: Sequence[ImageMaskPair], encoding: MaskEncoding
) -> ReferenceStatistics:
    """Predicts photographs, and returns the distributions of their statistics, the mIoU, and the IoU of each class.

    Args:
        predictor: The model.
        pairs: Photographs with their true masks.
        encoding: How the mask files hold classes.

    Raises:
        DataError: A photograph or a mask cannot be read, or their sizes differ.
        ConfigError: The device's memory is too small.
    """
    table, evaluator = predictor.table, Evaluator(predictor.table, 0, things=[])
    rows: list[dict[str, float]] = []
    for pair in progress_bar(pairs, desc="photographs for monitoring", leave=False):
        source = predictor.open(pair.image)
        mask, confidence, *_ = predictor(source, confidence=True)
        assert confidence is not None
        pixels = source.read(Window(0, 0, *source.size))
        rows.append(measure_photograph(pair.image, pixels, mask, confidence, table)[1])
        evaluator.update(EvalSample(pair.id, read_truth(pair, encoding, mask.shape), mask, None, None))
    columns = {name: np.array([row.get(name, np.nan) for row in rows]) for name in monitored_columns(table)}
    return ReferenceStatistics.from_values(forget_empty(columns), **_scores(evaluator))


def _scores(evaluator: Evaluator) -> dict[str, Any]:
    counts = NamedCounts.of(evaluator.counts, evaluator.table).counts
    low, high = interval(resample(counts)[0].overall["miou"])
    scores = score(counts)
    miou = scores.overall["miou"]
    if not np.isfinite([miou, low, high]).all():
        return {}
    pairs = zip(evaluator.table.names, scores.classes["iou"].tolist(), strict=True)
    ious = {name: round(iou, _DECIMALS) for name, iou in pairs if np.isfinite(iou)}
    return {"miou": miou, "miou_interval": (float(low), float(high)), "class_ious": ious}
