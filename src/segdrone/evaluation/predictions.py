"""Masks that anybody predicted, against the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone.data.layout import ImageMaskPair, find_photographs
from segdrone.data.mask_encoding import MaskEncoding, read_mask
from segdrone.errors import DataError
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.raster.decode import read_image
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Size


class PredictedMask(NamedTuple):
    """A photograph's predicted mask and, if there is one, the picture of its confidence."""

    mask: Path
    confidence: Path | None


def find_predictions(folder: Path, pairs: Sequence[ImageMaskPair]) -> dict[str, PredictedMask]:
    """Returns the predicted mask of each photograph, by its id.

    They bear the photographs' names; `folder` holds them, or is one that `segdrone predict` wrote.

    Raises:
        DataError: The folder is missing, a file in it is no image, or some photographs have no prediction.
    """
    masks = {pair.id: pair.image for pair in find_photographs(folder / "masks" if _written(folder) else folder)}
    certain = folder / "confidence"
    confidences = {pair.id: pair.image for pair in find_photographs(certain)} if certain.is_dir() else {}
    missing = [pair.id for pair in pairs if pair.id not in masks]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(pairs)} photographs, {missing[0]} first, have no mask of their name in "
            f"predictions={folder}: add them, or name those that have one in data.split_dir=FOLDER with split=test"
        )
    return {pair.id: PredictedMask(masks[pair.id], confidences.get(pair.id)) for pair in pairs}


def evaluate_predictions(
    judge: Evaluator,
    pairs: Sequence[ImageMaskPair],
    predictions: Mapping[str, PredictedMask],
    labels: MaskEncoding,
    size: Size | None,
    *,
    photographs: bool,
) -> None:
    """Judges predicted masks.

    Args:
        judge: Counts them.
        pairs: True masks, with their photographs if `photographs`.
        predictions: As `find_predictions` returns them.
        labels: How masks hold classes, the true and the predicted ones.
        size: Height and width to which both are brought before they are compared; None is their own.
        photographs: Whether there are photographs to show.

    Raises:
        DataError: A mask cannot be read, differs in size from its truth, or has no class where the truth has one.
    """
    for pair in tqdm(pairs, desc="photographs"):
        predicted = predictions[pair.id]
        assert pair.mask is not None
        truth = _resized(labels.merged(read_mask(pair.mask, labels)), size)
        mask = _resized(labels.merged(read_mask(predicted.mask, labels)), size)
        confidence = None if predicted.confidence is None else _resized(_grey(predicted.confidence), size)
        for path, array in ((predicted.mask, mask), (predicted.confidence, confidence)):
            if array is not None and array.shape != truth.shape:
                raise DataError(
                    f"{path} is {array.shape[1]} x {array.shape[0]} pixels and {pair.mask} {truth.shape[1]} x "
                    f"{truth.shape[0]}: compare them at one size with data.test_image_size=[HEIGHT,WIDTH]"
                )
        ignored = labels.table.ignore_index
        if without := int(((mask == ignored) & (truth != ignored)).sum()):
            raise DataError(
                f"{predicted.mask} has no class (id {ignored}) at {without} pixels where the truth has one: "
                "a prediction names a class for every pixel"
            )
        image = (lambda path=pair.image, shape=truth.shape: _photograph(path, shape)) if photographs else None
        judge.add(EvalSample(pair.id, truth, mask, confidence, image))


def _written(folder: Path) -> bool:
    """Whether `segdrone predict` wrote the folder."""
    return (folder / "predict.json").is_file() and (folder / "masks").is_dir()


def _resized(mask: NDArray[np.uint8], size: Size | None) -> NDArray[np.uint8]:
    return mask if size is None or mask.shape == size else resize_mask(mask, size)


def _grey(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(read_image(path)[..., 0])


def _photograph(path: Path, shape: Size) -> NDArray[np.uint8]:
    image = read_image(path)
    return image if image.shape[:2] == shape else resize_image(image, shape, "area")
