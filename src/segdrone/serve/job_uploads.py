"""Receive what a job is to predict: a photograph, a video, or a ZIP archive of them."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request

from segdrone.errors import DataError
from segdrone.raster.file_kind import identify
from segdrone.serve.archive import unpack
from segdrone.serve.problems import Problem, disk_errors
from segdrone.serve.settings import ServeSettings
from segdrone.serve.uploads import check_photograph, form_boundary, in_check_thread, photograph_suffix, receive_body

KINDS = ("image/", "video/", "application/zip", "application/x-zip-compressed")
"""Begin of the media types that are taken, beside application/octet-stream."""

_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")  # the second one is empty
_FILMS = {b"\x1a\x45\xdf\xa3": ".mkv", b"RIFF": ".avi"}


async def receive_job(request: Request, folder: Path, settings: ServeSettings) -> int:
    """Writes the photographs and videos of a request's body, or of its form, into `input/` of a folder.

    Returns:
        How many there are.

    Raises:
        Problem: As `receive_photograph`; it is neither of the three (415), or an archive that is refused (422).
    """
    file = folder / "upload"
    await receive_body(
        request, file, form_boundary(request, KINDS),
        megabytes=settings.max_job_megabytes, seconds=settings.job_upload_timeout,
    )  # fmt: skip
    return await in_check_thread(_sort, file, folder / "input", settings)


def _sort(file: Path, target: Path, settings: ServeSettings) -> int:
    with file.open("rb") as opened:
        start = opened.read(12)
    with disk_errors():
        target.mkdir()
        if start[:4] in _ARCHIVES:
            return _unpack(file, target, settings)
        if photograph_suffix(file) is None or start[8:] == b"AVI ":
            _move_film(file, target, start)
        else:
            upload = check_photograph(file, settings)
            upload.file.rename(target / upload.file.name)
    return 1


def _unpack(file: Path, target: Path, settings: ServeSettings) -> int:
    try:
        count = unpack(file, target, int(settings.max_job_megabytes * 1e6))
    except DataError as error:
        raise Problem(422, str(error)) from None
    file.unlink()
    return count


def _move_film(file: Path, target: Path, start: bytes) -> None:
    kind = identify(file)
    if kind.name != "a video":
        remedy = kind.remedy.replace(file.name, "FILE").replace(file.stem, "FILE")
        raise Problem(
            415, f"the body is {kind.name.removesuffix(' despite its name')}: {remedy}; a job takes a photograph, a "
            "video or a ZIP archive of them"
        )  # fmt: skip
    suffix = next((suffix for magic, suffix in _FILMS.items() if start.startswith(magic)), ".mp4")
    file.rename(target / f"film{suffix}")
