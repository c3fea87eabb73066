"""Scan every file of a dataset with all cores. Errors of a file are recorded, not raised."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.mask_names import stem
from segdrone.data.masks.label_judgment import SeenMask, look_at_mask
from segdrone.data.masks.label_lookup import label_name
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.splits.hashes import SIDE, perceptual_hashes
from segdrone.errors import DataError
from segdrone.raster.capture import Capture, read_capture
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.decode import read_image
from segdrone.raster.header import Header, read_header
from segdrone.raster.photograph import PhotographSource
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window


@dataclass
class ScannedImage:
    """A scanned photograph.

    Attributes:
        path: The file.
        header: Size, mode and orientation; None if even the header cannot be read.
        error: Why the file cannot be read, in one line; empty if it can.
        digest: SHA-256 of the file; empty if it cannot be read.
        hashes: Its perceptual hashes, uint64 `[8, 4]`; None if it cannot be read.
        capture: When and where it was taken.
    """

    path: Path
    header: Header | None = None
    error: str = ""
    digest: str = ""
    hashes: NDArray[np.uint64] | None = None
    capture: Capture = field(default_factory=Capture)


@dataclass
class ScannedMask:
    """A scanned mask.

    Attributes:
        path: The file.
        header: Size, mode and orientation; None if even the header cannot be read.
        error: Why the file cannot be read, in one line; empty if it can.
        seen: What was found in it; None if it cannot be read.
        accepts_unknown: Whether values that no class has are left out.
    """

    path: Path
    header: Header | None = None
    error: str = ""
    seen: SeenMask | None = None
    accepts_unknown: bool = False

    @property
    def unknown(self) -> dict[str, int]:
        """Pixels per value that is not in the class table, the most frequent first."""
        found = self.seen.unknown.most_common() if self.seen else []
        return {label_name(label): count for label, count in found}

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """Pixels per id of the table that it is read by, int64 `[256]`; None if training could not read it."""
        if self.seen is None or (self.seen.unknown and not self.accepts_unknown):
            return None
        return self.seen.counts

    @property
    def hidden(self) -> NDArray[np.int64]:
        """Those of `counts` that its photograph marks as no data, so that training ignores them, int64 `[256]`."""
        return np.zeros(256, np.int64) if self.seen is None else self.seen.hidden


def scan_dataset(
    photographs: Sequence[Path],
    masks: Sequence[Path],
    photograph_of: Mapping[Path, Path],
    encoding: MaskEncoding,
    channels: Channels = AS_STORED,
    *,
    workers: int | None,
    progress: bool,
) -> tuple[list[ScannedImage], list[ScannedMask]]:
    """Decodes every file completely and returns the results, sorted by name.

    Args:
        photographs: Files of photographs.
        masks: Files of masks.
        photograph_of: Photographs of the masks that have one.
        encoding: How the masks hold classes.
        channels: Which bands of the photographs are red, green and blue, and how more than 8 bits become 8.
        workers: Number of threads; None is one per usable core.
        progress: Whether to show a progress bar on stderr.
    """
    paths = sorted([*photographs, *masks], key=stem)  # photographs and masks in turn, for an even progress bar
    mask_paths = {*masks}

    def scan(path: Path) -> ScannedImage | ScannedMask:
        if path not in mask_paths:
            return scan_image(path, channels)
        return scan_mask(path, encoding, photograph_of.get(path), channels)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's; whether a file can be decoded is recorded anyway
        pool = ThreadPoolExecutor(workers or usable_cores())  # decoders release Python's lock
        try:
            results = list(
                progress_bar(pool.map(scan, paths), "checking", total=len(paths), unit="file", disable=not progress)
            )
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl+C, only files in progress are finished
    return [i for i in results if isinstance(i, ScannedImage)], [m for m in results if isinstance(m, ScannedMask)]


def usable_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scan_image(path: Path, channels: Channels = AS_STORED) -> ScannedImage:
    """Decodes a photograph completely; a JPEG at 1/8 of its size, which still reads the whole file."""
    image = ScannedImage(path)
    with _record_error(image):
        image.header, image.capture = read_header(path, channels), read_capture(path)
        image.hashes = perceptual_hashes(read_image(path, (SIDE, SIDE), channels))
        with path.open("rb") as file:
            image.digest = hashlib.file_digest(file, "sha256").hexdigest()
    return image


def scan_mask(
    path: Path, encoding: MaskEncoding, photograph: Path | None = None, channels: Channels = AS_STORED
) -> ScannedMask:
    """Decodes a mask completely and counts the pixels of every id, or of every value not in the class table."""
    mask = ScannedMask(path)
    with _record_error(mask):
        mask.header = read_header(path)
        valid = None if photograph is None else _read_valid(photograph, channels)
        mask.seen, mask.accepts_unknown = look_at_mask(path, encoding, valid), encoding.unknown == "ignore"
    return mask


def _read_valid(photograph: Path, channels: Channels) -> NDArray[np.bool_] | None:
    """Returns which pixels of a photograph are not no data, bool `[H, W]`; None if all are, or it cannot be read."""
    with suppress(Exception):  # what is wrong with the photograph, its own scan records
        source = PhotographSource(photograph, channels=channels)
        return source.valid(Window(0, 0, *source.size)) if source.header.marks_no_data else None
    return None


@contextmanager
def _record_error(file: ScannedImage | ScannedMask) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        file.error = str(error) if str(file.path) in str(error) else f"{file.path} {error}"
    except Exception as error:  # decoders raise anything on corrupt files, and the other files must still be scanned
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        file.error = f"{file.path} cannot be decoded ({reason}): copy it again or remove it"
