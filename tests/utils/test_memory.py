import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from segdrone.utils.memory import keep_freed_memory

print(keep_freed_memory() if sys.argv[1] == "kept" else False)
for _ in range(5):  # the heap grows
    torch.empty(64 << 20, dtype=torch.uint8).fill_(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.empty(64 << 20, dtype=torch.uint8).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> tuple[str, int]:
    result = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    took, pages = result.stdout.split()
    return took, int(pages)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told")
def test_a_freed_tensors_pages_are_used_again() -> None:
    took, kept = faults("kept")
    _, returned = faults("returned")
    assert took == "True"
    assert returned > 20 * (64 << 20) / 4096 / 2
    assert kept < returned / 4


@pytest.mark.skipif(platform.libc_ver()[0] == "glibc", reason="on other systems nothing is changed")
def test_other_allocators_are_left_alone() -> None:
    from segdrone.utils.memory import keep_freed_memory

    assert keep_freed_memory() is False
