"""Print any text to any console."""

from __future__ import annotations

import io
import sys


def escape_unknown_characters() -> None:
    r"""Makes stdout and stderr escape characters that their encoding lacks, such as `\u2192`, instead of failing.

    Consoles of Windows and those without a locale lack many, and names of files can have bytes that no encoding has.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
