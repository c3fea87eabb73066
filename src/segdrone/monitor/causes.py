"""Name what drift most likely comes from, by a table of rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from segdrone.inference.photo_statistics import describe_statistic
from segdrone.monitor.drift import ColumnDrift, Drift

_SHOWN = 3
_WEAKEST = 0.3  # strength of a cause that is named
_CONSEQUENCE = 0.5  # factor of the strength of what usually follows from another cause
_COVER_COLUMNS = 2  # as the share of one class rises, that of another falls


@dataclass(frozen=True)
class Cause:
    """A likely cause of drift.

    Attributes:
        name: Its name.
        words: What it means.
        strength: How well the drift fits, up to 1.
        because: The statistics that speak for it, in words.
    """

    name: str
    words: str
    strength: float
    because: tuple[str, ...]


class _Rule(NamedTuple):
    """A cause, and the direction that it gives to statistics: 1 up, -1 down, 0 either."""

    name: str
    words: str
    directions: Mapping[str, int]


_RULES = (
    _Rule("compressed", "stronger JPEG compression", {"jpeg_quality": -1, "blockiness": 1}),
    _Rule(
        "blurred",
        "blurred photographs: out of focus, moved, or a dirty lens",
        {"relative_sharpness": -1, "sharpness": -1, "noise": -1},
    ),
    _Rule("noisy", "noisier photographs: less light or a higher ISO", {"noise": 1, "relative_sharpness": 1}),
    _Rule("darker", "darker photographs: less light or exposure", {"brightness": -1, "brightness_q95": -1}),
    _Rule("brighter", "brighter photographs: more light or exposure", {"brightness": 1, "brightness_q05": 1}),
    _Rule("hazy", "less contrast, as in haze or fog", {"contrast": -1, "saturation": -1, "brightness_q05": 1}),
    _Rule("other colors", "other colors: white balance, light or camera", {"red_green": 0, "blue_green": 0}),
    _Rule("other camera", "another camera: other numbers of pixels", {"megapixels": 0}),
    _Rule("higher up", "photographs from higher up", {"regions": 1, "border_length": 1, "gsd": 1}),
    _Rule("lower", "photographs from lower down", {"regions": -1, "border_length": -1, "gsd": -1}),
    _Rule("no data", "more pixels without data", {"no_data": 1}),
)
"""Rules by the direction of statistics; their strength is the mean of the directions' sizes."""


def likely_causes(drift: Drift) -> list[Cause]:
    """Returns the likeliest causes of drift, the first one first; at most three, none without an alarm.

    A rule is as strong as the mean direction (Cliff's delta) of its statistics, where those that do not differ by more
    than chance count 0, and those that are unknown do not count. Other land cover is as strong as the two classes
    whose shares changed most. An unsure model is usually the consequence of something else, and counts half.
    """
    drifted = {column.column: column for column in drift.drifted}
    known = {column.column for column in drift.columns}
    causes = [_apply(rule, drifted, known) for rule in _RULES]
    causes += [_land_cover(drifted), _unsure(drifted)]
    strong = [cause for cause in causes if cause.strength >= _WEAKEST]
    return sorted(strong, key=lambda cause: -cause.strength)[:_SHOWN]


def _apply(rule: _Rule, drifted: Mapping[str, ColumnDrift], known: set[str]) -> Cause:
    names = [name for name in rule.directions if name in known]
    effects = {name: _effect(drifted[name], rule.directions[name]) for name in names if name in drifted}
    strength = sum(effects.values()) / max(1, len(names))
    return _cause(rule.name, rule.words, strength, [drifted[name] for name, effect in effects.items() if effect > 0])


def _effect(column: ColumnDrift, direction: int) -> float:
    return column.direction * direction if direction else abs(column.direction)


def _land_cover(drifted: Mapping[str, ColumnDrift]) -> Cause:
    shares = [column for name, column in drifted.items() if name.startswith("share_")]
    most = sorted(shares, key=lambda column: -abs(column.direction))[:_COVER_COLUMNS]
    strength = sum(abs(column.direction) for column in most) / _COVER_COLUMNS
    classes = ", ".join(
        f"{'more' if column.direction > 0 else 'less'} {column.column.removeprefix('share_')}" for column in most
    )
    return _cause("other land cover", f"other land cover: {classes}", strength, most)


def _unsure(drifted: Mapping[str, ColumnDrift]) -> Cause:
    falls = {name: column for name, column in drifted.items() if column.direction < 0}
    classes = [column for name, column in falls.items() if name.startswith("confidence_")]
    least = sorted(classes, key=lambda column: column.direction)[:1]
    whole = [falls["confidence"]] if "confidence" in falls else []
    speaks = [*whole, *least]
    strength = _CONSEQUENCE * max((-column.direction for column in speaks), default=0.0)
    words = f"the model is unsure on {least[0].column.removeprefix('confidence_')}" if least else "the model is unsure"
    return _cause("unsure", words, strength, speaks)


def _cause(name: str, words: str, strength: float, speaks: list[ColumnDrift]) -> Cause:
    because = [
        f"{describe_statistic(column.column)} {'rose' if column.direction > 0 else 'fell'} from {column.reference:.3g} "
        f"to {column.median:.3g}"
        for column in speaks
    ]
    return Cause(name, words, strength, tuple(because))
