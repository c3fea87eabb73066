"""Change ZIP archives (npz, checkpoints) by their members, and the arrays in them by type, shape and value."""

from __future__ import annotations

import io
import random
import zipfile

import numpy as np
from benchmarks.torture.change_bytes import change_bytes
from numpy.typing import NDArray

_TYPES = ("float32", "complex64", "int8", "uint64", "bool", "U7", "S3", "M8[s]", "f2")


def change_members(content: bytes, rng: random.Random) -> bytes:
    """Returns an archive with members changed, dropped, renamed, repeated, or that unpack to very much."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(members))
        name, body = members[at]
        action = rng.randrange(7)
        if action < 3:
            members[at] = (name, change_bytes(body, rng))
        elif action == 3:
            members[at] = (name + rng.choice(("x", "/", "/../../x", "\x00")), body)
        elif action == 4 and len(members) > 1:
            del members[at]
        elif action == 5:
            members.append((name, change_bytes(body, rng)))
        else:
            members[at] = (name, body + bytes(rng.choice((1, 1 << 20, 200 << 20))))  # a little that unpacks to much
    output, method = io.BytesIO(), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    if any(len(body) > 1 << 24 for _, body in members):
        method = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(output, "w", method) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return output.getvalue()


def change_array(array: NDArray[np.generic], rng: random.Random) -> NDArray[np.generic]:
    """Returns an array of another type or shape, or with other values."""
    action = rng.randrange(8)
    if action == 0:
        is_number = array.dtype.kind in "iuf"
        return array.astype(rng.choice(_TYPES)) if is_number else np.zeros(array.shape, "i8")
    if action == 1:
        return array.reshape(rng.choice(((-1,), (1, *array.shape), (*array.shape, 1))))
    if action == 2:
        return array[: rng.randrange(len(array) + 1)] if array.ndim else array
    if action == 3:
        return np.zeros(rng.choice(((), (0,), (0, 5, 5), (1, 0, 0), (3, 1 << 20))), array.dtype)
    if action == 4:
        return np.full(array.shape, rng.choice((0, -1, 2**31, 2**62))) if array.dtype.kind in "iuf" else array.repeat(2)
    if action == 5:
        return np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    if action == 6:
        return np.concatenate([array, array]) if array.ndim else array
    return np.asfortranarray(array[::-1]) if array.ndim else array
