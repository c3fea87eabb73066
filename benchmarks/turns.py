"""Contenders in processes of their own, which wait for their turns."""

from __future__ import annotations

import multiprocessing
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
