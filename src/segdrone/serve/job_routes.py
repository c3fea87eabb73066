"""`/v1/jobs`: predict what takes long, such as large photographs, videos and whole flights."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from pydantic import Field
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from segdrone.serve.job_queue import JobQueue
from segdrone.serve.job_store import Job, JobStore
from segdrone.serve.job_uploads import receive_job
from segdrone.serve.log import record_of
from segdrone.serve.models import describe, find_model
from segdrone.serve.predict_job import RESULT
from segdrone.serve.problems import CLIENT_GONE, Problem, disk_errors
from segdrone.serve.segment import BINARY, BODY, Options, check_options
from segdrone.serve.service import Service

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Id = Annotated[str, InPath(max_length=64, description="Id of a job: who knows it may see and cancel the job.")]


class JobOptions(Options):
    """Query parameters of a job: options of `segdrone predict`."""

    confidence: bool = Field(False, description="Also write the probability of each pixel's class.")
    regions: bool = Field(False, description="Also write the regions of photographs as polygons, in GeoJSON.")
    smooth: int = Field(1, ge=1, le=255, description="Videos: majority vote of each pixel over this many frames.")


@router.post(
    "",
    status_code=202,
    summary="Have photographs or a video predicted",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {**BODY, **dict.fromkeys(("video/mp4", "application/zip"), BINARY)},
        }
    },
)
async def add_job(request: Request, options: Annotated[JobOptions, Query()]) -> JSONResponse:
    """Takes a photograph, a video, or a ZIP archive of them, and returns the job that predicts them.

    Jobs are kept on disk: they survive the service. Their results are kept for some time after their end.
    """
    service, queue, store = _parts(request)
    record = record_of(request)
    record.model = find_model(request, options.model)
    check_options(options, [], describe(request, record.model))
    if service.pool.is_draining:
        raise Problem(503, "the service ends, and takes no more jobs", {"Retry-After": "10"})
    if queue.waiting >= service.settings.max_jobs:
        raise Problem(429, f"{queue.waiting} jobs wait already: try again later", {"Retry-After": "60"})
    with disk_errors():
        folder = store.begin()
    try:
        count = await receive_job(request, folder, service.settings)
        record.bytes = sum(path.stat().st_size for path in (folder / "input").rglob("*") if path.is_file())
        if await request.is_disconnected():  # as while an archive is unpacked: nobody would know the job
            raise Problem(CLIENT_GONE, "the client left before the answer")
        with disk_errors():
            job = store.add(folder, record.model, options.model_dump(exclude={"model"}), count)
    finally:
        if folder.exists():  # it has not become a job
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    queue.add(job)
    return JSONResponse(_describe(request, job), 202, {"Location": f"/v1/jobs/{job.id}"})


@router.get("/{job_id}", summary="State of a job")
async def show_job(request: Request, job_id: Id) -> dict[str, Any]:
    """Returns state, place in the queue, progress, and, once it is done, its files."""
    return _describe(request, _find(request, job_id))


@router.delete("/{job_id}", status_code=204, summary="Cancel a job, and remove its files")
async def cancel_job(request: Request, job_id: Id) -> Response:
    """Ends a job at its next window, and removes all of its files; also of one that has ended."""
    _, queue, _ = _parts(request)
    await asyncio.to_thread(queue.cancel, _find(request, job_id))
    return Response(status_code=204)


@router.get("/{job_id}/result", summary="Result of a job", response_class=FileResponse)
async def job_result(request: Request, job_id: Id) -> FileResponse:
    """Returns a ZIP archive of all that `segdrone predict` writes."""
    job = _finished(request, job_id)
    folder = _parts(request)[2].folder(job.id)
    return FileResponse(folder / RESULT, media_type="application/zip", filename=f"segdrone-{job.id}.zip")


@router.get("/{job_id}/files/{path:path}", summary="One file of a result", response_class=FileResponse)
async def job_file(request: Request, job_id: Id, path: str) -> FileResponse:
    """Returns a file of those that the job lists, such as `masks/photograph.png`."""
    out = _parts(request)[2].folder(_finished(request, job_id).id) / "out"
    file = _files(out).get(path)
    if file is None:
        raise Problem(404, "the job has no such file: see its `files`")
    return FileResponse(file)


def _parts(request: Request) -> tuple[Service, JobQueue, JobStore]:
    service: Service = request.app.state.service
    if service.jobs is None:
        raise Problem(404, "this service takes no jobs: start it with --job-workers 1")
    return service, service.jobs, service.jobs.store


def _find(request: Request, job_id: str) -> Job:
    job = _parts(request)[2].get(job_id)
    if job is None or job.state == "cancelled":
        raise Problem(404, "there is no such job: it was cancelled, its time is over, or its id is another")
    return job


def _finished(request: Request, job_id: str) -> Job:
    """Returns a job that has a result.

    Raises:
        Problem: There is no such job (404), or it has no result (409).
    """
    job = _find(request, job_id)
    if job.state != "done":
        raise Problem(409, f"the job has failed: {job.error}" if job.has_ended else f"the job is {job.state}: wait")
    return job


def _describe(request: Request, job: Job) -> dict[str, Any]:
    _, queue, store = _parts(request)
    is_done, place = job.state == "done", queue.place(job)
    done, total = (job.photographs, job.photographs) if is_done else queue.progress(job)
    return {
        "id": job.id,
        "state": job.state if place is None else "queued",  # it ran when the service was killed
        "model": job.model,
        "model_digest": job.digest or None,
        "photographs": job.photographs,
        "place": place,
        "progress": {"done": done, "total": total},
        **{name: _time(getattr(job, name)) for name in ("created", "started", "finished")},
        "error": job.error,
        "failed": job.failed,
        "files": sorted(_files(store.folder(job.id) / "out")) if is_done else [],
    }


def _files(out: Path) -> dict[str, Path]:
    """Returns the files of a result by their path below it."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(out).as_posix(): path for path in files}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
