"""Save matplotlib figures as PNG or SVG."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from segdrone.utils.atomic import atomic_write


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as a PNG file, whole or not at all, compressed quickly rather than well."""
    with atomic_write(path) as partial:
        figure.savefig(partial, format="png", pil_kwargs={"compress_level": 1})


def to_svg(figure: Figure) -> str:
    """Returns a figure as an `<svg>` element that needs no font, script or other file.

    The same figure gives the same SVG. Text is drawn as paths, so that it looks the same on every machine.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "segdrone"}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    return text[text.index("<svg") :]  # without the XML declaration and the address of the DTD
