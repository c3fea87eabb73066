"""Compute class weights from pixel counts, and read and write the file of these counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, InstanceOf

from segdrone.classes import ClassTable, is_class_name
from segdrone.data.discovery.file_tree import STATISTICS
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import ConfigError, DataError
from segdrone.utils.atomic import write_json
from segdrone.utils.bounded import UnreadableError, read_json, validate
from segdrone.utils.digest import file_digest

STATS_FILE = Path("stats", STATISTICS[0])
"""File of the counts below a dataset's root, which `segdrone data stats` writes."""

_MOST_PIXELS = 2**40  # in a photograph

_CAP = 10  # times the weight of the most frequent class

_THREADS = 4

Counts = NDArray[np.int64]
Weights = NDArray[np.float64]


class _Stats(BaseModel):
    """What is read of the file of counts. Names of photographs can have bytes that are no text."""

    classes: list[str]
    pixels: dict[InstanceOf[str], list[Annotated[int, Field(ge=0, le=_MOST_PIXELS)]]]
    masks: dict[InstanceOf[str], str]


def inverse(counts: Counts) -> Weights:
    """Weights a class by one over its share of all pixels."""
    return np.asarray(counts.sum() / counts.sum(0))


def inverse_sqrt(counts: Counts) -> Weights:
    """Weights a class by one over the square root of its share of all pixels.

    The smoothed inverse in Cui et al. 2019 (CVPR), section 1. On the Semantic Drone Dataset the rarest class has 52
    times the weight of the most frequent one, with `inverse` 2665 times.
    """
    return np.sqrt(inverse(counts))


def sqrt_capped(counts: Counts) -> Weights:
    """Weights a class as `inverse_sqrt`, but at most ten times as high as the most frequent class.

    A class of a few pixels then gets no gradient that drowns the others.
    """
    weights = inverse_sqrt(counts)
    return np.asarray(np.minimum(weights, _CAP * weights.min()))


def median_frequency(counts: Counts) -> Weights:
    """Weights a class by median(freq) / freq(class), as Eigen & Fergus 2015, section 6.3.2.

    freq is the share of a class in the labeled pixels of the photographs where it occurs.
    """
    total = np.where(counts > 0, counts.sum(1, keepdims=True), 0).sum(0)
    frequency = counts.sum(0) / total
    return np.asarray(np.median(frequency) / frequency)


def effective_number(counts: Counts, beta: float = 0.99) -> Weights:
    """Weights a class by one over its effective number of samples, (1 - beta^n) / (1 - beta).

    Cui et al. 2019 (CVPR), section 3. Here a sample is a photograph that shows the class, since the pixels of one
    photograph are almost copies of one another: counted in pixels, n would be in the millions, where every usual beta
    gives all classes the same weight. beta is (N - 1) / N for N different photographs; of the paper's four values, 0.99
    fits datasets of some hundred photographs best.
    """
    return np.asarray((1 - beta) / (1 - beta ** (counts > 0).sum(0)))


WEIGHTINGS: dict[str, Callable[[Counts], Weights]] = {
    "inverse_sqrt": inverse_sqrt,
    "sqrt_capped": sqrt_capped,
    "inverse": inverse,
    "median_frequency": median_frequency,
    "effective_number": effective_number,
}
RECOMMENDED = "inverse_sqrt"
"""Highest mIoU in a short run: 306 photographs of the Semantic Drone Dataset, 160 x 240, 6 epochs; `sqrt_capped` came
later."""


def check_scheme(scheme: str) -> None:
    """Checks that a scheme is `auto` or one of `WEIGHTINGS`, before any mask is read for it.

    Raises:
        ConfigError: It is unknown.
    """
    if scheme not in {"auto", *WEIGHTINGS}:
        raise ConfigError(f"class weights {scheme} are unknown: choose one of auto, {', '.join(WEIGHTINGS)}")


def class_weights(scheme: str, counts: Counts) -> list[float]:
    """Returns one weight per class: with mean 1 over the classes that occur, and 1 for those that do not.

    The weight of a class that never occurs in training matters only for the validation loss; 0 would hide errors there.

    Args:
        scheme: One of `WEIGHTINGS`, or `auto` for the recommended one.
        counts: Labeled pixels per photograph and class, int64 `[N, C]`.

    Raises:
        ConfigError: The scheme is unknown.

    Example:
        >>> class_weights("inverse", np.array([[90, 10, 0]]))
        [0.2, 1.8, 1.0]
    """
    check_scheme(scheme)
    weights, occurs = np.ones(counts.shape[1]), counts.any(0)
    if occurs.any():
        raw = WEIGHTINGS[RECOMMENDED if scheme == "auto" else scheme](counts[:, occurs])
        weights[occurs] = raw / raw.mean()
    return [float(weight) for weight in weights]


def mask_states(pairs: Sequence[ImageMaskPair], encoding: MaskEncoding) -> list[str]:
    """Returns for each pair a text that changes with its mask file, and with the classes that it is read as.

    It also changes with a photograph that marks pixels as no data, since these are not counted.
    """
    reading = repr((encoding.fingerprint, encoding.table.names, encoding.groups))
    read = [(pair.mask, pair.image if pair.marks_no_data else None) for pair in pairs]
    with ThreadPoolExecutor(_THREADS) as pool:  # digests release Python's lock
        digests = list(pool.map(lambda files: [file_digest(file) for file in files if file is not None], read))
    return [sha256(f"{reading} {' '.join(digest)}".encode()).hexdigest()[:16] for digest in digests]


def write_stats(
    path: Path, table: ClassTable, ids: Sequence[str], counts: Counts, states: Sequence[str], **facts: Any
) -> None:
    """Writes counts as JSON: `classes`, their names; `pixels`, one list per photograph; `masks`, states; and `facts`.

    Args:
        path: The file.
        table: The classes.
        ids: Names of the photographs.
        counts: Labeled pixels per photograph and class, int64 `[N, C]`.
        states: What `mask_states` returned when they were counted.
        **facts: Anything else to keep, as plain containers.
    """
    pixels, masks = (dict(zip(ids, values, strict=True)) for values in (counts.tolist(), states))
    write_json({"classes": list(table.names), **facts, "pixels": pixels, "masks": masks}, path)


def read_class_pixels(path: Path, table: ClassTable, ids: Sequence[str], states: Sequence[str]) -> Counts:
    """Reads the counts of some photographs, int64 `[N, C]`, from the file that `write_stats` wrote.

    Args:
        path: The file, `STATS_FILE` below the dataset's root.
        table: The classes in use, which must have the names of those in the file.
        ids: Names of the photographs, such as those of the train split, in the order of the rows.
        states: What `mask_states` returns for them now.

    Raises:
        DataError: The file is missing or unreadable, counts other classes, lacks a photograph, or a mask has changed
            since or was read in another way.
    """
    again = "run `segdrone data stats ROOT` again"
    try:
        if not path.exists():
            raise DataError(
                f"class weights need pixel counts, but {path} does not exist: run `segdrone data stats ROOT`"
            )
        stats = validate(_Stats, read_json(path))
        classes, pixels, masks = stats.classes, stats.pixels, stats.masks
        missing = [name for name in ids if name not in pixels]
        rows = [pixels[name] for name in ids if name in pixels]
        if not all(map(is_class_name, classes)):
            raise UnreadableError("a class has a name that cannot be printed")
        if any(len(row) != len(classes) for row in rows):
            raise UnreadableError("rows that are not as long as its classes")
    except UnreadableError as error:
        raise DataError(f"{path} does not hold the pixel counts of a dataset ({error}): {again}") from None
    if classes != list(table.names):
        differ = [str(name) for name in [*classes, *table.names] if (name in classes) != (name in table.names)]
        raise DataError(
            f"{path} counts {len(classes)} classes, not the {len(table)} in use (they differ in "
            f"{', '.join(differ[:3]) or 'their order'}{', ...' if len(differ) > 3 else ''}): {again} with "
            "the --classes and --class-groups that you train with"
        )
    if missing:
        raise DataError(f"{path} lacks {len(missing)} of {len(ids)} photographs, {missing[0]} first: {again}")
    changed = [name for name, state in zip(ids, states, strict=True) if masks.get(name) != state]
    if changed:
        raise DataError(
            f"{path} counts an earlier state of {len(changed)} of {len(ids)} masks, {changed[0]} first, or read them "
            f"with other options: {again} with the options that you train with"
        )
    return np.array(rows, np.int64).reshape(len(rows), len(table))
