"""The process that computes: it opens each model once, and predicts one photograph at a time.

It talks to `WorkerPool` in JSON over a pipe. The photographs that it decodes come from anybody: nothing that it sends
can run code in the process that accepts requests. Messages to it:

    {"do": "open", "models": {name: path}, "replaces"}                           answered by "models"
    {"do": "segment", "task", "model", "folder", "file", "options"}              answered by "row"
    {"do": "infer", "task", "model", "file", "header", "answer"}                 answered by "header"
    {"do": "predict", "task", "model", "folder", "options"}                      a job, answered by "failed"
    {"do": "cancel", "task"}                                                     the task ends at the next window

Each is answered once, by a message with "error" where it fails; "segment" also by "progress" after each window.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker computes.

    Attributes:
        device: As `open_backend` takes it.
        threads: Threads on CPU.
        spool: Folder for temporary files.
        niceness: How much less of the processor it gets than others, 0 to 19; 0 on Windows.
    """

    device: str
    threads: int
    spool: str
    niceness: int = 0


def main(connection: Connection, options: WorkerOptions) -> None:
    """Answers messages until the other end of the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a service's processes get them together: the pool decides
        signal.signal(number, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # before any runtime is imported
    tempfile.tempdir = options.spool
    if options.niceness and hasattr(os, "nice"):
        os.nice(options.niceness)
    from segdrone.serve.compute import Computer, prepare_process

    prepare_process(options)
    computer = Computer(connection, options.device)
    try:
        while True:
            computer.answer(json.loads(connection.recv_bytes()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the service has ended
