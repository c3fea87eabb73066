"""The models of the service: copies that nobody changes, their descriptions, and their replacement."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.requests import Request

from segdrone.classes import ClassTable, thing_classes
from segdrone.errors import CheckpointError, SegdroneError
from segdrone.runtime.onnx_file import read_onnx
from segdrone.serve.problems import Problem
from segdrone.serve.settings import ModelFile
from segdrone.serve.task import TaskError
from segdrone.utils.output_dir import check_finished

router = APIRouter(prefix="/v1/models", tags=["models"])
Name = Annotated[str, InPath(max_length=64, description="Name of a model.")]


class ModelCopies:
    """Private copies of the model files.

    A worker that starts in the place of another opens what the others have open, whatever has become of the file.

    Args:
        files: The models.
        folder: Where to copy them.

    Attributes:
        files: The models, by name.
        paths: Their copies, by name.

    Raises:
        CheckpointError: A file cannot be read.
    """

    def __init__(self, files: Sequence[ModelFile], folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count()
        self._sources: dict[str, str] = {}  # paths of the files by those of their copies
        self.files = {file.name: file for file in files}
        self.reloading = asyncio.Lock()
        self.paths = {name: self.copy(name) for name in self.files}

    def copy(self, name: str) -> str:
        """Copies the file of a model as it is now, and returns the path of the copy.

        Raises:
            CheckpointError: It cannot be read.
        """
        path = self.files[name].path
        weights = _weights(path)
        folder = self._folder / str(next(self._numbers))
        self._sources[str(folder / path.name)] = str(path)
        try:
            check_finished(path.parent)
            folder.mkdir(parents=True)
            shutil.copyfile(path, folder / path.name)
            for place, file in weights.items():
                copy = (folder / place).resolve()
                if copy.is_relative_to(folder.resolve()):  # else the model cannot be opened in another folder
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copy)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise CheckpointError(
                f"{path} cannot be copied ({error.strerror or error}): check it, and the disk"
            ) from None
        return str(folder / path.name)

    def with_own_paths(self, text: str) -> str:
        """Returns a text with the paths of the files in the place of those of their copies."""
        for copy, path in self._sources.items():
            text = text.replace(copy, path)
        return text

    @contextmanager
    def errors_with_own_paths(self) -> Iterator[None]:
        """Puts the paths of the files into the errors of opening their copies."""
        try:
            yield
        except CheckpointError as error:
            raise CheckpointError(self.with_own_paths(str(error))) from None

    @staticmethod
    def remove(path: str) -> None:
        """Removes a copy that nobody opens any more."""
        shutil.rmtree(Path(path).parent, ignore_errors=True)


def _weights(path: Path) -> dict[str, Path]:
    """Returns the files of weights beside a model file, by their paths below its folder."""
    if path.suffix.lower() == ".onnx":
        return read_onnx(path).weights
    weights = path.with_suffix(".bin")
    return {weights.name: weights} if path.suffix.lower() == ".xml" and weights.is_file() else {}


def find_model(request: Request, name: str | None) -> str:
    """Returns the name of a model of the service; the first one's by default.

    Raises:
        Problem: There is none of this name (404).
    """
    names: list[str] = [*request.app.state.service.models.files]
    if name is None:
        return names[0]
    if name not in names:
        raise Problem(404, f"there is no model {name[:64]!a}: choose one of {', '.join(names)}")
    return name


def describe(request: Request, name: str) -> dict[str, Any]:
    """Returns what a model is: name, digest, runtime, device, precision, spec, and scores; None if it holds none."""
    description = request.app.state.service.pool.descriptions[name]
    known = description["spec"]["reference_statistics"] or {}
    scores = {key: known.get(key) for key in ("photographs", "miou", "miou_interval", "class_ious")}
    return {"name": name, "scores": None if known.get("miou") is None else scores, **description}


@router.get("", summary="List the models")
async def list_models(request: Request) -> dict[str, Any]:
    """Returns name, digest, runtime, device, precision, classes and scores of each model; the first is the default.

    `things` are the classes whose objects can be counted; `jobs` is whether the service takes jobs.
    """
    service, models = request.app.state.service, []
    for name in service.models.files:
        model = describe(request, name)
        table = ClassTable.from_dict(model.pop("spec")["classes"])
        models.append({**model, "classes": [*table.names], "things": thing_classes(table)})
    return {"models": models, "jobs": service.jobs is not None}


@router.get("/{name}", summary="Describe a model")
async def show_model(request: Request, name: Name) -> dict[str, Any]:
    """Returns what a model is: digest (SHA-256) of its file, runtime, device, precision, spec, and scores.

    Scores are those on its validation photographs, at their own size: how many, the mIoU with its interval, and the IoU
    of each class. A model that holds none has null.

    The spec says the classes with their colors, training size, scale, ground sampling distance, license of the data,
    and what made it.
    """
    return describe(request, find_model(request, name))


@router.post("/{name}/reload", summary="Replace a model by what its file is now")
async def reload_model(request: Request, name: Name) -> dict[str, Any]:
    """Opens the model's file again, in all workers, and returns what the model now is.

    Requests and jobs that run end with the former model; none is lost. If the file cannot be opened, the former model
    stays (409).
    """
    service, name = request.app.state.service, find_model(request, name)
    models: ModelCopies = service.models
    async with models.reloading:
        try:
            path = await asyncio.to_thread(models.copy, name)
        except SegdroneError as error:
            raise Problem(409, f"the former model stays: {error}") from None
        try:
            await asyncio.wrap_future(service.pool.reload(name, path).answer)
        except TaskError as error:
            text = models.with_own_paths(str(error))
            models.remove(path)
            if error.kind == "stopped":
                raise Problem(503, text) from None
            raise Problem(409, f"the former model stays: {text}") from None
        former, models.paths[name] = models.paths[name], path
        if service.jobs is not None:
            await asyncio.to_thread(service.jobs.adopt, name, path)
        models.remove(former)
    return describe(request, name)
