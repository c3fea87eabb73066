import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from segdrone.utils.memory import keep_freed_memory

def page_faults():
    for _ in range(5):  # the heap grows
        torch.empty(64 << 20, dtype=torch.uint8).fill_(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(64 << 20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(page_faults(), keep_freed_memory(), page_faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only for glibc's malloc")
def test_the_pages_of_a_freed_tensor_are_reused() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    returned, accepted, kept = result.stdout.split()
    assert accepted == "True"
    assert int(returned) > 20 * (64 << 20) / 4096 / 2
    assert int(kept) < int(returned) / 4


TRIMMED = """
import numpy, psutil
from segdrone.utils.memory import keep_freed_memory, return_freed_memory

keep_freed_memory()
for _ in range(2):
    numpy.ones(200 << 20, numpy.uint8)
kept = psutil.Process().memory_info().rss
return_freed_memory()
print(kept - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only for glibc's malloc")
def test_freed_memory_is_returned_when_asked_for() -> None:
    result = subprocess.run([sys.executable, "-c", TRIMMED], capture_output=True, text=True, check=True)
    assert int(result.stdout) > 150 << 20


@pytest.mark.skipif(platform.libc_ver()[0] == "glibc", reason="on other systems nothing is changed")
def test_other_allocators_are_not_changed() -> None:
    from segdrone.utils.memory import keep_freed_memory

    assert keep_freed_memory() is False
