"""Import the packages of the extras `geo` and `geoparquet` when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from segdrone.errors import ConfigError


def library(module: str, extra: str = "geo") -> Any:
    """Imports a module of an extra.

    Args:
        module: Such as `pyogrio.raw`.
        extra: The extra that installs it.

    Raises:
        ConfigError: It is not installed.

    Example:
        >>> library("shapely").Point(1, 2).x
        1.0
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"this needs {error.name} of the extra {extra}: pip install 'segdrone[{extra}]'") from None
