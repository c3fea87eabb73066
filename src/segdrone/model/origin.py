"""Record where the initial weights of a model are from, and which photographs they were trained on elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segdrone.included import find_model
from segdrone.utils.digest import file_digest


def describe_origin(
    checkpoint: str | Path | None,
    models: Sequence[Mapping[str, Any]],
    replayed: tuple[str, Sequence[str]] | None,
) -> dict[str, Any] | None:
    """Returns the origin of a model as plain data, for its hyper-parameters; None if it starts from scratch.

    Args:
        checkpoint: The checkpoint that it starts from; None for another start.
        models: Hyper-parameters of the models that it learns from: that of the checkpoint, and teachers.
        replayed: Folder of other photographs that it is trained on too, and their names.

    Returns:
        `checkpoint`, its path; `sha256`, its digest; and `trained_on`, a list of `root`, a folder, and
        `photographs`, names of those there that were trained on before this training or beside its own.
    """
    trained: list[dict[str, Any]] = []
    for hparams in models:
        trained += (hparams.get("origin") or {}).get("trained_on", [])
        trained.append(_trained(hparams["data"].get("root"), hparams["splits"].get("train", [])))
    if replayed is not None:
        trained.append(_trained(str(Path(replayed[0]).resolve()), replayed[1]))
    if not trained:
        return None
    path = None if checkpoint is None else find_model(checkpoint).resolve()
    return {
        "checkpoint": None if path is None else str(path),
        "sha256": None if path is None else file_digest(path),
        "trained_on": trained,
    }


def continue_origin(earlier: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns the origin of a run that is resumed, maybe with other teachers, or beside other photographs, than before.

    Args:
        earlier: That of the run until now.
        now: What `describe_origin` returns for its teachers and other photographs now. The last ones stay the last.

    Example:
        >>> a, b = ({"root": root, "photographs": ["1"]} for root in "ab")
        >>> earlier = {"checkpoint": "x.ckpt", "sha256": "1f", "trained_on": [a]}
        >>> continue_origin(earlier, {"checkpoint": None, "sha256": None, "trained_on": [b]})["trained_on"] == [a, b]
        True
    """
    if earlier is None or now is None:
        origin = now if earlier is None else earlier
        return None if origin is None else dict(origin)
    trained = [*earlier["trained_on"], *(part for part in now["trained_on"] if part not in earlier["trained_on"])]
    last = now["trained_on"][-1]
    return {**earlier, "trained_on": trained if trained[-1] == last else [*trained, last]}


def trained_elsewhere(hparams: Mapping[str, Any], root: str | Path) -> set[str]:
    """Returns the names of photographs in a folder that a model was trained on before its last training, or beside it.

    Args:
        hparams: Its hyper-parameters.
        root: The folder.
    """
    folder = Path(root).resolve()
    trained = (hparams.get("origin") or {}).get("trained_on", [])
    return {
        name
        for part in trained
        if part["root"] is not None and Path(part["root"]).resolve() == folder
        for name in part["photographs"]
    }


def trained_anywhere(hparams: Mapping[str, Any]) -> set[str]:
    """Returns the names of all photographs that a model was trained on, earlier too, in whatever folder they were.

    Args:
        hparams: Its hyper-parameters, or those of them that an exported file holds.
    """
    parts = (hparams.get("origin") or {}).get("trained_on", [])
    return {*(hparams.get("splits") or {}).get("train", [])}.union(*(part["photographs"] for part in parts))


def trained_among(hparams: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Returns the photographs of a dataset that have the name of one that a model was trained on, anywhere.

    A name has folders only if it occurs twice in a dataset, which may change when photographs are added or removed: one
    with fewer or more folders may be the same photograph, unless the dataset has the name itself.

    Args:
        hparams: As of `trained_anywhere`.
        names: Names of all photographs of the dataset.

    Example:
        >>> sorted(trained_among({"splits": {"train": ["1", "north/2", "3"]}}, ["north/1", "2", "south/2", "3", "a/3"]))
        ['2', '3', 'north/1']
    """
    known, by_file = {*names}, defaultdict[str, list[str]](list)
    for name in known:
        by_file[name.rpartition("/")[2]].append(name)
    trained = trained_anywhere(hparams)
    found = trained & known
    for earlier in trained - known:
        for name in by_file.get(earlier.rpartition("/")[2], ()):
            if name.endswith(f"/{earlier}") or earlier.endswith(f"/{name}"):
                found.add(name)
    return found


def _trained(root: str | None, photographs: Sequence[str]) -> dict[str, Any]:
    return {"root": root, "photographs": [*photographs]}
