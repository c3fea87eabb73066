"""Group photographs that are not independent: of one folder, one name, one view or one place."""

from __future__ import annotations

import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.splits.hashes import SIDE, near_duplicates, perceptual_hashes
from segdrone.errors import ConfigError, DataError
from segdrone.raster.capture import Capture, read_capture
from segdrone.raster.decode import read_image
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

T = TypeVar("T")

DEFAULT_DISTANCE = 50.0
"""Meters within which photographs count as one place if their footprints are unknown."""

_EARTH_RADIUS = 6_371_000.0  # meters
_THREADS = 4  # decoders release Python's lock; more of them wait for the disk
_ROWS = 512  # photographs compared with all others at a time: 40 MB for 10 000 photographs


def group_photographs(pairs: Sequence[ImageMaskPair], by: str, distance: float | None = None) -> dict[str, str]:
    """Returns the group of each photograph, by id.

    Args:
        pairs: The photographs; their masks are not read.
        by: `folder`; `similarity`: near duplicates, also turned, mirrored or brightened; `gps`: places by EXIF
            data; or a regular expression, whose first group (or whole match) in the id names the group.
        distance: For `gps`, meters within which photographs show the same place; None: if their footprints overlap.

    Raises:
        ConfigError: The expression is none, or does not match every id.
        DataError: A photograph cannot be read, or has no position.
    """
    if by == "folder":
        return {pair.id: folder_of(pair) for pair in pairs}
    if by == "similarity":
        return _names(pairs, join(len(pairs), similar_photographs(pairs)))
    if by == "gps":
        return _names(pairs, _places(pairs, distance))
    return {pair.id: name for pair, name in zip(pairs, _match(by, [pair.id for pair in pairs]), strict=True)}


def folder_of(pair: ImageMaskPair) -> str:
    """Returns the folder by which a photograph is grouped: its sequence, flight or tile, else that of its file."""
    return pair.group or str(PurePosixPath(pair.id).parent).strip(".") or str(pair.image.parent)


def _match(expression: str, ids: Sequence[str]) -> list[str]:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ConfigError(
            f"data.split_by={expression} is not a regular expression ({error}), nor folder, similarity or gps: fix it"
        ) from None
    matches = [pattern.search(name) for name in ids]
    if missing := [name for name, match in zip(ids, matches, strict=True) if match is None]:
        raise ConfigError(
            f"data.split_by={expression} does not match {len(missing)} of {len(ids)} photographs, such as "
            f"{missing[0]}: give an expression that matches every name, or folder, similarity or gps; with |.+ at its "
            "end, each of them is a group of its own"
        )
    found = [match for match in matches if match is not None]
    return [next((group for group in match.groups()[:1] if group is not None), match[0]) for match in found]


def similar_photographs(pairs: Sequence[ImageMaskPair]) -> list[tuple[int, int]]:
    """Returns the pairs of near duplicates, as indices; JPEG files are decoded at an eighth of their size.

    400 photographs of 24 megapixels take one to two minutes on two cores.

    Raises:
        DataError: A photograph cannot be read.
    """

    def hashes(pair: ImageMaskPair) -> NDArray[np.uint64]:
        return perceptual_hashes(read_image(pair.image, at_least=(SIDE, SIDE), channels=pair.channels))

    stacked = np.array(_map(hashes, pairs), np.uint64).reshape(-1, 8, 4)
    return [(i, j) for i, j, _ in near_duplicates(stacked)]


def _map(function: Callable[[ImageMaskPair], T], pairs: Sequence[ImageMaskPair]) -> list[T]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of EXIF data that are then unknown
        with ThreadPoolExecutor(_THREADS) as pool:
            results = pool.map(function, pairs)
            return list(progress_bar(results, "comparing", total=len(pairs), unit="photograph", leave=False, delay=2))


def _places(pairs: Sequence[ImageMaskPair], distance: float | None) -> list[int]:
    captures = _map(lambda pair: read_capture(pair.image), pairs)
    without = [pair.image.name for pair, capture in zip(pairs, captures, strict=True) if capture.position is None]
    if without:
        raise DataError(
            f"data.split_by=gps: {len(without)} of {len(pairs)} photographs have no position in their EXIF data, such "
            f"as {without[0]}: give data.split_by=folder, a regular expression of their names, or data.split_dir=FOLDER"
        )
    unknown = sum(capture.footprint is None for capture in captures)
    if unknown and distance is None:
        log.warning(
            "%d photographs do not say how high above the ground they were taken: those within %g m count as one "
            "place; data.split_distance=METERS decides",
            unknown,
            DEFAULT_DISTANCE,
        )
    return join(len(pairs), overlapping_places(captures, distance))


def overlapping_places(captures: Sequence[Capture], distance: float | None = None) -> list[tuple[int, int]]:
    """Returns pairs of photographs that show the same ground, as indices; those without a position are in no pair.

    Two photographs overlap if they are closer than the mean of the longer sides of their footprints.

    Args:
        captures: When and where they were taken.
        distance: Meters within which two overlap, instead; None: by their footprints, or `DEFAULT_DISTANCE` if these
            are unknown.
    """
    known = [index for index, capture in enumerate(captures) if capture.position is not None]
    degrees = np.array([captures[index].position for index in known], np.float64).reshape(-1, 2)
    positions = np.radians(degrees)
    footprints = (captures[index].footprint for index in known)
    reach = np.array([distance or footprint or DEFAULT_DISTANCE for footprint in footprints])
    pairs = []
    for top in range(0, len(known), _ROWS):
        rows = slice(top, top + _ROWS)
        distances = _distances(positions[rows, None], positions[None])
        near = distances <= (reach[rows, None] + reach[None]) / 2
        pairs += [(known[top + i], known[j]) for i, j in np.argwhere(np.triu(near, top + 1)).tolist()]
    return pairs


def _distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns great-circle distances in meters of positions in radians, `[..., 2]`, by the haversine formula."""
    half = np.sin((first - second) / 2) ** 2
    chord = half[..., 0] + np.cos(first[..., 0]) * np.cos(second[..., 0]) * half[..., 1]
    return np.asarray(2 * _EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(chord, 1))))


def join(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Joins pairs that share a member; returns for each of `count` members the first member of its group.

    Example:
        >>> join(5, [(0, 1), (3, 1), (2, 4)])
        [0, 0, 2, 0, 2]
    """
    first = list(range(count))

    def find(member: int) -> int:
        while first[member] != member:
            first[member] = first[first[member]]
            member = first[member]
        return member

    for i, j in pairs:
        low, high = sorted((find(i), find(j)))
        first[high] = low
    return [find(member) for member in range(count)]


def _names(pairs: Sequence[ImageMaskPair], members: Sequence[int]) -> dict[str, str]:
    return {pair.id: pairs[member].id for pair, member in zip(pairs, members, strict=True)}


def describe_groups(groups: Iterable[str]) -> str:
    """Returns the names of the three largest groups with their sizes, for a message.

    Example:
        >>> describe_groups(["north", "south", "north"])
        'north (2), south (1)'
    """
    counts = Counter(groups)
    named = ", ".join(f"{name} ({count})" for name, count in counts.most_common(3))
    return f"{named}, ..." if len(counts) > 3 else named
