"""The table of methods that divide a photograph into segments, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Protocol, TypeVar, get_type_hints

from segdrone.classic.clusters import KMeans, MeanShift, RandomWalker, Slic
from segdrone.classic.edges import Edges, RegionGrowing, Watershed
from segdrone.classic.features import Image, Labels
from segdrone.classic.graphs import Felzenszwalb, NormalizedCuts
from segdrone.classic.thresholds import Threshold
from segdrone.errors import ConfigError
from segdrone.utils.bounded import UnreadableError, validate

T = TypeVar("T")


class Segmenter(Protocol):
    """A method with its options."""

    def __call__(self, image: Image) -> Labels:
        """Returns the segment of each pixel, int32 `[H, W]`, 0 to S - 1, of an image, uint8 `[H, W, 3]`, RGB."""


METHODS: dict[str, type[Segmenter]] = {
    "threshold": Threshold,
    "edges": Edges,
    "region_growing": RegionGrowing,
    "random_walker": RandomWalker,
    "watershed": Watershed,
    "kmeans": KMeans,
    "mean_shift": MeanShift,
    "slic": Slic,
    "felzenszwalb": Felzenszwalb,
    "normalized_cuts": NormalizedCuts,
}
"""Methods by name. Their options are the fields of the dataclass."""


def build_segmenter(name: str, options: Mapping[str, Any]) -> Segmenter:
    """Builds a method.

    Args:
        name: A key of `METHODS`.
        options: Its options; those that are missing have their defaults.

    Raises:
        ConfigError: The method or an option is unknown, or an option is out of its range.

    Example:
        >>> build_segmenter("watershed", {"spacing": 20})
        Watershed(spacing=20, compactness=0.0, smoothing=1.0)
    """
    if name not in METHODS:
        raise ConfigError(f"the method {name} is unknown: choose one of {', '.join(METHODS)}")
    return build_options(METHODS[name], options, name)


def build_options(form: type[T], options: Mapping[str, Any], name: str) -> T:
    """Builds a dataclass of options.

    Raises:
        ConfigError: An option is unknown or out of its range; the text names those that there are.
    """
    try:
        return validate(form, dict(options))
    except UnreadableError as error:
        known = ", ".join(f"{key}={default}" for key, default, _ in describe_options(form)) or "none"
        raise ConfigError(f"options of {name}: {error}; the options and their defaults are {known}") from None


def describe_options(form: type[Any]) -> list[tuple[str, Any, str]]:
    """Returns name, default and description of the options that a dataclass has.

    Example:
        >>> describe_options(METHODS["slic"])[0]
        ('spacing', 14, 'distance of superpixels, about their width')
    """
    hints = get_type_hints(form, include_extras=True)
    described = []
    for field in fields(form):
        default = None if field.default is MISSING else field.default
        described.append((field.name, default, hints[field.name].__metadata__[0].description))
    return described
