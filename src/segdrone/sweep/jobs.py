"""What the jobs of a sweep leave in their folders: all that is known of them, wherever a launcher ran them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from segdrone.errors import ConfigError
from segdrone.utils.atomic import atomic_write

_FAILURE = "error.txt"  # its first line says why the job has no score; the traceback follows
UNFINISHED = "it has not come to its end"
SCORES = ("miou", "miou_per_image", "accuracy", "dice")  # of the final test


@dataclass(frozen=True)
class Job:
    """A job of a sweep.

    Attributes:
        name: Its folder's.
        overrides: What it was given, as Hydra reads it: `optimizer.lr=1e-3`.
        choices: The same by key: numbers as they are, all else as text.
        objective: The metric that the job was judged by; empty where it has not come so far.
        reached: Its value; NaN where there is none.
        scores: Those of the final test; NaN where there is none.
        failure: Why it has no objective, in one line; None where it has one.
    """

    name: str
    overrides: tuple[str, ...]
    choices: dict[str, float | str]
    objective: str
    reached: float
    scores: dict[str, float]
    failure: str | None


@dataclass(frozen=True)
class Sweep:
    """The jobs of a sweep, and what they are compared by.

    Attributes:
        folder: That of the job's folders.
        objective: The name of the metric; of several, where some jobs were validated and others were not.
        direction: `maximize` or `minimize`.
        scored: Jobs with an objective, best first.
        failed: Those without, in the order they were started.
    """

    folder: Path
    objective: str
    direction: str
    scored: list[Job]
    failed: list[Job]

    @property
    def jobs(self) -> list[Job]:
        """All jobs: those with an objective, best first, then the others."""
        return self.scored + self.failed

    def parameters(self) -> list[str]:
        """Returns the keys that differ among the jobs, in the order they were given."""
        keys = dict.fromkeys(key for job in self.jobs for key in job.choices)
        return [key for key in keys if len({job.choices.get(key, "") for job in self.jobs}) > 1]


def read_sweep(folder: Path) -> Sweep | None:
    """Returns the jobs below a sweep's folder; None where none was started.

    Raises:
        ConfigError: They are no jobs of train.py.
    """
    paths = [path.parents[1] for path in folder.glob("*/.hydra/overrides.yaml")]
    paths.sort(key=lambda path: (not path.name.isdigit(), int(path.name) if path.name.isdigit() else 0, path.name))
    if not paths:
        return None
    config = OmegaConf.load(paths[0] / ".hydra" / "config.yaml")
    if not isinstance(config, DictConfig) or not {"objective", "direction"} <= config.keys():
        raise ConfigError(f"{paths[0]} is no job of train.py -m: give the folder of a sweep")
    sign = -1 if config.direction == "maximize" else 1
    jobs = [_read_job(path) for path in paths]
    scored = sorted((job for job in jobs if job.failure is None), key=lambda job: sign * job.reached)
    objective = ", ".join(sorted({job.objective for job in scored})) or config.objective
    return Sweep(folder, objective, config.direction, scored, [job for job in jobs if job.failure is not None])


def note_failure(folder: Path, reason: str, details: str) -> None:
    """Writes down in a job's folder why it has no score: one line, and the traceback or nothing."""
    with atomic_write(folder / _FAILURE) as partial:
        partial.write_text(f"{' '.join(reason.split())}\n{details}", encoding="utf-8")


def clear_failure(folder: Path) -> None:
    """Takes back what `note_failure` wrote."""
    (folder / _FAILURE).unlink(missing_ok=True)


def _read_job(folder: Path) -> Job:
    overrides = OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / "overrides.yaml"))
    assert isinstance(overrides, list)
    record = _json(folder / "run.json")
    reached = _number(record.get("reached"))
    failure = None
    if (folder / _FAILURE).exists():
        failure = (folder / _FAILURE).read_text(encoding="utf-8").split("\n", 1)[0]
    elif math.isnan(reached):
        failure = UNFINISHED
    metrics = _json(folder / "metrics.json")
    scores = {name: _number(metrics.get(name)) for name in SCORES}
    choices, objective = _choices(overrides), record.get("objective", "")
    return Job(folder.name, tuple(map(str, overrides)), choices, objective, reached, scores, failure)


def _choices(overrides: Sequence[str]) -> dict[str, float | str]:
    """Returns the value of each override by its key, numbers as numbers and all else as it was written."""
    choices: dict[str, float | str] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_delete():
            continue
        key, value = override.get_key_element(), override.value()
        if isinstance(value, int | float) and not isinstance(value, bool):
            choices[key] = value
        else:
            choices[key] = override.get_value_element_as_str()
    return choices


def _json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    assert isinstance(content, dict)
    return content


def _number(value: float | None) -> float:
    return math.nan if value is None else value
