"""Draw what was chosen: photograph, predicted mask, and where the model is unsure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone import figures
from segdrone.inference.predictor import Predictor
from segdrone.raster.pixels import resize_mask
from segdrone.selection.outputs import Pick, shown_window
from segdrone.selection.scores import map_uncertainty, scale_window
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window

log = logging.getLogger(__name__)

_MOST = 24  # picks on a sheet
_CELLS = 1 << 16  # of a map of uncertainty
_BRIGHTEST = 0.99  # quantile of the values on a sheet that is drawn brightest


class _Drawn(NamedTuple):
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    values: NDArray[np.float32]


def write_sheet(
    predictor: Predictor, picks: Sequence[Pick], path: Path, by: str, weights: NDArray[np.float64], *, progress: bool
) -> None:
    """Draws the first picks on one sheet, a PNG file: photograph, overlay of the predicted mask, uncertainty.

    Without matplotlib, as where only exported models run, there is none, which is said.

    Args:
        predictor: The model.
        picks: What was chosen.
        path: The file.
        by: Which score is drawn, a key of `WAYS`.
        weights: Weights of the classes, `[C]`.
        progress: Whether to show a progress bar.

    Raises:
        DataError: A photograph can no longer be read.
    """
    try:
        from segdrone.inspection.draw_sheet import SheetBlock, draw_sheet, longer_side
    except ModuleNotFoundError as error:
        log.warning("%s is not drawn: it needs %s: pip install segdrone", path.name, error.name)
        return
    shown = picks[:_MOST]
    side = longer_side(3 * len(shown))
    bar = progress_bar(shown, desc="drawing", unit="photograph", disable=not progress)
    drawn = [_draw(predictor, pick, by, weights, side) for pick in bar]
    brightest = max(float(np.quantile(np.concatenate([one.values.ravel() for one in drawn]), _BRIGHTEST)), 1e-6)
    blocks = [
        SheetBlock(
            " ".join(filter(None, (f"{rank}. {pick.image.name}", shown_window(pick.window)))),
            [(one.image, one.mask)],
            [figures.heat_overlay(one.image, one.values / np.float32(brightest))],
        )
        for rank, (pick, one) in enumerate(zip(shown, drawn, strict=True), 1)
    ]
    first = f"the first {len(shown)} of {len(picks)}" if len(shown) < len(picks) else f"{len(picks)}"
    title = f"{first} to label next, by {by}: photograph, prediction, and where it is unsure (bright)"
    figures.save(draw_sheet(blocks, predictor.table, title, stacked=False), path)


def _draw(predictor: Predictor, pick: Pick, by: str, weights: NDArray[np.float64], side: int) -> _Drawn:
    source = predictor.open(pick.image.file)
    part = pick.window or Window(0, 0, *source.size)
    found = map_uncertainty(predictor, source, by, weights, _CELLS)
    factor = side / max(part.height, part.width)
    size = max(1, round(part.height * factor)), max(1, round(part.width * factor))
    mask, values = (
        plane[place.rows, place.columns]
        for plane in (found.classes, found.values)
        for place in [scale_window(part, source.size, (plane.shape[0], plane.shape[1]))]
    )
    return _Drawn(source.read(part, size), resize_mask(mask.astype(np.uint8), size), values.astype(np.float32))
