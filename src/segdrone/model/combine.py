"""Combine checkpoints into that of an ensemble."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from segdrone import __version__
from segdrone.errors import CheckpointError
from segdrone.included import find_model
from segdrone.model.checkpoint import load_network, read_checkpoint
from segdrone.model.ensemble import ENSEMBLE
from segdrone.model.origin import trained_among
from segdrone.spec import ModelSpec
from segdrone.utils.digest import digest_of_model

log = logging.getLogger(__name__)

# Of the spec: what the pixels that go in, or come out, mean.
_EQUAL = ("class_groups", "bands", "stretch", "map_bands", "map_stretch")
_SIMILAR = ("training_size", "sampling", "scale", "interpolation", "gsd")  # how photographs were shown in training


def combine_checkpoints(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Combines the finished models of checkpoints into one, whose network is an `Ensemble`.

    Photographs that any of them was trained on count as trained on. Statistics of single models are left out.

    Args:
        paths: Paths of two or more checkpoints, or names of included models. The first decides the size at which
            photographs are predicted, and the normalization.

    Returns:
        The content of a checkpoint, as `torch.save` takes it.

    Raises:
        CheckpointError: As `read_checkpoint`, a checkpoint has other classes than the first, reads other bands, has an
            instance head, or is an ensemble, or one is given twice.
    """
    if len(paths) < 2:
        raise CheckpointError("an ensemble needs two checkpoints or more")
    with digest_of_model(*map(find_model, paths)) as digests:
        checkpoints = [read_checkpoint(path) for path in paths]
        specs = [load_network(path)[1] for path in paths]  # also checks that the weights fit
    for index, path in enumerate(paths):
        if (first := digests.index(digests[index])) < index:
            raise CheckpointError(f"{path} is the same model as {paths[first]}: give each once")
    for spec, checkpoint, path in zip(specs, checkpoints, paths, strict=True):
        _compare(paths[0], specs[0], path, spec, checkpoint["hyper_parameters"]["model"])
    hparams = [checkpoint["hyper_parameters"] for checkpoint in checkpoints]
    names = [part["model"]["name"] for part in hparams]
    encoders = "+".join(part["model"]["encoder_name"] for part in hparams)
    members = [
        {**part["model"], "normalization": [[*spec.mean], [*spec.std]]}
        for part, spec in zip(hparams, specs, strict=True)
    ]
    trained, elsewhere = _trained_on(hparams)
    trained |= trained_among({"splits": {"train": trained}}, chain(*hparams[0]["splits"].values()))
    splits = {split: [name for name in ids if name not in trained] for split, ids in hparams[0]["splits"].items()}
    split_by = hparams[0].get("split_by", "")
    if any(len(splits[split]) < len(ids) for split, ids in hparams[0]["splits"].items() if split != "train"):
        split_by += ", without photographs that another network of the ensemble was trained on"
    made_by = {"segdrone": __version__, "network": f"{ENSEMBLE} of {' + '.join(names)}", "encoder": encoders}
    if contexts := [*dict.fromkeys(part["model"]["context"] for part in hparams if part["model"].get("context"))]:
        made_by["context"] = "+".join(contexts)
    licenses = {spec.data_license for spec in specs}
    known = sorted(license for license in licenses if license is not None)
    data_license = None if None in licenses else " and ".join(known)  # known only if that of all data is
    spec = replace(specs[0], made_by=made_by, reference_statistics=None, data_license=data_license)
    return {
        "state_dict": {
            f"network.members.{index}.{name.removeprefix('network.')}": tensor
            for index, checkpoint in enumerate(checkpoints)
            for name, tensor in checkpoint["state_dict"].items()
            if name.startswith("network.")
        },
        "hyper_parameters": {
            **hparams[0],
            "model": {"name": ENSEMBLE, "encoder_name": encoders, "members": members},
            "splits": {**splits, "train": sorted(trained)},
            "split_by": split_by,
            "origin": {"checkpoint": None, "sha256": None, "trained_on": elsewhere} if elsewhere else None,
        },
        "spec": spec.to_dict(),
    }


def _compare(
    first: str | Path, expected: ModelSpec, path: str | Path, spec: ModelSpec, model: Mapping[str, Any]
) -> None:
    """Checks that a model fits the first one."""
    if spec.instances or model["name"] == ENSEMBLE:
        kind = "tells things apart" if spec.instances else "is an ensemble"
        raise CheckpointError(f"{path} {kind}: give checkpoints of single networks without an instance head")
    if spec.classes.names != expected.classes.names:
        raise CheckpointError(
            f"{path} predicts the classes {', '.join(spec.classes.names)}, and {first} "
            f"{', '.join(expected.classes.names)}: give checkpoints of the same classes, in the same order"
        )
    if spec.classes.things != expected.classes.things:
        log.warning("%s counts other classes as things than %s: those of %s are kept", path, first, first)
    for key in _EQUAL:
        if getattr(spec, key) != getattr(expected, key):
            raise CheckpointError(
                f"{path} has {key}={getattr(spec, key)}, and {first} {key}={getattr(expected, key)}: give checkpoints "
                "that agree"
            )
    for key in _SIMILAR:
        if getattr(spec, key) != getattr(expected, key):
            log.warning(
                "%s has %s=%s, and %s %s=%s: photographs are predicted as %s expects them", path, key,
                getattr(spec, key), first, key, getattr(expected, key), first,
            )  # fmt: skip


def _trained_on(hparams: Sequence[Mapping[str, Any]]) -> tuple[set[str], list[dict[str, Any]]]:
    """Returns the photographs in the folder of the first model that a model was trained on, and those elsewhere."""
    own = _folder(hparams[0])
    trained: set[str] = set()
    elsewhere: list[dict[str, Any]] = []
    for part in hparams:
        names = part["splits"].get("train", [])
        if _folder(part) == own:
            trained.update(names)
        else:
            elsewhere.append({"root": part["data"].get("root"), "photographs": [*names]})
        elsewhere += [entry for entry in (part.get("origin") or {}).get("trained_on", []) if entry not in elsewhere]
    return trained, elsewhere


def _folder(hparams: Mapping[str, Any]) -> Path | None:
    root = hparams["data"].get("root")
    return None if root is None else Path(root).resolve()
