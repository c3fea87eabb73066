import ctypes
import sys

import pytest

from segdrone.utils.signal_stack import _Stack, keep_signal_stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the layout of stack_t is that of Linux")


def current() -> tuple[int | None, int, int]:
    stack = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack.start, stack.flags, stack.size


@pytest.mark.parametrize("fails", [False, True])
def test_a_stack_that_the_body_leaves_is_replaced_by_the_former(fails: bool) -> None:
    before = current()
    memory = ctypes.create_string_buffer(1 << 16)
    try:
        with keep_signal_stack():
            other = _Stack(ctypes.addressof(memory), 0, len(memory))
            assert ctypes.CDLL(None).sigaltstack(ctypes.byref(other), None) == 0
            assert current()[0] == ctypes.addressof(memory)
            if fails:
                raise RuntimeError("x")
    except RuntimeError:
        pass
    assert current() == before
