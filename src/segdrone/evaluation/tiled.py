"""Count and show photographs at their masks' own size, predicted in windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone.data.labels import Labels
from segdrone.data.layout import Pair
from segdrone.data.read import read_image, read_mask
from segdrone.errors import DataError
from segdrone.figures import Triple
from segdrone.inference import Predictor
from segdrone.model.metrics import PhotographCounts
from segdrone.processes import group


def count_photographs(predictor: Predictor, pairs: Sequence[Pair], labels: Labels) -> PhotographCounts:
    """Returns the confusion matrix of each photograph; of several processes each predicts its share.

    Raises:
        DataError: A photograph or a mask cannot be read, or their sizes differ.
    """
    counts = PhotographCounts(predictor.table)
    rank, world = group()
    for pair in tqdm(pairs[rank::world], desc="photographs", disable=rank > 0):
        image, truth = _read(pair, labels)
        for block in predictor.blocks(image):
            height, width = block.classes.shape
            part = truth[block.top : block.top + height, block.left : block.left + width]
            counts.update([pair.id], block.classes.cpu()[None], torch.tensor(part)[None])
    counts.gather()
    return counts


def triple(predictor: Predictor, pair: Pair, labels: Labels, title: str) -> Triple:
    """Returns a photograph beside its truth and its prediction, at the size it is drawn at."""
    image, truth = _read(pair, labels)
    return Triple(title, image, truth, predictor(image).mask).reduced()


def _read(pair: Pair, labels: Labels) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if pair.mask is None:
        raise DataError(f"{pair.image} has no mask: it can be predicted, but not scored")
    image, truth = read_image(pair.image), labels.merged(read_mask(pair.mask, labels))
    if truth.shape != image.shape[:2]:
        raise DataError(f"{pair.mask} is of another size than {pair.image}: put the former file back")
    return image, truth
