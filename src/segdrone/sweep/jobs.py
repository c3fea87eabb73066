"""Read the jobs of a sweep from the files in their folders, for any launcher."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from pydantic import BaseModel, FiniteFloat

from segdrone.errors import ConfigError
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError, read_json, read_text, read_yaml, validate
from segdrone.utils.config import config_dir

T = TypeVar("T")

_FAILURE_FILE = "error.txt"  # first line: why the job has no score; then the traceback
UNFINISHED = "it did not finish"
SCORES = ("miou", "miou_per_image", "accuracy", "dice")
"""Scores at the end of a job, of its test photographs if it has any, that are compared."""
_VALIDATED = (
    "root", "images", "masks", "layout", "sample", "rasters", "labels", "class_attribute", "aoi", "block_m", "map_tile",
    "map_gsd", "classes", "class_groups", "mask_encoding", "colour_tolerance", "mask_threshold", "unknown", "split_dir",
    "split_by", "split_distance", "split_seed", "test_share", "val_share", "sampling", "image_size", "scale",
    "unlabeled", "batch_size",
)  # fmt: skip
"""Options of `data` that decide which photographs are validated, by which classes and at which size. The size of
batches does if `trainer.limit_val_batches` counts them."""
_CHANGED = ("augment.val", "trainer.limit_val_batches")
"""Options that decide how these are changed, and how many of them are used."""
_OF_LOSS = ("loss", "model.instances")
"""Options that decide what is added up as the loss."""


class _SweepConfig(BaseModel):
    """What is read of the config of a sweep."""

    objective: str
    direction: str


class _JobConfig(BaseModel):
    """What is read of the config of a job, as it was trained."""

    data: dict[str, Any] = {}
    augment: dict[str, Any] | None = None
    trainer: dict[str, Any] = {}
    loss: Any = None
    model: dict[str, Any] = {}


class _Source(BaseModel):
    """A folder of configuration files."""

    path: str
    provider: str


class _Runtime(BaseModel):
    cwd: str = ""
    config_sources: list[_Source] = []


class _HydraJob(BaseModel):
    config_name: str | None = None


class _Hydra(BaseModel):
    job: _HydraJob = _HydraJob()
    runtime: _Runtime = _Runtime()


class _HydraFile(BaseModel):
    """What is read of Hydra's own settings of a job."""

    hydra: _Hydra = _Hydra()


class _Run(BaseModel):
    """What is read of `run.json`."""

    objective: str = ""
    reached: FiniteFloat | None = None
    config: _JobConfig = _JobConfig()


class _Scores(BaseModel):
    """What is read of `metrics.json`."""

    split: Literal["train", "val", "test", "all"] = "test"
    miou: FiniteFloat | None = None
    miou_per_image: FiniteFloat | None = None
    accuracy: FiniteFloat | None = None
    dice: FiniteFloat | None = None


@dataclass(frozen=True)
class Job:
    """A job of a sweep.

    Attributes:
        name: Name of its folder.
        overrides: Its Hydra overrides, such as `optimizer.lr=1e-3`.
        options: Options of the command that name other configuration files, such as `--config-name=mine`.
        choices: The values of the overrides by key: numbers as numbers, anything else as text.
        objective: Metric that the job is ranked by; empty if the job ended before it was known.
        reached: Value of the objective; NaN if unknown.
        scores: Scores at its end; NaN if unknown.
        failure: Reason for a missing objective, in one line; None if the job has one.
        split: The split that `scores` are of: `test`, or another one if it is empty.
        validated: Options that decide what the objective was measured on, and by which loss if it is one.
    """

    name: str
    overrides: tuple[str, ...]
    options: tuple[str, ...]
    choices: dict[str, float | str]
    objective: str
    reached: float
    scores: dict[str, float]
    failure: str | None
    split: str = "test"
    validated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """The jobs of a sweep.

    Attributes:
        folder: Folder that contains the folders of the jobs.
        objective: Metric that jobs are ranked by; several metrics if only some of the jobs were validated.
        direction: `maximize` or `minimize`.
        scored: Jobs with an objective, best first.
        failed: Jobs without an objective, in the order in which they were started.
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
        """Returns the keys whose values differ between jobs, in the order of the overrides."""
        keys = dict.fromkeys(key for job in self.jobs for key in job.choices)
        return [key for key in keys if len({job.choices.get(key, "") for job in self.jobs}) > 1]

    def validated_differently(self) -> list[str]:
        """Returns the options by which jobs with an objective were validated on other pixels, or by other losses."""
        found = [job.validated for job in self.scored]
        keys = [*(f"data.{key}" for key in _VALIDATED), *_CHANGED, *_OF_LOSS]
        return [key for key in keys if any(one.get(key) != found[0].get(key) for one in found)]


def read_sweep(folder: Path) -> Sweep | None:
    """Reads the jobs in the folder of a sweep; None if no job was started.

    Raises:
        ConfigError: The jobs are not jobs of `train.py`.
    """
    paths = [path.parents[1] for path in folder.glob("*/.hydra/overrides.yaml")]
    paths.sort(key=lambda path: (not path.name.isdecimal(), len(path.name.lstrip("0")), path.name))
    if not paths:
        return None
    try:
        config = validate(_SweepConfig, read_yaml(paths[0] / ".hydra" / "config.yaml"))
    except UnreadableError as error:
        raise ConfigError(f"{paths[0]} is not a job of train.py -m ({error}): give the folder of a sweep") from None
    sign = -1 if config.direction == "maximize" else 1
    jobs = [_read_job(path) for path in paths]
    scored = sorted((job for job in jobs if job.failure is None), key=lambda job: sign * job.reached)
    objective = ", ".join(sorted({job.objective for job in scored})) or config.objective
    return Sweep(folder, objective, config.direction, scored, [job for job in jobs if job.failure is not None])


def note_failure(folder: Path, reason: str, details: str) -> None:
    """Records in the folder of a job why it has no score.

    Args:
        folder: Folder of the job.
        reason: The reason; it is written as one line.
        details: The traceback, or nothing.
    """
    with atomic_write(folder / _FAILURE_FILE) as partial:
        partial.write_text(f"{' '.join(reason.split())}\n{details}", encoding="utf-8")


def clear_failure(folder: Path) -> None:
    """Removes what `note_failure` wrote, if anything."""
    (folder / _FAILURE_FILE).unlink(missing_ok=True)


def _read_job(folder: Path) -> Job:
    """Reads a job; files of it that cannot be read are its failure."""
    failure, overrides, options, run, metrics = None, [], [], _Run(), _Scores()
    validated: dict[str, Any] = {}
    try:
        overrides = validate(list[str], read_yaml(folder / ".hydra" / "overrides.yaml"))
        hydra = _read_hydra(folder / ".hydra" / "hydra.yaml")
        options = _config_options(hydra)
        run = _read(_Run, folder / "run.json")
        validated = _validated(run, hydra.runtime.cwd)
        metrics = _read(_Scores, folder / "metrics.json")
        if (folder / _FAILURE_FILE).exists():
            failure = read_text(folder / _FAILURE_FILE).partition("\n")[0]
        elif run.reached is None:
            failure = UNFINISHED
        choices = _parse_choices(overrides)
    except (UnreadableError, HydraException) as error:
        failure, choices = f"its files cannot be read ({' '.join(str(error).split())[:200]})", {}
    scores = {name: _number(getattr(metrics, name)) for name in SCORES}
    reached = _number(run.reached)
    return Job(
        folder.name, tuple(overrides), tuple(options), choices, run.objective, reached, scores, failure, metrics.split,
        validated,
    )  # fmt: skip


def _validated(run: _Run, cwd: str) -> dict[str, Any]:
    """Returns the options that decide what a job was validated on, of those that are in effect.

    Args:
        run: What was trained. One that was resumed names the absolute folder of its photographs.
        cwd: The working folder of the sweep.
    """
    config, data = run.config, run.config.data
    if isinstance(data.get("root"), str):
        data = {**data, "root": str(Path(cwd, data["root"]).resolve())}
    limit = config.trainer.get("limit_val_batches", 1.0)
    without_effect = {"scale" if data.get("sampling") == "whole" else "image_size"}
    if limit is None or (type(limit) is float and limit == 1):  # 1 is one batch
        without_effect.add("batch_size")
    validated = {f"data.{key}": data[key] for key in _VALIDATED if key in data and key not in without_effect}
    validated["augment.val"] = (config.augment or {}).get("val") or []
    validated["trainer.limit_val_batches"] = limit
    if run.objective.endswith("/loss"):
        validated |= {"loss": config.loss, "model.instances": config.model.get("instances", False)}
    return validated


def _read_hydra(path: Path) -> _Hydra:
    return validate(_HydraFile, read_yaml(path) if path.exists() else {}).hydra


def _config_options(hydra: _Hydra) -> list[str]:
    """Returns the options that lead to the configuration files of a job, where they are not those of segdrone."""
    paths = {source.provider: source.path for source in hydra.runtime.config_sources}
    options = []
    if paths.get("main", str(config_dir())) != str(config_dir()) and Path(paths["main"]).is_dir():
        options.append(f"--config-path={paths['main']}")
    if hydra.job.config_name not in (None, "train"):
        options.append(f"--config-name={hydra.job.config_name}")
    if "command-line" in paths:
        options.append(f"--config-dir={paths['command-line']}")
    return options


def _read(form: type[T], path: Path) -> T:
    return validate(form, read_json(path) if path.exists() else {})


def _parse_choices(overrides: Sequence[str]) -> dict[str, float | str]:
    """Returns the value of each override by its key: numbers as numbers, anything else as it was written."""
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


def _number(value: float | None) -> float:
    return math.nan if value is None else value
