"""Sample scenes for the page, for those who have no photograph at hand."""

from __future__ import annotations

import threading
from functools import cache
from io import BytesIO

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from segdrone.serve.problems import Problem
from segdrone.synthetic import render_scene

_HEIGHT, _WIDTH = 640, 960
_SEEDS = (5, 3, 11)  # a garden, a street, a pool
_LOCK = threading.Lock()


def show_sample(request: Request) -> Response:
    """Answers `/page/samples/{number}.jpg`, from 1.

    Raises:
        Problem: There is none of this number (404).
    """
    number = request.path_params["number"]
    if not 1 <= number <= len(_SEEDS):
        raise Problem(404, f"there are the samples 1 to {len(_SEEDS)}: choose one of them")
    with _LOCK:  # each is rendered once, one at a time
        content = _render(_SEEDS[number - 1])
    return Response(content, media_type="image/jpeg")


@cache
def _render(seed: int) -> bytes:
    """Renders a scene as a JPEG file; it takes about a second."""
    file = BytesIO()
    Image.fromarray(render_scene(_HEIGHT, _WIDTH, seed)[0]).save(file, "JPEG", quality=88)
    return file.getvalue()
