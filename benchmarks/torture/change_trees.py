"""Change documents by their structure: replace any node of a tree of lists and dicts by something hostile."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

Place = tuple[Any, ...]

SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 10**9, 10**18, 10**30, -(10**30), 0.5, -0.0, 1e308, 1e-320, "", "x", "0", "-1",
    "nan", "inf", "\x00", "a\nb\r\x1b[31mc", "../../etc/passwd", "/dev/zero", "\ud800", "\u202e", "e" * 100_000, "[]",
    "${oc.env:HOME}", "_target_", "null", "1e999", "0x10", "1,2", "é" * 300,
)  # fmt: skip
_DEEPEST = 2000  # levels that are added to an XML document
INFINITIES = (float("nan"), float("inf"), float("-inf"))
CONTAINERS: tuple[Any, ...] = (
    [], {}, [[]], [{}], [1], [None], {"a": 1}, {"": ""}, {"_target_": "os.system"}, [0] * 70_000,
    {"x": {"x": {"x": 1}}},
)  # fmt: skip


def nested(depth: int, *, wide: bool = False) -> Any:
    """Returns lists in lists; `wide` ones hold the same list twice, so that they have 2^depth leaves in few bytes."""
    value: Any = ["x"]
    for _ in range(depth):
        value = [value, value] if wide else [value]
    return value


def cyclic() -> Any:
    """Returns a list that holds itself."""
    value: list[Any] = [1]
    value.append(value)
    return value


def nodes(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Yields the place of each node."""
    yield place
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list | tuple) else ()
    for key, child in children:
        yield from nodes(child, (*place, key))


def replaced(tree: Any, place: Place, value: Any) -> Any:
    """Returns a copy of the tree with another value at a place."""
    if not place:
        return value
    parent = copy.copy(tree) if not isinstance(tree, tuple) else list(tree)
    parent[place[0]] = replaced(parent[place[0]], place[1:], value)
    return tuple(parent) if isinstance(tree, tuple) else parent


def change_tree(tree: Any, rng: random.Random, extra: tuple[Any, ...] = ()) -> Any:
    """Returns a copy of the tree with one to three changes.

    Args:
        tree: Lists, dicts and scalars.
        rng: Chooses.
        extra: Further hostile values.
    """
    changes = rng.choice((1, 1, 1, 2, 3))
    for left in reversed(range(changes)):  # what cannot be walked through comes last
        place = rng.choice(list(nodes(tree)))
        tree = replaced(tree, place, _hostile(tree, place, rng, () if left else (nested(60), *extra)))
    return tree


def _hostile(tree: Any, place: Place, rng: random.Random, extra: tuple[Any, ...]) -> Any:
    node = tree
    for key in place:
        node = node[key]
    action = rng.randrange(10)
    if action == 0 and isinstance(node, dict) and node:
        return {key: value for key, value in node.items() if key != rng.choice(list(node))}
    if action == 1 and isinstance(node, dict):
        return {**node, rng.choice(("x", "", "_target_", "__class__", "type")): rng.choice(SCALARS)}
    if action == 2 and isinstance(node, list):
        return [*node, rng.choice((*node, *SCALARS))]
    if action == 3 and isinstance(node, list) and node:
        return node[:-1]
    if action == 4 and isinstance(node, int | float) and not isinstance(node, bool):
        return rng.choice((-node, node + 1, node * 10**6, str(node), float(node), [node], node == node))
    if action == 5 and place:  # another node of the same document
        other = rng.choice(list(nodes(tree)))
        value = tree
        for key in other:
            value = value[key]
        return copy.deepcopy(value)
    return rng.choice((*SCALARS, *CONTAINERS, *extra))


def change_xml(content: bytes, rng: random.Random) -> bytes:
    """Changes texts, attributes and elements of an XML document."""
    root = ElementTree.fromstring(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        element = rng.choice(list(root.iter()))
        text = rng.choice([str(value)[:5000] for value in SCALARS if "\x00" not in str(value)])
        text = "".join(c for c in text if c.isprintable() or c in "\n\t").replace("\ud800", "")
        action = rng.randrange(6)
        if action == 0 and element.attrib:
            element.set(rng.choice(list(element.attrib)), text)
        elif action == 1 and element.attrib:
            del element.attrib[rng.choice(list(element.attrib))]
        elif action == 2:
            element.text = text
        elif action == 3 and len(element):
            element.remove(rng.choice(list(element)))
        elif action == 4 and len(element):
            element.append(copy.deepcopy(rng.choice(list(element))))
        else:
            for _ in range(rng.choice((1, 400))):
                element = ElementTree.SubElement(element, rng.choice(("x", element.tag)))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + _DEEPEST)  # to write it
    try:
        return ElementTree.tostring(root)
    finally:
        sys.setrecursionlimit(limit)
