"""Score predicted masks of some photographs by their true masks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from segdrone.class_files import find_class_table
from segdrone.data.discovery.dataset_classes import read_own_table
from segdrone.data.discovery.pairs import ImageMaskPair, find_photographs
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask, read_pair_mask
from segdrone.errors import DataError
from segdrone.evaluation.bootstrap import MIN_IMAGES, interval, resample
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.metrics_files import NamedCounts
from segdrone.evaluation.scores import score
from segdrone.monitor.predictions import PredictedPhotographs
from segdrone.raster.header import read_size
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

_REMEDY = "give the values and colors of these masks in classes.csv beside them, with id, name, r, g, b"
_INTERVAL_WIDTH = 2 * 1.959964  # of a 95 % interval of a normal distribution, in standard deviations


@dataclass(frozen=True)
class TruthScores:
    """How right the predictions are.

    Attributes:
        photographs: Number of photographs with a true mask.
        miou: mIoU over them.
        interval: Its interval of 95 %; None for a single photograph.
        compared: mIoU over the classes that the true masks and the reference both have; None if unknown.
        reference: That of the reference; None if unknown.
        left_out: Classes that only one of both has.
        difference: Interval of 95 % of `compared` less `reference`; None if unknown.
        verdict: `lower`, `higher` or `cannot tell`; empty if there is nothing to compare with.
    """

    photographs: int
    miou: float
    interval: tuple[float, float] | None
    compared: float | None
    reference: float | None
    left_out: tuple[str, ...]
    difference: tuple[float, float] | None
    verdict: str


def score_truth(photographs: PredictedPhotographs, folder: Path, reference: ReferenceStatistics) -> TruthScores:
    """Scores the photographs that have a true mask of the same name in a folder.

    Only classes that the true masks and the reference both have are compared: the mean over others says nothing of the
    model. The difference to the reference is that of two independent sets of photographs: the resamples of this one
    less a normal distribution as wide as the interval of the reference. Pixels without data do not count.

    Args:
        photographs: The predictions.
        folder: True masks, named as the photographs, with a class table in or beside the folder if their ids are those
            of other classes; classes that the model merged are merged.
        reference: May know the mIoU of the validation photographs.

    Raises:
        DataError: No mask belongs to a photograph, its size differs, or it holds other classes.
    """
    encoding = _encoding(photographs, folder)
    pairs, predictions = _match(photographs, folder)
    evaluator = Evaluator(encoding.table, 0, things=[])
    predicted = MaskEncoding(photographs.table, kind="ids", remedy="predict again")
    for pair in progress_bar(pairs, desc="true masks", leave=False):
        truth, mask = read_pair_mask(pair, encoding), read_mask(predictions[pair.id], predicted)
        truth = np.where(mask == photographs.table.ignore_index, np.uint8(encoding.table.ignore_index), truth)
        evaluator.update(EvalSample(pair.id, truth, mask, None, None))
    counts = NamedCounts.of(evaluator.counts, encoding.table).counts
    if not counts.confusion.any():
        raise DataError(f"the masks in {folder} have no pixel of a class: give masks that are labeled")
    scores, few = score(counts), len(pairs) < 2
    miou, resampled = scores.overall["miou"], resample(counts)[0]
    ends = None if few else _ends(interval(resampled.overall["miou"]))
    names = np.array(encoding.table.names)
    shared, left_out = _shared_classes(names[scores.classes["truth_share"] > 0], reference)
    if reference.miou is None or not shared:
        return TruthScores(len(pairs), miou, ends, None, None, (), None, "")
    columns = np.isin(names, shared)
    compared = float(np.nanmean(scores.classes["iou"][columns]))
    expected = float(np.mean([reference.class_ious[name] for name in shared])) if left_out else reference.miou
    if few or reference.miou_interval is None:
        return TruthScores(len(pairs), miou, ends, compared, expected, left_out, None, "")
    if len(pairs) < MIN_IMAGES:
        log.warning("only %d photographs have a true mask: the interval of their mIoU is too narrow", len(pairs))
    deviation = (reference.miou_interval[1] - reference.miou_interval[0]) / _INTERVAL_WIDTH
    ious = np.ma.masked_invalid(resampled.classes["iou"][:, columns]).mean(1).filled(np.nan)
    others = np.random.default_rng(0).normal(expected, deviation, len(ious))
    low, high = _ends(interval(ious - others))
    verdict = "lower" if high < 0 else "higher" if low > 0 else "cannot tell"
    return TruthScores(len(pairs), miou, ends, compared, expected, left_out, (low, high), verdict)


def _shared_classes(names: Iterable[str], reference: ReferenceStatistics) -> tuple[list[str], tuple[str, ...]]:
    """Returns the classes of the true masks that the reference has too, and those that only one of both has."""
    found = [str(name) for name in names]
    if not reference.class_ious:  # an older one, which does not say which it has
        return found, ()
    return [name for name in found if name in reference.class_ious], tuple(sorted({*found} ^ {*reference.class_ious}))


def _ends(ends: np.ndarray) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])


def _encoding(photographs: PredictedPhotographs, folder: Path) -> MaskEncoding:
    """Returns how true masks hold the classes of the predictions, by the table with the masks or beside their folder.

    Raises:
        DataError: They have other classes, or it is unknown which ones while the model merged some.
    """
    file = find_class_table(folder) or find_class_table(folder.resolve().parent)
    if file is None and photographs.groups:
        raise DataError(
            f"{folder} has no class table, so its ids may be classes before or after the model merged them: write "
            "classes.csv with name, r, g, b beside the masks"
        )
    if file is None:
        log.warning("%s has no class table: its ids are read as those of the predictions", folder)
        return MaskEncoding(photographs.table, remedy=_REMEDY)
    names = (f"the masks in {folder}", f"the predictions in {photographs.folder}")
    return MaskEncoding(read_own_table(file), remedy=_REMEDY).map_to(photographs.table, photographs.groups, names=names)


def _match(photographs: PredictedPhotographs, folder: Path) -> tuple[list[ImageMaskPair], Mapping[str, Path]]:
    masks = {pair.id: pair for pair in find_photographs(folder)}
    predicted = {_name(mask): photographs.folder / mask for mask in photographs.masks if mask}
    if not predicted:
        raise DataError(f"{photographs.folder} holds videos alone, whose masks are not kept: leave out --truth")
    shared = [name for name in predicted if name in masks]
    if not shared:
        raise DataError(
            f"no mask in {folder} has the name of a photograph, such as {min(predicted)}.png: name the masks as the "
            "photographs"
        )
    if others := len(masks) - len(shared):
        log.warning("%d of the masks in %s have no photograph of the same name: they are left out", others, folder)
    for name in shared:
        size, of_prediction = masks[name].size, read_size(predicted[name])
        if size != of_prediction:
            raise DataError(
                f"{masks[name].image} is {size[1]} x {size[0]} pixels and its prediction {of_prediction[1]} x "
                f"{of_prediction[0]}: give masks of the size of the photographs"
            )
    pairs = [ImageMaskPair(name, masks[name].image, masks[name].image, masks[name].size) for name in shared]
    return pairs, {name: predicted[name] for name in shared}


def _name(mask: str) -> str:
    return PurePosixPath(mask).relative_to("masks").with_suffix("").as_posix()
