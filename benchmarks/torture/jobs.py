"""The commands that are disturbed, and what must be equal whether they were or not."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.torture.ground import CHECKPOINT, EVALUATE, ONNX, SCENES, TRAIN

OUT = "out"
_PHOTOGRAPHS = f"{SCENES}/original_images"
_FEW = tuple(f"{_PHOTOGRAPHS}/00{i}.jpg" for i in range(3))
_PREDICT = ("--out", OUT, "--device", "cpu", "--confidence", "--min-area", "4")
_DDP = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_epochs=2")


class Job(NamedTuple):
    """A command, which writes to `out/` in its working folder.

    Attributes:
        arguments: Of `segdrone`.
        older: A command whose results it replaces or continues; None if it starts in a folder of its own.
        replaces: Whether nothing of the older results may remain.
        compared: Pattern of the files whose bytes must be equal.
    """

    arguments: tuple[str, ...]
    older: tuple[str, ...] | None = None
    replaces: bool = False
    compared: str = r".*"


_SCORES = r"(metrics\.json|per_class\.csv|per_image\.csv|confusion\.csv|counts\.npz|.*\.png)"

JOBS = {
    "train": Job(("train", *TRAIN, f"output_dir={OUT}"), compared=rf"(checkpoints/.*\.ckpt|{_SCORES})"),
    "train, 2 processes": Job(
        ("train", *TRAIN, *_DDP, f"output_dir={OUT}"), compared=rf"(checkpoints/.*\.ckpt|{_SCORES})"
    ),
    "evaluate": Job(
        ("evaluate", *EVALUATE, "split=all", f"output_dir={OUT}"),
        ("evaluate", *EVALUATE, "split=val", f"output_dir={OUT}"),
        replaces=True,
        compared=_SCORES,
    ),
    "predict": Job(("predict", CHECKPOINT, *_PREDICT, _PHOTOGRAPHS), ("predict", CHECKPOINT, *_PREDICT, *_FEW)),
    "predict, exported": Job(("predict", ONNX, *_PREDICT, _PHOTOGRAPHS), ("predict", ONNX, *_PREDICT, *_FEW)),
    "import": Job(
        ("data", "import", "export", OUT, "--images", _PHOTOGRAPHS),
        ("data", "import", "export", OUT, "--images", _PHOTOGRAPHS, "--background", "ground"),
        replaces=True,
    ),
    "sample": Job(("data", "sample", OUT, "--count", "8", "--size", "96x64")),
    "stats": Job(
        ("data", "stats", SCENES, "--out", OUT),
        ("data", "stats", SCENES, "--out", OUT, "--class-groups", "landing_zone"),
        replaces=True,
    ),
}
"""Commands by name."""

_TIMES = re.compile(r'"(seconds|duration|date|time|started|elapsed)[^"]*": [^,\n}]+')


def digests(job: Job, folder: Path) -> dict[str, str]:
    """Returns a digest of each result of a job, by path below its `out/`; times and the folder's own path are left out.

    Args:
        job: The job.
        folder: Its working folder.
    """
    out = folder / OUT
    files = sorted(path for path in out.rglob("*") if path.is_file()) if out.is_dir() else []
    names = {str(path.relative_to(out)): path for path in files}
    return {name: _digest(path, folder) for name, path in names.items() if re.fullmatch(job.compared, name)}


def _digest(path: Path, folder: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".ckpt":
        return _weights_digest(path)
    if path.suffix == ".json":
        text = content.decode().replace(str(folder), "FOLDER")
        content = _TIMES.sub("", text).encode()
    elif path.suffix == ".npz":
        return _arrays_digest(path)
    return hashlib.sha256(content).hexdigest()[:16]


def _weights_digest(path: Path) -> str:
    """Returns a digest of the weights of a checkpoint and its epoch; the text of the error if it cannot be opened."""
    import torch

    try:
        content: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:80]
    digest = hashlib.sha256(json.dumps([content.get("epoch"), content.get("global_step")]).encode())
    for name, tensor in sorted(content["state_dict"].items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _arrays_digest(path: Path) -> str:
    import numpy as np

    digest = hashlib.sha256()
    try:
        with np.load(path) as file:
            for name in sorted(file.files):
                digest.update(name.encode() + file[name].tobytes())
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:80]
    return digest.hexdigest()[:16]
