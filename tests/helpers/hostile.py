"""Hostile files: contents that break parsers, and trees of settings with a part replaced."""

from __future__ import annotations

import copy
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(i)}: &{chr(i)} [{','.join([f'*{chr(i - 1)}'] * 10)}]\n" for i in range(98, 107)
)

CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(5000),
    "bytes": bytes(range(256)) * 20,
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "deep yaml": b"a: " + b"- " * 20_000,
    "aliases": _ALIASES.encode(),
    "cycle": b"a: &a [*a]\n",
    "tag": b"!!python/object/apply:os.system ['false']\n",
    "digits": b"[" + b"9" * 1_000_000 + b"]",
    "digits in a table": b"id,name\n" + b"9" * 5000 + b",road\n",
    "float": b'{"classes": 1e999, "miou": 1e999}',
    "nan": b'{"classes": NaN, "reached": NaN}',
    "twice": b'{"classes": {}, "classes": {}}',
    "surrogate": b'{"classes": ["\\ud800"]}',
    "escape": b"id,name\n0,\x1b]0;x\x07\n",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "number": b"7",
    "text": b'"x"',
    "null name": b"a\0b\n",
    "mark": b"\xef\xbb\xbf[1]",
    "utf16": "name\nroad\n".encode("utf-16"),
    "long line": b"x" * 900_000,
    "spaces": b"name,color\nroad,1" + b" " * 200_000 + b"x\n",
    "accents": b"a" * 300_000 + b"\xe9",
    "lines": b"x\n" * 400_000,
    "columns": b"[" + b",".join(b'{"na%sme": 1}' % (b"-" * i) for i in range(1, 900)) + b"]",
    "zip end": b"PK\x05\x06" + bytes(18),
    "zip": b"PK\x03\x04" + bytes(100),
}


def zip_of(entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def hostile_files(path: Path) -> Iterator[str]:
    """Put hostile contents at a path one after the other, and yield their names."""
    for name, content in CONTENTS.items():
        path.write_bytes(content)
        yield name
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse
    yield "a terabyte"
    path.unlink()
    os.mkfifo(path)
    yield "a FIFO"
    path.unlink()
    path.mkdir()
    yield "a folder"
    path.rmdir()
    path.symlink_to(path)
    yield "a link to itself"
    path.unlink()


def nested(depth: int = 30) -> Any:
    """Return lists of 10^depth leaves in 4 KB, as a pickle can hold them."""
    value: Any = "x"
    for _ in range(depth):
        value = [value] * 10
    return value


def cyclic() -> list[Any]:
    """Return a list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


def hostile_values() -> list[Any]:
    """Return values of every kind, to replace a part of some settings."""
    return [
        None, True, 0, -1, 7, 2**31, 10**30, 10**5000, 0.5, -0.0, float("nan"), float("inf"), 1e300, 1e-300, "", "x",
        "a\nb", "\x1b]0;x\x07", "\ud800", "a\0b", "x" * 100_000, "${oc.env:HOME}", "../../x", [], [None], [1, "x"], {},
        {"a": 1}, [[]] * 1000,
    ]  # fmt: skip


def hostile_objects() -> list[Any]:
    """Return values that a pickle can hold, but not JSON."""
    return [*hostile_values(), {1: 2}, {None: 1}, (1, 2), nested(), {"a": nested()}, cyclic(), b"x", {1, 2}]


def places(tree: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the places of all parts of a tree of dicts and lists; of a long list the first three."""
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree[:3]) if isinstance(tree, list) else ()
    return [found for key, part in parts for found in [(*place, key), *places(part, (*place, key))]]


def replaced(tree: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a tree with another part at a place."""
    changed = copy.deepcopy(tree)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return changed
