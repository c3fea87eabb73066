"""Read from names alone which photographs belong together: augmented copies, tiles of one mosaic, numbered series."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_ROBOFLOW = re.compile(r"(.+)\.rf\.[0-9A-Za-z_-]{6,}")  # DJI_0001_JPG.rf.0c1f...: every copy has a hash of its own
_AUGMENTOR = re.compile(  # images_original_0001.jpg_3b2e...-...: the library Augmentor adds a UUID
    r"(?:.*_original_)?(.+?)(?:\.[A-Za-z]{3,4})?[_-][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_COPY = re.compile(r"(.+?)(?: ?\(\d+\)|[ _-]+copy(?:[ _-]?\d+)?)", re.IGNORECASE)  # made by a browser or a file manager
_CHANGE = (  # a word for a change, and its amount
    r"(?:aug(?:mented|mentation)?|orig(?:inal)?|[hv]?flip(?:ped)?(?:lr|ud)?|lr|ud|horizontal|vertical|rot(?:ate|ated|ation)?|"
    r"mirror(?:ed)?|transposed?|bright(?:ness|er|ened)?|dark(?:er|ened)?|contrast|gamma|hue|saturation|jitter|"
    r"blur(?:red)?|noisy?|gauss(?:ian)?|shear(?:ed)?|zoom(?:ed)?|crop(?:ped)?|scaled?|elastic|distort(?:ed|ion)?)"
    r"(?:[_ -]?-?\d+(?:[.p]\d+)?)?"
)
_CHANGED = re.compile(rf"(.+?)((?:[_\- .]+{_CHANGE})+)", re.IGNORECASE)  # 001_flip, 001_aug_3, 001_rot90_bright
_CHANGED_BEFORE = re.compile(rf"((?:{_CHANGE}[_\- .]+)+)(.+)", re.IGNORECASE)  # aug_3_001, flip_001

_ROW, _COLUMN = r"(?:row|r|y)[_\-]?(?P<a>\d+)", r"(?:column|col|c|x)[_\-]?(?P<b>\d+)"
_TWO = r"(?:^|[_\-. ])(?P<a>\d+)[_\-x. ](?P<b>\d+)"
_GRIDS = [  # where a tile was cut: after the name of the mosaic, the row and the column, or corners in pixels
    re.compile(rf"(?P<base>.*?)(?P<tail>{tail})", re.IGNORECASE)
    for tail in (
        rf"[_\-. ]*{_ROW}[_\-. ]*{_COLUMN}",
        rf"[_\-. ]*{_COLUMN}[_\-. ]*{_ROW}",
        rf"{_TWO}(?:[_\-x. ]\d+){{2}}",
        _TWO,
    )
]
_SERIES = re.compile(r"(.*?[^\d])\d+")  # flightA_0012
_MIN_TILES = 4
_PIXEL_STEP = 16  # corners in pixels are multiples of more than this; rows and columns are not
_MIN_OCCUPIED = 0.3  # share of the grid's cells that have a tile


def source_photographs(ids: Sequence[str]) -> dict[str, str]:
    """Returns for each name that of the photograph it is a copy of; for most names the name itself.

    Recognized are the exports of Roboflow and Augmentor, and names that end or begin with a change, such as
    `001_aug_3`, `001_hflip` or `rot90_001`, if the photograph itself or another copy of it is there too.

    Example:
        >>> source_photographs(["a_jpg.rf.0c1f2b", "a_jpg.rf.9d8e7f", "001", "001_flip"])
        {'a_jpg.rf.0c1f2b': 'a_jpg', 'a_jpg.rf.9d8e7f': 'a_jpg', '001': '001', '001_flip': '001'}
    """
    existing = set(ids)
    found: dict[str, dict[str, str]] = defaultdict(dict)  # per source: the copies, and how each was changed
    sources = {name: name for name in ids}
    for name in ids:
        base, change = _without_change(name)
        if change == "certain":
            sources[name] = base
        elif change:
            found[base][name] = change
    for base, copies in found.items():
        several = len(set(copies.values())) > 1 and len(copies) <= max(2, len(ids) // 2)
        if base in existing or (several and "copy" not in copies.values()):
            sources |= dict.fromkeys(copies, base)
    return sources


def _without_change(name: str) -> tuple[str, str]:
    """Returns a name without what a copy adds to it, and a word for that: `certain`, a change, or nothing."""
    if match := _ROBOFLOW.fullmatch(name) or _AUGMENTOR.fullmatch(name):
        return match[1], "certain"
    if match := _COPY.fullmatch(name):
        return match[1], "copy"
    base, change = name, ""
    if match := _CHANGED.fullmatch(name):
        base, change = match[1], match[2]
    folder, _, last = base.rpartition("/")
    if match := _CHANGED_BEFORE.fullmatch(last):
        base, change = f"{folder}/{match[2]}".lstrip("/"), change + match[1]
    change = change.strip("_- .").lower()
    if "aug" not in change and "rot" not in change:  # numbers tell these copies apart; crop_1 and crop_2 may be maize
        change = re.sub(r"[\d_\-. ]+", " ", change).strip()
    return base, change


class Tiles(NamedTuple):
    """Tiles of mosaics, as their names tell.

    Attributes:
        mosaics: Name of the mosaic, by id; empty if the names give only row and column.
        expression: A regular expression for `data.split_by`, which finds the mosaic in each of these names; empty if
            there is none, as all are tiles of one mosaic without a name.
    """

    mosaics: dict[str, str]
    expression: str


def mosaic_tiles(ids: Iterable[str]) -> Tiles | None:
    """Recognizes names that differ only by row and column, such as `area1_0_512`; None if there are none.

    Example:
        >>> tiles = mosaic_tiles(f"{area}_{y}_{x}" for area in ("north", "south") for y in (0, 512) for x in (0, 512))
        >>> sorted(set(tiles.mosaics.values())), tiles.expression
        (['north', 'south'], '^(.+)_[0-9]+_[0-9]+$')
    """
    names = list(ids)
    for pattern in _GRIDS:
        places: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        tails: dict[str, str] = {}
        for name in names:
            if match := pattern.fullmatch(name):
                places[match["base"]][name] = int(match["a"]), int(match["b"])
                tails.setdefault(match["base"], match["tail"])
        matched = [place for tiles in places.values() for place in tiles.values()]
        several_each = len(matched) >= 2 * len(places) and _is_grid([*set(matched)])
        if several_each or any(_is_grid([*tiles.values()]) for tiles in places.values()):
            mosaics = {name: base for base, tiles in places.items() for name in tiles}
            return Tiles(mosaics, _expression([*tails.values()], mosaics))
    return None


def _is_grid(places: Sequence[tuple[int, int]]) -> bool:
    rows, columns = ({place[axis] for place in places} for axis in (0, 1))
    if len(places) < _MIN_TILES or len(rows) < 2 or len(columns) < 2:
        return False
    in_pixels = math.gcd(*rows) >= _PIXEL_STEP and math.gcd(*columns) >= _PIXEL_STEP
    return in_pixels or len(places) >= _MIN_OCCUPIED * len(rows) * len(columns)


def _expression(tails: Sequence[str], mosaics: Mapping[str, str]) -> str:
    parts = [*dict.fromkeys(re.sub(r"\d+", "[0-9]+", tail.replace(".", "[.]")) for tail in tails)]
    end = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
    expression = re.compile(f"^(.+){end}$")
    matches = [expression.fullmatch(name) for name in mosaics]
    return expression.pattern if all(match and match[1] in mosaics.values() for match in matches) else ""


def numbered_series(ids: Sequence[str]) -> dict[str, str]:
    """Returns what stands before the number in each name, if the names begin in several ways; else nothing.

    Example:
        >>> numbered_series(["flightA_01", "flightA_02", "flightB_01", "flightB_02"])["flightB_02"]
        'flightB_'
        >>> numbered_series(["DJI_0001", "DJI_0002"])
        {}
    """
    beginnings = {name: match[1] for name in ids if (match := _SERIES.fullmatch(name))}
    sizes = Counter(beginnings.values())
    regular = len(beginnings) == len(ids) and len(sizes) > 1 and min(sizes.values()) > 1
    return beginnings if regular else {}
