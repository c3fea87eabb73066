"""`POST /v1/segment`: predict one photograph, as `segdrone predict` does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from segdrone.classes import ClassTable, thing_classes
from segdrone.errors import ConfigError
from segdrone.inference.cleanup import Cleanup, parse_min_area
from segdrone.inference.outputs import SUFFIXES
from segdrone.serve.answers import ANSWERS, choose_answer, to_json
from segdrone.serve.log import record_of
from segdrone.serve.models import describe, find_model
from segdrone.serve.prediction_log import AS_TRAINED
from segdrone.serve.problems import CLIENT_GONE, Problem, task_problem
from segdrone.serve.service import Service
from segdrone.serve.task import QueueFullError, Task, TaskError
from segdrone.serve.uploads import FIELD, Upload, receive_photograph

router = APIRouter(tags=["prediction"])

BINARY = {"schema": {"type": "string", "format": "binary"}}
"""Bytes of a file, in OpenAPI."""

BODY = {
    **dict.fromkeys(("image/jpeg", "image/png", "image/tiff", "image/webp", "application/octet-stream"), BINARY),
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": [FIELD],
            "additionalProperties": False,
            "properties": {FIELD: BINARY["schema"]},
        }
    },
}
"""Bodies that hold a photograph, in OpenAPI."""


class Options(BaseModel):
    """Query parameters of a prediction: options of `segdrone predict`."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, max_length=64, description="Name of a model (default: the first one).")
    objects: bool = Field(False, description="Count connected components of persons, cars, ...")
    min_area: str = Field(
        "0", max_length=2000, description="Remove components with fewer pixels: 64, or per class car=200,person=30."
    )
    fill_holes: int = Field(0, ge=0, le=10**9, description="Fill holes of at most this many pixels.")
    refine: int = Field(0, ge=0, le=64, description="Move borders to edges, by at most this many pixels.")
    augment: Literal["none", "flips", "symmetries"] = Field(
        "none", description="Test-time augmentation: flips take 4 times as long, symmetries 8 times."
    )


def segment_message(options: Options, model: str, kinds: Sequence[str], upload: Upload, folder: Path) -> dict[str, Any]:
    """Returns the message by which a worker predicts a photograph.

    Args:
        options: The client's.
        model: Name of the model.
        kinds: Which files are asked for, keys of `SUFFIXES`; for `objects`, objects are counted.
        upload: The photograph.
        folder: Where the worker writes.
    """
    values = options.model_dump(exclude={"model"})
    values["objects"] = options.objects or "objects" in kinds
    values["kinds"] = [*kinds]
    return {"do": "segment", "model": model, "folder": str(folder), "file": str(upload.file), "options": values}


@router.post("/invocations", include_in_schema=False)  # as SageMaker asks
@router.post(
    "/v1/segment",
    summary="Predict the mask of a photograph",
    response_class=Response,
    responses={
        200: {
            "description": "As the Accept header asks: " + "; ".join(f"`{one.accept}` {one.text}" for one in ANSWERS),
            "content": {one.media_type: {} if one.media_type == ANSWERS[0].media_type else BINARY for one in ANSWERS},
        }
    },
    openapi_extra={"requestBody": {"required": True, "content": BODY}},
)
async def segment(request: Request, options: Annotated[Options, Query()]) -> Response:
    """Predicts a JPEG, PNG, TIFF or WebP photograph: the bytes of the body, or the field `photograph` of a form."""
    service: Service = request.app.state.service
    record = record_of(request)
    answer = choose_answer(", ".join(request.headers.getlist("accept")))  # lines of one header are one list
    kinds = [answer.kind] if answer.kind else []
    model = record.model = find_model(request, options.model)
    check_options(options, kinds, describe(request, model))
    check_room(service)  # before the upload, which may be long
    upload = await receive_photograph(request, record.make_folder(), service.settings)
    record.bytes, record.megapixels = upload.size, upload.megapixels
    result, queued = await predict_upload(request, options, model, kinds, upload)
    headers = {"X-Model": model, "X-Model-Digest": result["model_digest"], "Vary": "Accept"}
    if answer.kind:
        file = upload.file.parent / answer.kind / (upload.file.stem + SUFFIXES[answer.kind])
        return FileResponse(file, headers=headers, media_type=answer.media_type)
    return JSONResponse(to_json(result, request_id=record.id, model=model, queued=queued), headers=headers)


async def predict_upload(
    request: Request, options: Options, model: str, kinds: Sequence[str], upload: Upload
) -> tuple[dict[str, Any], float]:
    """Lets a worker predict a photograph, and counts it; files are written beside it.

    Returns:
        The worker's answer, and the seconds that the request waited for it.

    Raises:
        Problem: The queue is full, the task failed, or the client left.
    """
    service: Service = request.app.state.service
    task = submit(service, segment_message(options, model, kinds, upload, upload.file.parent))
    result = await wait_for_answer(request, service, task)
    queued = task.queued or 0.0
    service.metrics.count_prediction(model, queued=queued, predicted=result["seconds"], megapixels=upload.megapixels)
    description = describe(request, model)
    if result["model_digest"] == description["digest"] and AS_TRAINED.items() <= options.model_dump().items():
        await asyncio.to_thread(service.predictions.add, model, description, record_of(request).id, result["row"])
    return result, queued


def check_options(options: Options, kinds: Sequence[str], model: dict[str, Any]) -> None:
    """Checks what depends on the model's classes.

    Args:
        options: Of the request.
        kinds: Files that are wanted, keys of `SUFFIXES`.
        model: Description of the model.

    Raises:
        Problem: The options do not fit them (422).
    """
    table = ClassTable.from_dict(model["spec"]["classes"])
    try:
        Cleanup(parse_min_area(options.min_area, "min_area"), options.fill_holes, options.refine).check(table)
    except ConfigError as error:
        raise Problem(422, str(error)) from None
    if (options.objects or "objects" in kinds) and not thing_classes(table):
        raise Problem(422, "no class of the model is an object such as person or car: leave out objects")


def check_room(service: Service) -> None:
    """Checks that the queue takes a request.

    Raises:
        Problem: It does not (429, 503).
    """
    if service.pool.is_draining:
        raise Problem(503, "the service ends, and takes no more requests", {"Retry-After": "10"})
    if service.pool.is_full:
        raise _queue_full(service)


def submit(service: Service, message: dict[str, Any]) -> Task:
    """Queues a task.

    Raises:
        Problem: The queue is full (429), or the service ends (503).
    """
    try:
        return service.pool.submit(message)
    except QueueFullError:
        raise _queue_full(service) from None
    except TaskError as error:
        raise task_problem(error) from None


def _queue_full(service: Service) -> Problem:
    seconds = service.pool.seconds_to_wait
    return Problem(
        429, f"{service.settings.max_queue} requests wait already: try again in {seconds} seconds",
        {"Retry-After": str(seconds)},
    )  # fmt: skip


async def wait_for_answer(request: Request, service: Service, task: Task) -> dict[str, Any]:
    """Waits for the answer of a task, and cancels the task if the client leaves.

    Raises:
        Problem: The task failed, or the client left.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def finish(_: object) -> None:
        with suppress(RuntimeError):  # a second Ctrl+C has ended the loop
            loop.call_soon_threadsafe(done.set)

    task.answer.add_done_callback(finish)
    finished = asyncio.ensure_future(done.wait())
    gone = asyncio.ensure_future(request.receive())  # after the body, the only message is that the client has left
    try:
        await asyncio.wait({finished, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not done.is_set():
            service.pool.cancel(task)
            await finished  # until then, the worker may write to the request's folder
            raise Problem(CLIENT_GONE, "the client left before the answer")
        return task.answer.result()
    except TaskError as error:
        raise task_problem(error) from None
    except asyncio.CancelledError:
        service.pool.cancel(task)
        raise
    finally:
        finished.cancel()
        gone.cancel()
