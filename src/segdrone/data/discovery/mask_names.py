"""Pair photographs with masks by rules between their names, such as `x_sat.jpg` and `x_mask.png`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from pathlib import Path, PurePath
from typing import NamedTuple

from segdrone.errors import DataError

Place = tuple[str, ...]
"""Folders of a file without the one that says what it holds; a photograph and its mask have the same place."""
Files = dict[Place, dict[str, list[Path]]]
"""Photographs or masks by place and name without suffix."""

MASK_WORDS = frozenset(
    [
        "mask",
        "masks",
        "label",
        "labels",
        "lab",
        "labelids",
        "labeltrainids",
        "trainids",
        "labelled",
        "labeled",
        "annotation",
        "annotations",
        "anno",
        "ann",
        "gt",
        "groundtruth",
        "truth",
        "target",
        "gtfine",
        "gtcoarse",
        "seg",
        "segm",
        "segmentation",
        "semantic",
        "sem",
        "semseg",
        "labelmap",
        "map",
        "m",
        "png",
    ]
)
VIEW_WORDS = frozenset(
    [
        "color",
        "colors",
        "colour",
        "colours",
        "colored",
        "coloured",
        "instance",
        "instances",
        "instanceids",
        "vis",
        "viz",
        "visualization",
        "overlay",
        "preview",
        "blend",
        "rgb",
        "confidence",
        "edge",
        "edges",
    ]
)
"""Words of pictures that are drawn from masks, which are used only if there is nothing else."""

PHOTOGRAPH_WORDS = frozenset(
    [
        "sat",
        "image",
        "images",
        "img",
        "im",
        "rgb",
        "photo",
        "leftimg8bit",
        "ortho",
        "orig",
        "original",
        "src",
        "raw",
        "visible",
    ]
)

_ONLY_AT_END = frozenset(("m", "png"))
_MIN_FREE = 3  # photographs from which an unknown word in all names is taken for a rule
_SAMPLES = 20
_END = re.compile(r"[_\-. ]+([^_\-. ]+)$")
_START = re.compile(r"^([^_\-. ]+)[_\-. ]+")


class NameRule(NamedTuple):
    """What stands before and after the part that the names of a photograph and its mask share.

    Example:
        >>> NameRule("", "_sat", "", "_mask").mask_of("104_sat")
        '104_mask'
    """

    image_start: str = ""
    image_end: str = ""
    mask_start: str = ""
    mask_end: str = ""

    def mask_of(self, name: str) -> str | None:
        """Returns the name of the mask of a photograph, or None if the photograph does not follow the rule."""
        end = len(name) - len(self.image_end)
        if not name.startswith(self.image_start) or not name.endswith(self.image_end) or end <= len(self.image_start):
            return None
        return self.mask_start + name[len(self.image_start) : end] + self.mask_end

    def words(self) -> list[str]:
        """Returns the words that a mask's name has beside the shared part."""
        return [word.lower() for word in re.split(r"[_\-. ]+", f"{self.mask_start} {self.mask_end}") if word]

    def __str__(self) -> str:
        return f"{self.image_start}{{id}}{self.image_end} with {self.mask_start}{{id}}{self.mask_end}"


EXACT = NameRule()


def stem(path: PurePath) -> str:
    """Returns the name by which a photograph and its mask are paired: the file name without suffix.

    Accents are joined to their letters (Unicode NFC), since macOS stores them apart.

    Example:
        >>> stem(PurePath("flight 1/DJI.0001.JPG"))
        'DJI.0001'
    """
    return unicodedata.normalize("NFC", path.stem)


def strip_words(name: str, words: Set[str]) -> str:
    """Returns a name without such words at its ends.

    Example:
        >>> strip_words("aachen_000019_gtFine_labelIds", MASK_WORDS), strip_words("mask-7", MASK_WORDS)
        ('aachen_000019', '7')
    """
    core = name
    while (match := _END.search(core)) and match[1].lower() in words:
        core = core[: match.start()]
    if core == name and (match := _START.search(name)) and match[1].lower() in words - _ONLY_AT_END:
        core = name[match.end() :]
    return core


def is_view(name: str) -> bool:
    """Whether a name has a word of pictures that are drawn from masks, such as `x_color`."""
    return not VIEW_WORDS.isdisjoint(re.split(r"[_\-. ]+", name.lower())[1:])


def masks_among(names: Iterable[str]) -> set[str]:
    """Returns the names in one folder that are those of masks of other files in it.

    Example:
        >>> sorted(masks_among(["1_sat", "1_mask", "2", "2_lab", "house_mask"]))
        ['1_mask', '2_lab']
    """
    names = [*names]
    cores = {core: name for name in names for core in (strip_words(name, PHOTOGRAPH_WORDS), name)}
    found = set()
    for name in names:
        core = strip_words(name, MASK_WORDS | VIEW_WORDS)
        is_mask = core != name and not MASK_WORDS.isdisjoint(re.split(r"[_\-. ]+", name.lower()))
        if is_mask and cores.get(core, name) != name:
            found.add(name)
    return found


def find_rule(
    photographs: Mapping[Place, Collection[str]], masks: Mapping[Place, Collection[str]], *, known_only: bool = False
) -> NameRule | None:
    """Returns the rule by which photographs have masks, or None if no photograph has one.

    The names are equal, or differ by words that are usual for photographs and masks, or masks have one and the same
    addition and all photographs have a mask by it.

    Args:
        photographs: Names without suffix by place.
        masks: Likewise of masks.
        known_only: Accept only words that are usual for masks, not any addition.

    Raises:
        DataError: Masks fit by several rules.
    """
    pairs = [(place, name) for place, names in photographs.items() if place in masks for name in names]
    sets = {place: set(names) for place, names in masks.items()}
    counts: dict[NameRule, int] = {}
    for rule in dict.fromkeys([*([] if known_only else [EXACT]), *_candidates(pairs, masks)]):
        is_known = {*rule.words()} <= MASK_WORDS | VIEW_WORDS
        if not is_known and (known_only or len(pairs) < _MIN_FREE or counts.get(EXACT) == len(pairs)):
            continue
        hits = 0
        for place, name in pairs:
            if rule.mask_of(name) in sets[place]:
                hits += 1
            elif not is_known:
                break
        if hits and (is_known or hits == len(pairs)):
            counts[rule] = hits
    if not counts:
        return None
    most = max(counts.values())
    best = [rule for rule, hits in counts.items() if hits == most]
    plain = [rule for rule in best if VIEW_WORDS.isdisjoint(rule.words())] or best
    different = {tuple(rule.mask_of(name) for _, name in pairs): rule for rule in reversed(plain)}
    if len(different) > 1:
        names = [str(rule.mask_of(pairs[0][1])) for rule in plain[:3]]
        raise DataError(
            f"{pairs[0][1]} has several masks ({', '.join(names)}): say which ones to use with a pattern, such as "
            f"'data.masks=\"FOLDER/{plain[0].mask_start}{{id}}{plain[0].mask_end}.png\"'"
        )
    return plain[0]


def _candidates(pairs: Sequence[tuple[Place, str]], masks: Mapping[Place, Collection[str]]) -> Iterable[NameRule]:
    """Yields what may stand around the names of some photographs in the names of masks."""
    for place, name in pairs[:: max(1, len(pairs) // _SAMPLES)]:
        for core in dict.fromkeys((name, strip_words(name, PHOTOGRAPH_WORDS))):
            image_start, _, image_end = name.partition(core)
            for mask in masks[place]:
                if core in mask:
                    mask_start, _, mask_end = mask.partition(core)
                    yield NameRule(image_start, image_end, mask_start, mask_end)


def spelled_alike(masks: Files, photographs: Files) -> Files:
    """Returns masks by the places of photographs, which may have the accents of folders apart from their letters."""
    spelling = {_joined(place): place for place in photographs}
    alike: Files = {}
    for place, members in masks.items():
        known = alike.setdefault(place if place in photographs else spelling.get(_joined(place), place), {})
        for name, paths in members.items():
            known[name] = [*known.get(name, []), *paths]
    return alike


def _joined(place: Place) -> str:
    return unicodedata.normalize("NFC", "/".join(place))
