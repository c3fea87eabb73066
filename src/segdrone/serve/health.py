"""Whether the service lives and is ready, and its metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from segdrone.serve.problems import Problem

router = APIRouter(tags=["operation"])


@router.get("/health/live", summary="Whether the service runs")
async def live() -> dict[str, str]:
    """Answers as long as the service accepts requests; needs no token."""
    return {"status": "live"}


@router.get("/ping", include_in_schema=False)  # as SageMaker asks
@router.get("/health/ready", summary="Whether the service can predict")
async def ready(request: Request) -> dict[str, Any]:
    """Answers 200 if a worker is up, else 503; needs no token."""
    pool = request.app.state.service.pool
    if not pool.alive or pool.is_draining:
        raise Problem(503, "the service ends" if pool.is_draining else "no worker is up: one is being started")
    return {"status": "ready", "workers": pool.alive}


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
def metrics(request: Request) -> Response:  # in a thread, as drift takes some milliseconds
    """Returns counts of requests by route, model and status, times, megapixels, and the state of the workers."""
    return Response(request.app.state.service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
