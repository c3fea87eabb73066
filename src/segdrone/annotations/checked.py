"""Check the content of untrusted annotation files, with errors that name file and place in one line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from segdrone.classes import Color
from segdrone.errors import DataError
from segdrone.windows import Size

_MAX_WORD = 100  # characters
MAX_NUMBER = 1e6
"""Largest coordinate, width or height, in pixels."""


@dataclass(frozen=True)
class CheckedNode:
    """A node of a document that knows its file and place, and checks the type of everything that is read from it.

    All methods raise DataError, with file and place, if the content has another type.

    Attributes:
        content: A value from JSON, or attributes and texts of an XML element.
        path: The file.
        place: Place in the file, such as `shapes[3].points`; empty for the root.

    Example:
        >>> node = CheckedNode({"shapes": [{"label": "tree"}]}, Path("a.json"))
        >>> [shape["label"].label() for shape in node["shapes"].items()]
        ['tree']
        >>> node["imagePath"]
        Traceback (most recent call last):
        segdrone.errors.DataError: a.json has no imagePath: fix it or export the annotations again
    """

    content: Any
    path: Path
    place: str = ""

    @property
    def where(self) -> str:
        """File and place, for the start of an error message."""
        return f"{self.path}: {self.place}" if self.place else str(self.path)

    def error(self, reason: object) -> DataError:
        """Returns an error that names file, place and reason."""
        return DataError(f"{self.where} {without_line_breaks(reason)}: fix it or export the annotations again")

    def __getitem__(self, key: str) -> CheckedNode:
        child = self.get(key)
        if child is None:
            raise self.error(f"has no {key}")
        return child

    def get(self, key: str) -> CheckedNode | None:
        """Returns the entry `key`, or None if it is absent or null."""
        content = self.mapping().get(key)
        return (
            None if content is None else CheckedNode(content, self.path, f"{self.place}.{key}" if self.place else key)
        )

    def word(self, key: str) -> str:
        """Returns the entry `key` as text if it is a number or a text, else an empty text."""
        content = self.mapping().get(key)
        is_word = isinstance(content, int | str) and not isinstance(content, bool)
        return str(content).strip()[:_MAX_WORD] if is_word else ""

    def mapping(self) -> dict[str, Any]:
        """Returns a mapping."""
        if not isinstance(self.content, dict):
            raise self.error(f"is {_describe(self.content)}, not a mapping")
        return self.content

    def items(self) -> Iterator[CheckedNode]:
        """Yields the items of a list."""
        if not isinstance(self.content, list):
            raise self.error(f"is {_describe(self.content)}, not a list")
        for i, content in enumerate(self.content):
            yield CheckedNode(content, self.path, f"{self.place}[{i}]")

    def text(self) -> str:
        """Returns a text that is not empty, without surrounding spaces."""
        if not isinstance(self.content, str) or not self.content.strip():
            raise self.error(f"is {_describe(self.content)}, not a text")
        return self.content.strip()

    def label(self) -> str:
        """Returns a class name, or a number as one: a line of up to 100 characters, accents joined to letters (NFC)."""
        is_number = isinstance(self.content, int) and not isinstance(self.content, bool)
        text = str(self.content) if is_number else self.text()
        label = unicodedata.normalize("NFC", " ".join(text.split()))
        if len(label) > 100 or not label.isprintable():
            raise self.error(f"is {_describe(label)}, which cannot be a class name")
        return label

    def key(self) -> int | str:
        """Returns an id: an integer or a text."""
        if isinstance(self.content, bool) or not isinstance(self.content, int | str):
            raise self.error(f"is {_describe(self.content)}, not a number or a text")
        return self.content

    def numbers(self) -> NDArray[np.float64]:
        """Returns numbers, or texts of numbers, in lists of any depth: finite, up to `MAX_NUMBER` in magnitude."""
        try:
            numbers = np.array(self.content, dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            raise self.error(f"is {_describe(self.content)}, not numbers") from None
        if not (np.abs(numbers) <= MAX_NUMBER).all():
            raise self.error(f"contains a number that is not finite or beyond {MAX_NUMBER:.0f}")
        return numbers

    def number(self) -> float:
        """Returns one finite number."""
        numbers = self.numbers()
        if numbers.ndim or isinstance(self.content, bool):
            raise self.error(f"is {_describe(self.content)}, not one number")
        return float(numbers)

    def integer(self) -> int:
        """Returns one integer."""
        number = self.number()
        if not number.is_integer():
            raise self.error(f"is {number}, not an integer")
        return int(number)

    def points(self) -> NDArray[np.float64]:
        """Returns `[N, 2]`: x and y in pixels (or percent, depending on the tool), N 0 or more."""
        points = self.numbers()
        if points.size and (points.ndim != 2 or points.shape[1] != 2):
            raise self.error("is not a list of points of two numbers each")
        return points.reshape(-1, 2)

    def xy(self) -> tuple[float, float]:
        """Returns the entries `x` and `y`."""
        return self["x"].number(), self["y"].number()

    def integers(self) -> NDArray[np.int64]:
        """Returns a list of integers, int64 `[N]`."""
        try:
            integers = np.array(self.content)
        except ValueError:
            integers = np.empty((0, 0))
        if integers.ndim != 1 or (integers.size and integers.dtype != np.int64):
            raise self.error("is not a list of integers")
        return integers.astype(np.int64)

    def size(self, height: str, width: str) -> Size | None:
        """Returns height and width in pixels from the entries of these names; None if one is absent or not positive."""
        nodes = [self.get(height), self.get(width)]
        sides = [node.integer() for node in nodes if node is not None]
        return (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 else None


def read_points(nodes: Iterable[CheckedNode]) -> NDArray[np.float64]:
    """Returns the entries `x` and `y` of nodes: `[N, 2]`, N 0 or more.

    Raises:
        DataError: One is missing or not a number.
    """
    return np.array([node.xy() for node in nodes], np.float64).reshape(-1, 2)


def parse_color(text: str) -> Color | None:
    """Returns the color that a text means, as CSS does, without its transparency; None if it means none.

    Example:
        >>> parse_color("#3C109880"), parse_color("nothing")
        ((60, 16, 152), None)
    """
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        return None
    return red, green, blue


def node_from_xml(element: Element, path: Path, place: str, **texts: Any) -> CheckedNode:
    """Returns a node of an XML element's attributes, together with `texts`, those of its children."""
    return CheckedNode({**element.attrib, **texts}, path, place)


def _describe(content: Any) -> str:
    text = f"a {type(content).__name__}" if isinstance(content, (dict, list)) else ascii(content)
    return text if len(text) <= 60 else f"{text[:57]}..."


def without_line_breaks(text: object) -> str:
    """Returns a text without line breaks, for errors."""
    return " ".join(str(text).split())
