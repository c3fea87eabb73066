"""Contenders in processes of their own, which wait for their turns."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any


def start(target: Any, *arguments: Any) -> Connection:
    """Starts a process that runs `target`, which gets the arguments and a connection; returns its other end.

    A process of its own, as how memory is allocated holds for a whole process.
    """
    here, there = multiprocessing.Pipe()
    multiprocessing.get_context("spawn").Process(target=target, args=(*arguments, there), daemon=True).start()
    there.close()  # so that the end of the process is noticed
    return here


def take_turn(contenders: Mapping[str, Connection], name: str, message: Any) -> Any:
    """Sends a contender its message, and returns what it sends back; ends this process if the contender has ended."""
    try:
        contenders[name].send(message)
        return contenders[name].recv()
    except (EOFError, OSError):
        for contender in contenders.values():
            contender.close()  # or the others would wait for ever
        sys.exit(f"{name}: its process ended early, by the error above or, without one, for want of memory")
