"""Import scikit-image, scikit-learn and SciPy when a method first needs them: they are an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from segdrone.errors import ConfigError


def check_installed() -> None:
    """Checks that the packages of the extra `classic` are there, before photographs are read.

    Raises:
        ConfigError: One is not.
    """
    for package in ("skimage", "sklearn"):
        library(package)


def library(module: str) -> Any:
    """Imports a module of the extra `classic`.

    Raises:
        ConfigError: It is not installed.

    Example:
        >>> library("skimage.segmentation").slic.__name__
        'slic'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this method needs {error.name}, which is missing: pip install 'segdrone[classic]'"
        ) from None
