"""Compare a folder of predictions with the reference of a model, or with another folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segdrone.errors import ConfigError, DataError
from segdrone.monitor.causes import Cause, likely_causes
from segdrone.monitor.drift import FALSE_ALARMS, Drift, compare
from segdrone.monitor.predictions import PredictedPhotographs, model_digests, read_predictions
from segdrone.monitor.strangest import StrangePhotograph, strangest
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.runtime.backend import Backend
from segdrone.runtime.open_backend import open_backend
from segdrone.spec import ModelSpec

log = logging.getLogger(__name__)

_STRANGEST = 12
_FEW = 30  # photographs: of fewer, only large changes are found
_AS_TRAINED = {
    "scale": None, "augment": "none", "scales": [1.0], "gsd": None, "min_area": 0, "fill_holes": 0, "refine": 0,
    "panoptic": False, "smooth": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Monitoring:
    """What a folder of predictions looks like beside a reference.

    Attributes:
        photographs: The predictions.
        reference: The reference.
        origin: What the reference is of, in words.
        drift: Differences of the statistics.
        causes: What they most likely come from, the likeliest first; empty without an alarm.
        strange: The photographs that are most unlike the reference.
    """

    photographs: PredictedPhotographs
    reference: ReferenceStatistics
    origin: str
    drift: Drift
    causes: tuple[Cause, ...]
    strange: tuple[StrangePhotograph, ...]


def monitor(source: Path, model: Path | None, reference: Path | None = None, level: float = FALSE_ALARMS) -> Monitoring:
    """Compares a folder of predictions with a reference.

    Args:
        source: A folder that `segdrone predict` wrote.
        model: The model; its spec is the reference unless another one is given.
        reference: A folder of predictions of photographs that are as they should be.
        level: Share of windows without drift that raise an alarm, at most.

    Raises:
        ConfigError: Neither a model nor a reference is given, the model has no reference statistics, or the
            predictions were made with other options than the reference.
        DataError: A folder cannot be used, has other classes, or holds too few photographs.
        CheckpointError: The model cannot be opened.
    """
    if model is None and reference is None:
        raise ConfigError("give --model FILE with reference statistics, or --reference FOLDER of predictions")
    photographs = read_predictions(source)
    spec = None
    if model is not None:
        backend = open_backend(model, device="cpu")
        spec = backend.spec
        _check_names(photographs, spec.classes.names, f"the model {model}")
        _compare_models(photographs, _digests_of(backend), str(model))
    if reference is None:
        assert spec is not None
        known, origin = _of_model(spec, model), f"validation photographs of {model}"
        options: Mapping[str, object] = _AS_TRAINED
    else:
        if reference.resolve() == source.resolve():
            raise ConfigError(f"{source} is both the source and the reference: give another --reference")
        other = read_predictions(reference)
        _check_names(photographs, other.table.names, f"--reference {reference}")
        _compare_models(photographs, other.digests, f"that of --reference {reference}")
        known, origin, options = other.reference(), str(reference), other.options
    if spec is not None and not spec.instances:  # connected components are things then, and masks stay as they are
        options = {name: value for name, value in options.items() if name != "panoptic"}
    _check_options(photographs, options)
    drift = compare(known, photographs.values, level)
    if drift.photographs < _FEW:
        log.warning("only %d photographs: small changes are not found; compare 50 or more", drift.photographs)
    return Monitoring(
        photographs,
        known,
        origin,
        drift,
        tuple(likely_causes(drift)),
        tuple(strangest(known, photographs.values, _STRANGEST)),
    )


def _digests_of(backend: Backend) -> dict[str, object]:
    """Returns the digests of a model; of an exported file also that of its checkpoint."""
    description = getattr(backend, "description", None)
    checkpoint = {"checkpoint": description.checkpoint} if description is not None and description.checkpoint else {}
    return {**model_digests(backend.settings), **checkpoint}


def _of_model(spec: ModelSpec, model: Path | None) -> ReferenceStatistics:
    if spec.reference_statistics is None:
        raise ConfigError(
            f"{model} holds no reference statistics: its training had fewer than ten validation photographs, or an "
            "older segdrone, or it is an ensemble; give --reference FOLDER of predictions of usual photographs"
        )
    return spec.reference_statistics


def _check_names(photographs: PredictedPhotographs, names: tuple[str, ...], owner: str) -> None:
    """Checks that predictions have the classes of the reference; the order does not matter, as columns are named."""
    other = sorted({*photographs.table.names} ^ {*names})
    if other:
        raise DataError(
            f"{photographs.folder} has the classes {', '.join(photographs.table.names)}, and {owner} has "
            f"{', '.join(names)} (they differ in {other[0]}): give predictions of the same classes"
        )


def _compare_models(photographs: PredictedPhotographs, digests: Mapping[str, object], owner: str) -> None:
    """Warns if predictions are known to be of another model."""
    if any(photographs.digests.get(key, digest) != digest for key, digest in digests.items()):
        log.warning(
            "%s was predicted by another model than %s: their differences look like drift", photographs.folder, owner
        )


def _check_options(photographs: PredictedPhotographs, expected: Mapping[str, object]) -> None:
    for name, value in expected.items():
        given = photographs.options.get(name)
        if given != value:
            raise ConfigError(
                f"{photographs.folder} was predicted with {name}={given}, the reference with {name}={value}, which "
                "would look like drift: predict again with the same options, or give --reference FOLDER of predictions "
                "with these"
            )
