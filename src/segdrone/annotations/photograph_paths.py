"""Compare the path that annotations give a photograph with the path where it was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_GENERIC = frozenset(
    (
        "annotations", "ann", "data", "dataset", "datasets", "default", "export", "files", "image", "images", "img",
        "imgs", "input", "jpegimages", "json", "label", "labels", "original", "original_images", "photo", "photographs",
        "photos", "pictures", "raw", "test", "testing", "train", "training", "upload", "uploads", "val", "valid",
        "validation",
    )
)  # fmt: skip
"""Names of folders that say nothing about the flight."""

_SPLIT = re.compile("(?P<train>train|training)|(?P<val>val|valid|validation)|(?P<test>test|testing)", re.IGNORECASE)


def split_name(text: str) -> str | None:
    """Returns `train`, `val` or `test` if a text names that split, else None.

    Example:
        >>> split_name("Validation"), split_name("train2017"), split_name("trainee")
        ('val', 'train', None)
    """
    match = _SPLIT.fullmatch(re.sub(r"_?\d*$", "", text))
    return match.lastgroup if match else None


def split_of_path(path: PurePosixPath, *, in_name: bool) -> str | None:
    """Returns the split that a path names by its last such folder; None if it names none.

    Args:
        path: Relative path of a file.
        in_name: Whether a part of the file's name counts too, as in `instances_val2017.json`.

    Example:
        >>> split_of_path(PurePosixPath("export/valid/_annotations.coco.json"), in_name=True)
        'val'
        >>> split_of_path(PurePosixPath("annotations/instances_train2017.json"), in_name=True)
        'train'
    """
    parts = list(reversed(path.parent.parts))
    if in_name:
        parts = [*reversed(re.split(r"[_.\- ]", path.stem)), *parts]
    return next((split for part in parts if (split := split_name(part))), None)


def posix_path(name: str) -> PurePosixPath:
    r"""Returns a path that a tool wrote, on Windows too, without drive.

    Example:
        >>> posix_path("C:\\flights\\a.jpg")
        PurePosixPath('/flights/a.jpg')
    """
    return PurePosixPath(re.sub("^[A-Za-z]:/", "/", name.replace("\\", "/")))


def common_folders(one: PurePosixPath, other: PurePosixPath) -> int:
    """Returns how many of the last folders of two paths have the same names, ignoring case."""
    pairs = zip(reversed(one.parent.parts), reversed(other.parent.parts), strict=False)
    count = 0
    for mine, theirs in pairs:
        if mine.casefold() != theirs.casefold():
            break
        count += 1
    return count


def contradiction(written: PurePosixPath, found: PurePosixPath) -> str | None:
    """Compares the folders of a photograph: as annotations write them, and as they are.

    Folders such as `images` or `train` are passed over; the last ones that remain should have the same name.

    Returns:
        `series` if their names differ only in their numbers, so that they are folders of different photographs;
        `name` if they differ otherwise; None if nothing contradicts.

    Example:
        >>> contradiction(PurePosixPath("100MEDIA/DJI_0001.JPG"), PurePosixPath("photos/101MEDIA/DJI_0001.JPG"))
        'series'
        >>> contradiction(PurePosixPath("images/DJI_0001.JPG"), PurePosixPath("photos/DJI_0001.JPG")) is None
        True
    """
    theirs, ours = telling(written.parent.parts), telling(found.parent.parts)
    if not theirs or not ours or theirs[-1] == ours[-1]:
        return None
    return "series" if re.sub(r"\d+", "#", theirs[-1]) == re.sub(r"\d+", "#", ours[-1]) else "name"


def telling(parts: Sequence[str]) -> list[str]:
    """Returns the folders whose names may be that of a flight, in small letters.

    Example:
        >>> telling(("data", "Flight 3", "images"))
        ['flight 3']
    """
    return [part.casefold() for part in parts if part.casefold() not in _GENERIC and part not in ("/", "..", ".")]
