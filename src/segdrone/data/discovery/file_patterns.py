"""Find files by patterns that a user gives, such as `*/rgb/{id}.jpg`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segdrone.data.discovery.layout import SPLIT_OF
from segdrone.errors import DataError
from segdrone.raster.header import IMAGE_SUFFIXES

_FIELD = re.compile(r"\{(\w+)\}|(\*)|(\?)|(\[[^\]/]+\])")
_FIELDS = {"id": "[^/]+", "group": "[^/]+", "split": "|".join(SPLIT_OF)}


class FoundFile(NamedTuple):
    """A file that a pattern finds.

    Attributes:
        path: The file.
        id: What stood for `{id}`, accents joined to their letters.
        folders: What stood for `{split}`, `{group}` and, as `any0` and so on, for folders with wildcards.
    """

    path: Path
    id: str
    folders: dict[str, str]


def is_pattern(text: str) -> bool:
    """Whether a path has wildcards or fields.

    Example:
        >>> is_pattern("rgb/{id}.jpg"), is_pattern("flight*/rgb"), is_pattern("rgb")
        (True, True, False)
    """
    return _FIELD.search(text) is not None


def pattern_base(root: Path, pattern: str) -> tuple[Path, str]:
    """Returns the folder before the first wildcard, and the rest of the pattern.

    The folder is below `root`, or relative to the working folder if it does not exist there.

    Raises:
        DataError: Neither exists.
    """
    parts = PurePosixPath(pattern).parts
    first = next(i for i, part in enumerate(parts) if is_pattern(part))
    fixed = Path(*parts[:first])
    for base in (root / fixed, fixed):
        if base.is_dir():
            return base, "/".join(parts[first:])
    raise DataError(f"{pattern} is not below data.root={root}, which has no folder {fixed}: fix the pattern")


def match_files(base: Path, files: Iterable[PurePosixPath], pattern: str, key: str) -> list[FoundFile]:
    """Returns the image files below a folder that match a pattern.

    `{id}` is the part of a name that a photograph and its mask share; without it, the last `*` in the file's name is.
    `{group}` and `{split}` are folders of a sequence and of a split; `*` is anything within one name and `**` any
    folders. Without a suffix, any image matches.

    Args:
        base: The folder.
        files: All image files below it, relative to it.
        pattern: Relative to the folder.
        key: The configuration key that gives it, for errors.

    Raises:
        DataError: The pattern has no `{id}`, or an unknown field, or nothing matches.
    """
    expression = _compile(pattern, key)
    has_suffix = PurePosixPath(pattern).suffix.lower() in (*IMAGE_SUFFIXES, ".*")
    found = []
    for file in files:
        text = file.as_posix() if has_suffix else file.with_suffix("").as_posix()
        if match := expression.fullmatch(text):
            fields = match.groupdict()
            found.append(FoundFile(base / file, unicodedata.normalize("NFC", fields.pop("id")), fields))
    if not found:
        raise DataError(f"{key}={pattern} matches no image file below {base}: fix the pattern")
    return found


def _compile(pattern: str, key: str) -> re.Pattern[str]:
    if unknown := [match[1] for match in _FIELD.finditer(pattern) if match[1] and match[1] not in _FIELDS]:
        raise DataError(f"{key}={pattern} has the unknown field {{{unknown[0]}}}: use {{id}}, {{group}}, {{split}}")
    if "{id}" not in pattern:
        folder, _, name = pattern.rpartition("/")
        start, star, end = name.rpartition("*")
        if not star:
            raise DataError(f"{key}={pattern} has no {{id}}: put it where the names of photographs and masks agree")
        pattern = f"{folder}/{start}{{id}}{end}".lstrip("/")
    *folders, name = pattern.split("/")
    seen: set[str] = set()
    expression = ""
    for number, folder in enumerate(folders):
        if folder == "**":
            expression += f"(?P<any{number}>(?:[^/]+/)*)"
        elif is_pattern(folder) and "{" not in folder:
            expression += f"(?P<any{number}>{_part(folder, seen)})/"
        else:
            expression += f"{_part(folder, seen)}/"
    return re.compile(expression + _part(name, seen), re.IGNORECASE)


def _part(text: str, seen: set[str]) -> str:
    """Returns the expression of one folder or of the file's name; `seen` collects its fields."""
    expression, last = "", 0
    for match in _FIELD.finditer(text):
        expression += re.escape(text[last : match.start()])
        last = match.end()
        field, star, mark, characters = match.groups()
        if field is not None:
            expression += f"(?P={field})" if field in seen else f"(?P<{field}>{_FIELDS[field]})"
            seen.add(field)
        else:
            expression += "[^/]*" if star else "[^/]" if mark else characters.replace("[!", "[^")
    return expression + re.escape(text[last:])
