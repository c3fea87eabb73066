"""Jobs on disk: what is asked, in which state it is, and its result. A service that is killed finds them again."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import filelock
from pydantic import ConfigDict

from segdrone.errors import ConfigError
from segdrone.utils.atomic import check_writable, write_json
from segdrone.utils.bounded import UnreadableError, read_json, validate

State = Literal["queued", "running", "done", "failed", "cancelled"]
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_RECORD, _LOCK = "job.json", "lock"
_UNFINISHED = ".new"  # suffix of the folder of a job whose upload has not ended


@dataclass(frozen=True)
class Job:
    """A job, as its `job.json` says.

    Attributes:
        id: Its name, which cannot be guessed: who knows it may see and cancel the job.
        model: Name of the model.
        options: Of the prediction.
        photographs: Number of photographs and videos that were uploaded.
        state: `queued`, `running`, `done`, `failed` or `cancelled`.
        created: Seconds since 1970, as are the next two.
        started: When it was begun last; None if it was not.
        finished: When it ended; None if it has not.
        digest: That of the model which has begun it; empty before.
        lost: How many workers have ended while they computed it.
        error: Why it failed; None if it did not.
        failed: Why photographs failed, by path.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    id: str
    model: str
    options: dict[str, Any]
    photographs: int
    state: State = "queued"
    created: float = field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None
    digest: str = ""
    lost: int = 0
    error: str | None = None
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.finished is not None


class JobStore:
    """The jobs in a folder, each in a folder of its own.

        ID/job.json     a `Job`
        ID/input/       the photographs and videos
        ID/out/         what `segdrone predict` writes
        ID/result.zip   the same, when the job is done

    Args:
        folder: Created if needed.

    Raises:
        ConfigError: It cannot be written to, or another service has it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            check_writable(folder)
            self._lock = filelock.FileLock(folder / _LOCK, timeout=0)
            self._lock.acquire()
        except filelock.Timeout:
            raise ConfigError(f"--jobs {folder} is in use by another service: give another one") from None
        except OSError as error:
            raise ConfigError(
                f"--jobs {folder} cannot be written to ({error.strerror or error}): give another folder"
            ) from None
        for unfinished in folder.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def close(self) -> None:
        """Lets another service use the folder."""
        self._lock.release()

    def begin(self) -> Path:
        """Returns a new folder for an upload, of which `add` makes a job; it is for the caller to remove otherwise."""
        folder = self._folder / f"{secrets.token_urlsafe(16)}{_UNFINISHED}"
        folder.mkdir(mode=0o700)
        return folder

    def add(self, folder: Path, model: str, options: dict[str, Any], photographs: int) -> Job:
        """Makes a job of an upload, whose files are in `input/` of its folder.

        Raises:
            OSError: The disk is full.
        """
        job = Job(folder.name.removesuffix(_UNFINISHED), model, options, photographs)
        write_json(asdict(job), folder / _RECORD)
        folder.rename(self.folder(job.id))
        return job

    def folder(self, job_id: str) -> Path:
        """Returns the folder of a job."""
        return self._folder / job_id

    def get(self, job_id: str) -> Job | None:
        """Returns a job; None if there is none of this id."""
        if not _ID.fullmatch(job_id):
            return None
        try:
            job: Job = validate(Job, read_json(self.folder(job_id) / _RECORD))
        except UnreadableError:
            return None
        return job if job.id == job_id else None

    def change(self, job: Job, **changes: Any) -> Job:
        """Changes a job, on disk too.

        Raises:
            OSError: The disk is full, or the job was removed.
        """
        changed = replace(job, **changes)
        folder = self.folder(job.id)
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        write_json(asdict(changed), folder / _RECORD)
        return changed

    def remove(self, job: Job) -> None:
        """Removes a job with all of its files."""
        going = self._folder / f"{job.id}{_UNFINISHED}"  # at once; what a kill leaves of it goes at the next start
        self.folder(job.id).rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def __iter__(self) -> Iterator[Job]:
        """Yields all jobs, the oldest first."""
        found = (self.get(path.name) for path in self._folder.iterdir() if path.is_dir())
        yield from sorted((job for job in found if job is not None), key=lambda job: (job.created, job.id))
