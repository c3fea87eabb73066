"""Parse WIDTHxHEIGHT, as all commands take a size."""

from __future__ import annotations

from segdrone.errors import ConfigError
from segdrone.windows import Size


def parse_size(text: str, option: str, largest: int | None = None) -> Size:
    """Returns height and width, the order in which the code has them, of a text such as `1056x704`.

    Args:
        text: Width and height in pixels, with an x between them.
        option: The option that it was given to, for the error message.
        largest: Longest side that is allowed, in pixels.

    Raises:
        ConfigError: The text is not a size, or a side is too long.

    Example:
        >>> parse_size("1056x704", "--size")
        (704, 1056)
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ConfigError(f"{option} {text} must be WIDTHxHEIGHT in pixels, such as 1056x704")
    width, height = map(int, parts)
    if largest is not None and max(width, height) > largest:
        raise ConfigError(f"{option} {text} is too large: no side may be longer than {largest} pixels")
    return height, width
