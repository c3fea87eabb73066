"""Photographs at their masks' own size, predicted in windows."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from segdrone.data.layout import ImageMaskPair
from segdrone.data.mask_encoding import MaskEncoding, read_mask
from segdrone.errors import DataError
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.inference import Predictor
from segdrone.raster.decode import read_image
from segdrone.utils.launch import rank_and_world_size


def evaluate_sliding_window(
    judge: Evaluator, predictor: Predictor, pairs: Sequence[ImageMaskPair], labels: MaskEncoding
) -> None:
    """Predicts and judges each photograph; of several processes each does its share.

    Raises:
        DataError: A photograph or a mask cannot be read, or their sizes differ.
    """
    rank, world = rank_and_world_size()
    for pair in tqdm(pairs[rank::world], desc="photographs", disable=rank > 0):
        if pair.mask is None:
            raise DataError(f"{pair.image} has no mask: it can be predicted, but not scored")
        image, truth = read_image(pair.image), labels.merged(read_mask(pair.mask, labels))
        if truth.shape != image.shape[:2]:
            raise DataError(f"{pair.mask} is of another size than {pair.image}: put the former file back")
        prediction = predictor(image, confidence=True)
        judge.add(EvalSample(pair.id, truth, prediction.mask, prediction.confidence, lambda image=image: image))  # type: ignore[misc]
