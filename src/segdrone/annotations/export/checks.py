"""Check the options, names and folders of an export of labels before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segdrone.annotations.checked import CheckedNode
from segdrone.annotations.export.formats import LABEL_FORMATS, MASKS, LabelFormat
from segdrone.annotations.export.inputs import Masks
from segdrone.annotations.export.mask_to_export import MaskToExport
from segdrone.annotations.shapes import is_ignored
from segdrone.errors import ConfigError, DataError
from segdrone.raster.geo_libraries import library
from segdrone.utils.atomic import write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.digest import file_digest
from segdrone.windows import Size

RECORD = ".segdrone_labels.json"  # hidden, so that no import takes it for annotations

SMALLEST_TILE = 64  # pixels: a photograph must not become thousands of files


def check_options(
    label_format: str,
    kind: str | None,
    simplify: float,
    min_area: int,
    max_shapes: int | None,
    tile: Size | None,
    min_confidence: float,
    predictions: bool,
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
    if tile is not None and min(tile) < SMALLEST_TILE:
        raise ConfigError(f"--tile {tile[1]}x{tile[0]} must be at least {SMALLEST_TILE}x{SMALLEST_TILE} pixels")
    if not 0 <= min_confidence <= 1:
        raise ConfigError(f"--min-confidence {min_confidence} must be 0 to 1")
    if predictions and label_format != "label-studio":
        raise ConfigError(f"--predictions is for Label Studio, not for --to {label_format}: leave it out")
    return chosen, kind


def check_names(found: Masks, chosen: LabelFormat, label_format: str) -> None:
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


def earlier_files(out: Path) -> list[str]:
    """Returns the files and folders of an earlier export in a folder; none if it is none."""
    record = _read_record(out)
    name = record.get("format")
    if not isinstance(name, str) or name not in LABEL_FORMATS:
        return []
    chosen = LABEL_FORMATS[name]
    return [*chosen.files, chosen.images] if record.get("images") is True else [*chosen.files]


def write_record(folder: Path, label_format: str, *, has_images: bool) -> None:
    """Writes what an export has written to a folder, by which the next one knows its files.

    Raises:
        OSError: It cannot be written.
    """
    files = {path.relative_to(folder).as_posix(): file_digest(path) for path in _written(folder, label_format)}
    write_json({"format": label_format, "images": has_images, "files": files}, folder / RECORD)


def _read_record(out: Path) -> dict[str, Any]:
    try:
        record: Any = read_json(out / RECORD) if (out / RECORD).is_file() else {}
    except UnreadableError:
        return {}
    return record if isinstance(record, dict) else {}


def _written(folder: Path, label_format: str) -> Iterator[Path]:
    """Yields the files of a format in a folder, without photographs and hidden files."""
    for place in (folder / name for name in LABEL_FORMATS[label_format].files):
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def check_unchanged(out: Path) -> None:
    """Checks that nobody has worked on the files of an earlier export, as tools do that save where they open.

    Raises:
        DataError: A file was changed or added.
    """
    record = _read_record(out)
    files, name = record.get("files"), record.get("format")
    if not isinstance(files, dict) or not isinstance(name, str) or name not in LABEL_FORMATS:
        return  # of an earlier version, which did not write it down
    for path in _written(out, name):
        if files.get(path.relative_to(out).as_posix()) != file_digest(path):
            raise DataError(
                f"{path} was changed or added since the export, and its corrections would be lost: give another --out, "
                "or move it away"
            )


def check_folder(out: Path, chosen: LabelFormat, *, has_images: bool) -> None:
    """Checks that nothing of somebody else would be replaced.

    Args:
        out: The folder to write to.
        chosen: The format.
        has_images: Whether photographs are written too.

    Raises:
        DataError: The folder holds files that no earlier export wrote, where this one writes; or is a file.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out} is a file: give a folder")
    earlier, files = earlier_files(out), [*chosen.files, *([chosen.images] if has_images else [])]
    if wrong := next((name for name in files if name not in earlier and (out / name).exists()), None):
        raise DataError(f"{out / wrong} is not of an earlier export of labels: choose another --out")
