"""Trials that change one file and read it: it is read or refused in one line, in bounded time and memory."""

from __future__ import annotations

import functools
import io
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from benchmarks.torture import cached, exported, readers, samples
from benchmarks.torture.change_archives import change_array, change_members
from benchmarks.torture.change_bytes import change_bytes
from benchmarks.torture.change_images import change_structure
from benchmarks.torture.change_text import change_text
from benchmarks.torture.change_trees import INFINITIES, change_tree, change_xml, cyclic, nested
from benchmarks.torture.ground import CHECKPOINT
from benchmarks.torture.limited import READ, REFUSED, run_limited
from benchmarks.torture.outcome import Outcome, check

from segdrone.errors import SegdroneError, user_message
from segdrone.utils.console import one_line

_LONGEST_LINE = 5000  # characters
_LAST = CHECKPOINT.replace("best", "last")
Change = Callable[[bytes, random.Random], bytes]


class Subject(NamedTuple):
    """A kind of file.

    Attributes:
        make: Writes a valid one into a folder and returns it.
        structure: Changes its structure.
        read: Reads it, in a way that the seed chooses.
    """

    make: Callable[[Path, random.Random], Path]
    structure: Change
    read: Callable[[Path, int], None]


def subjects(ground: Path) -> dict[str, Subject]:
    """Returns all kinds of files that segdrone reads, by name."""

    def ground_file(*names: str) -> Callable[[Path, random.Random], Path]:
        return lambda folder, rng: samples.copied(ground / rng.choice(names), folder)

    results = ("stats/stats.json", "run/metrics.json", "run/run.json", "predicted/predict.json",
               "predicted/summary.csv", "scenes/scenes.json")  # fmt: skip
    trained, last = ground_file(CHECKPOINT, _LAST), ground_file(_LAST)
    return {
        "photographs": Subject(samples.photograph, change_structure, readers.photograph),
        "masks": Subject(samples.mask, change_structure, readers.mask),
        "annotations": Subject(samples.export, change_document, readers.export),
        "checkpoints": Subject(trained, change_weights, functools.partial(readers.checkpoint, ground=ground)),
        "checkpoint settings": Subject(trained, change_settings, functools.partial(readers.checkpoint, ground=ground)),
        "evaluating": Subject(trained, change_settings, functools.partial(readers.evaluated, ground=ground)),
        "resuming": Subject(last, change_state, functools.partial(readers.resumed, ground=ground)),
        "counts.npz": Subject(
            ground_file("evaluated/counts.npz"), change_npz, functools.partial(readers.counts, ground=ground)
        ),
        "results": Subject(ground_file(*results), change_document, functools.partial(readers.result, ground=ground)),
        "class tables": Subject(samples.class_table, change_document, readers.class_table),
        "class groups": Subject(samples.class_groups, change_document, readers.class_groups),
        "split lists": Subject(samples.split_list, change_text, readers.split_list),
        "cache entries": Subject(cached.write_cached, cached.change_header, readers.cache),
        "exported models": Subject(
            functools.partial(exported.copy_exported, ground), exported.change_model, exported.read_exported
        ),
        "videos": Subject(samples.video, change_structure, readers.video),
    }  # fmt: skip


def run_mutations(ground: Path, name: str, by: str, seeds: Sequence[int]) -> list[Outcome]:
    """Changes and reads a file for each seed.

    Args:
        ground: From `make_ground`.
        name: A key of `subjects`.
        by: `bytes` or `structure`.
        seeds: One for each trial.
    """
    with tempfile.TemporaryDirectory(dir=ground.parent, prefix="mutation-") as folder:
        return run_limited(lambda seed: mutate(subjects(ground)[name], by, seed, Path(folder) / str(seed)), seeds)


def mutate(subject: Subject, by: str, seed: int, folder: Path) -> str:
    """Runs one trial in a folder of its own; returns `read` or `refused`."""
    rng = random.Random(seed)
    folder.mkdir()
    path = subject.make(folder, rng)
    change = change_bytes if by == "bytes" else subject.structure
    path.write_bytes(change(path.read_bytes(), rng) if subject.structure is not change_document or by == "bytes"
                     else change_document(path.read_bytes(), rng, path.suffix))  # fmt: skip
    try:
        subject.read(path, seed)
    except SegdroneError as error:
        text = one_line(user_message(error))  # as it is printed
        check(len(text) <= _LONGEST_LINE, f"an error line of {len(text)} characters: {text[:100]}")
        return REFUSED
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return READ


def change_document(content: bytes, rng: random.Random, suffix: str = ".json") -> bytes:
    """Changes JSON, XML, YAML, a table or an image, as the suffix says."""
    if suffix in (".csv", ".txt"):
        return change_text(content, rng)
    if suffix == ".xml":
        return change_xml(content, rng)
    if suffix in (".yaml", ".yml"):
        extra = (nested(3000), cyclic(), nested(40, wide=True), *INFINITIES)
        tree = change_tree(yaml.safe_load(content), rng, (*extra, *extra, *extra))
        return _dump_yaml(tree).encode("utf-8", "replace")
    if suffix != ".json":
        return change_structure(content, rng)
    tree = change_tree(json.loads(content), rng, (nested(900), *INFINITIES))
    text = json.dumps(tree)
    return text.replace('"x"', "[" * 5000, 1).encode() if rng.random() < 0.02 else text.encode()


def _dump_yaml(tree: Any) -> str:
    """Dumps YAML with aliases; nested so deeply that the library refuses to write it, it is written here."""
    try:
        return yaml.safe_dump(tree, allow_unicode=True)
    except RecursionError:
        return "a: " + "[" * 3000 + "]" * 3000


def change_npz(content: bytes, rng: random.Random) -> bytes:
    """Changes the arrays of counts, or the members of their archive."""
    if rng.random() < 0.4:
        return change_members(content, rng)
    with np.load(io.BytesIO(content)) as file:
        arrays = {key: file[key] for key in file.files}
    for _ in range(rng.choice((1, 1, 2))):
        key = rng.choice(list(arrays))
        if rng.random() < 0.1:
            del arrays[key]
        else:
            arrays[key] = change_array(arrays[key], rng)
        if not arrays:
            break
    output = io.BytesIO()
    np.savez(output, **arrays)
    return output.getvalue()


def change_weights(content: bytes, rng: random.Random) -> bytes:
    """Changes the archive of a checkpoint, or the weights in it."""
    if rng.random() < 0.5:
        return change_members(content, rng)
    tree = _load(content)
    weights = tree["state_dict"]
    name = rng.choice([name for name, tensor in weights.items() if tensor.is_floating_point() and tensor.ndim])
    tensor = weights[name]
    changes: tuple[Any, ...] = (
        tensor.double(), tensor.to(torch.int8), tensor.flatten(), tensor[:0], torch.full_like(tensor, float("nan")),
        tensor.to_sparse(), tensor.expand(1000, *tensor.shape), torch.zeros(3, dtype=torch.complex64),
        torch.empty(1, device="meta"), 7, None, "x",
    )  # fmt: skip
    tree["state_dict"] = {**weights, rng.choice((name, name, name, "x", 7)): rng.choice(changes)}
    return _save(tree)


def change_settings(content: bytes, rng: random.Random) -> bytes:
    """Changes what a checkpoint says of its model, data, classes and splits."""
    tree = _load(content)
    extra = (torch.zeros(3), nested(12), nested(30, wide=True), cyclic(), (), (1,), *INFINITIES)
    for key in rng.sample([key for key in ("hyper_parameters", "spec", "hyper_parameters") if key in tree], 1):
        tree[key] = change_tree(tree[key], rng, extra)
    return _save(tree)


def change_state(content: bytes, rng: random.Random) -> bytes:
    """Changes the state of training: optimizer, schedule, loops, callbacks, epoch."""
    tree = _load(content)
    state = {key: value for key, value in tree.items() if key not in ("state_dict", "hyper_parameters", "spec")}
    key = rng.choice([*state, *state, "hyper_parameters", "state_dict"])
    if rng.random() < 0.2:
        del tree[key]
    else:
        tree[key] = change_tree(tree[key], rng, (torch.zeros(3), nested(12), cyclic(), *INFINITIES))
    return _save(tree)


def _load(content: bytes) -> dict[str, Any]:
    return dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


def _save(tree: Any) -> bytes:
    output = io.BytesIO()
    torch.save(tree, output)
    return output.getvalue()
