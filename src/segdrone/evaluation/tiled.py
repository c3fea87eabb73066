"""Photographs at their masks' own size, predicted in windows."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from segdrone.data.labels import Labels
from segdrone.data.layout import Pair
from segdrone.data.read import read_image, read_mask
from segdrone.errors import DataError
from segdrone.evaluation.judge import Judge, Judged
from segdrone.inference import Predictor
from segdrone.processes import group


def judge_tiled(judge: Judge, predictor: Predictor, pairs: Sequence[Pair], labels: Labels) -> None:
    """Predicts and judges each photograph; of several processes each does its share.

    Raises:
        DataError: A photograph or a mask cannot be read, or their sizes differ.
    """
    rank, world = group()
    for pair in tqdm(pairs[rank::world], desc="photographs", disable=rank > 0):
        if pair.mask is None:
            raise DataError(f"{pair.image} has no mask: it can be predicted, but not scored")
        image, truth = read_image(pair.image), labels.merged(read_mask(pair.mask, labels))
        if truth.shape != image.shape[:2]:
            raise DataError(f"{pair.mask} is of another size than {pair.image}: put the former file back")
        prediction = predictor(image, confidence=True)
        judge.add(Judged(pair.id, truth, prediction.mask, prediction.confidence, lambda image=image: image))  # type: ignore[misc]
