"""Run contenders of a benchmark in separate processes that take turns."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any


def start(target: Any, *arguments: Any) -> Connection:
    """Starts a process that runs `target` with the arguments and a connection; returns the other end of it.

    Separate processes are needed since the way memory is allocated holds for a whole process.
    """
    own_end, other_end = multiprocessing.Pipe()
    multiprocessing.get_context("spawn").Process(target=target, args=(*arguments, other_end), daemon=True).start()
    other_end.close()  # so that reading fails when the process ends
    return own_end


def take_turn(contenders: Mapping[str, Connection], name: str, message: Any) -> Any:
    """Sends a message to a contender and returns its answer; exits if the contender has ended."""
    try:
        contenders[name].send(message)
        return contenders[name].recv()
    except (EOFError, OSError):
        for contender in contenders.values():
            contender.close()  # otherwise they would wait forever
        sys.exit(f"{name}: its process ended early: see the error above, or give it more memory")
