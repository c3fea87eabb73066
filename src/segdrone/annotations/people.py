"""Name the people who drew shapes, as labeling tools do."""

from __future__ import annotations

from collections.abc import Iterable

from segdrone.annotations.checked import CheckedNode

_MOST = 5  # names of one annotation


def join_names(names: Iterable[str | None]) -> str:
    """Returns different names in one text, sorted; empty if there are none.

    Example:
        >>> join_names(["ben", "anna", None, "ben "])
        'anna, ben'
    """
    found = sorted({" ".join(name.split())[:100] for name in names if name and name.strip()})
    printable = [name for name in found if name.isprintable()]
    return ", ".join(printable[:_MOST]) + (", ..." if len(printable) > _MOST else "")


def name_of(node: CheckedNode | None) -> str:
    """Returns the name of a person: a text or a number, or a mapping with an e-mail address, a name or a number."""
    if node is None:
        return ""
    content = node.content
    if isinstance(content, dict):
        words = (node.word(key) for key in ("email", "username", "full_name", "name", "id"))
        return join_names([next(filter(None, words), "")])
    is_word = isinstance(content, int | str) and not isinstance(content, bool)
    return join_names([str(content)]) if is_word else ""
