"""Figures as PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from segdrone.figures import plot_curves, save, to_svg


def test_save_writes_a_png_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "curves.png"
    save(plot_curves([{"epoch": 0, "a": 1.0}], {"a": "val"}, "t", "u"), path)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (700, 476))
    assert list(path.parent.iterdir()) == [path]


class Undrawable(Figure):
    def savefig(self, fname: Any, **options: Any) -> None:
        Path(fname).write_bytes(b"half")
        raise OSError("no space left on device")


def test_save_that_fails_keeps_the_earlier_figure(tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    path.write_bytes(b"earlier")
    with pytest.raises(OSError, match="no space"):
        save(Undrawable(), path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_an_svg_holds_everything_it_shows_and_is_the_same_every_time() -> None:
    def svg() -> str:
        return to_svg(plot_curves([{"epoch": 0, "a": 1.0}, {"epoch": 1, "a": 2.0}], {"a": "val"}, "title", "unit"))

    text = svg()
    assert text == svg()
    assert text.startswith("<svg") and text.rstrip().endswith("</svg>")
    assert "<text" not in text and text.count("<path") > 20  # text needs no font
    assert not any(word in text for word in ("<script", "<image", "@import", "url(http", "<metadata", "DOCTYPE"))
