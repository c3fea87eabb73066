"""Read which regions a labeling interface of Label Studio has: its controls, their labels, and their photograph."""

from __future__ import annotations

from typing import NamedTuple

from defusedxml import ElementTree as SafeTree

from segdrone.errors import DataError
from segdrone.utils.bounded import UnreadableError, wrap_parse_errors

_KINDS = {"brushlabels": "brush", "polygonlabels": "polygon"}
_MOST_CHARACTERS = 1 << 20


class Control(NamedTuple):
    """An element of the interface that labels regions.

    Attributes:
        kind: `brush` or `polygon`.
        name: Its name: `from_name` of its regions.
        to_name: Name of the photograph's element.
        key: Where a task's data names the photograph.
        labels: Names of the labels in regions: the alias of a label, if it has one.
    """

    kind: str
    name: str
    to_name: str
    key: str
    labels: tuple[str, ...]


def read_controls(text: str) -> list[Control]:
    """Returns the brushes and polygons of a labeling interface on a photograph, in their order.

    Raises:
        DataError: The text is no such XML.

    Example:
        >>> read_controls('<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i">'
        ...               '<Label value="car"/></BrushLabels></View>')
        [Control(kind='brush', name='b', to_name='i', key='image', labels=('car',))]
    """
    try:
        if len(text) > _MOST_CHARACTERS:
            raise UnreadableError("it has more than a million characters")
        with wrap_parse_errors():
            root = SafeTree.fromstring(text, forbid_dtd=True)
    except UnreadableError as error:
        raise DataError(f"the labeling interface cannot be read ({error}): look at its code in the tool") from None
    images = {
        element.get("name", ""): element.get("value", "").removeprefix("$")
        for element in root.iter()
        if str(element.tag).lower() == "image"
    }
    return [
        Control(
            _KINDS[tag], element.get("name", ""), to_name, images[to_name],
            tuple(label.get("alias", "") or label.get("value", "") for label in element.iter("Label")),
        )
        for element in root.iter()
        if (tag := str(element.tag).lower()) in _KINDS and (to_name := element.get("toName", "")) in images
    ]  # fmt: skip
