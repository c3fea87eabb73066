"""Send an export to a Label Studio that runs, and fetch what was corrected there.

A photograph and its task are sent one after the other, and the tasks that the project has are asked for first: a second
run sends what the first has not.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from segdrone.annotations.documents import MAX_BYTES
from segdrone.annotations.label_studio import DIGEST, NAME
from segdrone.annotations.label_studio_config import Control, read_controls
from segdrone.annotations.servers.address import parse_address, read_token
from segdrone.annotations.servers.connection import Connection, ServerError
from segdrone.errors import ConfigError, DataError
from segdrone.utils.atomic import atomic_write, writable_dir
from segdrone.utils.digest import file_digest
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

TOKEN = "LABEL_STUDIO_TOKEN"
_WHERE = "Account & Settings in Label Studio (a personal access token, or a legacy token)"
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")  # photographs that it takes and browsers show
_PAGE = 100
_LONGEST_TITLE = 50


class Pushed(NamedTuple):
    """What was sent.

    Attributes:
        project: Number of the project.
        sent: Number of photographs that were sent.
        known: Number of photographs that were there already.
    """

    project: int
    sent: int
    known: int


class LabelStudio:
    """A Label Studio that runs.

    Args:
        address: Its address.
        option: How the command calls the address, for errors.

    Raises:
        ConfigError: The address holds more than an address, or no token is in the environment.
    """

    def __init__(self, address: str, option: str = "--push") -> None:
        self.address = parse_address(address, option)
        self._token = read_token((TOKEN,), _WHERE)
        self._is_personal = self._token.count(".") == 2  # a JSON web token, which buys others for five minutes
        self._access = ""
        self.connection = Connection(self.address, "Label Studio", TOKEN, self._authorize)
        self.connection.secrets.add(self._token)

    def _authorize(self, renew: bool) -> str | None:
        if not self._is_personal:
            return None if renew else f"Token {self._token}"
        if renew or not self._access:
            answer = self.connection.post("/api/token/refresh/", {"refresh": self._token}, has_token=False)
            access = answer.get("access") if isinstance(answer, dict) else None
            if not isinstance(access, str) or not access.isascii() or not access.isprintable():
                raise ServerError(f"{self.address} gives no access for {TOKEN}: is it the address of Label Studio?")
            self._access = access
            self.connection.secrets.add(access)
        return f"Bearer {self._access}"

    def find_project(self, name: str) -> int | None:
        """Returns the number of a project, given its number or its title; None if there is no such title.

        Raises:
            ConfigError: There is no project of this number, or several have this title.
            ServerError: The server cannot be reached, or refuses.
        """
        if name.isdecimal():
            try:
                return _number(self.connection.get(f"/api/projects/{int(name)}/"), "id")
            except ServerError as error:
                if error.status != 404:
                    raise
                raise ConfigError(
                    f"{self.address} has no project {int(name)} for this user: give another number, or a name"
                ) from None
        projects = self._pages("/api/projects/", {"title": name}, "results", "count")
        found = [_number(project, "id") for project in projects if project.get("title") == name]
        if len(found) > 1:
            numbers = ", ".join(map(str, found[:10]))
            raise ConfigError(f"{len(found)} projects are called {name!a}: give the number of one of them: {numbers}")
        return found[0] if found else None

    def open_project(self, project: int | None, title: str, config: str) -> int:
        """Returns the number of a project whose labeling interface takes the tasks of an export.

        Args:
            project: Its number; None makes a new one.
            title: Title of a new one.
            config: The labeling interface of the export.

        Raises:
            DataError: It has other labels, or regions of another kind.
            ServerError: The server refuses.
        """
        if project is None:
            answer = self.connection.post("/api/projects/", {"title": title, "label_config": config})
            return _number(answer, "id")
        content = self.connection.get(f"/api/projects/{project}/")
        theirs = read_controls(str(content.get("label_config", "")))
        (ours,) = read_controls(config)
        _compare(ours, theirs, f"the project {project} of {self.address}")
        return project

    def push(self, project: int, tasks: Path, photographs: Mapping[str, Path], *, show_progress: bool = True) -> Pushed:
        """Sends photographs and their tasks; those that the project has already are left as they are.

        Args:
            project: Number of the project.
            tasks: `tasks.json` of the export, one task a line.
            photographs: File of each photograph by its name, in the order of the tasks.
            show_progress: Whether to show a progress bar.

        Raises:
            DataError: The project has another photograph of the same name.
            ServerError: The server cannot be reached, or refuses; a second call goes on from there.
        """
        known, sent = self._names(project), 0
        pairs = zip(photographs.items(), _read_tasks(tasks), strict=True)
        for (name, file), task in progress_bar(
            pairs, desc="sent", total=len(photographs), unit="photograph", disable=not show_progress
        ):
            digest = file_digest(file)
            if name in known:
                if known[name] not in ("", digest):
                    raise DataError(
                        f"the project {project} of {self.address} has another photograph {name!a}: give another "
                        "--project"
                    )
                continue
            task["data"] = {"image": self._upload(project, file), NAME: name, DIGEST: digest}
            del task["id"]
            self.connection.post(f"/api/projects/{project}/import", [task], seconds=300)
            sent += 1
        if sent < len(photographs):
            log.warning(
                "%d photographs are in the project %d already and were left as they are: to send new labels for "
                "them, give another --project",
                len(photographs) - sent,
                project,
            )
        return Pushed(project, sent, len(photographs) - sent)

    def _upload(self, project: int, file: Path) -> str:
        """Sends a photograph, and returns its path there."""
        name = re.sub("[^A-Za-z0-9._-]", "_", file.name)[-80:]
        answer = self.connection.upload(f"/api/projects/{project}/import?commit_to_project=false", file, name)
        numbers = answer.get("file_upload_ids") if isinstance(answer, dict) else None
        if not isinstance(numbers, list) or len(numbers) != 1:
            raise ServerError(
                f"{self.address} does not say where it keeps an upload: it may be another edition than the "
                "community edition, which alone is known here"
            )
        path = self.connection.get(f"/api/import/file-upload/{int(numbers[0])}").get("file")
        if not isinstance(path, str) or not path.isprintable() or ".." in path:
            raise ServerError(f"{self.address} gives no path of an upload: is it Label Studio?")
        return "/data/" + quote(path)

    def _names(self, project: int) -> dict[str, str]:
        """Returns the digests of the photographs of a project by their names."""
        found: dict[str, str] = {}
        for task in self._pages("/api/tasks", {"project": project}, "tasks", "total"):
            data = task.get("data")
            if isinstance(data, dict) and isinstance(data.get(NAME), str):
                found[data[NAME]] = str(data.get(DIGEST) or "")
        return found

    def _pages(self, path: str, query: Mapping[str, object], items: str, total: str) -> Iterator[dict[str, Any]]:
        """Yields what a path lists page by page, under the key `items`; `total` is the key of their number."""
        seen = 0
        for page in count(1):
            answer = self.connection.get(f"{path}?{urlencode({**query, 'page': page, 'page_size': _PAGE})}")
            found = _items(answer, items)
            yield from found
            seen += len(found)
            if not found or seen >= _number(answer, total):
                return

    def pull(self, project: str, out: Path) -> int:
        """Writes the annotated tasks of a project as JSON, which `segdrone data import` reads; returns its bytes.

        Raises:
            ConfigError: There is no such project.
            DataError: The file cannot be written.
            ServerError: The server cannot be reached, or refuses.
        """
        number = self.find_project(project)
        if number is None:
            raise ConfigError(f"{self.address} has no project called {project!a}: give its name or number")
        with writable_dir(out.absolute().parent), atomic_write(out) as partial, partial.open("wb") as file:
            size = self.connection.download(f"/api/projects/{number}/export?exportType=JSON", file, MAX_BYTES)
        return size


def check_photographs(photographs: Mapping[str, Path | None]) -> dict[str, Path]:
    """Returns the files of photographs that can be sent.

    Raises:
        DataError: One is unknown, or of a kind that Label Studio does not take.
    """
    known: dict[str, Path] = {}
    for name, file in photographs.items():
        if file is None:
            raise DataError(f"the photograph of {name} is not known: give the folder of the photographs by --images")
        if (suffix := PurePosixPath(file.name).suffix.lower()) not in _SUFFIXES:
            raise DataError(
                f"{file}: Label Studio takes no {suffix or 'file without a suffix'}; convert the photographs to one "
                f"of {', '.join(_SUFFIXES)}"
            )
        known[name] = file
    return known


def check_title(title: str) -> None:
    """Checks the title of a new project.

    Raises:
        ConfigError: It is too short or too long.
    """
    if not 3 <= len(title) <= _LONGEST_TITLE or not title.isprintable():
        raise ConfigError(
            f"--project {title!a} cannot be the name of a new project: give 3 to {_LONGEST_TITLE} characters"
        )


def _compare(ours: Control, theirs: list[Control], place: str) -> None:
    control = next((one for one in theirs if one[:4] == ours[:4]), None)
    if control is None:
        raise DataError(
            f"{place} has no {ours.kind} called {ours.name!a} for an image {ours.to_name!a}: give another --project, "
            "--as that fits, or copy label_config.xml to its labeling interface"
        )
    missing, more = {*ours.labels} - {*control.labels}, {*control.labels} - {*ours.labels}
    if missing or more:
        texts = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        texts += [f"has also {', '.join(sorted(more))}"] if more else []
        raise DataError(f"{place} has other labels: it {' and '.join(texts)}; give another --project")


def _read_tasks(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the tasks of an export, which has one in each line."""
    with path.open(encoding="ascii") as file:
        for line in file:
            if text := line.strip().removeprefix("[").rstrip(",]"):
                yield json.loads(text)


def _items(answer: Any, key: str) -> list[dict[str, Any]]:
    items = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ServerError(f"the server answers without {key}: is it Label Studio?")
    return items


def _number(answer: Any, key: str) -> int:
    number = answer.get(key) if isinstance(answer, dict) else None
    if type(number) is not int:
        raise ServerError(f"the server answers without {key}: is it Label Studio?")
    return number
