"""A classical model: segments or pixels, their features, and a classifier of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from segdrone.classic.classifiers import CLASSIFIERS, Classifier, Fitted
from segdrone.classic.features import (
    Image,
    Labels,
    pixel_feature_names,
    pixel_features,
    reach,
    segment_feature_names,
    segment_features,
)
from segdrone.classic.methods import METHODS, Segmenter, build_options, build_segmenter
from segdrone.errors import ConfigError

PIXELS = "pixels"
"""Name of the method without segments: each pixel is classified by its own features."""

_SHARED = ("classifier", "scales", "samples", "balance")
_STRIP = 1 << 20  # pixels whose features are computed at once


@dataclass(frozen=True)
class CommonOptions:
    """Options of every method."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    classifier: Annotated[dict[str, Any], Field(description="name and options of the classifier")]
    scales: Annotated[
        tuple[Annotated[float, Field(ge=0.3, le=64)], ...],
        Field(max_length=12, description="standard deviations of the Gaussians before features, in pixels"),
    ] = (1.0, 2.0, 4.0, 8.0, 16.0)
    samples: Annotated[
        int, Field(ge=10, le=2_000_000, description="pixels or segments that are drawn from all photographs")
    ] = 60_000
    balance: Annotated[float, Field(ge=0, le=1, description="0: classes are drawn as they occur; 1: all as often")] = (
        0.5
    )


@dataclass(frozen=True)
class ClassicOptions:
    """Options of a classical model, as in `conf/model/classic_*.yaml`.

    Attributes:
        name: Key of `METHODS`, or `pixels`.
        segmenter: The method with its options; None for `pixels`.
        classifier_name: Key of `CLASSIFIERS`.
        classifier: Options of the classifier.
        scales: Standard deviations of the Gaussians before features, in pixels.
        samples: Pixels or segments that are drawn from all photographs.
        balance: 0: classes are drawn as they occur; 1: all as often.
    """

    name: str
    segmenter: Segmenter | None
    classifier_name: str
    classifier: Classifier
    scales: tuple[float, ...]
    samples: int
    balance: float

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> ClassicOptions:
        """Builds the options of `conf/model`.

        Raises:
            ConfigError: A name or an option is unknown or out of its range.

        Example:
            >>> ClassicOptions.from_dict({"name": "slic", "spacing": 20, "classifier": {"name": "mean"}}).segmenter
            Slic(spacing=20, compactness=10.0, smoothing=1.0)
        """
        given = dict(options)
        name = str(given.pop("name", ""))
        shared = {key: given.pop(key) for key in [*given] if key in _SHARED}
        common = build_options(CommonOptions, {"classifier": {}} | shared, f"model {name}")
        if name == PIXELS and given:
            raise ConfigError(f"model.{min(given)} is not an option of {PIXELS}: it has scales, samples, balance")
        segmenter = None if name == PIXELS else build_segmenter(name, given)
        chosen = dict(common.classifier)
        kind = str(chosen.pop("name", ""))
        if kind not in CLASSIFIERS:
            raise ConfigError(f"model.classifier.name={kind} is unknown: choose one of {', '.join(CLASSIFIERS)}")
        form: type[Any] = CLASSIFIERS[kind]
        classifier: Classifier = build_options(form, chosen, f"model.classifier {kind}")
        return cls(name, segmenter, kind, classifier, common.scales, common.samples, common.balance)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data that `from_dict` takes."""
        parts: tuple[Any, Any] = self.segmenter, self.classifier
        own = {} if self.segmenter is None else asdict(parts[0])
        classifier = {"name": self.classifier_name, **asdict(parts[1])}
        shared = {"scales": list(self.scales), "samples": self.samples, "balance": self.balance}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in own.items()}
        return {"name": self.name, **plain, "classifier": classifier, **shared}

    @property
    def features(self) -> int:
        """Number of features of a pixel or segment."""
        names = pixel_feature_names if self.segmenter is None else segment_feature_names
        return len(names(self.scales))


def is_classic(name: Any) -> bool:
    """Whether the name of a model in `conf/model` is that of a classical one.

    Example:
        >>> is_classic("slic"), is_classic("unet")
        (True, False)
    """
    return name == PIXELS or name in METHODS


@dataclass(frozen=True, eq=False)
class ClassicModel:
    """A fitted classical model.

    Args:
        options: How it was fitted.
        fitted: The classifier.
        classes: Number of classes C.
    """

    options: ClassicOptions
    fitted: Fitted
    classes: int

    def check(self) -> None:
        """Checks that the classifier fits the features that the method computes.

        Raises:
            CheckpointError: It does not.
        """
        self.fitted.check(self.options.features, self.classes)

    def __call__(self, image: Image) -> NDArray[np.float32]:
        """Returns the probabilities of classes, float32 `[C, H, W]`, of an image, uint8 `[H, W, 3]`, RGB."""
        if self.options.segmenter is None:
            return self._of_pixels(image)
        labels, rows = describe_segments(image, self.options.segmenter, self.options.scales)
        return np.take(self.fitted(rows).T, labels, axis=1)

    def _of_pixels(self, image: Image) -> NDArray[np.float32]:
        """Returns the probabilities of pixels, in strips that overlap by the reach of the features."""
        height, width = image.shape[:2]
        probabilities = np.empty((self.classes, height, width), np.float32)
        rows, margin = max(64, _STRIP // width), reach(self.options.scales)
        for top in range(0, height, rows):
            bottom, first = min(height, top + rows), max(0, top - margin)
            planes = pixel_features(image[first : bottom + margin], self.options.scales)
            inner = planes[:, top - first : bottom - first]
            found = self.fitted(np.ascontiguousarray(inner.reshape(len(planes), -1).T))
            probabilities[:, top:bottom] = found.T.reshape(self.classes, bottom - top, width)
        return probabilities


def describe_segments(
    image: Image, segmenter: Segmenter, scales: tuple[float, ...]
) -> tuple[Labels, NDArray[np.float32]]:
    """Returns the segments of an image, int32 `[H, W]`, and their features, float32 `[S, F]`."""
    labels = segmenter(image)
    return labels, segment_features(pixel_features(image, scales), labels)
