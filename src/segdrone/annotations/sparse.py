"""Take points and scribbles as labels of a few pixels; everything else is ignored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from segdrone.annotations.shapes import AnnotatedImage, Shape
from segdrone.annotations.sources import Source
from segdrone.errors import ConfigError, DataError

SUPERPIXELS = "superpixels"

_WIDTH, _SUPERPIXEL_WIDTH = 10, 32
_NOT_DRAWN = "points and open lines, which cover no pixels (--sparse draws them)"
_WIDTHS, _SUPERPIXEL_WIDTHS = (2, 1000), (4, 512)  # a narrower point may be the center of no pixel


@dataclass(frozen=True)
class Sparse:
    """How points and lines become labels.

    Attributes:
        width: Diameter of a point and width of a line, in pixels.
        superpixel_width: Spread each label over its superpixel, of about this width in pixels; None: not.

    Raises:
        ConfigError: A width is out of its range.
    """

    width: int = _WIDTH
    superpixel_width: int | None = None

    def __post_init__(self) -> None:
        if not _WIDTHS[0] <= self.width <= _WIDTHS[1]:
            raise ConfigError(f"--sparse-width {self.width} must be {_WIDTHS[0]} to {_WIDTHS[1]} pixels")
        width = self.superpixel_width
        if width is not None and not _SUPERPIXEL_WIDTHS[0] <= width <= _SUPERPIXEL_WIDTHS[1]:
            low, high = _SUPERPIXEL_WIDTHS
            raise ConfigError(f"--superpixel-width {width} must be {low} to {high} pixels")


def parse_sparse(sparse: bool, width: int | None, spread: str | None, superpixel_width: int | None) -> Sparse | None:
    """Returns what the options of the command say; None without --sparse.

    Raises:
        ConfigError: They do not go together, or a width is out of its range.
    """
    given = {"--sparse-width": width, "--spread": spread, "--superpixel-width": superpixel_width}
    if not sparse:
        if other := next((name for name, value in given.items() if value is not None), None):
            raise ConfigError(f"{other} is for points and lines: give --sparse too, or leave it out")
        return None
    if spread not in (None, SUPERPIXELS):
        raise ConfigError(f"--spread {spread} is unknown: give --spread {SUPERPIXELS}, or leave it out")
    if spread is None and superpixel_width is not None:
        raise ConfigError(f"--superpixel-width needs --spread {SUPERPIXELS}: give it, or leave both out")
    if spread is not None and superpixel_width is None:
        superpixel_width = _SUPERPIXEL_WIDTH
    return Sparse(_WIDTH if width is None else width, superpixel_width)


def take_strokes(sources: Sequence[Source], sparse: Sparse | None) -> list[Source]:
    """Returns sources whose points and open lines are drawn `sparse.width` pixels wide.

    Brushes of Label Studio are strokes too. Without `sparse`, points and lines that have no width in the tool are left
    out, and counted as skipped.

    Raises:
        DataError: There are no strokes, and `sparse` asks for them.
    """
    if sparse is None:
        return [_leave_out(source) for source in sources]
    taken = [
        _map_shapes(source, partial(_take, width=sparse.width, annotation_format=source.format)) for source in sources
    ]
    if not any(shape.is_stroke for source in taken for image in source.annotations.images for shape in image.shapes):
        raise DataError(
            f"{sources[0].path} has no points or lines (LabelMe, CVAT, Label Studio) and no brushes of Label Studio, "
            "which --sparse reads: draw some, or leave it out"
        )
    return taken


def only_strokes(image: AnnotatedImage) -> AnnotatedImage:
    """Returns a photograph with its points, lines and brushes alone."""
    tiles = {place: only_strokes(tile) for place, tile in image.tiles.items()}
    return replace(image, shapes=[shape for shape in image.shapes if shape.is_stroke], tiles=tiles)


def _take(shape: Shape, width: int, annotation_format: str) -> Shape:
    if shape.lines:
        return replace(shape, line_width=width, is_stroke=True)
    return replace(shape, is_stroke=shape.bitmap is not None and annotation_format == "label-studio")


def _leave_out(source: Source) -> Source:
    left = _map_shapes(source, lambda shape: None if shape.lines and not shape.line_width else shape)
    counts = [sum(len(image.shapes) for image in one.annotations.images) for one in (source, left)]
    skipped = left.annotations.skipped + Counter({_NOT_DRAWN: counts[0] - counts[1]})
    return replace(left, annotations=replace(left.annotations, skipped=skipped))


def _map_shapes(source: Source, change: Callable[[Shape], Shape | None]) -> Source:
    """Returns a source with changed shapes, without those that become None."""

    def changed(image: AnnotatedImage) -> AnnotatedImage:
        shapes = [new for shape in image.shapes if (new := change(shape)) is not None]
        return replace(image, shapes=shapes, others=[partial(read_changed, read) for read in image.others])

    def read_changed(read: Callable[[], AnnotatedImage]) -> AnnotatedImage:
        return changed(read())

    images = [changed(image) for image in source.annotations.images]
    return replace(source, annotations=replace(source.annotations, images=images))
