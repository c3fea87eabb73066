"""Write the tiles of maps, each photograph with its mask."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import IGNORE_INDEX
from segdrone.data.maps.blocks import Block, Tile
from segdrone.data.maps.labels import Mask, Pixels, draw_all, fill_points
from segdrone.data.maps.mask_labels import MaskLabels
from segdrone.data.maps.plan import Plan, PlannedRaster
from segdrone.errors import DataError
from segdrone.raster.encode import write_gray_png, write_rgb_png
from segdrone.raster.pixels import count_values
from segdrone.utils.atomic import write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window

log = logging.getLogger(__name__)

IMAGES, MASKS = "images", "masks"

_DAMAGED = "damaged.json"  # what an interrupted cut could not decode
_PNG_END = b"IEND\xaeB`\x82"  # the last bytes of every PNG


@dataclass
class TileCounts:
    """What was written.

    Attributes:
        blocks: Block of each tile, by its name.
        pixels: Number of pixels of each id, int64 `[256]`.
        notes: What was chosen for the user, or left out; one sentence each.
    """

    blocks: dict[str, Block] = field(default_factory=dict)
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    notes: list[str] = field(default_factory=list)


def tile_name(raster: str, tile: Tile) -> str:
    """Returns the name of a tile: its map, the row and column of its first pixel, and its block.

    Example:
        >>> from segdrone.windows import Window
        >>> tile_name("ortho", Tile(Window(1024, 0, 9, 9), (10_000, 104_000), np.empty((0, 2))))
        'ortho_y01024_x00000_b10000_104000'
    """
    x, y = tile.block
    return f"{raster}_y{tile.window.top:05d}_x{tile.window.left:05d}_b{x}_{y}"


def write_tiles(plan: Plan, folder: Path, progress: bool) -> TileCounts:
    """Writes the tiles that have a labeled pixel with data; those that are there are kept.

    Raises:
        DataError: There are none.
        OSError: The folder cannot be written to.
    """
    counts, overlapping = TileCounts(), 0
    todo = [(raster, tile) for raster in plan.rasters for tile in raster.tiles]
    _restore_damage(plan, folder)
    for raster, tile in progress_bar(todo, desc="tiles", unit="tile", disable=not progress):
        mask, several = _draw(raster, tile)
        if (mask == IGNORE_INDEX).all():
            continue
        name = tile_name(raster.name, tile)
        written = _write(plan, raster, tile, mask, folder, f"{name}.png")
        if written is not None:
            counts.blocks[name] = tile.block
            counts.pixels += count_values(written)
            overlapping += int((several & (written != IGNORE_INDEX)).sum())
    if not counts.blocks:
        raise DataError("no pixel has both data and a label: check where maps, labels and areas of interest lie")
    counts.notes = _notes(plan, overlapping, int(counts.pixels[:IGNORE_INDEX].sum()))
    (folder / _DAMAGED).unlink(missing_ok=True)
    for note in counts.notes:
        log.warning("%s", note)
    return counts


def _restore_damage(plan: Plan, folder: Path) -> None:
    """Adds what could not be decoded before an interruption, since finished tiles are not read again."""
    try:
        known = read_json(folder / _DAMAGED)
        for raster in plan.rasters:
            raster.file.damaged += [Window(*part) for part in known[raster.name]]
    except (UnreadableError, TypeError, KeyError):
        return


def _draw(raster: PlannedRaster, tile: Tile) -> tuple[Mask, Pixels]:
    """Returns the labels of a tile: uint8 `[H, W]`, the ignored id outside of its block and the areas of interest.

    Also returns which pixels inside have polygons of several classes, bool `[H, W]`.
    """
    mask, several = draw_all(raster.labels, tile.window)
    outside = ~fill_points(tile.outline, tile.window)
    if raster.aoi is not None:
        outside |= raster.aoi.draw(tile.window)[0] == IGNORE_INDEX
    mask[outside] = IGNORE_INDEX
    return mask, several & ~outside


def _write(plan: Plan, raster: PlannedRaster, tile: Tile, mask: Mask, folder: Path, name: str) -> Mask | None:
    """Writes a tile, and returns its mask; None if no labeled pixel has data."""
    image_file, mask_file = folder / IMAGES / name, folder / MASKS / name
    if _is_whole(image_file) and _is_whole(mask_file):
        return np.asarray(cv2.imdecode(np.fromfile(mask_file, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    damaged = len(raster.file.damaged)
    pixels = raster.source.read(tile.window)
    valid = raster.source.valid(tile.window)  # after `read`, which finds what is damaged
    if len(raster.file.damaged) > damaged:  # noted before the tile is finished, which is not read again
        write_json({raster.name: raster.file.damaged for raster in plan.rasters}, folder / _DAMAGED)
    if raster.file.damaged and not damaged:
        window = raster.file.damaged[0]
        log.warning(
            "%s cannot be decoded at row %d, column %d: it is taken as no data there", raster.grid.path, window.top,
            window.left,
        )  # fmt: skip
    mask = np.where(valid, mask, np.uint8(IGNORE_INDEX))
    if (mask == IGNORE_INDEX).all():
        return None
    write_rgb_png(pixels if valid.all() else np.where(valid[..., None], pixels, np.uint8(0)), image_file, sync=False)
    write_gray_png(mask, mask_file, sync=False)
    return mask


def _is_whole(file: Path) -> bool:
    """Whether a PNG was written to its end; a power cut can leave less."""
    try:
        with file.open("rb") as opened:
            opened.seek(-len(_PNG_END), 2)
            return opened.read() == _PNG_END
    except OSError:
        return False


def _notes(plan: Plan, overlapping: int, labeled: int) -> list[str]:
    notes = []
    if overlapping:
        notes.append(
            f"{overlapping} pixels ({overlapping / labeled:.2%} of the labeled ones) lie in polygons of several "
            "classes: the smaller polygon wins"
        )
    if plan.narrow:
        notes.append(f"{plan.narrow} tiles at borders are narrower than an eighth of the others, and left out")
    for raster in plan.rasters:
        if raster.file.damaged:
            notes.append(
                f"{raster.grid.path} has {len(raster.file.damaged)} parts that cannot be decoded: no data there"
            )
        for labels in raster.labels:
            if isinstance(labels, MaskLabels) and labels.damaged:
                top, left, *_ = labels.damaged[0]
                notes.append(
                    f"{labels.path} cannot be decoded in {len(labels.damaged)} places, the first at row {top}, column "
                    f"{left} of {raster.grid.path}: no label there"
                )
    return notes
