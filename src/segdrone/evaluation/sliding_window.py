"""Evaluate a predictor on photographs at the size of their masks, in overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import DataError
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.inference import Predictor
from segdrone.raster import open_image
from segdrone.raster.decode import read_image
from segdrone.utils.launch import rank_and_world_size
from segdrone.utils.progress import progress_bar


def evaluate_sliding_window(
    evaluator: Evaluator, predictor: Predictor, pairs: Sequence[ImageMaskPair], encoding: MaskEncoding
) -> None:
    """Predicts photographs and updates the evaluator; of several processes, each takes its share.

    Args:
        evaluator: Counts the photographs.
        predictor: Predicts them.
        pairs: All photographs with their masks; their `channels` are predicted, not those of the predictor's model.
        encoding: How the mask files hold classes.

    Raises:
        DataError: A photograph or a mask cannot be read, or their sizes differ.
    """
    rank, world = rank_and_world_size()
    for pair in progress_bar(pairs[rank::world], desc="photographs", disable=rank > 0):
        bands, stretch = pair.channels
        source = open_image(pair.image, predictor.backend.spec.interpolation, bands=bands, stretch=stretch)
        prediction = predictor(source, confidence=True, instances=True)
        truth = read_truth(pair, encoding, prediction.mask.shape)
        read = partial(read_image, pair.image, channels=pair.channels)
        things = evaluator.group(prediction.mask, prediction.planes)
        evaluator.update(EvalSample(pair.id, truth, prediction.mask, prediction.confidence, read, things))


def read_truth(pair: ImageMaskPair, encoding: MaskEncoding, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Returns the true mask of a photograph, uint8 `[H, W]`.

    Args:
        pair: The photograph and its mask.
        encoding: How the mask files hold classes.
        size: Height and width of the photograph.

    Raises:
        DataError: The mask cannot be read, or has another size.
    """
    truth = read_pair_mask(pair, encoding)
    if truth.shape != size:
        raise DataError(f"{pair.mask} differs in size from {pair.image}: one of them was replaced, restore it")
    return truth
