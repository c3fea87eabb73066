"""Checks of the files as such: pairs, decoding, sizes, channels."""

from __future__ import annotations

from collections import Counter

from segdrone.data.pairs import stem
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import ERROR, WARNING, Check, Finding, about, all_shown, counted, shown
from segdrone.inspection.scan import ScannedImage, ScannedMask
from segdrone.raster.header import IMAGE_SUFFIXES
from segdrone.windows import Size

_ALPHA, _CONVERTED, _PLAIN = ("RGBA", "LA", "PA"), ("CMYK", "YCbCr"), ("RGB", "P", "L", "1")


def files(seen: DatasetScan) -> Check:
    """Finds what has no partner, names that stand twice, and what training passes over."""
    unpaired = WARNING if seen.allow_unpaired else ERROR
    remedy = "left out" if seen.allow_unpaired else "add it, or leave such files out with data.allow_unpaired=true"
    doubled = []
    for paths in ([photograph.path for photograph in seen.photographs], [mask.path for mask in seen.masks]):
        times = Counter(stem(path) for path in paths)
        doubled += [shown(path) for path in paths if times[stem(path)] > 1]
    strays = [shown(path) + "/" * path.is_dir() for path in seen.strays]
    none = [] if seen.pairs else [Finding(ERROR, "nothing to train on: a mask must be named as its photograph is")]
    return Check(
        "files",
        f"{counted(len(seen.pairs), 'photograph')} with a mask",
        [
            *none,
            *about(unpaired, all_shown(seen.without_mask), "photograph", f"without a mask: {remedy}"),
            *about(unpaired, all_shown(seen.without_photograph), "mask", f"without a photograph: {remedy}"),
            *about(ERROR, doubled, "file", "not alone with a name in its folder: rename or remove one of them"),
            *about(
                WARNING,
                strays,
                "entry",
                f"passed over, as no image by its suffix ({', '.join(IMAGE_SUFFIXES)}): convert or move what is one",
            ),
        ],
        {"pairs": len(seen.pairs), "photographs": len(seen.photographs), "masks": len(seen.masks)},
    )


def reading(seen: DatasetScan) -> Check:
    """Finds files that cannot be decoded to their end."""
    everything: list[ScannedImage | ScannedMask] = [*seen.photographs, *seen.masks]
    problems = [file.problem for file in everything if file.problem]
    return Check(
        "reading",
        f"{len(everything) - len(problems)} of {counted(len(everything), 'file')} decoded to the end",
        about(ERROR, problems, "file", "not readable: mend or remove it as told"),
        {"files": len(everything), "unreadable": len(problems)},
    )


def sizes(seen: DatasetScan) -> Check:
    """Compares a photograph's size and orientation with its mask's."""
    found = Counter(photograph.header.size for photograph in seen.photographs if photograph.header)
    differ: list[str] = []
    sideways: list[str] = []
    turned: list[str] = []
    for photograph, mask in seen.pairs.values():
        if photograph.header and mask.header:
            size, mask_size = photograph.header.size, mask.header.size
            turns = [_turn(header.orientation) for header in (photograph.header, mask.header)]
            orientations = f"{shown(photograph.path)}: EXIF orientation {turns[0]}, its mask's {turns[1]}"
            if turns[0] != turns[1] and size in (mask_size, mask_size[::-1]):
                (turned if size == mask_size else sideways).append(orientations)
            elif size != mask_size:
                differ.append(f"{shown(photograph.path)}: {_size(size)}, its mask {_size(mask_size)}")
    listed = [f"{n} of {_size(size)}" for size, n in found.most_common(3)]
    more = [f"{len(found) - 3} sizes more"] if len(found) > 3 else []
    return Check(
        "sizes",
        f"photographs in pixels: {', '.join(listed + more) or 'none'}",
        [
            *about(ERROR, differ, "mask", "of another size: export it again at its photograph's size"),
            *about(ERROR, sideways, "photograph", "turned by EXIF and not its mask: save the photograph upright"),
            *about(
                WARNING,
                turned,
                "photograph",
                "turned by EXIF otherwise than its mask, though the sizes agree: look whether they lie on one another",
            ),
        ],
        {"sizes": [{"width": w, "height": h, "photographs": n} for (h, w), n in found.most_common()]},
    )


def channels(seen: DatasetScan) -> Check:
    """Tells what kind of pixels the photographs have, and which are converted or refused."""
    modes = {shown(p.path): p.header.mode for p in seen.photographs if p.header}
    times = Counter(modes.values())
    deep = [f"{name}: {mode}" for name, mode in modes.items() if mode not in _PLAIN + _ALPHA + _CONVERTED]
    alpha = [name for name, mode in modes.items() if mode in _ALPHA]
    converted = [f"{name}: {mode}" for name, mode in modes.items() if mode in _CONVERTED]
    return Check(
        "channels",
        f"photographs by kind: {', '.join(f'{n} {mode}' for mode, n in times.most_common()) or 'none'}",
        [
            *about(ERROR, deep, "photograph", "not of 8 bits a channel: convert it to 8-bit RGB"),
            *about(WARNING, alpha, "photograph", "with an alpha channel, which is dropped: save it as RGB"),
            *about(WARNING, converted, "photograph", "converted without its colour profile: save it as RGB"),
        ],
        {"photographs": dict(times), "masks": dict(Counter(m.header.mode for m in seen.masks if m.header))},
    )


def _size(size: Size) -> str:
    return f"{size[1]} x {size[0]}"


def _turn(orientation: int) -> int:
    return orientation if 2 <= orientation <= 8 else 1  # 0 is written too, and turns nothing
