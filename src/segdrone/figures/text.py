"""Write names of files and classes in matplotlib figures as they are."""

from __future__ import annotations

from segdrone.utils.console import one_line


def plain_text(name: str) -> str:
    r"""Returns a name for matplotlib, which takes text between two dollar signs for a formula and fails on lone bytes.

    Example:
        >>> print(plain_text("$1 and $2"))
        \$1 and \$2
    """
    return one_line(name).replace("$", r"\$")
