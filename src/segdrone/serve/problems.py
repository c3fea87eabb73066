"""Errors as clients get them: `application/problem+json` of RFC 9457, with one line of what is wrong and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from starlette.responses import JSONResponse

from segdrone.serve.task import TaskError
from segdrone.utils.console import one_line

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499  # nginx's number; nobody receives it, but log and metrics count it

_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_FIELDS = {"type": _TEXT, "title": _TEXT, "status": _NUMBER, "detail": _TEXT, "request_id": _TEXT}
_SCHEMA = {"type": "object", "required": [*_FIELDS], "properties": _FIELDS}
DESCRIBED = {"description": "A problem: `detail` says what is wrong", "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
"""A problem as OpenAPI describes it."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_STATUS = {"DataError": 422, "ConfigError": 422, "timeout": 504, "stopped": 503, "cancelled": CLIENT_GONE}
_RETRY = {"Retry-After": "10"}


class Problem(Exception):
    """A request that cannot be answered as asked.

    Args:
        status: HTTP status.
        detail: What is wrong and what to do.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, one_line(detail), dict(headers or {})


def problem_response(problem: Problem, request_id: str, path: str) -> JSONResponse:
    """Returns the answer for a problem of a request to a path; of `/v2` in the form of its protocol."""
    if f"{path}/".startswith("/v2/"):
        return JSONResponse({"error": problem.detail}, problem.status, problem.headers)
    try:
        title = HTTPStatus(problem.status).phrase
    except ValueError:
        title = "Client Closed Request"
    content = {
        "type": "about:blank",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request_id,
    }
    return JSONResponse(content, problem.status, problem.headers, MEDIA_TYPE)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turns errors of writing to the spool into a Problem."""
    try:
        yield
    except OSError as error:
        raise _disk_problem(error.errno, error.strerror or str(error)) from None


def task_problem(error: TaskError) -> Problem:
    """Returns the problem of a task that failed in a worker."""
    if error.kind in _STATUS:
        text = f"the request was stopped: {error}" if error.kind in ("timeout", "stopped") else str(error)
        return Problem(_STATUS[error.kind], text, _RETRY if error.kind == "stopped" else None)
    if error.errno is not None:
        return _disk_problem(error.errno, str(error))
    if error.kind == "MemoryError":
        return Problem(413, "the photograph needs more memory than the service has: reduce it")
    if error.kind == "lost":
        return Problem(
            500, f"the worker has ended ({error}), as for its memory: another one is started; try again once"
        )
    return Problem(500, f"the model failed: {error}")


def _disk_problem(number: int | None, reason: str) -> Problem:
    if number in _DISK_FULL:
        return Problem(507, "the disk of the service is full: try again later", _RETRY)
    return Problem(500, f"the service cannot write its files ({reason}): tell who runs it")
