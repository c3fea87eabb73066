import signal
import subprocess
import sys
import time

import pytest

from segdrone.errors import ConfigError
from segdrone.utils.progress import progress_bar
from segdrone.utils.stall import check_stall_timeout, mark_progress, watch_progress

START = """
import multiprocessing, time
from segdrone.utils.stall import mark_progress, pause_watch, watch_progress
with watch_progress(0.5, lambda: "start again"):
    """


def run(body: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process that is watched for half a second."""
    return subprocess.run([sys.executable, "-c", START + body], capture_output=True, text=True, timeout=60)


def test_process_that_hangs_ends_with_one_line_and_what_it_did() -> None:
    done = run("mark_progress('reading a batch'); time.sleep(30)")
    assert done.returncode == 2
    assert done.stderr == (
        "error: no progress for 0.5 seconds while reading a batch: check that the disks and the other processes of the "
        "run answer, or give a larger trainer.stall_timeout; start again\n"
    )


def test_process_that_hangs_takes_its_children_with_it() -> None:
    child = "child = multiprocessing.Process(target=time.sleep, args=(600,))"
    done = run(f"{child}; child.start(); child.join()")  # returns when no process holds its stdout any more
    assert done.returncode == 2


def test_progress_is_no_stall() -> None:
    done = run("[(mark_progress('x'), time.sleep(0.1)) for _ in range(12)]")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_download_is_no_stall_and_what_follows_may_be_one() -> None:
    done = run("with pause_watch(): time.sleep(1.2)\n    print('downloaded', flush=True); time.sleep(30)")
    assert (done.returncode, done.stdout) == (2, "downloaded\n")


def test_stopped_process_is_no_stall() -> None:
    code = START + "print(1, flush=True); time.sleep(0.2)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.0)
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 0


@pytest.mark.parametrize("disable", [True, False])
def test_bars_are_progress(disable: bool) -> None:
    steps = []

    class Watch:
        def mark(self, step: str) -> None:
            steps.append(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segdrone.utils.stall._watches", [Watch()])
        assert list(progress_bar([1, 2], desc="masks", disable=disable)) == [1, 2]
        progress_bar(total=1, disable=disable).update()
    assert len(steps) == 3


def test_a_watch_ends_with_its_body() -> None:
    with watch_progress(0.05, str):
        mark_progress("x")
    with watch_progress(None, str):
        time.sleep(0.2)


@pytest.mark.parametrize("value", [0, -1, True, "10", float("inf"), float("nan")])
def test_timeout_that_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="trainer.stall_timeout=.* must be a number of seconds above 0, or null"):
        check_stall_timeout({"stall_timeout": value})
    for allowed in (1, 0.5, None):
        check_stall_timeout({"stall_timeout": allowed})
