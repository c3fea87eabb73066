"""Trials on odd machines: no home, no user, nothing writable, little shared memory, an ASCII console."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.torture.jobs import JOBS, OUT
from benchmarks.torture.process import Process
from benchmarks.torture.promises import check_equal, check_text
from benchmarks.torture.reference import Reference

_CLONE_NEWNS = 0x20000


class Machine(NamedTuple):
    """An odd machine.

    Attributes:
        env: Variables of the environment, None for one that is missing.
        prepare: Called with the working folder in the process that becomes the command.
        needs_root: Whether it can be made by root only, with mounts of the process's own.
        fresh: Whether the interpreter must be started anew.
        more: Further arguments of a training.
    """

    env: Mapping[str, str | None] = MappingProxyType({})
    prepare: Callable[[Path], None] | None = None
    needs_root: bool = False
    fresh: bool = False
    more: tuple[str, ...] = ()


def _mount(*commands: str) -> None:
    """Runs mount commands that only this process and its children see."""
    ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS)
    for command in ("mount --make-rprivate /", *commands):
        subprocess.run(command, shell=True, check=True, stderr=subprocess.DEVNULL)


def _no_passwd(folder: Path) -> None:
    _mount("mount --bind /dev/null /etc/passwd")


def _small_shm(folder: Path) -> None:
    _mount("mount -t tmpfs -o size=200k tmpfs /dev/shm")


def _read_only_out(folder: Path) -> None:
    (folder / OUT).mkdir(exist_ok=True)
    _mount(f"mount --bind '{folder / OUT}' '{folder / OUT}'", f"mount -o remount,ro,bind '{folder / OUT}'")


def _read_only_rest(folder: Path) -> None:
    """Makes the working folder read-only, but for `out/` and the cache."""
    commands = [f"mount --bind '{folder}' '{folder}'"]
    for name in (OUT, "cache"):
        (folder / name).mkdir(exist_ok=True)
        commands.append(f"mount --bind '{folder / name}' '{folder / name}'")
    _mount(*commands, f"mount -o remount,ro,bind '{folder}'")


def _umask(folder: Path) -> None:
    os.umask(0o077)


_DEV_NULL: dict[str, str | None] = {"HOME": "/proc/none", "XDG_CACHE_HOME": None, "SEGDRONE_CACHE": None}

MACHINES = {
    "no HOME": Machine({"HOME": None, "USER": None, "LOGNAME": None, "XDG_CACHE_HOME": None, "SEGDRONE_CACHE": None}),
    "HOME that cannot be written": Machine({**_DEV_NULL, "MPLCONFIGDIR": None}),
    "no passwd entry, no HOME": Machine({**_DEV_NULL, "HOME": None, "USER": None}, _no_passwd, needs_root=True),
    "LANG=C": Machine({"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, fresh=True),
    "ASCII console": Machine({"PYTHONIOENCODING": "ascii"}, fresh=True),
    "no TMPDIR": Machine({"TMPDIR": "/nonexistent"}),
    "cache that cannot be written": Machine({"SEGDRONE_CACHE": "/proc/none", "XDG_CACHE_HOME": "/proc/none"}),
    "/dev/shm of 200 KB": Machine({}, _small_shm, needs_root=True, more=("data.num_workers=1",)),
    "read-only output": Machine({}, _read_only_out, needs_root=True),
    "read-only but for the output": Machine({}, _read_only_rest, needs_root=True),
    "64 open files": Machine({}, lambda folder: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))),
    "stdout closed": Machine({}, lambda folder: os.close(1), fresh=True),
    "stdin closed": Machine({}, lambda folder: os.close(0), fresh=True),
    "umask 077": Machine({}, _umask),
    "terminal of one column": Machine({"COLUMNS": "1", "LINES": "1", "TERM": "dumb"}),
    "no PATH": Machine({"PATH": None}),
}
"""Odd machines by name."""


def odd_machine(name: str, folder: Path, kept: Reference, replaced: bool, rng: random.Random) -> str:
    """Runs a command on an odd machine: its results are right, or it ends with one line."""
    key = rng.choice(list(MACHINES))
    machine = MACHINES[key]
    if machine.needs_root and os.geteuid() != 0:
        return f"skipped, needs root: {key}"
    arguments = [*JOBS[name].arguments, *(machine.more if name == "train" else ())]
    prepare = machine.prepare

    def run_prepare() -> None:
        if prepare is not None:
            prepare(folder)

    ended = Process(arguments, folder, machine.env, run_prepare, machine.fresh).wait()
    try:
        check_text(ended)
        if ended.code == 0:
            check_equal(name, folder, kept)
    except Exception as error:
        raise type(error)(f"{key}: {error}") from None
    return f"{key}: exit code {ended.code}"
