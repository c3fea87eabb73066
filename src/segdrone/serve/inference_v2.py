"""`/v2`: the open inference protocol (KServe V2), for programs that cut photographs into windows themselves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import FileResponse

from segdrone import __version__
from segdrone.serve.health import ready
from segdrone.serve.log import record_of
from segdrone.serve.models import Name, describe, find_model
from segdrone.serve.segment import check_room, submit, wait_for_answer
from segdrone.serve.service import Service
from segdrone.serve.tensors import INPUT, OUTPUT
from segdrone.serve.uploads import receive_body

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_DESCRIBED: dict[str, Any] = {"description": "An error", "content": {"application/json": {"schema": _ERROR}}}
router = APIRouter(prefix="/v2", tags=["open inference protocol"], responses={"default": _DESCRIBED, 422: _DESCRIBED})
_HEADER = "Inference-Header-Content-Length"
_BODY = {"application/json": {"schema": {"type": "object"}}, "application/octet-stream": {"schema": {"type": "string"}}}


@router.get("", summary="Describe the server")
async def show_server() -> dict[str, Any]:
    """Returns name, version and extensions."""
    return {"name": "segdrone", "version": __version__, "extensions": ["binary_tensor_data"]}


@router.get("/health/live", summary="Whether the service runs")
async def is_live() -> dict[str, bool]:
    """As `/health/live`."""
    return {"live": True}


@router.get("/health/ready", summary="Whether the service can predict")
async def is_ready(request: Request) -> dict[str, bool]:
    """As `/health/ready`."""
    await ready(request)
    return {"ready": True}


@router.get("/models/{name}", summary="Describe the tensors of a model")
async def show_tensors(request: Request, name: Name) -> dict[str, Any]:
    """Returns the input, windows of uint8 RGB, and the output, probabilities of each class."""
    model = describe(request, find_model(request, name))
    classes = len(model["spec"]["classes"]["names"])
    return {
        "name": name,
        "versions": [model["digest"]],
        "platform": f"segdrone_{model['runtime']}",
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, classes, -1, -1]}],
    }


@router.get("/models/{name}/ready", summary="Whether a model can predict")
async def is_model_ready(request: Request, name: Name) -> dict[str, Any]:
    """As `/health/ready`, for a model that there is."""
    find_model(request, name)
    await ready(request)
    return {"name": name, "ready": True}


@router.post(
    "/models/{name}/infer",
    summary="Compute the probabilities of windows",
    response_class=FileResponse,
    responses={200: {"description": "An inference response", "content": _BODY}},
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
)
async def infer(
    request: Request,
    name: Name,
    header: Annotated[int | None, Header(alias=_HEADER, ge=1, description="Bytes of JSON before tensors.")] = None,
) -> FileResponse:
    """Takes `windows`, UINT8 `[N, height, width, 3]`, and returns `probabilities`, FP32 `[N, classes, height, width]`.

    Tensors are JSON or, as in Triton's extension for binary tensors, bytes after the JSON. `model_version` is the
    SHA-256 of the file of the model that answered, as under `versions` of its description.
    """
    service: Service = request.app.state.service
    record = record_of(request)
    model = record.model = find_model(request, name)
    check_room(service)
    folder = record.make_folder()
    body = folder / "request"
    settings = service.settings
    record.bytes = await receive_body(
        request, body, None, megabytes=settings.max_megabytes, seconds=settings.upload_timeout
    )
    answer = folder / "answer"
    task = submit(
        service, {"do": "infer", "model": model, "file": str(body), "header": header, "answer": str(answer)}
    )  # fmt: skip
    result = await wait_for_answer(request, service, task)
    record.megapixels = result["megapixels"]
    service.metrics.count_prediction(
        model, queued=task.queued or 0.0, predicted=result["seconds"], megapixels=record.megapixels
    )  # fmt: skip
    headers = {"X-Model": model, "X-Model-Digest": result["model_digest"]}
    if result["header"] is None:
        return FileResponse(answer, media_type="application/json", headers=headers)
    headers[_HEADER] = str(result["header"])
    return FileResponse(answer, media_type="application/octet-stream", headers=headers)
