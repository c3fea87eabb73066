"""Plots of the page, drawn as SVG: sharp at every size, with the figures in titles to hover over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

_WIDTH, _HEIGHT = 420.0, 290.0  # of a plot, in its own units; text is 12 of them high
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 14.0, 46.0


@dataclass(frozen=True)
class _Frame:
    """The box a plot is drawn in, and the values at its edges."""

    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        low, high = self.x
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 2)

    def up(self, value: float) -> float:
        low, high = self.y
        return round(_HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 2)

    def drawn(
        self, name: str, labels: tuple[str, str], ticks: Sequence[tuple[float, str]], parts: Sequence[Markup]
    ) -> Markup:
        """The plot: its name for who cannot see it, labels of both axes, ticks of the lower one, and what is in it."""
        left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
        lines = [
            Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(left, right, self.up(v))
            + Markup('<text class="up" x="{}" y="{}">{}</text>').format(left - 7, self.up(v) + 4, f"{v:.10g}")
            for v in _ticks(*self.y)
        ]
        lines += [
            Markup('<text class="across" x="{}" y="{}">{}</text>').format(self.across(v), bottom + 17, text)
            for v, text in ticks
        ]
        lines.append(
            Markup('<line class="axis" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(left, right, bottom)
            + Markup('<text class="across" x="{}" y="{}">{}</text>').format((left + right) / 2, _HEIGHT - 8, labels[0])
            + Markup('<text class="across" transform="translate(13 {}) rotate(-90)">{}</text>').format(
                (top + bottom) / 2, labels[1]
            )
        )
        head = Markup('<svg class="plot" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">').format(
            _WIDTH, _HEIGHT, name
        )
        return head + Markup("").join([*lines, *parts]) + Markup("</svg>")


def reliability(bins: Sequence[dict[str, Any]]) -> Markup:
    """Draws the share of pixels that are right over the confidence that they were predicted with.

    Args:
        bins: With `from`, `to`, `pixels`, and the mean `confidence` and `accuracy` of those pixels, None in
            an empty bin.
    """
    frame = _Frame((0, 1), (0, 1))
    total = max(1, sum(b["pixels"] for b in bins))
    bars, gaps, dots, points = [], [], [], []
    for b in bins:
        if not b["pixels"] or b["confidence"] is None or b["accuracy"] is None:
            continue
        share, x, y = b["pixels"] / total, frame.across(b["confidence"]), frame.up(b["accuracy"])
        words = (
            f"confidence {b['from']:.2f} to {b['to']:.2f}: {b['accuracy']:.3f} of the pixels are right, "
            f"{b['confidence']:.3f} would be if confidence held; {100 * share:.2f} % of all pixels"
        )
        left, right = frame.across(b["from"]) + 1, frame.across(b["to"]) - 1
        bars.append(_bar("share", left, right, frame.up(share), frame.up(0), words))
        gap = Markup('<line class="gap" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
        gaps.append(gap.format(x, y, frame.up(b["confidence"])))
        dots.append(_dot("first", x, y, 4, words))
        points.append(f"{x},{y}")
    diagonal = Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        frame.across(0), frame.up(0), frame.across(1), frame.up(1)
    )
    line = Markup('<polyline class="first" points="{}"/>').format(" ".join(points))
    ticks = [(v, f"{v:g}") for v in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    name = "Share of pixels that are right, by confidence"
    return frame.drawn(name, ("confidence of the prediction", "share"), ticks, [*bars, diagonal, *gaps, line, *dots])


def recall_by_size(sizes: Sequence[dict[str, Any]]) -> Markup:
    """Draws the share of objects found, by their size.

    Args:
        sizes: With `from` and `to` in pixels of area (None: no end), the objects in `truth`, those
            `found`, and their `recall`, None where there is none.
    """
    frame = _Frame((0, max(1, len(sizes))), (0, 1))
    parts, ticks = [], []
    for place, size in enumerate(sizes):
        low, high = f"{size['from']:,.0f}", "more" if size["to"] is None else f"{size['to']:,.0f}"
        ticks += [(place, low)] if place + 1 < len(sizes) else [(place, low), (place + 1, high)]
        recall, middle = size["recall"], frame.across(place + 0.5)
        left, right = frame.across(place + 0.2), frame.across(place + 0.8)
        if recall is not None:
            words = f"{low} to {high} pixels: {size['found']:,} of {size['truth']:,} objects found ({recall:.3f})"
            parts.append(_bar("first", left, right, frame.up(recall), frame.up(0), words))
        count = f"{size['found']:,} of {size['truth']:,}" if size["truth"] else "none"
        inside = recall is not None and recall > 0.9
        above = frame.up(recall or 0) + (15 if inside else -5)
        kind = "across inside" if inside else "across"
        parts.append(Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, middle, above, count))
    return frame.drawn("Share of objects found, by size", ("pixels of an object", "share found"), ticks, parts)


def curves(history: Sequence[dict[str, float]]) -> list[tuple[str, Markup]]:
    """Draws loss and mean IoU by epoch, as far as they are known, each under its title."""
    drawn = []
    for key, title in (("loss", "Loss"), ("miou", "Mean IoU")):
        lines = {part: _points(history, f"{part}/{key}") for part in ("train", "val")}
        values = [point for line in lines.values() for point in line]
        if not values:
            continue
        last = max(x for x, _ in values)
        low = min(0.0, *(y for _, y in values))
        high = max(y for _, y in values) if any(y > low for _, y in values) else low + 1
        frame = _Frame((min(1.0, last - 1), last), (low, max(_ticks(low, high, above=True))))
        parts = [_line(frame, kind, part, lines[part], title) for kind, part in (("first", "train"), ("second", "val"))]
        ticks = [(v, f"{v:g}") for v in _ticks(*frame.x) if v >= 1 and v == int(v)]
        drawn.append((title, frame.drawn(f"{title} by epoch", ("epoch", title), ticks, parts)))
    return drawn


def iou_bar(iou: float | None, interval: Sequence[float] | None) -> Markup:
    """Draws an IoU as a bar from 0 to 1 with its interval as a line over it; nothing where there is none."""
    if iou is None:
        return Markup("")
    whisker = Markup("")
    if interval is not None:
        whisker = Markup('<path d="M{0:.1f} 7H{1:.1f}M{0:.1f} 4v6M{1:.1f} 4v6"/>').format(
            100 * interval[0], 100 * interval[1]
        )
    bar = Markup('<rect class="track" width="100" height="14"/><rect class="bar" width="{:.1f}" height="14"/>')
    head = Markup('<svg class="iou" viewBox="-1 0 102 14" aria-hidden="true">')
    return head + bar.format(100 * iou) + whisker + Markup("</svg>")


def _bar(kind: str, left: float, right: float, top: float, bottom: float, words: str) -> Markup:
    shape = '<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>'
    return Markup(shape).format(kind, left, top, right - left, max(0.0, bottom - top), words)


def _dot(kind: str, x: float, y: float, radius: float, words: str) -> Markup:
    shape = '<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>'
    return Markup(shape).format(kind, x, y, radius, words)


def _points(history: Sequence[dict[str, float]], key: str) -> list[tuple[float, float]]:
    return [(row["epoch"] + 1, row[key]) for row in history if math.isfinite(row.get(key, math.nan))]


def _line(frame: _Frame, kind: str, part: str, points: list[tuple[float, float]], title: str) -> Markup:
    """A line with a mark at each epoch."""
    if not points:
        return Markup("")
    places = " ".join(f"{frame.across(x)},{frame.up(y)}" for x, y in points)
    radius = 3 if len(points) <= 40 else 1.5
    marks = [
        _dot(kind, frame.across(x), frame.up(y), radius, f"{part}, epoch {x:g}: {title} {y:.4f}") for x, y in points
    ]
    return Markup('<polyline class="{}" points="{}"/>').format(kind, places) + Markup("").join(marks)


def _ticks(low: float, high: float, *, above: bool = False) -> list[float]:
    """Round values, about five, within `low` to `high`, or up to the first one `above` it."""
    span = high - low or 1.0
    step = 10.0 ** math.floor(math.log10(span / 5))
    step = next(s for s in (step, 2 * step, 5 * step, 10 * step) if span / s <= 6)
    last = math.ceil(high / step - 1e-9) if above else math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(math.ceil(low / step - 1e-9), last + 1)]
