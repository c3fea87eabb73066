"""Whatever a file holds, reading it ends in a SegdroneError or a result, in bounded time and memory."""

from __future__ import annotations

import copy
import json
import logging
import random
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from segdrone.class_files import read_class_table
from segdrone.class_groups import load_class_groups
from segdrone.classes import ClassTable
from segdrone.data.class_weights import read_class_pixels
from segdrone.data.splits.split import read_lines, read_split
from segdrone.errors import SegdroneError
from segdrone.evaluation.metrics_csv import read_history
from segdrone.evaluation.metrics_files import read_counts
from segdrone.evaluation.prediction_classes import find_prediction_classes
from segdrone.inspection.recipe import load_recipe
from segdrone.model import load_encoder_weights, load_module
from segdrone.model.checkpoint import load_network, read_checkpoint, read_spec
from segdrone.spec import ModelSpec
from segdrone.sweep import read_sweep
from segdrone.training.inherit import inherit_options
from tests.helpers.hostile import hostile_files, hostile_objects, hostile_values, places, replaced, zip_of
from tests.helpers.small_run import compose_config

FIXTURE = Path(__file__).parent / "fixtures" / "checkpoint-0.1.0.ckpt"
TABLE = ClassTable(("road", "grass"), ((0, 0, 0), (0, 9, 0)))

READERS: dict[str, Callable[[Path], object]] = {
    "groups.yaml": load_class_groups,
    "recipe.yaml": lambda path: load_recipe(str(path)),
    "classes.csv": read_class_table,
    "labelmap.txt": read_class_table,
    "classes.json": read_class_table,
    "train.txt": lambda path: read_split(path.parent, ["a", "b"]),
    "val.txt": read_lines,
    "predict.json": lambda path: find_prediction_classes(path.parent),
    "stats.json": lambda path: read_class_pixels(path, TABLE, ["a"], ["state"]),
    "counts.npz": read_counts,
    "metrics.csv": lambda path: read_history(path.parent),
    "model.ckpt": read_checkpoint,
    "encoder.pth": lambda path: load_encoder_weights(torch.nn.Linear(1, 1), "resnet18", str(path)),
    "encoder.safetensors": lambda path: load_encoder_weights(torch.nn.Linear(1, 1), "resnet18", str(path)),
}


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """Ends a reader that takes a minute, and fails one that takes 2 GB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(60)
    yield
    signal.alarm(0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 << 20  # KB


def refused(read: Callable[[Any], object], file: Any) -> bool:
    """Whether reading ends in an error of the user, in one line; any other exception fails the test."""
    try:
        read(file)
    except SegdroneError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        return True
    return False


@pytest.fixture(autouse=True)
def no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Keeps hostile texts in warnings from pytest, which sends captured ones to another process as UTF-8."""
    caplog.set_level(logging.CRITICAL, logger="segdrone")


@pytest.mark.parametrize("name", READERS)
def test_hostile_contents(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    accepted = {content for content in hostile_files(path) if not refused(READERS[name], path)}
    if path.suffix in (".yaml", ".json", ".npz", ".ckpt", ".pth", ".safetensors"):
        assert not accepted & {"deep", "deep yaml", "aliases", "cycle", "tag", "digits", "twice", "zip", "a terabyte"}


@pytest.mark.parametrize("name", ["config.yaml", "overrides.yaml", "run.json", "metrics.json", "error.txt"])
def test_hostile_jobs_of_a_sweep(name: str, tmp_path: Path) -> None:
    job = tmp_path / "0"
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "config.yaml").write_text("objective: val/miou\ndirection: maximize\n")
    (job / ".hydra" / "overrides.yaml").write_text("- optimizer.lr=0.1\n")
    (job / "run.json").write_text('{"reached": 0.5, "objective": "val/miou"}')
    path = next(iter(job.rglob(name)), job / name)
    path.unlink(missing_ok=True)
    for _ in hostile_files(path):
        refused(read_sweep, tmp_path)


def json_trees(tree: Any, count: int) -> Iterator[str]:
    """Yield JSON in which a part of a tree has a hostile value."""
    choices = [(place, value) for place in places(tree) for value in hostile_values()]
    for place, value in random.Random(0).sample(choices, min(count, len(choices))):
        if value != 10**5000:  # Python writes no such number
            yield json.dumps(replaced(tree, place, value))


def test_hostile_parts_of_json(tmp_path: Path) -> None:
    table = TABLE.to_dict()
    spec = ModelSpec(TABLE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), (64, 96)).to_dict()
    stats = {"classes": ["road", "grass"], "pixels": {"a": [1, 2]}, "masks": {"a": "state"}}
    trees: dict[str, tuple[Any, Callable[[str], object]]] = {
        "spec": (spec, ModelSpec.from_json),
        "predict.json": ({"classes": table, "class_groups": {"road": ["a"]}}, lambda _: READERS["predict.json"](file)),
        "stats.json": (stats, lambda _: READERS["stats.json"](file)),
        "classes.json": (table, lambda _: read_class_table(file)),
    }
    for name, (tree, read) in trees.items():
        file = tmp_path / name
        for text in json_trees(tree, 150):
            file.write_text(text, encoding="utf-8")
            refused(read, text)


def test_hostile_parts_of_run_json(tmp_path: Path) -> None:
    config = {
        "output_dir": "out", "seed": 1, "data": {"root": ".", "mean": [0.5]}, "model": {"name": "unet"},
        "trainer": {"max_epochs": 2}, "callbacks": {"early_stopping": {"_target_": "x.y"}}, "logger": None,
    }  # fmt: skip
    cfg = compose_config("train", f"ckpt_path={tmp_path}/checkpoints/last.ckpt", f"output_dir={tmp_path}")
    for text in json_trees({"config": config}, 40):
        (tmp_path / "run.json").write_text(text)
        refused(lambda cfg: inherit_options(cfg, []), copy.deepcopy(cfg))


def test_a_run_json_takes_nothing_from_the_environment(tmp_path: Path) -> None:
    config = {"output_dir": "out", "model": {"name": "${oc.env:HOME}"}}
    (tmp_path / "run.json").write_text(json.dumps({"config": config}))
    cfg = compose_config("train", f"ckpt_path={tmp_path}/checkpoints/last.ckpt", f"output_dir={tmp_path}")
    with pytest.raises(SegdroneError, match=r"oc\.env:HOME.* is no saved option"):
        inherit_options(cfg, [])


def saved(path: Path, place: tuple[Any, ...] = (), value: Any = None) -> Path:
    """Save the released checkpoint with another part at a place."""
    checkpoint = torch.load(FIXTURE, weights_only=True)
    kept = {key: checkpoint[key] for key in ("hyper_parameters", "state_dict")}
    torch.save(replaced(kept, place, value), path)
    return path


def test_hostile_settings_of_a_checkpoint(tmp_path: Path) -> None:
    hparams = torch.load(FIXTURE, weights_only=True)["hyper_parameters"]
    choices = [(place, value) for place in places(hparams) for value in [*hostile_objects(), torch.zeros(3)]]
    important = [(place, value) for place in places(hparams) if len(place) == 1 for value in hostile_objects()]
    for place, value in [*random.Random(1).sample(choices, 60), *random.Random(2).sample(important, 30)]:
        path = saved(tmp_path / "a.ckpt", ("hyper_parameters", *place), value)
        refused(lambda path: read_spec(read_checkpoint(path), path), path)


@pytest.mark.parametrize("name", ["a\nb", "a\ud800", "\x1b]0;x\x07", "a\u202eb", "", "x" * 201, 7, None])
def test_names_of_classes_that_do_not_print(name: object, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt", ("hyper_parameters", "classes", "names", 0), name)
    assert refused(load_network, path)
    assert refused(load_module, path)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("encoder_name", "tu-vit_giant_patch14_clip_224"),
        ("decoder_prefetch", 1),
        ("encoder_depth", 10**9),
        ("encoder_depth", [3] * 1000),
        ("name", ["unet"]),
        ("classes", 3),
    ],
)
def test_networks_that_are_not_those_of_the_weights(option: str, value: object, tmp_path: Path) -> None:
    assert refused(load_network, saved(tmp_path / "a.ckpt", ("hyper_parameters", "model", option), value))


def hostile_tensors(tensor: Tensor) -> dict[str, Tensor]:
    """Return tensors that are not what they seem, by what they are."""
    return {
        "meta": tensor.to("meta"),
        "sparse": tensor.to_sparse(),
        "complex": tensor.to(torch.complex64),
        "whole numbers": tensor.to(torch.int64),
        "not numbers": torch.full_like(tensor, torch.nan),
        "quantized": torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
        "repeated": torch.zeros(1).expand(tensor.shape),
        "of a billion": torch.zeros(1).expand(10**9),
        "of another shape": torch.zeros(3),
    }


@pytest.mark.parametrize("kind", hostile_tensors(torch.zeros(2)))
def test_hostile_tensors(kind: str, tmp_path: Path) -> None:
    weights = torch.load(FIXTURE, weights_only=True)["state_dict"]
    name = next(key for key, tensor in weights.items() if tensor.ndim == 4)
    path = saved(tmp_path / "a.ckpt", ("state_dict", name), hostile_tensors(weights[name])[kind])
    assert refused(load_network, path)


def test_a_compressed_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(zip_of({"archive/data.pkl": bytes(50_000_000), "archive/version": b"3"}))
    with pytest.raises(SegdroneError, match="compressed"):
        read_checkpoint(path)


def npy(header: str, data: bytes = b"") -> bytes:
    """Return an array file with any header."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "names",
    [
        npy("{'descr': '<U9', 'fortran_order': False, 'shape': (10000000000,)}"),
        npy("{'descr': '<U999999999', 'fortran_order': False, 'shape': (9,)}"),
        npy("{'descr': '<U9', 'fortran_order': False, 'shape': (-1,)}"),
        npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", b"\xff\xff\xff\xff"),
        npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", bytes(100_000_000)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("(" * 100),
        npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1, (1, 2))}", bytes(8)),
        b"",
    ],
)
def test_hostile_arrays(names: bytes, tmp_path: Path) -> None:
    path = tmp_path / "counts.npz"
    path.write_bytes(zip_of({"names.npy": names}))
    assert refused(read_counts, path)


def test_mutated_arrays(tmp_path: Path) -> None:
    path, rnd = tmp_path / "counts.npz", random.Random(0)
    parts: dict[str, Any] = {"confusion": np.ones((2, 2, 2), int), "boundary": np.ones((2, 3, 2), int)}
    np.savez_compressed(
        path, names=["a", "b"], classes=["road", "grass"], confidence=np.ones((2, 2, 256), int), **parts
    )
    content = path.read_bytes()
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(rnd.choice([1, 1, 4])):
            changed[rnd.randrange(len(changed))] = rnd.randrange(256)
        path.write_bytes(changed[: rnd.choice([len(changed), len(changed), rnd.randrange(len(changed))])])
        refused(read_counts, path)
