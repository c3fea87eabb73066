"""Stream the file of a request to the disk, and check a photograph before any pixel is decoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from segdrone.errors import DataError
from segdrone.raster.decode_errors import TooLargeError
from segdrone.raster.file_kind import identify
from segdrone.raster.header import read_size
from segdrone.serve.problems import CLIENT_GONE, Problem, disk_errors
from segdrone.serve.settings import ServeSettings

FIELD = "photograph"
"""Name of the form's field."""

_MAGIC = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"II": ".tif", b"MM": ".tif", b"RIFF": ".webp"}
_TAKEN = "JPEG, PNG, TIFF or WebP"
T = TypeVar("T")
_BUFFER = 1 << 20  # bytes
_FORM_BYTES = 1 << 16  # of a form beside the photograph
_CHECKS = ThreadPoolExecutor(2, "segdrone-check")  # at once, as hostile headers take memory


class Upload(NamedTuple):
    """A photograph that has arrived.

    Attributes:
        file: The file.
        size: Its bytes.
        megapixels: By its header.
    """

    file: Path
    size: int
    megapixels: float


async def receive_photograph(request: Request, folder: Path, settings: ServeSettings) -> Upload:
    """Writes the photograph of a request's body, or of its form, to a folder.

    The file's name is ours. Whatever name a client gives is neither used nor kept.

    Raises:
        Problem: It is too large (413), too slow (408), cut (400), no photograph (415, 422), or the disk is full (507).
    """
    file = folder / "upload"
    await receive_body(
        request, file, form_boundary(request, ("image/",)),
        megabytes=settings.max_megabytes, seconds=settings.upload_timeout,
    )  # fmt: skip
    return await in_check_thread(check_photograph, file, settings)


async def receive_body(
    request: Request, file: Path, boundary: bytes | None, *, megabytes: float, seconds: float
) -> int:
    """Writes the body of a request, or the one field of a form with a boundary, to a file; returns its bytes.

    Args:
        request: The request.
        file: The file.
        boundary: From `form_boundary`; None if the body is no form.
        megabytes: Largest size.
        seconds: Time in which it must arrive.

    Raises:
        Problem: It is too large (413), too slow (408), cut (400), empty (422), or the disk is full (507).
    """
    announced = int(request.headers.get("content-length", 0))
    if announced > int(megabytes * 1e6) + (0 if boundary is None else _FORM_BYTES):
        raise _too_many_bytes(megabytes)
    try:
        async with asyncio.timeout(seconds):
            body = request.stream() if boundary is None else _form_field(request.stream(), boundary)
            size = await _write(body, file, megabytes)
    except TimeoutError:
        raise Problem(408, f"the body did not arrive in {seconds:g} seconds: try again") from None
    except ClientDisconnect:
        raise Problem(CLIENT_GONE, "the client left before the end of the body") from None
    if not size:
        raise Problem(422, "the body is empty: send the content of a file")
    return size


async def in_check_thread(check: Callable[..., T], *arguments: Any) -> T:
    """Runs a check of a file from anybody, of which few run at once."""
    return await asyncio.get_running_loop().run_in_executor(_CHECKS, check, *arguments)


def form_boundary(request: Request, kinds: tuple[str, ...]) -> bytes | None:
    """Returns the boundary of a form's parts; None if the body is a file.

    Args:
        request: The request.
        kinds: Begin of the media types of files that are taken, beside application/octet-stream.

    Raises:
        Problem: The body is of another type (415), or the form has no boundary (400).
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the body is compressed (Content-Encoding): send the bytes of the photograph as they are")
    kind, parameters = parse_options_header(request.headers.get("content-type", "application/octet-stream"))
    kind = kind.lower()
    if kind == b"multipart/form-data":
        boundary = parameters.get(b"boundary", b"")
        if not 0 < len(boundary) <= 70:
            raise Problem(
                400, "the form has no boundary of 1 to 70 characters in its Content-Type: let a library set it"
            )
        return boundary
    if kind.startswith(tuple(name.encode() for name in kinds)) or kind in (b"application/octet-stream", b""):
        return None
    known = ", ".join(f"{name}..." if name.endswith("/") else name for name in kinds)
    raise Problem(
        415, f"the Content-Type is not one that is taken: send {known}, application/octet-stream, or the field {FIELD} "
        "of multipart/form-data"
    )  # fmt: skip


async def _write(body: AsyncIterator[bytes], path: Path, megabytes: float) -> int:
    """Writes a body to a file; returns its bytes."""
    size, waiting = 0, bytearray()
    with disk_errors(), path.open("wb") as file:
        async for chunk in body:
            size += len(chunk)
            if size > int(megabytes * 1e6):
                raise _too_many_bytes(megabytes)
            waiting += chunk
            if len(waiting) >= _BUFFER:
                await asyncio.to_thread(file.write, waiting)
                waiting = bytearray()
        file.write(waiting)
    return size


async def _form_field(stream: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """Yields the content of the one field of a form."""
    form = _Form(boundary)
    received = yielded = 0
    try:
        async for chunk in stream:
            form.parser.write(chunk)
            content = b"".join(form.content)
            form.content.clear()
            received, yielded = received + len(chunk), yielded + len(content)
            if received - yielded > _FORM_BYTES:
                raise Problem(413, f"the form has more than the field {FIELD}: send this alone")
            if content:
                yield content
    except FormParserError:
        raise Problem(400, "the form is not multipart/form-data of RFC 7578: let a library write it") from None
    if not form.has_ended:
        raise Problem(400, "the form is cut: it has no last boundary; send it again")
    if not form.has_field:
        raise Problem(422, f"the form has no field {FIELD}: give the photograph this name")


class _Form:
    """What a form's parser has found."""

    def __init__(self, boundary: bytes) -> None:
        self.content: list[bytes] = []
        self.has_field = self.has_ended = False
        self._header, self._value, self._disposition = b"", b"", b""
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._check_field,
                "on_part_data": lambda data, start, end: self.content.append(data[start:end]),
                "on_end": self._end,
            },
        )

    def _begin_part(self) -> None:
        self._header = self._value = self._disposition = b""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _check_field(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        if parameters.get(b"name") != FIELD.encode():
            raise Problem(422, f"the form has another field than {FIELD}: options belong into the address")
        if self.has_field:
            raise Problem(422, f"the form has the field {FIELD} twice: send one photograph in each request")
        self.has_field = True

    def _end(self) -> None:
        self.has_ended = True


def photograph_suffix(file: Path) -> str | None:
    """Returns the suffix of the kind of photograph that a file is by its first bytes; None if it is none."""
    with file.open("rb") as opened:
        start = opened.read(4)
    return next((suffix for magic, suffix in _MAGIC.items() if start.startswith(magic)), None)


def check_photograph(file: Path, settings: ServeSettings) -> Upload:
    """Checks the kind and the megapixels of a file, and gives it the suffix of its kind.

    Raises:
        Problem: It is no photograph (415, 422), or too large (413).
    """
    suffix = photograph_suffix(file)
    if suffix is None:
        kind = identify(file)
        remedy = f"send {_TAKEN}" if file.stem in kind.remedy else kind.remedy
        raise Problem(415, f"the body is {kind.name.removesuffix(' despite its name')}: {remedy}")
    file = file.rename(file.with_name(FIELD + suffix))
    try:
        height, width = read_size(file)
    except DataError as error:
        text = str(error).replace(str(file), "the photograph")
        raise Problem(413 if isinstance(error, TooLargeError) else 422, text) from None
    megapixels = height * width / 1e6
    if megapixels > settings.max_megapixels:
        raise Problem(
            413, f"the photograph has {megapixels:.1f} megapixels, more than the {settings.max_megapixels:g} that are "
            "taken: cut it into parts or reduce it"
        )  # fmt: skip
    return Upload(file, file.stat().st_size, megapixels)


def _too_many_bytes(megabytes: float) -> Problem:
    return Problem(413, f"the body has more than {megabytes:g} megabytes: reduce it")
