"""Checks of files: pairs, decoding, sizes, channels."""

from __future__ import annotations

from collections import Counter

from segdrone.errors import DataError
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import (
    ERROR,
    WARNING,
    Check,
    findings,
    format_count,
    short_path,
    short_paths,
)
from segdrone.inspection.scan import ScannedImage, ScannedMask
from segdrone.raster.file_kind import describe_others
from segdrone.raster.header import IMAGE_SUFFIXES, check_photograph
from segdrone.windows import Size

_ALPHA, _CONVERTED = ("RGBA", "LA", "PA"), ("CMYK", "YCbCr")


def files(scan: DatasetScan) -> Check:
    """Finds files without a partner, duplicate names, and entries that training ignores."""
    severity = WARNING if scan.allow_unpaired else ERROR
    remedy = "skipped" if scan.allow_unpaired else "add it, or skip such files with data.allow_unpaired=true"
    duplicates = [short_path(path) for paths in scan.files.same_name for path in paths]
    return Check(
        "files",
        f"{format_count(len(scan.pairs), 'photograph')} with a mask",
        [
            *findings(severity, short_paths(scan.files.without_mask), "photograph", f"without a mask: {remedy}"),
            *findings(severity, short_paths(scan.files.without_photograph), "mask", f"without a photograph: {remedy}"),
            *findings(ERROR, duplicates, "file", "with the same name in a folder: rename or remove one of them"),
            *findings(
                WARNING,
                short_paths(scan.files.other_files),
                "file",
                f"ignored, without the suffix of an image ({', '.join(IMAGE_SUFFIXES)})"
                + "".join(f"; {line}" for line in describe_others(scan.files.other_files)),
            ),
            *(
                finding
                for what, paths in scan.files.passed_over.items()
                for finding in findings(WARNING, short_paths(paths), "file", f"passed over: {what}")
            ),
        ],
        {"pairs": len(scan.pairs), "photographs": len(scan.images), "masks": len(scan.masks)},
    )


def reading(scan: DatasetScan) -> Check:
    """Finds files that cannot be decoded completely."""
    everything: list[ScannedImage | ScannedMask] = [*scan.images, *scan.masks]
    errors = [file.error for file in everything if file.error]
    return Check(
        "reading",
        f"{len(everything) - len(errors)} of {format_count(len(everything), 'file')} decoded completely",
        findings(ERROR, errors, "file", "not readable: fix or remove it"),
        {"files": len(everything), "unreadable": len(errors)},
    )


def sizes(scan: DatasetScan) -> Check:
    """Compares size and EXIF orientation of each photograph with those of its mask."""
    counts = Counter(image.header.size for image in scan.images if image.header)
    other_size: list[str] = []
    sideways: list[str] = []
    rotated: list[str] = []
    for image, mask in scan.pairs.values():
        if image.header and mask.header:
            size, mask_size = image.header.size, mask.header.size
            orientations = [_orientation(header.orientation) for header in (image.header, mask.header)]
            line = f"{short_path(image.path)}: EXIF orientation {orientations[0]}, its mask's {orientations[1]}"
            if orientations[0] != orientations[1] and size in (mask_size, mask_size[::-1]):
                (rotated if size == mask_size else sideways).append(line)
            elif size != mask_size:
                other_size.append(f"{short_path(image.path)}: {_format_size(size)}, its mask {_format_size(mask_size)}")
    parts = [f"{n} of {_format_size(size)}" for size, n in counts.most_common(3)]
    more = [f"{len(counts) - 3} more sizes"] if len(counts) > 3 else []
    return Check(
        "sizes",
        f"photographs in pixels: {', '.join(parts + more) or 'none'}",
        [
            *findings(ERROR, other_size, "mask", "of another size: export it again at the size of its photograph"),
            *findings(ERROR, sideways, "photograph", "rotated by EXIF, unlike its mask: save the photograph upright"),
            *findings(
                WARNING,
                rotated,
                "photograph",
                "rotated by EXIF differently from its mask, although the sizes agree: check that they match",
            ),
        ],
        {"sizes": [{"width": w, "height": h, "photographs": n} for (h, w), n in counts.most_common()]},
    )


def channels(scan: DatasetScan) -> Check:
    """Counts the photographs by pixel mode, and finds those that are converted or refused."""
    modes = [(short_path(image.path), image.header.mode) for image in scan.images if image.header]
    counts = Counter(mode for _, mode in modes)
    refused = [f"{short_path(i.path)}: {i.header.mode}" for i in scan.images if i.header and _is_refused(i, scan)]
    alpha = [name for name, mode in modes if mode in _ALPHA and not scan.channels.bands]
    converted = [f"{name}: {mode}" for name, mode in modes if mode in _CONVERTED]
    return Check(
        "channels",
        f"photographs by mode: {', '.join(f'{n} {mode}' for mode, n in counts.most_common()) or 'none'}",
        [
            *findings(
                ERROR,
                refused,
                "photograph",
                "not of 8 bits per channel, or of bands without a name: give data.stretch=[MIN,MAX] and "
                "data.bands=[RED,GREEN,BLUE], or convert it to 8-bit RGB",
            ),
            *findings(
                WARNING,
                alpha,
                "photograph",
                "with an alpha channel: transparent pixels are not trained on; if it is near infrared, give "
                "data.bands=[1,2,3]",
            ),
            *findings(WARNING, converted, "photograph", "converted without its color profile: save it as RGB"),
        ],
        {"photographs": dict(counts), "masks": dict(Counter(m.header.mode for m in scan.masks if m.header))},
    )


def _is_refused(image: ScannedImage, scan: DatasetScan) -> bool:
    try:
        if image.header:
            check_photograph(image.path, image.header, scan.channels)
    except DataError:
        return True
    return False


def _format_size(size: Size) -> str:
    return f"{size[1]} x {size[0]}"


def _orientation(orientation: int) -> int:
    return orientation if 2 <= orientation <= 8 else 1  # some files have 0, which rotates nothing
