"""Label the photographs of a Label Studio: the addresses that it calls of a model (its ML backend).

Photographs come from the one Label Studio that `--label-studio` names, by their path among its uploads. No other
address and no file is opened, whatever a client writes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segdrone.annotations.export.label_studio import region_results
from segdrone.annotations.export.regions import mask_regions, outline_regions
from segdrone.annotations.label_studio_config import Control, read_controls
from segdrone.annotations.servers.connection import ServerError
from segdrone.annotations.servers.label_studio import LabelStudio
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.serve.log import record_of
from segdrone.serve.models import Name, describe, find_model
from segdrone.serve.problems import Problem, disk_errors
from segdrone.serve.segment import Options, check_room, predict_upload
from segdrone.serve.service import Service
from segdrone.serve.uploads import check_photograph, in_check_thread, receive_body
from segdrone.utils.bounded import UnreadableError, read_json

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/models/{name}/label-studio", tags=["label studio"])

_MOST = {"brush": 100, "polygon": 1000}  # regions of a photograph, as segdrone data export-labels writes them
_MOST_TASKS = 1000
_MEGABYTES = 32.0  # of a request: tasks without their annotations
_UPLOAD = re.compile(r"/data/upload/[0-9]{1,18}/[A-Za-z0-9%._~!$&'()*+,;=:@-]{1,400}")
_SECONDS = 30.0  # in which a part of a photograph must arrive


@router.get("/health", summary="Tell Label Studio that the model is up")
async def health(request: Request, name: Name) -> dict[str, str]:
    """Returns the status in the form of label-studio-ml."""
    _label_studio(request)
    return {"status": "UP", "model_class": find_model(request, name)}


@router.get("/versions", summary="List the version of the model for Label Studio")
async def versions(request: Request, name: Name) -> dict[str, list[str]]:
    """Returns name and digest of the model, as its predictions bear them."""
    _label_studio(request)
    return {"versions": [_current_version(request, find_model(request, name))]}


@router.post("/setup", summary="Compare the labels of a Label Studio project with the model's classes")
async def setup(request: Request, name: Name) -> dict[str, str]:
    """Returns the version of the model, if `schema` is a labeling interface that has all of its classes."""
    _label_studio(request)
    model = find_model(request, name)
    content = await _read_content(request)
    _find_control(content.get("schema"), _table(request, model), model)
    return {"model_version": _current_version(request, model)}


@router.post("/predict", summary="Label the photographs of Label Studio's tasks")
async def predict(request: Request, name: Name) -> Response:
    """Returns brushes or polygons, as the labeling interface `label_config` has them, for each of `tasks`."""
    server = _label_studio(request)
    service: Service = request.app.state.service
    model = find_model(request, name)
    record = record_of(request)
    check_room(service)
    content = await _read_content(request)
    table = _table(request, model)
    control = _find_control(content.get("label_config"), table, model)
    tasks = content.get("tasks")
    if not isinstance(tasks, list) or not 0 < len(tasks) <= _MOST_TASKS:
        raise Problem(422, f"tasks must be a list of 1 to {_MOST_TASKS} tasks")
    paths = [_photograph_path(task, control.key, server) for task in tasks]  # all of them, before one is fetched
    record.model = model
    results = []
    for number, path in enumerate(paths):
        assert record.folder is not None
        folder = record.folder / str(number)
        with disk_errors():
            folder.mkdir()
        await asyncio.to_thread(_fetch, server, path, folder / "upload", service)
        upload = await in_check_thread(check_photograph, folder / "upload", service.settings)
        record.bytes, record.megapixels = record.bytes + upload.size, record.megapixels + upload.megapixels
        answer, _ = await predict_upload(request, Options.model_validate({}), model, (), upload)
        if (own := ClassTable.from_dict(answer["classes"])) != table:  # the model was replaced meanwhile
            table, control = own, _find_control(content.get("label_config"), own, model)
        mask = folder / "masks" / f"{upload.file.stem}.png"
        result = await asyncio.to_thread(_encode, mask, table, control, f"{record.id[:8]}-{number}")
        upload.file.unlink(missing_ok=True)
        score, version = float(answer["row"]["confidence"]), _version(model, answer["model_digest"])
        results.append({"result": result, "score": score, "model_version": version})
    return await asyncio.to_thread(JSONResponse, {"results": results})


@router.post("/webhook", summary="Take what Label Studio tells of annotations, and refuse to train")
async def webhook(request: Request, name: Name) -> dict[str, str]:
    """Does nothing: the service does not train."""
    _label_studio(request)
    find_model(request, name)
    if (await _read_content(request)).get("action") == "START_TRAINING":
        raise Problem(
            501, "the service does not train: fetch the annotations by segdrone data pull, and give them to segdrone "
            "train"
        )  # fmt: skip
    return {"status": "ignored"}


def _label_studio(request: Request) -> LabelStudio:
    service: Service = request.app.state.service
    if service.label_studio is None:
        raise Problem(404, "the service labels for no Label Studio: start it with --label-studio URL")
    return service.label_studio


async def _read_content(request: Request) -> dict[str, Any]:
    """Returns the JSON object of a request's body; the request has a folder then.

    Raises:
        Problem: It is none (422), too large (413) or too slow (408).
    """
    service: Service = request.app.state.service
    file = record_of(request).make_folder() / "request.json"
    await receive_body(request, file, None, megabytes=_MEGABYTES, seconds=service.settings.upload_timeout)
    try:
        content = await in_check_thread(read_json, file)
    except UnreadableError as error:
        raise Problem(422, f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Problem(422, "the body is not a JSON object as Label Studio sends it")
    return content


def _table(request: Request, model: str) -> ClassTable:
    return ClassTable.from_dict(describe(request, model)["spec"]["classes"])


def _current_version(request: Request, model: str) -> str:
    return _version(model, describe(request, model)["digest"])


def _version(model: str, digest: str) -> str:
    return f"{model} {digest[:12]}"


def _find_control(config: Any, table: ClassTable, model: str) -> Control:
    """Returns the first brush or polygon of a labeling interface whose labels include the classes of a model.

    Raises:
        Problem: There is none (422).
    """
    try:
        controls = read_controls(config if isinstance(config, str) else "")
    except DataError as error:
        raise Problem(422, str(error)) from None
    lacking = [[name for name in table.names if name not in control.labels] for control in controls]
    found = next((control for control, missing in zip(controls, lacking, strict=True) if not missing), None)
    if found is None:
        fewest = min((", ".join(names) for names in lacking), key=len, default="BrushLabels and PolygonLabels")
        text = (
            f"the labeling interface of the project lacks {fewest} of the model {model}: take label_config.xml of "
            "segdrone data export-labels --to label-studio"
        )
        log.warning("%s", text)  # Label Studio shows the status alone
        raise Problem(422, text)
    return found


def _photograph_path(task: Any, key: str, server: LabelStudio) -> str:
    """Returns the path of a task's photograph among the uploads of Label Studio.

    Raises:
        Problem: It is another place (422).
    """
    data = task.get("data") if isinstance(task, dict) else None
    text = data.get(key) if isinstance(data, dict) else None
    path = text.removeprefix(urlsplit(server.address).path) if isinstance(text, str) else ""
    name = unquote(path.rpartition("/")[2])
    if not _UPLOAD.fullmatch(path) or name in (".", "..") or re.search(r"[/\\\x00-\x1f]", name):
        raise Problem(
            422, "a task's photograph is not among the uploads of Label Studio (/data/upload/...), from which alone it "
            "is fetched: send photographs by segdrone data export-labels --push, or upload them there"
        )  # fmt: skip
    return path


def _fetch(server: LabelStudio, path: str, file: Path, service: Service) -> None:
    """Writes a photograph of Label Studio to a file.

    Raises:
        Problem: It cannot be had (502), or the disk is full (507).
    """
    settings = service.settings
    try:
        with disk_errors(), file.open("wb") as opened:
            server.connection.download(
                path, opened, int(settings.max_megabytes * 1e6), seconds=_SECONDS, in_all=settings.upload_timeout
            )
    except ServerError as error:
        text = str(error).replace(path, "a photograph")
        log.warning("%s", text)
        raise Problem(502, text) from None


def _encode(file: Path, table: ClassTable, control: Control, prefix: str) -> list[dict[str, Any]]:
    """Returns the regions of a mask as Label Studio has them."""
    mask = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)
    mask = np.where(mask == table.ignore_index, np.uint8(255), mask)
    find = mask_regions if control.kind == "brush" else outline_regions
    regions = find(mask, None, len(table), _MOST[control.kind])
    return region_results(regions, table.names, control.kind, control.name, control.to_name, prefix)
