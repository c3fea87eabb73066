"""Look into every file of a dataset, with all cores; what is wrong with one is noted, not raised."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone.data.mask_encoding import MaskEncoding, UnknownLabelsError
from segdrone.data.mask_files import read_ids
from segdrone.data.pairs import stem
from segdrone.errors import DataError
from segdrone.inspection.hashes import SIDE, perceptual_hashes
from segdrone.raster.decode import read_image
from segdrone.raster.header import Header, read_header
from segdrone.raster.pixels import count_values


@dataclass
class ScannedImage:
    """What was seen of a photograph.

    Attributes:
        path: The file.
        header: Size, mode and orientation; None where even these cannot be read.
        problem: Why it cannot be read, in one line; empty where it can.
        digest: SHA-256 of the file; empty where it cannot be read.
        hashes: Its perceptual hashes, uint64 `[8, 4]`; None where it cannot be read.
    """

    path: Path
    header: Header | None = None
    problem: str = ""
    digest: str = ""
    hashes: NDArray[np.uint64] | None = None


@dataclass
class ScannedMask:
    """What was seen of a mask.

    Attributes:
        path: The file.
        header: Size, mode and orientation; None where even these cannot be read.
        problem: Why it cannot be read, in one line; empty where it can.
        unknown: Pixels by value that no class has.
        counts: Pixels by id of the class table, int64 `[256]`; None where they could not be counted.
    """

    path: Path
    header: Header | None = None
    problem: str = ""
    unknown: dict[str, int] = field(default_factory=dict)
    counts: NDArray[np.int64] | None = None


def scan_dataset(
    photographs: Sequence[Path], masks: Sequence[Path], labels: MaskEncoding, *, workers: int | None, progress: bool
) -> tuple[list[ScannedImage], list[ScannedMask]]:
    """Decodes every file in full and returns what was seen, by name.

    Args:
        photographs: Files of photographs.
        masks: Files of masks.
        labels: How the masks are written.
        workers: Threads; None is one a usable core.
        progress: Whether to show a progress bar on stderr.
    """
    paths = sorted([*photographs, *masks], key=stem)  # mask by photograph, for an even progress bar
    are_masks = {*masks}

    def look(path: Path) -> ScannedImage | ScannedMask:
        return scan_mask(path, labels) if path in are_masks else scan_image(path)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on files that then decode or do not
        pool = ThreadPoolExecutor(workers or usable_cores())  # decoders release Python's lock
        try:
            seen = list(tqdm(pool.map(look, paths), "checking", len(paths), unit="file", disable=not progress))
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C, the files under way are all that is waited for
    return [p for p in seen if isinstance(p, ScannedImage)], [m for m in seen if isinstance(m, ScannedMask)]


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scan_image(path: Path) -> ScannedImage:
    """Decodes a photograph in full; a JPEG at 1/8 of its size, as its decoder reads the whole file at any scale."""
    seen = ScannedImage(path)
    with _noting(seen):
        seen.header = read_header(path)
        seen.hashes = perceptual_hashes(read_image(path, at_least=(SIDE, SIDE)))
        with path.open("rb") as file:
            seen.digest = hashlib.file_digest(file, "sha256").hexdigest()
    return seen


def scan_mask(path: Path, labels: MaskEncoding) -> ScannedMask:
    """Decodes a mask in full and counts the pixels of every id, or of every value that no class has."""
    seen = ScannedMask(path)
    with _noting(seen):
        seen.header = read_header(path)
        try:
            seen.counts = count_values(read_ids(path, labels))
        except UnknownLabelsError as unknown:
            seen.unknown = dict(unknown.counts.most_common())
    return seen


@contextmanager
def _noting(seen: ScannedImage | ScannedMask) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        seen.problem = str(error) if str(seen.path) in str(error) else f"{seen.path} {error}"
    except Exception as error:  # what decoders raise on spoilt files has no end, and the rest must be seen
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        seen.problem = f"{seen.path} cannot be decoded ({reason}): copy it again or remove it"
