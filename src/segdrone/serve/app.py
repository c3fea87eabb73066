"""Put the service together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from segdrone import __version__
from segdrone.annotations.servers.label_studio import LabelStudio
from segdrone.serve import health, inference_v2, job_routes, label_studio, models, pages, segment
from segdrone.serve.access import GuardAccess, read_tokens
from segdrone.serve.drain import DrainBody
from segdrone.serve.job_queue import JobQueue
from segdrone.serve.job_store import JobStore
from segdrone.serve.log import FollowRequests, record_of
from segdrone.serve.metrics import Metrics
from segdrone.serve.models import ModelCopies
from segdrone.serve.pool import WorkerPool
from segdrone.serve.prediction_log import PredictionLog
from segdrone.serve.problems import DESCRIBED, Problem, problem_response
from segdrone.serve.service import Service
from segdrone.serve.settings import ServeSettings
from segdrone.serve.spool import open_spool
from segdrone.serve.worker import WorkerOptions

_EXPOSED = ("Location", "Retry-After", "X-Model", "X-Model-Digest", "X-Request-ID")  # to web pages of other origins
_DESCRIPTION = "Semantic segmentation of drone photographs. Errors are application/problem+json (RFC 9457)."


@contextmanager
def start_service(settings: ServeSettings) -> Iterator[Service]:
    """Yields a service whose workers have opened the models; at the end, running work ends first.

    Raises:
        CheckpointError: A model cannot be opened.
        ConfigError: The spool cannot be written to, the tokens cannot be read, or Label Studio's address or token
            cannot be used.
    """
    tokens = read_tokens(settings.token_file) if settings.token_file else []
    labeled = LabelStudio(settings.label_studio, "--label-studio") if settings.label_studio else None
    with open_spool(settings.spool) as spool:
        copies = ModelCopies(settings.models, spool / "models")
        options = WorkerOptions(settings.device, settings.threads, str(spool))
        pool = WorkerPool(
            copies.paths, options, size=settings.workers, timeout=settings.timeout, max_queue=settings.max_queue
        )
        with ExitStack() as stack:
            predictions = PredictionLog(settings.statistics)
            jobs = _start_jobs(settings, copies, spool, predictions) if settings.job_workers else None
            if jobs is not None:
                stack.callback(jobs.stop)
            with copies.errors_with_own_paths(), pool:
                metrics = Metrics(pool, jobs, predictions)
                yield Service(settings, pool, copies, metrics, spool, predictions, tokens, jobs, labeled)


def _start_jobs(settings: ServeSettings, copies: ModelCopies, spool: Path, predictions: PredictionLog) -> JobQueue:
    """Returns the queue of jobs, which goes on with those that an earlier service has left."""
    options = WorkerOptions(settings.device, settings.threads, str(spool), niceness=5)  # requests come first

    def make_pool() -> WorkerPool:
        seconds = 3600 * settings.job_hours
        return WorkerPool(
            copies.paths, options, size=settings.job_workers, timeout=seconds, max_queue=settings.job_workers
        )

    store = JobStore(spool / "jobs" if settings.jobs is None else settings.jobs)
    return JobQueue(
        store, make_pool, predictions, workers=settings.job_workers, keep_seconds=3600 * settings.keep_hours
    )


def create_app(service: Service) -> FastAPI:
    """Returns the application of a service."""
    settings = service.settings
    app = FastAPI(
        title="segdrone",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # those of FastAPI load scripts from another host
        redoc_url=None,
        middleware=[
            Middleware(FollowRequests, spool=service.spool, metrics=service.metrics),
            Middleware(DrainBody),
            Middleware(
                CORSMiddleware, allow_origins=settings.cors, allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"], expose_headers=_EXPOSED,
            ),
            Middleware(GuardAccess, settings=settings, tokens=service.tokens),
        ],
        exception_handlers={
            Problem: _answer_problem, HTTPException: _answer_http_error, RequestValidationError: _answer_invalid,
        },
        responses={"default": DESCRIBED, 422: DESCRIBED},
    )  # fmt: skip
    app.state.service = service
    for router in (segment.router, job_routes.router, models.router, inference_v2.router, health.router,
                   label_studio.router):  # fmt: skip
        app.include_router(router)
    pages.add_pages(app, Path(__file__).parent / "page")
    return app


async def _answer_problem(request: Request, error: Any) -> Response:
    return problem_response(error, record_of(request).id, request.url.path)


async def _answer_http_error(request: Request, error: Any) -> Response:
    details = {
        404: "there is nothing at this address: see /docs",
        405: "this address does not take this method: see /docs",
    }
    problem = Problem(error.status_code, details.get(error.status_code, str(error.detail)), error.headers)
    return await _answer_problem(request, problem)


async def _answer_invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    place = " ".join(str(part) for part in first["loc"][1:])[:100]
    if first["type"] == "extra_forbidden":
        options = job_routes.JobOptions if request.url.path.startswith("/v1/jobs") else segment.Options
        text = f"the parameter {place!a} is unknown: choose from {', '.join(options.model_fields)}"
    else:
        text = f"{place}: {first['msg'][:300]}"
    return await _answer_problem(request, Problem(422, text))
