"""Find the corners of all regions in some rows of a mask, and the rings and open lines that they form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

OUTSIDE = -1
"""What is around the raster: no class, and not the ignored id."""

_RIGHT, _DOWN, _LEFT, _UP, _NONE = range(5)


class OpenSides(NamedTuple):
    """Columns of the upright sides that cross a line between two rows, int64, ascending.

    Attributes:
        down: Of the regions left of the sides: their borders run down.
        up: Of the regions right of the sides: their borders run up.
    """

    down: Integers
    up: Integers


class Outlines(NamedTuple):
    """Borders of the regions in some rows: nodes, and paths along them.

    Nodes are the ends of sides that come from the rows above (`down` then `up`), the corners in the order of rows, then
    columns, and the ends of sides that go on in the rows below (`down` then `up`). A path runs with its region on the
    right. The first paths are open: they begin and end below. All others are closed.

    Attributes:
        x: Column of each node, int64 `[N]`.
        y: Row of each node in the raster, int64 `[N]`; that of the first or last line for those that are no corners.
        sign: int64 `[N]`: 1 where a side along a row begins, -1 where it ends, 0 where none does: the sum over a ring
            of `sign * f(x, y)` is the sum of its pixels, if f(x, y) is that of all pixels above and left.
        class_id: Class of the region, int64 `[N]`.
        corners: The nodes that are corners.
        upward: Nodes at which upright sides that run up begin, in the order of columns, then rows.
        twin: The other corner of the same class at the same point, or -1, int64 `[N]`.
        path: Nodes of the paths, int64 `[N]`.
        starts: Where each path begins in `path`, int64 `[P]`.
        number_open: Number of open paths.
    """

    x: Integers
    y: Integers
    sign: Integers
    class_id: Integers
    corners: range
    upward: Integers
    twin: Integers
    path: Integers
    starts: Integers
    number_open: int


def find_turns(padded: NDArray[np.int16], every_node: bool) -> NDArray[np.bool_]:
    """Returns where borders may turn, bool `[n, W + 1]`.

    Args:
        padded: Class ids, int16 `[n + 1, W + 2]`, with a neighbor on each side.
        every_node: Also where sides cross the first line without a turn.
    """
    across, down = padded[:, :-1] != padded[:, 1:], padded[:-1] != padded[1:]
    turns = (across[:-1] | across[1:]) & (down[:, :-1] | down[:, 1:])
    if every_node:
        turns[0] |= across[0] & across[1]
    return np.asarray(turns, bool)


def open_sides(row: NDArray[np.int16], ignore_index: int) -> OpenSides:
    """Returns the upright sides in a row of class ids, int16 `[W + 2]` with a neighbor on each side."""
    sides = np.flatnonzero(row[:-1] != row[1:])
    return OpenSides(*(sides[(row[sides + side] != ignore_index) & (row[sides + side] != OUTSIDE)] for side in (0, 1)))


def trace_outlines(
    padded: NDArray[np.int16],
    turns: NDArray[np.bool_],
    top: int,
    ignore_index: int,
    above: OpenSides,
    below: OpenSides,
    links: Integers,
    every_node: bool,
) -> Outlines:
    """Returns the borders in some rows.

    Args:
        padded: Class ids, int16 `[n + 1, W + 2]`: the row above, and the rows, and below the last ones of the raster
            `OUTSIDE`; `OUTSIDE` at both sides.
        turns: Those of `find_turns`, bool `[n, W + 1]`.
        top: Row of the raster of the first line.
        ignore_index: The id of pixels that belong to no region.
        above: Sides that cross the first line.
        below: Sides that go on below the rows.
        links: Index in `above.down` at which each line that begins at `above.up` ends, int64 `[len(above.up)]`.
        every_node: Also put nodes where three regions meet beside a straight border, and at the first line.
    """
    rows, columns = np.nonzero(turns)
    a, b = padded[rows, columns], padded[rows, columns + 1]
    c, d = padded[rows + 1, columns], padded[rows + 1, columns + 1]
    kinds = [  # direction of the border before and after the corner, class of the region, where
        (_UP, _RIGHT, d, (d != b) & (d != c)),
        (_RIGHT, _DOWN, c, (c != a) & (c != d)),
        (_DOWN, _LEFT, a, (a != b) & (a != c)),
        (_LEFT, _UP, b, (b != a) & (b != d)),
        (_DOWN, _RIGHT, d, (a == c) & (c == d) & (b != d)),
        (_RIGHT, _UP, b, (b == d) & (c == d) & (a != d)),
        (_UP, _LEFT, a, (a == b) & (b == d) & (c != d)),
        (_LEFT, _DOWN, c, (a == b) & (a == c) & (d != c)),
    ]
    if every_node:
        kinds += [
            (_RIGHT, _RIGHT, d, (c == d) & (a != c) & (b != d)),
            (_LEFT, _LEFT, a, (a == b) & (c != a) & (d != b)),
            (_DOWN, _DOWN, a, (a == c) & (b != a) & (d != c)),
            (_UP, _UP, d, (b == d) & (a != b) & (c != d)),
        ]
    found = [np.flatnonzero(where & (own != ignore_index) & (own != OUTSIDE)) for _, _, own, where in kinds]
    place = np.concatenate(found)
    class_id = np.concatenate([own[places] for (_, _, own, _), places in zip(kinds, found, strict=True)])
    directions = np.repeat(
        np.array([before * 8 + after for before, after, _, _ in kinds], np.uint8), [len(places) for places in found]
    )
    order = np.argsort(place * 256 + class_id, kind="stable")
    place, class_id, directions = place[order], class_id[order].astype(np.int64), directions[order]
    number_above, number_below = len(above.down) + len(above.up), len(below.down) + len(below.up)
    corners = range(number_above, number_above + len(place))
    x = np.concatenate([above.down, above.up, columns[place], below.down, below.up])
    lines = np.concatenate([np.full(number_above, -1), rows[place], np.full(number_below, len(turns))])
    before = _with_ends(directions // 8, above, below, (_NONE, _UP, _DOWN, _NONE))
    after = _with_ends(directions % 8, above, below, (_DOWN, _NONE, _NONE, _UP))
    following = np.full(len(x), -1, np.int64)
    upward = np.empty(0, np.int64)
    for direction in (_RIGHT, _LEFT, _DOWN, _UP):
        begin, end = np.flatnonzero(after == direction), np.flatnonzero(before == direction)
        if direction in (_DOWN, _UP):  # sides follow each other down a column, not along a row
            begin, end = (side[np.argsort(x[side], kind="stable")] for side in (begin, end))
        following[begin] = end
        upward = begin
    following[len(above.down) : number_above] = links
    sign = (after % 2 == 0).astype(np.int64) - (before % 2 == 0)
    sign[: corners.start] = sign[corners.stop :] = 0
    classes = np.concatenate([np.full(number_above, -1), class_id, np.full(number_below, -1)])
    first_open = len(x) - len(below.up)
    path, starts = _follow(following, first_open)
    twin = _twins(place, class_id, corners.start, len(x))
    return Outlines(x, lines + top, sign, classes, corners, upward, twin, path, starts, len(below.up))


def _with_ends(
    inner: NDArray[np.uint8], above: OpenSides, below: OpenSides, ends: tuple[int, int, int, int]
) -> NDArray[np.uint8]:
    counts = (len(above.down), len(above.up), len(below.down), len(below.up))
    first, second, third, fourth = (np.full(count, end, np.uint8) for count, end in zip(counts, ends, strict=True))
    return np.concatenate([first, second, inner, third, fourth])


def _follow(following: Integers, first_open: int) -> tuple[Integers, Integers]:
    """Returns the nodes path by path, and where each begins; closed paths begin at their lowest node, in order."""
    steps, is_done = following.tolist(), bytearray(len(following))
    path: list[int] = []
    starts: list[int] = []
    append = path.append
    for node in range(first_open, len(steps)):
        starts.append(len(path))
        while node >= 0:
            is_done[node] = 1
            append(node)
            node = steps[node]
    node = is_done.find(0)
    while node >= 0:
        starts.append(len(path))
        first = node
        while not is_done[node]:
            is_done[node] = 1
            append(node)
            node = steps[node]
        node = is_done.find(0, first + 1)
    return np.array(path, np.int64), np.array(starts, np.int64)


def _twins(place: Integers, class_id: Integers, offset: int, count: int) -> Integers:
    twin = np.full(count, -1, np.int64)
    first = np.flatnonzero((np.diff(place) == 0) & (np.diff(class_id) == 0)) + offset
    twin[first], twin[first + 1] = first + 1, first
    return twin
