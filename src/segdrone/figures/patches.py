"""Build the entries of legends of matplotlib figures."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.patches import Patch

from segdrone.classes import ClassTable
from segdrone.figures.text import plain_text


def legend_patches(ids: Sequence[int], table: ClassTable) -> list[Patch]:
    """Returns matplotlib legend patches for class ids or the ignored id, in their colors."""
    names = {**dict(enumerate(table.names)), table.ignore_index: "ignored"}
    return [Patch(facecolor=table.palette[i] / 255, edgecolor="grey", label=plain_text(names[i])) for i in ids]
