"""Keep the stack on which a process handles signals."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux, see sigaltstack(2)."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def keep_signal_stack() -> Iterator[None]:
    """Restores the alternate signal stack of this thread after the body. It does nothing on other systems than Linux.

    Each CPU plugin of OpenVINO sets one, and sets the former again when it is destroyed. If plugins are destroyed in
    another order than the reverse one, the stack that is left no longer exists, and the next Ctrl+C ends the process
    with a segmentation fault.
    """
    if sys.platform != "linux":
        yield
        return
    libc, before = ctypes.CDLL(None), _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
