"""Run the application with Uvicorn: listen, stop without losing work, and close connections that ask for nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from segdrone.errors import ConfigError
from segdrone.serve import log
from segdrone.serve.settings import ServeSettings

_HEADER_SECONDS = 20.0  # in which the headers of a request must arrive
_READ_SECONDS = 60.0  # in which a client must take a part of an answer


@contextmanager
def bound_socket(settings: ServeSettings) -> Iterator[socket.socket]:
    """Yields a socket bound to the address of the service, before anything that takes long.

    Raises:
        ConfigError: The port is in use, or the address is not of this machine.
    """
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":  # where it would share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"the service cannot listen on {host}, port {port} ({reason}): give another --port or --host"
        ) from None
    with listener:
        yield listener


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the body with exit code 0, so that workers and files are cleaned up while the service starts."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def log_requests() -> None:
    """Writes a line to stdout for each request."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.lines.setLevel(logging.INFO)
    log.lines.addHandler(handler)
    log.lines.propagate = False
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each broken form


def make_server(app: FastAPI, on_stop: Callable[[], None]) -> uvicorn.Server:
    """Returns a server, whose `run` answers requests until SIGTERM or Ctrl+C, and then those that have begun.

    A second Ctrl+C raises KeyboardInterrupt from `run`: requests are not answered.

    Args:
        app: The application.
        on_stop: Called at the signal.
    """
    config = uvicorn.Config(
        app, http=_Protocol, ws="none", lifespan="off", server_header=False,
        log_config=None, log_level="critical", access_log=False,  # `segdrone.serve.log` has what is worth a line
    )  # fmt: skip
    return _Server(config, on_stop)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to stop; Uvicorn's own would end the process by the signal afterwards."""
        if self.should_exit and sig == signal.SIGINT:
            raise KeyboardInterrupt
        self._on_stop()
        self.should_exit = True


class _Protocol(H11Protocol):
    """Closes connections whose headers do not arrive, or whose answer is not taken, in time; Uvicorn waits for ever."""

    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first headers."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Takes data, which may begin further headers."""
        super().data_received(data)
        if self._timer is None and self._lacks_headers():
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        for timer in (self._timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begins to wait for a client that takes nothing."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(_READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Goes on."""
        if self._write_timer is not None:
            self._write_timer.cancel()
        super().resume_writing()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        if self.cycle is None or self._lacks_headers():
            self.transport.close()

    def _lacks_headers(self) -> bool:
        """Whether no request runs, and a part of one has arrived."""
        is_idle = self.cycle is None or self.cycle.response_complete
        return is_idle and bool(self.conn.trailing_data[0])
