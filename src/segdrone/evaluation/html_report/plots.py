"""Embed plots in the page as images, and draw the bar of a table cell."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.figure import Figure

from segdrone import figures


def plot_image(figure: Figure, alt: str) -> Markup:
    """Returns a figure as an `<img>` element that holds the figure itself as SVG: sharp at every size.

    Args:
        figure: The figure.
        alt: What it shows, for readers who cannot see it.
    """
    svg = b64encode(figures.to_svg(figure).encode()).decode()
    width, height = figure.get_size_inches() * 96  # CSS pixels
    element = '<img class="plot" src="data:image/svg+xml;base64,{}" width="{:.0f}" height="{:.0f}" alt="{}">'
    return Markup(element).format(svg, width, height, alt)


def iou_bar(iou: float | None, interval: Sequence[float] | None) -> Markup:
    """Returns an SVG bar of an IoU from 0 to 1 with its interval as a line over it; empty if the IoU is None."""
    if iou is None:
        return Markup("")
    whisker = Markup("")
    if interval is not None:
        whisker = Markup('<path d="M{0:.1f} 7H{1:.1f}M{0:.1f} 4v6M{1:.1f} 4v6"/>').format(
            100 * interval[0], 100 * interval[1]
        )
    bar = Markup('<rect class="track" width="100" height="14"/><rect class="bar" width="{:.1f}" height="14"/>')
    start = Markup('<svg class="iou" viewBox="-1 0 102 14" aria-hidden="true">')
    return start + bar.format(100 * iou) + whisker + Markup("</svg>")
