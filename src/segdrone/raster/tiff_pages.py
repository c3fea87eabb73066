"""Find the page of a TIFF that is the photograph: not a thumbnail, a smaller copy, or a mask."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from segdrone.errors import DataError
from segdrone.raster.file_kind import RAW_REMEDY, identify
from segdrone.raster.tiff import DNG_VERSION, TiffPage

log = logging.getLogger(__name__)

_SAME_SHAPE = 0.03  # largest relative difference of a thumbnail's proportions from those of its photograph
_told: set[Path] = set()  # folders with thumbnails


def main_page(path: Path, pages: Sequence[TiffPage]) -> TiffPage:
    """Returns the page to read.

    Smaller copies and masks are known by their tag. A page with the proportions of a larger one is taken for its
    thumbnail, which is told once per folder.

    Args:
        path: The file, for errors.
        pages: Its pages, at least one.

    Raises:
        DataError: The file is a raw photograph, or several pages could be meant.
    """
    if any(DNG_VERSION in page.tags for page in pages):
        raise DataError(f"{path} is a raw file of a camera (DNG): {RAW_REMEDY.format(name=path.name, stem=path.stem)}")
    if (kind := identify(path)).name.startswith("a raw file"):
        raise DataError(f"{path} is {kind.name}: {kind.remedy}")
    full = [page for page in pages if not page.is_reduced and not page.is_mask]
    if not full and pages[0].is_reduced:
        raise DataError(
            f"{path} is a raw file of a camera, or holds thumbnails alone: "
            f"{RAW_REMEDY.format(name=path.name, stem=path.stem)}"
        )
    if len(full) <= 1:
        return full[0] if full else pages[0]
    largest = max(full, key=lambda page: page.size[0] * page.size[1])
    if all(page is largest or _is_thumbnail(page, largest) for page in full):
        if path.parent not in _told:
            _told.add(path.parent)
            log.warning(
                "%s has %d pages: the largest one is read, the others are taken for its thumbnails; if another one is "
                "meant, save it as a file of its own",
                path,
                len(full),
            )
        return largest
    sizes = list(dict.fromkeys(f"{page.size[1]} x {page.size[0]}" for page in full))
    raise DataError(
        f"{path} has {len(full)} pages of {', '.join(sizes[:3])} pixels, and does not say which is meant: save the one "
        f"to use alone (magick {path.name}[0] {path.stem}_0.png), or join pages that are its red, green and blue "
        f"(magick {path.name} -combine {path.stem}_rgb.png)"
    )


def mask_page(pages: Sequence[TiffPage], page: TiffPage) -> TiffPage | None:
    """Returns the page that marks the valid pixels of another one; None if there is none of its size."""
    return next((mask for mask in pages if mask.is_mask and not mask.is_reduced and mask.size == page.size), None)


def _is_thumbnail(page: TiffPage, larger: TiffPage) -> bool:
    (height, width), (full_height, full_width) = page.size, larger.size
    if not 0 < height < full_height or not 0 < width < full_width:
        return False
    allowed = _SAME_SHAPE + 1 / min(height, width)  # sizes are rounded
    return abs(height * full_width / (width * full_height) - 1) <= allowed
