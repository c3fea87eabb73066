"""Evaluate predicted masks, of any model, that are files in a folder."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.pairs import ImageMaskPair, find_photographs
from segdrone.data.masks.instance_maps import find_predicted_maps, read_instance_map, separate_merged
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask, read_pair_mask
from segdrone.errors import DataError
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.geo.predicted_masks import read_predicted_masks
from segdrone.inference.grouping import Things
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_header
from segdrone.raster.pixels import Ids, resize_image, resize_mask
from segdrone.utils.digest import file_digest
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size, proportional_size

log = logging.getLogger(__name__)

_THREADS = 4


class PredictedMask(NamedTuple):
    """The files of a prediction.

    Attributes:
        mask: The predicted mask.
        confidence: Image of the confidence, 0 to 255 for 0 to 1; None if unknown.
        instances: Instance map; None if things are connected components.
    """

    mask: Path
    confidence: Path | None
    instances: Path | None = None


def find_predictions(folder: Path, pairs: Sequence[ImageMaskPair]) -> dict[str, PredictedMask]:
    """Returns the predicted mask of each photograph, by id.

    Args:
        folder: Masks with the names of the photographs, or a folder that `segdrone predict` wrote, or its `masks` or
            `colours`. `instances/` in it may number the things.
        pairs: The photographs.

    Raises:
        DataError: The folder is missing, a file in it is not an image, or photographs have no predicted mask, or no
            confidence or instance map although others have one.
    """
    masks = find_photographs(folder / "masks" if _is_predict_output(folder) else folder)
    folder = _predict_output(folder) or folder
    confidence_folder = folder / "confidence"
    confidences = find_photographs(confidence_folder) if confidence_folder.is_dir() else []
    mask_files, confidence_files = ({pair.id: pair.image for pair in found} for found in (masks, confidences))
    missing = [pair.id for pair in pairs if pair.id not in mask_files]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(pairs)} photographs, {missing[0]} first, have no mask of the same name in "
            f"predictions={folder}: add the masks, or list the photographs that have one in data.split_dir=FOLDER "
            "and give split=test"
        )
    unsure = [pair.id for pair in pairs if pair.id not in confidence_files]
    if 0 < len(unsure) < len(pairs):
        raise DataError(
            f"{len(unsure)} of {len(pairs)} photographs, {unsure[0]} first, have no image in {confidence_folder}: add "
            "them, or rename the folder to score without confidence"
        )
    instance_files = find_predicted_maps(folder, [pair.id for pair in pairs])
    return {
        pair.id: PredictedMask(mask_files[pair.id], confidence_files.get(pair.id), instance_files.get(pair.id))
        for pair in pairs
    }


def warn_of_other_photographs(folder: Path, pairs: Sequence[ImageMaskPair]) -> None:
    """Warns of photographs that are other files than those of the same name that `segdrone predict` predicted.

    Drones reuse file names in every flight. Copies that were converted or resized differ too.

    Args:
        folder: As of `find_predictions`.
        pairs: The photographs.
    """
    output = _predict_output(folder)
    if output is None:
        return
    try:
        _, predicted = read_predicted_masks(output)
    except DataError:  # the tables were removed or changed
        return
    digests = {one.file.relative_to(output / "masks").with_suffix("").as_posix(): one.digest for one in predicted}
    known = [pair for pair in pairs if digests.get(pair.id)]
    with ThreadPoolExecutor(_THREADS) as pool:  # digests release Python's lock
        found = pool.map(lambda pair: file_digest(pair.image), known)
        others = [pair for pair, digest in zip(known, found, strict=True) if digest != digests[pair.id]]
    if others:
        log.warning(
            "%d of %d photographs, %s first, are not the files that predictions=%s was made of: unless they are copies "
            "of these, scores mean nothing", len(others), len(pairs), others[0].image, folder,
        )  # fmt: skip


def evaluate_predictions(
    evaluator: Evaluator,
    pairs: Sequence[ImageMaskPair],
    predictions: Mapping[str, PredictedMask],
    encoding: MaskEncoding,
    predicted_encoding: MaskEncoding,
    size: Size | None,
    *,
    masks_only: bool,
) -> None:
    """Updates the evaluator with predicted masks.

    Args:
        evaluator: Counts the photographs.
        pairs: Photographs with their true masks.
        predictions: Predicted mask of each photograph, by id.
        encoding: How the files of true masks hold classes.
        predicted_encoding: How the files of predicted masks hold them, with the same classes after merging.
        size: Height and width whose product sets the scale at which both masks are compared, proportions kept, as
            whole photographs are scored; None keeps their own sizes.
        masks_only: There are no photographs to show: `image` of each pair is its mask.

    Raises:
        DataError: A mask cannot be read, differs in size from the true mask or has its proportions turned, or has the
            ignored id where the true mask has a class; or a confidence has colors.
    """
    ignored = encoding.table.ignore_index
    for pair in progress_bar(pairs, desc="photographs"):
        files = predictions[pair.id]
        target = None if size is None else proportional_size(pair.size, size)
        truth = _resize(read_pair_mask(pair, encoding), target)
        source = read_mask(files.mask, predicted_encoding)
        stored = predicted_encoding.remap(source)
        if _is_turned(stored.shape, pair.size):
            raise DataError(
                f"{files.mask} is {stored.shape[1]} x {stored.shape[0]} pixels and {pair.mask} {pair.size[1]} x "
                f"{pair.size[0]}, so one of them is turned, as by a program that ignores EXIF: turn it upright"
            )
        mask = _resize(stored, target)
        numbers = None
        if files.instances is not None:  # told apart by the classes that were predicted, before some are merged
            numbers = separate_merged(_read_numbers(files, stored, evaluator), source, predicted_encoding)
            numbers = _resize(numbers, target)
        confidence = None if files.confidence is None else _resize(_read_gray(files.confidence), target)
        for path, array in ((files.mask, mask), (files.confidence, confidence)):
            if array is not None and array.shape != truth.shape:
                raise DataError(
                    f"{path} is {array.shape[1]} x {array.shape[0]} pixels and {pair.mask} {truth.shape[1]} x "
                    f"{truth.shape[0]}: compare them at one size with data.test_image_size=[HEIGHT,WIDTH]"
                )
        if missing := int(((mask == ignored) & (truth != ignored)).sum()):
            raise DataError(
                f"{files.mask} has no class (id {ignored}) at {missing} pixels where the truth has one: "
                "predict a class for every pixel"
            )
        image = None if masks_only else (lambda pair=pair, shape=truth.shape: _read_image(pair, shape))
        things = None if numbers is None else Things(mask, numbers)
        evaluator.update(EvalSample(pair.id, truth, mask, confidence, image, things))


def _read_numbers(files: PredictedMask, mask: NDArray[np.uint8], evaluator: Evaluator) -> NDArray[np.uint16]:
    """Returns the numbers of predicted things.

    Raises:
        DataError: They cannot be read, or a thing has none.
    """
    assert files.instances is not None
    numbers = read_instance_map(files.instances, (mask.shape[0], mask.shape[1]))
    things = evaluator.objects.things
    ids = [evaluator.table.names.index(name) for name in things]
    if missing := int((np.isin(mask, ids) & (numbers == 0)).sum()):
        raise DataError(
            f"{files.instances} has no number at {missing} pixels where {files.mask} has a thing "
            f"({', '.join(things)}): number every predicted thing, or choose the classes that are by objects=[CLASS]"
        )
    return numbers


def _predict_output(folder: Path) -> Path | None:
    """Returns the folder that `segdrone predict` wrote, of which `folder` may be a part; None if it is none."""
    output = folder.parent if folder.name in ("masks", "colours") else folder
    return output if _is_predict_output(output) else None


def _is_predict_output(folder: Path) -> bool:
    return (folder / "predict.json").is_file() and (folder / "masks").is_dir()


def _is_turned(size: tuple[int, ...], other: Size) -> bool:
    """Whether one size has the proportions of the other with height and width exchanged; none of both is a square."""
    (height, width), (other_height, other_width) = size, other
    if (height < width) == (other_height < other_width):
        return False
    return math.isclose(height / width, other_width / other_height, rel_tol=0.03) and height != width


def _resize(mask: NDArray[Ids], size: Size | None) -> NDArray[Ids]:
    return mask if size is None or mask.shape == size else resize_mask(mask, size)


def _read_gray(path: Path) -> NDArray[np.uint8]:
    if (kind := read_header(path).sample_type) != "uint8":
        raise DataError(f"{path} has values of {kind}, not of 8 bits: write a gray image, 0 to 255 for 0 to 1")
    pixels = read_image(path)
    gray = np.ascontiguousarray(pixels[..., 0])
    if any((pixels[..., channel] != gray).any() for channel in (1, 2)):
        raise DataError(f"{path} has colors, not confidences: write a gray image, 0 to 255 for 0 to 1")
    return gray


def _read_image(pair: ImageMaskPair, size: Size) -> NDArray[np.uint8]:
    image = read_image(pair.image, channels=pair.channels)
    return image if image.shape[:2] == size else resize_image(image, size, "area")
