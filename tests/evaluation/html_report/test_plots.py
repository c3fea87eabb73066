"""Plots embedded in the page, and the bars of its tables."""

from __future__ import annotations

import re
from base64 import b64decode

import pytest
from matplotlib.figure import Figure

from segdrone.evaluation.html_report.plots import iou_bar, plot_image
from segdrone.figures import plot_curves, to_svg


def curves(value: float = 2.0) -> Figure:
    return plot_curves([{"epoch": 0, "val": 1.0}, {"epoch": 1, "val": value}], {"val": "val"}, "Loss", "nats")


def test_the_page_embeds_the_figure_itself_as_svg() -> None:
    image = str(plot_image(curves(), "Loss by epoch"))
    assert image.startswith('<img class="plot" src="data:image/svg+xml;base64,')
    assert image.endswith('width="480" height="326" alt="Loss by epoch">')  # 5 x 3.4 inches in CSS pixels
    encoded = re.search(r'base64,([^"]+)"', image)
    assert encoded is not None
    assert b64decode(encoded[1]).decode() == to_svg(curves())
    assert plot_image(curves(3.0), "Loss by epoch") != image


def test_the_text_of_an_image_is_escaped() -> None:
    assert 'alt="&lt;b&gt;&#34; onload=&#34;x"' in plot_image(Figure(), '<b>" onload="x')


@pytest.mark.parametrize(("iou", "interval"), [(0.25, [0.2, 0.375]), (1.0, None), (0.0, [0.0, 0.0])])
def test_a_bar_is_as_long_as_the_iou_and_has_its_interval(iou: float, interval: list[float] | None) -> None:
    bar = str(iou_bar(iou, interval))
    assert f'<rect class="bar" width="{100 * iou:.1f}"' in bar
    ends = re.findall(r"M([\d.]+) 7H([\d.]+)", bar)
    assert ends == ([] if interval is None else [tuple(f"{100 * end:.1f}" for end in interval)])


def test_an_unknown_iou_has_no_bar() -> None:
    assert iou_bar(None, None) == ""
