"""Settings of the service: what it serves, where it listens, and every limit."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

from segdrone.errors import CheckpointError, ConfigError
from segdrone.included import find_model
from segdrone.runtime.threads import thread_count

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_MEGAPIXELS = 178  # Pillow refuses larger images
_ORIGIN = re.compile(r"https?://[^/\s]+")


class ModelFile(NamedTuple):
    """A model to serve.

    Attributes:
        name: Its name in addresses and answers.
        path: The checkpoint, or the `.onnx`, `.xml` or `.npz` file.
    """

    name: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> ModelFile:
        """Returns the model of an argument, `PATH` or `NAME=PATH`; the name of a path is its stem.

        Raises:
            ConfigError: The name cannot be part of an address.
            CheckpointError: There is no such file.

        Example:
            >>> ModelFile.parse(f"this={__file__}").name
            'this'
        """
        name, equals, rest = text.partition("=")
        path = find_model(rest)
        if not equals or Path(text).exists():
            name, path = Path(text).stem, find_model(text)
        if not path.is_file():
            raise CheckpointError(
                f"the model {path} does not exist or is no file: give an exported model or a checkpoint"
            )
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name!a} cannot be the name of a model: give NAME={path}, of letters, digits, . _ and -"
            )
        return cls(name, path)


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass(frozen=True)
class ServeSettings:
    """Settings of the service; `OPTIONS` holds their descriptions, which `--help` shows.

    Raises:
        ConfigError: A setting is out of its range, two models have one name, or an address that others can reach has
            no tokens.
    """

    models: Sequence[ModelFile]
    host: str = field(
        default="127.0.0.1", metadata=_help("Address to listen on; 0.0.0.0 is every network of the machine.")
    )
    port: int = field(default=8000, metadata=_help("Port to listen on; 0 takes a free one."))
    device: str = field(default="auto", metadata=_help("auto, cpu, cuda, cuda:1; for .xml files GPU, NPU, ..."))
    workers: int = field(
        default=1, metadata=_help("Processes that compute, each with all models; they share the cores.")
    )
    spool: Path | None = field(
        default=None, metadata=_help("Folder of uploads and answers while requests run (default: a temporary one).")
    )
    max_megabytes: float = field(
        default=200, metadata=_help("Largest photograph in megabytes of its file; beyond: 413.")
    )
    max_megapixels: float = field(
        default=_MOST_MEGAPIXELS, metadata=_help("Largest photograph in megapixels, by its header; beyond: 413.")
    )
    max_queue: int = field(default=16, metadata=_help("Requests that wait for a worker; beyond: 429 with Retry-After."))
    timeout: float = field(
        default=300, metadata=_help("Seconds that a request may compute; then 504, and its worker is replaced.")
    )
    upload_timeout: float = field(default=120, metadata=_help("Seconds in which a photograph must arrive; then 408."))
    jobs: Path | None = field(
        default=None,
        metadata=_help("Folder of jobs; the next service goes on with them (default: a temporary one, in the spool)."),
    )
    job_workers: int = field(
        default=1, metadata=_help("Processes that compute jobs, started with the first one; 0 takes no jobs.")
    )
    max_jobs: int = field(default=100, metadata=_help("Jobs that wait; beyond: 429 with Retry-After."))
    max_job_megabytes: float = field(
        default=4000, metadata=_help("Largest file of a job in megabytes, also when unpacked; beyond: 413 or 422.")
    )
    job_hours: float = field(default=24, metadata=_help("Hours that a job may compute; then it fails."))
    job_upload_timeout: float = field(
        default=3600, metadata=_help("Seconds in which the file of a job must arrive; then 408.")
    )
    keep_hours: float = field(default=24, metadata=_help("Hours that the result of a job is kept."))
    statistics: Path | None = field(
        default=None,
        metadata=_help("Folder for statistics of the predictions, for segdrone monitor (default: in memory alone)."),
    )
    per_client: int = field(default=4, metadata=_help("POST requests that one address may have at once; beyond: 429."))
    token_file: Path | None = field(
        default=None, metadata=_help("File of tokens, one a line; requests need one as Authorization: Bearer.")
    )
    no_auth: bool = field(
        default=False, metadata=_help("Let others use it without a token, on an address that is not of this machine.")
    )
    cors: Sequence[str] = field(
        default=(), metadata=_help("Origin whose web pages may use it; can be given several times.")
    )

    label_studio: str | None = field(
        default=None,
        metadata=_help(
            "Address of a Label Studio whose uploads are labeled, at /v1/models/NAME/label-studio of the service; "
            "needs its token as LABEL_STUDIO_TOKEN in the environment."
        ),
    )

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("no model: give one or more exported models or checkpoints")
        names = [model.name for model in self.models]
        twice = next((model for model in self.models if names.count(model.name) > 1), None)
        if twice is not None:
            raise ConfigError(f"two models have the name {twice.name}: name one, as in other={twice.path}")
        self._check_range("port", 0, 65535)
        self._check_range("workers", 1, 256)
        self._check_range("max_megabytes", 0.001, 1e6)
        self._check_range("max_megapixels", 0.001, _MOST_MEGAPIXELS)
        self._check_range("max_queue", 0, 100_000)
        self._check_range("timeout", 0.01, 1e6)
        self._check_range("upload_timeout", 0.01, 1e6)
        self._check_range("job_workers", 0, 256)
        self._check_range("max_jobs", 0, 100_000)
        self._check_range("max_job_megabytes", 0.001, 1e6)
        self._check_range("job_hours", 0.001, 1e4)
        self._check_range("job_upload_timeout", 0.01, 1e6)
        self._check_range("keep_hours", 0.001, 1e5)
        self._check_range("per_client", 1, 100_000)
        wrong = [origin for origin in self.cors if not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise ConfigError(f"--cors {wrong[0]} must be an origin, such as https://maps.example.org, without a path")
        if not self.is_local and self.token_file is None and not self.no_auth:
            raise ConfigError(
                f"--host {self.host} can be reached by others: give --token-file FILE, or --no-auth to let everyone in"
            )

    def _check_range(self, name: str, least: float, most: float) -> None:
        value = getattr(self, name)
        if not least <= value <= most:
            raise ConfigError(f"--{name.replace('_', '-')} {value} must be from {least} to {most:g}")

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def threads(self) -> int:
        """Threads of each worker."""
        return max(1, thread_count() // self.workers)


OPTIONS = {item.name: str(item.metadata["help"]) for item in fields(ServeSettings) if item.metadata}
"""What each setting means, by name."""
