"""Write masks as annotations of a labeling tool, to correct them there."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.export.formats import LABEL_FORMATS, MASKS, LabelFormat
from segdrone.annotations.export.image import Export, LabeledImage
from segdrone.annotations.export.inputs import Masks, MaskToExport
from segdrone.annotations.export.regions import Limits, Regions, mask_regions, outline_regions
from segdrone.annotations.shapes import is_ignored
from segdrone.classes import ClassTable
from segdrone.errors import ConfigError, DataError
from segdrone.raster.geo_libraries import library
from segdrone.utils.atomic import write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.output_dir import exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

_RECORD = ".segdrone_labels.json"  # hidden, so that no import takes it for annotations


@dataclass
class LabelSummary:
    """What was written.

    Attributes:
        out: The folder.
        label_format: A key of `LABEL_FORMATS`.
        kind: `masks` or `polygons`.
        table: The classes.
        photographs: Number of photographs.
        shapes: Number of shapes.
        most_shapes: Those of the photograph that has most.
        pixels: Number of labeled pixels.
        joined: Number of small regions that are one shape per class together.
        filled: Number of small regions that got the class of what is around them.
        filled_pixels: Number of their pixels.
        below: Largest number of pixels below which regions were joined or filled.
        min_area: Of masks, regions of fewer pixels were filled.
        empty: Photographs without a shape.
        files: File of each photograph by its name, in the order of the export; None where it is not known.
    """

    out: Path
    label_format: str
    kind: str
    table: ClassTable
    photographs: int = 0
    shapes: int = 0
    most_shapes: int = 0
    pixels: int = 0
    joined: int = 0
    filled: int = 0
    filled_pixels: int = 0
    below: int = 0
    min_area: int = 0
    empty: list[str] = field(default_factory=list)
    files: dict[str, Path | None] = field(default_factory=dict)

    def add(self, name: str, regions: Regions) -> None:
        """Counts a photograph."""
        shapes = sum(max(1, len(shape.outlines)) for shape in regions.shapes)
        self.photographs += 1
        self.shapes += shapes
        self.most_shapes = max(self.most_shapes, shapes)
        self.pixels += sum(shape.pixels for shape in regions.shapes)
        self.joined += regions.joined
        self.filled += regions.filled
        self.filled_pixels += regions.filled_pixels
        self.below = max(self.below, regions.below)
        if not shapes:
            self.empty.append(name)

    def lines(self) -> list[str]:
        """Returns what to print."""
        lines = [
            f"{self.photographs} photographs with {self.shapes} {self.kind} ({self.label_format}, at most "
            f"{self.most_shapes} on one) in {self.out}"
        ]
        smallest = self.min_area if self.kind == MASKS else self.below
        if self.joined:
            lines.append(
                f"joined: {self.joined} regions of fewer than {self.below} pixels are one mask per class together; "
                "nothing is lost; more masks: --max-shapes"
            )
        if self.filled:
            share = 100 * self.filled_pixels / max(1, self.pixels)
            lines.append(
                f"left out: {self.filled} regions of fewer than {smallest} pixels, {share:.3f} % of the labeled "
                "pixels, which get the class around them; to keep smaller ones, give another --max-shapes or --min-area"
            )
        if self.empty:
            lines.append(f"without a shape: {len(self.empty)} photographs, {self.empty[0]} first")
        return lines


def export_labels(
    masks: Path | Sequence[Path],
    out: Path,
    label_format: str,
    *,
    images: Path | None = None,
    kind: str | None = None,
    simplify: float = 0,
    min_area: int = 0,
    max_shapes: int | None = None,
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
        out: Folder to write to; created if necessary, else empty or of an earlier export.
        label_format: A key of `LABEL_FORMATS`.
        images: Folder of the photographs, from which their names come, and with which sizes are compared.
        kind: `masks` or `polygons`; None: masks, if the format has them.
        simplify: Simplify the borders of polygons by as much, in pixels; 0: not.
        min_area: Regions of fewer pixels get the class of what is around them.
        max_shapes: Most shapes of a photograph; None: as many as the tool bears. Where there are more, the smallest
            masks of a class become one, and the smallest polygons get the class of what is around them.
        predictions: Write predictions for Label Studio, not annotations.
        classes: `drone` or the path of a class table, for masks without one.
        progress: Whether to show a progress bar.

    Raises:
        ConfigError: The options do not fit the format, or borders are to be simplified without the extra geo.
        DataError: Masks or photographs are missing, broken or do not fit; or a class or a photograph has a name that
            the format cannot hold; or `out` holds other files or cannot be written to.

    Example:
        >>> export_labels(Path("predicted"), Path("to_correct"), "cvat").shapes  # doctest: +SKIP
        4127
    """
    chosen, kind = _check_options(label_format, kind, simplify, min_area, max_shapes, predictions)
    found = Masks([masks] if isinstance(masks, Path) else masks, images, classes)
    _check_names(found, chosen, label_format)
    _check_folder(out, chosen)
    limits = Limits(min_area, chosen.most(kind) if max_shapes is None else max_shapes)
    if max_shapes is not None and max_shapes > chosen.most(kind):
        log.warning("%s gets slow with more than %d %s on a photograph", label_format, chosen.most(kind), kind)
    if found.named_by_masks:
        log.warning(
            "photographs are named like their masks, %s first: give --images FOLDER for their own names",
            found.masks[0].name,
        )
    summary = LabelSummary(out, label_format, kind, found.table, min_area=min_area)
    with exclusive_dir(out), staged_results(out, [*_earlier_files(out), *chosen.files, _RECORD]) as results:
        export = Export(results.path, out, found.table, predictions, kind != MASKS)
        try:
            writer = chosen.write(export)
            for mask in progress_bar(found.masks, desc="labels", unit="photograph", disable=not progress):
                regions = _regions(mask, found.table, chosen, kind, limits, simplify)
                writer.add(LabeledImage(mask.name, mask.stem, mask.photograph, regions))
                summary.add(mask.name, regions)
                summary.files[mask.name] = mask.photograph
            writer.finish()
            write_json({"format": label_format}, results.path / _RECORD)
            results.commit()
        except OSError as error:
            raise DataError(
                f"{out} cannot be written to ({error.strerror or error}): free some disk space or choose another --out"
            ) from None
    return summary


def _regions(
    mask: MaskToExport, table: ClassTable, chosen: LabelFormat, kind: str, limits: Limits, simplify: float
) -> Regions:
    pixels = mask.read()
    pixels = np.where(pixels == table.ignore_index, np.uint8(255), pixels)
    numbers = mask.numbers((pixels.shape[0], pixels.shape[1]))
    if kind == MASKS:
        return mask_regions(pixels, numbers, len(table), limits, by_columns=chosen.by_columns)
    return outline_regions(pixels, numbers, len(table), limits, simplify or None)


def _check_options(
    label_format: str, kind: str | None, simplify: float, min_area: int, max_shapes: int | None, predictions: bool
) -> tuple[LabelFormat, str]:
    """Returns the format, and what shapes are.

    Raises:
        ConfigError: They do not go together.
    """
    if label_format not in LABEL_FORMATS:
        raise ConfigError(f"--to {label_format} is not a format: choose one of {', '.join(LABEL_FORMATS)}")
    chosen = LABEL_FORMATS[label_format]
    kind = kind or chosen.kinds[0]
    if kind not in chosen.kinds:
        raise ConfigError(f"--as {kind} does not go with --to {label_format}, which has {' or '.join(chosen.kinds)}")
    if not 0 <= simplify < math.inf:
        raise ConfigError(f"--simplify {simplify} must be a number of pixels, or 0")
    if simplify and kind == MASKS:
        raise ConfigError("--simplify does nothing with masks: give --as polygons, or leave it out")
    if simplify:
        library("shapely")
    if min_area < 0 or (max_shapes is not None and max_shapes < 1):
        raise ConfigError("--min-area must be 0 or more pixels, and --max-shapes 1 or more")
    if max_shapes is not None and not chosen.most(kind):
        raise ConfigError(f"--max-shapes does not go with --to {label_format}, which has one segment per class")
    if predictions and label_format != "label-studio":
        raise ConfigError(f"--predictions is for Label Studio, not for --to {label_format}: leave it out")
    return chosen, kind


def _check_names(found: Masks, chosen: LabelFormat, label_format: str) -> None:
    """Checks that names come back as they are.

    Raises:
        DataError: One would not.
    """
    for name in found.table.names:
        try:
            comes_back = not is_ignored(name) and CheckedNode(name, Path("class")).label() == name
        except DataError:
            comes_back = False
        if not comes_back:
            raise DataError(
                f"the class {name!a} cannot be a label: tools change spaces, cut more than 100 characters, and take "
                "ignore for no class: rename it in the class table"
            )
    stems: dict[str, MaskToExport] = {}
    for mask in found.masks if chosen.is_named_by_stem else ():
        other = stems.setdefault(mask.stem.casefold(), mask)
        if other is not mask:
            raise DataError(
                f"{other.name} and {mask.name} would share one file of --to {label_format}: rename one of them, or "
                "choose another format"
            )


def _earlier_files(out: Path) -> list[str]:
    """Returns the files and folders of an earlier export in a folder; none if it is none."""
    try:
        record: Any = read_json(out / _RECORD) if (out / _RECORD).is_file() else {}
    except UnreadableError:
        return []
    name = record.get("format") if isinstance(record, dict) else None
    return [*LABEL_FORMATS[name].files] if isinstance(name, str) and name in LABEL_FORMATS else []


def _check_folder(out: Path, chosen: LabelFormat) -> None:
    """Checks that nothing of somebody else would be replaced.

    Raises:
        DataError: The folder holds files that no earlier export wrote, where this one writes; or is a file.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file: give a folder")
    earlier = _earlier_files(out)
    if wrong := next((name for name in chosen.files if name not in earlier and (out / name).exists()), None):
        raise DataError(f"{out / wrong} is not of an earlier export of labels: choose another --out")
