"""Write masks as annotations of a labeling tool, to correct them there."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from segdrone.annotations.export.checks import (
    RECORD,
    check_folder,
    check_names,
    check_options,
    check_unchanged,
    earlier_files,
    write_record,
)
from segdrone.annotations.export.formats import MASKS
from segdrone.annotations.export.image import Export, LabeledImage
from segdrone.annotations.export.inputs import Masks
from segdrone.annotations.export.prepare import prepare
from segdrone.annotations.export.regions import mask_regions, outline_regions
from segdrone.annotations.export.summary import LabelSummary
from segdrone.annotations.export.tiles import PhotographFolder
from segdrone.errors import ConfigError, DataError
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.utils.output_dir import exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size, Window

log = logging.getLogger(__name__)


def export_labels(
    masks: Path | Sequence[Path],
    out: Path,
    label_format: str,
    *,
    images: Path | Mapping[str, Path] | None = None,
    kind: str | None = None,
    simplify: float = 0,
    min_area: int = 0,
    max_shapes: int | None = None,
    tile: Size | None = None,
    windows: Mapping[str, Collection[Window]] | None = None,
    channels: Channels = AS_STORED,
    min_confidence: float = 0,
    predictions: bool = False,
    classes: str | None = None,
    progress: bool = True,
) -> LabelSummary:
    """Writes the regions of masks as shapes of a labeling tool, which `import_annotations` reads again.

    As masks, each pixel comes back; as polygons too, unless their borders are simplified or regions are left out, and
    then neighbors still have their borders in common: no gap, no overlap. Pixels of the ignored id are in no shape.
    Things of instance maps are shapes of their own. The files replace those of an earlier export when all are written.

    Args:
        masks: Folders that `segdrone predict` wrote, folders of masks with a class table, or datasets.
        out: Folder to write to; created if necessary, else empty or of an earlier export that nobody has changed.
        label_format: A key of `LABEL_FORMATS`.
        images: Folder of the photographs, from which their names come, and with which sizes are compared; or, of
            masks of `segdrone predict`, their files by their paths in `summary.csv`.
        kind: `masks` or `polygons`; None: masks, if the format has them.
        simplify: Simplify the borders of polygons by as much, in pixels; 0: not.
        min_area: Regions of fewer pixels get the class of what is around them.
        max_shapes: Most shapes of a photograph; None: as many as the tool bears. Where there are more, the smallest
            masks of a class become one, and the smallest polygons get the class of what is around them.
        tile: Largest height and width of what the tool opens: larger photographs are cut into tiles, which are written
            too, as `segdrone.windows.divide` does. `import_annotations` puts them together again.
        windows: The tiles to write, by path of their photograph; None writes all.
        channels: Which bands of photographs are red, green and blue, in datasets and in tiles, and how more than 8 bits
            become 8.
        min_confidence: Regions of a lower mean confidence, 0 to 1, have no shape. Needs `confidence/` of `segdrone
            predict --confidence`.
        predictions: Write predictions for Label Studio, not annotations.
        classes: `drone` or the path of a class table, for masks without one.
        progress: Whether to show a progress bar.

    Raises:
        ConfigError: The options do not fit the format or each other, or borders are to be simplified without the extra
            geo.
        DataError: Masks or photographs are missing, broken or do not fit; or a class or a photograph has a name that
            the format cannot hold; or `out` holds other files or cannot be written to.

    Example:
        >>> export_labels(Path("predicted"), Path("to_correct"), "cvat").shapes  # doctest: +SKIP
        4127
    """
    chosen, kind = check_options(label_format, kind, simplify, min_area, max_shapes, tile, min_confidence, predictions)
    found = Masks([masks] if isinstance(masks, Path) else masks, images, classes, channels)
    if channels != AS_STORED and tile is None and not found.are_of_datasets:
        raise ConfigError(
            "--bands and --stretch are of the photographs of a dataset, or of the tiles that --tile cuts: leave them "
            "out, or give one of these"
        )
    check_names(found, chosen, label_format)
    if tile is not None:
        found.require_photographs()
    if min_confidence:
        found.require_confidence()
    check_folder(out, chosen, has_images=tile is not None)
    most = chosen.most(kind) if max_shapes is None else max_shapes
    if max_shapes is not None and max_shapes > chosen.most(kind):
        log.warning("%s gets slow with more than %d %s on a photograph", label_format, chosen.most(kind), kind)
    if found.named_by_masks:
        log.warning(
            "photographs are named like their masks, %s first: give --images FOLDER for their own names",
            found.masks[0].name,
        )
    regions_of = (
        partial(mask_regions, classes=len(found.table), most=most, by_columns=chosen.by_columns)
        if kind == MASKS
        else partial(outline_regions, classes=len(found.table), most=most, tolerance=simplify or None)
    )
    summary = LabelSummary(out, label_format, kind, found.table, min_area, min_confidence)
    owned = [*earlier_files(out), *chosen.files, *([chosen.images] if tile else []), RECORD]
    with exclusive_dir(out), ExitStack() as stack:  # which has moved what a killed export left to be moved
        check_unchanged(out)
        results = stack.enter_context(staged_results(out, owned))
        photographs = (
            None if tile is None else PhotographFolder(results.path, out, chosen.images, tile, windows, channels)
        )
        try:
            writer = chosen.write(Export(results.path, out, found.table, predictions, kind != MASKS))
            for mask in progress_bar(found.masks, desc="labels", unit="photograph", disable=not progress):
                prepared, done = prepare(mask, found.table, kind, min_area, min_confidence), []
                whole = [mask.whole(prepared.size)]
                for part in whole if photographs is None else photographs.write(mask, prepared.size):
                    done.append(regions_of(*prepared.crop(part.window)))
                    writer.add(LabeledImage(part.name, part.stem, part.photograph, done[-1], part.file_bytes))
                    summary.files[part.name] = part.photograph
                summary.add(mask.name, prepared, done)
            writer.finish()
            write_record(results.path, label_format, has_images=tile is not None)
            results.commit()
        except OSError as error:
            raise DataError(
                f"{out} cannot be written to ({error.strerror or error}): free some disk space or choose another --out"
            ) from None
    return summary
