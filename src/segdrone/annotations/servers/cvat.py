"""Send an export to a CVAT that runs, and fetch what was corrected there, by CVAT's own package, cvat-sdk.

A task holds the photographs of an export. They are sent as one ZIP archive, which keeps their folders; cvat-sdk sends
one of more than 100 MiB in parts of 10. A second run goes on with the task of the same name: photographs are sent if it
has none, and then annotations.
"""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segdrone.annotations.documents import MAX_BYTES
from segdrone.annotations.export import LabelSummary
from segdrone.annotations.servers.address import parse_address, read_token
from segdrone.annotations.servers.connection import ServerError
from segdrone.errors import ConfigError, DataError
from segdrone.raster.header import read_size
from segdrone.utils.atomic import atomic_write, writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

TOKENS = ("CVAT_ACCESS_TOKEN", "CVAT_TOKEN")
_WHERE = "Profile, Security in CVAT (a personal access token)"
_SECONDS = 120.0  # in which a part of an answer must arrive
_IMPORT, _EXPORT = "CVAT 1.1", "CVAT for images 1.1"
_MEMBER = "annotations.xml"
_PACKED = ".push"


@contextmanager
def _client(address: str, option: str) -> Iterator[Any]:
    """Yields a client of cvat-sdk that has the token.

    Raises:
        ConfigError: The address or the token cannot be used, or cvat-sdk is not installed.
        ServerError: The server cannot be reached, or refuses, in the body too.
    """
    address = parse_address(address, option)
    token = read_token(TOKENS, _WHERE)
    try:
        import urllib3
        from cvat_sdk.api_client import exceptions
        from cvat_sdk.core.client import AccessTokenCredentials, Client, Config
        from cvat_sdk.core.exceptions import CvatSdkException
    except ModuleNotFoundError:
        raise ConfigError("CVAT needs cvat-sdk: pip install 'segdrone[labels]'") from None
    try:
        with Client(address, config=Config(status_check_period=1), check_server_version=False) as client:
            pool = client.api_client.rest_client.pool_manager
            ask, own = pool.request, urllib3.util.parse_url(address)

            def request(method: str, url: str, **options: Any) -> Any:
                """Asks with a limit of time, follows no redirect, and sends nothing to another address."""
                place = urllib3.util.parse_url(url)
                if (place.scheme, place.netloc) != (own.scheme, own.netloc):
                    raise ServerError(
                        f"{address} names {place.scheme}://{place.netloc} for a file, where the token is not sent: if "
                        "CVAT has that address, give it"
                    )
                return ask(method, url, **{**options, "timeout": _SECONDS, "retries": 0, "redirect": False})

            pool.request = request
            client.login(AccessTokenCredentials(token))
            try:
                client.check_server_version()
            except (TypeError, ValueError, AttributeError):
                raise ServerError(f"{address} does not say its version: is it the address of CVAT?") from None
            yield client
    except exceptions.ApiException as error:
        raise ServerError(f"{address} {_refusal(error, token)}", error.status) from None
    except urllib3.exceptions.HTTPError as error:
        raise ServerError(f"{address} {_failure(error)}") from None
    except (CvatSdkException, exceptions.OpenApiException) as error:
        text = one_line(error).replace(token, "***")[:300]
        raise ServerError(f"{address} could not do it ({text}): see its log, and run the same command again") from None


def push(
    export: Callable[[], LabelSummary], out: Path, address: str, title: str, *, show_progress: bool = True
) -> tuple[LabelSummary, str]:
    """Finds a task, writes an export, and sends it. For arguments see `push_labels`.

    Raises:
        ConfigError: As `push_labels`.
        DataError: As `push_labels`.
    """
    with _client(address, "--push") as client:
        task = _find(client, title)
        summary = export()
        files = {name: _known(name, file) for name, file in summary.files.items()}
        labels = json.loads((out / "labels.json").read_text(encoding="ascii"))
        task = task or client.tasks.create({"name": title, "labels": labels})
        _compare_labels(task, labels)
        sent = 0 if task.size else len(files)
        if sent:  # also where an earlier push was cut off before its photographs were complete
            _upload(task, files, out, show_progress)
        _compare_photographs(task, files)
        content = task.get_annotations()
        place = f"{client.api_map.host}/tasks/{task.id}"
        if content.shapes or content.tracks or content.tags:
            log.warning("the task %d has annotations already, which were left as they are: to send new ones, give "
                        "another --project", task.id)  # fmt: skip
            return summary, f"sent: {sent} photographs and no annotations to {place}"
        task.import_annotations(_IMPORT, out / _MEMBER)
    return summary, f"sent: {sent} photographs and their annotations to {place}"


def pull(address: str, project: str, out: Path) -> int:
    """Writes the annotations of a task as CVAT for images 1.1; returns the bytes of the file.

    Raises:
        ConfigError: There is no such task.
        DataError: The file cannot be written, or the server cannot be reached, or refuses.
    """
    with (
        _client(address, "the address") as client,
        writable_dir(out.absolute().parent),
        TemporaryDirectory(prefix=".pull.", dir=out.absolute().parent) as folder,
    ):
        task = _find(client, project)
        if task is None:
            raise ConfigError(f"{client.api_map.host} has no task called {project!a}: give its name or number")
        archive = Path(folder) / "export.zip"
        task.export_dataset(_EXPORT, archive, include_images=False)
        try:
            with zipfile.ZipFile(archive) as opened, opened.open(_MEMBER) as member:
                content = member.read(MAX_BYTES + 1)
        except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError) as error:
            raise ServerError(f"{client.api_map.host} sent no export ({one_line(error)}): run it again") from None
        if len(content) > MAX_BYTES:
            raise ServerError(f"the task {task.id} has annotations of more than {MAX_BYTES >> 20} MiB: export its jobs")
        with atomic_write(out) as partial:
            partial.write_bytes(content)
    return len(content)


def _find(client: Any, name: str) -> Any | None:
    """Returns a task, given its number or its name; None if there is no such name.

    Raises:
        ConfigError: There is no task of this number, or several have this name.
    """
    if name.isdecimal():
        from cvat_sdk.api_client import exceptions

        try:
            return client.tasks.retrieve(int(name))
        except exceptions.NotFoundException:
            raise ConfigError(
                f"{client.api_map.host} has no task {int(name)} for this user: give another number, or a name"
            ) from None
    found = [task for task in client.tasks.list(name=name) if task.name == name]
    if len(found) > 1:
        numbers = ", ".join(str(task.id) for task in found[:10])
        raise ConfigError(f"{len(found)} tasks are called {name!a}: give the number of one of them: {numbers}")
    return found[0] if found else None


def _upload(task: Any, files: dict[str, Path], out: Path, show_progress: bool) -> None:
    folder = out / _PACKED
    shutil.rmtree(folder, ignore_errors=True)  # of a push that was killed
    folder.mkdir()
    try:
        archive = folder / "photographs.zip"
        with zipfile.ZipFile(archive, "w", strict_timestamps=False) as opened:  # stored: they are compressed already
            for name, file in progress_bar(files.items(), desc="packed", unit="photograph", disable=not show_progress):
                opened.write(file, name)
        task.upload_data([archive], params={"sorting_method": "natural"}, pbar=_reporter(show_progress))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare_labels(task: Any, labels: list[Any]) -> None:
    """Checks that a task has the labels of an export.

    Raises:
        DataError: It has others.
    """
    ours, theirs = {str(label["name"]) for label in labels}, {str(label.name) for label in task.get_labels()}
    if ours != theirs:
        raise DataError(
            f"the task {task.id} has other labels ({', '.join(sorted(ours ^ theirs))} differ): give another --project"
        )


def _compare_photographs(task: Any, files: dict[str, Path]) -> None:
    """Checks that a task has the photographs of an export, of the same names and sizes.

    Raises:
        DataError: It has others.
    """
    frames = {str(frame.name): frame for frame in task.get_frames_info()}
    if missing := sorted({*files} ^ {*frames}):
        raise DataError(
            f"the task {task.id} has other photographs ({len(missing)} differ, {missing[0]!a} first): give another "
            "--project"
        )
    for name, file in files.items():
        width, height = (getattr(frames[name], side, None) for side in ("width", "height"))
        size = read_size(file)
        if None not in (width, height) and size not in ((height, width), (width, height)):  # displayed, or stored
            raise DataError(
                f"the task {task.id} has another photograph {name!a}, of {width} x {height} pixels, than {file} of "
                f"{size[1]} x {size[0]}: give another --project"
            )


def _known(name: str, file: Path | None) -> Path:
    if file is None:
        raise DataError(f"the photograph of {name} is not known: give the folder of the photographs by --images")
    return file


def _reporter(show: bool) -> Any:
    from cvat_sdk.core.progress import BaseProgressReporter

    class Reporter(BaseProgressReporter):  # type: ignore[misc]
        def start2(self, total: int, **options: Any) -> None:
            self._bar = progress_bar(desc="sent", total=total, unit="B", unit_scale=True, disable=not show)

        def report_status(self, progress: int) -> None:
            self._bar.update(progress - self._bar.n)

        def advance(self, delta: int) -> None:
            self._bar.update(delta)

        def finish(self) -> None:
            self._bar.close()

    return Reporter()


def _refusal(error: Any, token: str) -> str:
    status = error.status or 0
    text = {
        401: f"does not take the token (401): {' or '.join(TOKENS)} is wrong or has expired; make another one",
        403: "refuses (403): the user of the token lacks the permission",
        404: "has no such address (404): is it CVAT, and has its user this task?",
        413: "takes no upload of this size (413): raise the limit of the proxy (client_max_body_size of nginx)",
        429: "has had too many requests (429): wait, and run the same command again",
    }.get(status, f"refuses ({status}): run the same command again, or see its log")
    if status >= 500:
        text = f"fails ({status}): see its log, and run the same command again"
    if 300 <= status < 400:
        return f"redirects to another address ({status}), where the token is not sent: give that address"
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or "")
    detail = "" if body.lstrip().startswith("<") else one_line(body).replace(token, "***")[:300]
    return f"{text}{detail and f' [it says: {detail}]'}"


def _failure(error: Any) -> str:
    reason = getattr(error, "reason", None) or error
    if "Timeout" in type(reason).__name__:
        return "does not answer in time: look whether it still works, and run the same command again"
    return f"cannot be reached ({one_line(reason)[:200]}): check the address, and whether CVAT is running there"
