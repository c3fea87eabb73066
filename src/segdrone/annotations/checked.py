"""Read files that strangers wrote: bounded, and wrong in one line that names the file and the place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.windows import Size

MAX_BYTES = 1 << 30  # of one file; parsed it takes about ten times as much memory
MAX_SIDE = 1e6  # pixels: no coordinate, width or height of a photograph's annotation lies beyond


def read_document(path: Path) -> Any:
    """Returns the content of a JSON file, or the root `Element` of an XML file, by its suffix.

    Raises:
        DataError: The file is missing, larger than `MAX_BYTES`, broken, nested too deeply, or an
            XML file with a document type, which alone can define entities.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise DataError(f"{path} has {size >> 20} MiB, more than {MAX_BYTES >> 20}: export it in parts")
        if path.suffix.lower() == ".xml":
            return SafeTree.parse(path, forbid_dtd=True).getroot()
        return json.loads(path.read_bytes(), parse_constant=_no_number)
    except DefusedXmlException:
        raise DataError(f"{path} holds a document type (DTD), which no labelling tool writes: remove it") from None
    except RecursionError:
        raise DataError(f"{path} is nested too deeply for annotations: export it again") from None
    except (ValueError, LookupError, ParseError) as error:
        raise DataError(
            f"{path} is broken {path.suffix[1:].upper()} ({_one_line(error)}): export or copy it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from None


@dataclass(frozen=True)
class CheckedNode:
    """A piece of a document that knows its place: every wrong type is told with file and item.

    Attributes:
        content: What JSON gave, or the attributes and texts of an XML element.
        path: The file.
        place: Where in the file, such as `shapes[3].points`; empty for the whole.
    """

    content: Any
    path: Path
    place: str = ""

    @property
    def where(self) -> str:
        """The file and the place in it, for the start of an error's text."""
        return f"{self.path}: {self.place}" if self.place else str(self.path)

    def wrong(self, what: object) -> DataError:
        """Returns the error that says what is wrong here."""
        return DataError(f"{self.where} {_one_line(what)}: mend it or export the annotations again")

    def __getitem__(self, key: str) -> CheckedNode:
        value = self.get(key)
        if value is None:
            raise self.wrong(f"has no {key}")
        return value

    def get(self, key: str) -> CheckedNode | None:
        """Returns the entry `key`, None where it is absent or null."""
        content = self.mapping().get(key)
        return (
            None if content is None else CheckedNode(content, self.path, f"{self.place}.{key}" if self.place else key)
        )

    def mapping(self) -> dict[str, Any]:
        """Returns a mapping's contents by their keys."""
        if not isinstance(self.content, dict):
            raise self.wrong(f"is {_shown(self.content)}, not a mapping")
        return self.content

    def each(self) -> Iterator[CheckedNode]:
        """Yields the entries of a list."""
        if not isinstance(self.content, list):
            raise self.wrong(f"is {_shown(self.content)}, not a list")
        for i, content in enumerate(self.content):
            yield CheckedNode(content, self.path, f"{self.place}[{i}]")

    def text(self) -> str:
        """Returns a text that is not empty."""
        if not isinstance(self.content, str) or not self.content.strip():
            raise self.wrong(f"is {_shown(self.content)}, not a text")
        return self.content.strip()

    def label(self) -> str:
        """Returns the name of a class: one line of at most 100 characters."""
        label = " ".join(self.text().split())
        if len(label) > 100 or not label.isprintable():
            raise self.wrong(f"is {_shown(label)}, which cannot name a class")
        return label

    def key(self) -> int | str:
        """Returns a whole number or a text, as the tools number things."""
        if isinstance(self.content, bool) or not isinstance(self.content, int | str):
            raise self.wrong(f"is {_shown(self.content)}, not a number or a text")
        return self.content

    def numbers(self) -> NDArray[np.float64]:
        """Returns numbers, or texts of numbers, in lists of any depth: finite, at most `MAX_SIDE` in size."""
        try:
            numbers = np.array(self.content, dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            raise self.wrong(f"is {_shown(self.content)}, not numbers") from None
        if not (np.abs(numbers) <= MAX_SIDE).all():
            raise self.wrong(f"holds a number that is not finite or beyond {MAX_SIDE:.0f}")
        return numbers

    def number(self) -> float:
        """Returns one finite number."""
        numbers = self.numbers()
        if numbers.ndim or isinstance(self.content, bool):
            raise self.wrong(f"is {_shown(self.content)}, not one number")
        return float(numbers)

    def whole(self) -> int:
        """Returns one whole number."""
        number = self.number()
        if not number.is_integer():
            raise self.wrong(f"is {number}, not a whole number")
        return int(number)

    def points(self) -> NDArray[np.float64]:
        """Returns `[N, 2]`: x and y in pixels (or percent, as the tool has it), N 0 or more."""
        points = self.numbers()
        if points.size and (points.ndim != 2 or points.shape[1] != 2):
            raise self.wrong("is not a list of points, each of two numbers")
        return points.reshape(-1, 2)

    def counts(self) -> NDArray[np.int64]:
        """Returns the whole numbers of a list."""
        try:
            counts = np.array(self.content)
        except ValueError:
            counts = np.empty((0, 0))
        if counts.ndim != 1 or (counts.size and counts.dtype != np.int64):
            raise self.wrong("is not a list of whole numbers")
        return counts.astype(np.int64)

    def size(self, height: str, width: str) -> Size | None:
        """Returns height and width in pixels by the names they go by; None where they are absent."""
        values = [self.get(height), self.get(width)]
        sides = [value.whole() for value in values if value is not None]
        return (sides[0], sides[1]) if len(sides) == 2 and min(sides) > 0 else None


def node_from_xml(element: Element, path: Path, place: str, **texts: Any) -> CheckedNode:
    """Returns an XML element's attributes, and the texts of its children given beside them, as a `CheckedNode`."""
    return CheckedNode({**element.attrib, **texts}, path, place)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _shown(content: Any) -> str:
    text = f"a {type(content).__name__}" if isinstance(content, (dict, list)) else ascii(content)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(what: object) -> str:
    return " ".join(str(what).split())
