"""The photographs to choose from: readable, not labeled yet, and which of them show the same."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segdrone.data.splits.hashes import near_duplicates
from segdrone.inference.inputs import InputImage
from segdrone.inspection.scan import ScannedImage, scan_image, usable_cores
from segdrone.raster.channels import Channels
from segdrone.raster.header import without_training_options
from segdrone.utils.progress import progress_bar


class Pool(NamedTuple):
    """Photographs to choose from.

    Attributes:
        images: The photographs.
        similar: Near duplicates among them: for each name the names of the others.
        labeled: Names of those that are labeled: the same file, or a near duplicate of one.
        failed: Why each of the others cannot be read, by path, in one line.
    """

    images: list[InputImage]
    similar: Mapping[str, list[str]]
    labeled: list[str]
    failed: dict[str, str]


def build_pool(images: Sequence[InputImage], labeled: Sequence[Path], channels: Channels, *, progress: bool) -> Pool:
    """Reads every photograph, and leaves out what is labeled: by content, whatever its name is.

    Near duplicates are found by perceptual hashes; see `segdrone.data.splits.hashes`.

    Args:
        images: The photographs.
        labeled: Photographs that are labeled.
        channels: Which bands are red, green and blue, and how more than 8 bits become 8.
        progress: Whether to show a progress bar.
    """
    files = [*labeled, *(image.file for image in images)]

    def scan(file: Path) -> ScannedImage:
        return scan_image(file, channels)

    with warnings.catch_warnings(), ThreadPoolExecutor(usable_cores()) as threads:  # decoders release Python's lock
        warnings.simplefilter("ignore")  # Pillow's, on files that are then decoded or fail with an error
        found_scans = threads.map(scan, files)
        scanned = [*progress_bar(found_scans, "reading", total=len(files), unit="photograph", disable=not progress)]
    known, found = (
        scanned[: len(labeled)],
        dict(zip([image.name for image in images], scanned[len(labeled) :], strict=True)),
    )
    errors = {image.path: without_training_options(found[image.name].error) for image in images}
    failed = {path: " ".join(error.split()) for path, error in errors.items() if error}
    readable = [image for image in images if image.path not in failed]
    kept = [one for one in known if one.hashes is not None]
    hashes = [*(one.hashes for one in kept), *(found[image.name].hashes for image in readable)]
    is_labeled, similar = set[str](), defaultdict[str, list[str]](list)
    digests = {one.digest for one in known} - {""}
    paths = {os.path.realpath(file) for file in labeled}
    is_labeled |= {image.name for image in readable if found[image.name].digest in digests}
    is_labeled |= {image.name for image in readable if os.path.realpath(image.file) in paths}
    for first, second, _ in near_duplicates(np.array(hashes, np.uint64).reshape(-1, 8, 4)):
        if second < len(kept):
            continue
        name = readable[second - len(kept)].name
        if first < len(kept):
            is_labeled.add(name)
        else:
            other = readable[first - len(kept)].name
            similar[name].append(other)
            similar[other].append(name)
    free = [image for image in readable if image.name not in is_labeled]
    return Pool(free, similar, sorted(is_labeled), failed)
