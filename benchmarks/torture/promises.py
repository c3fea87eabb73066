"""What must hold after a command was disturbed."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from benchmarks.torture.jobs import JOBS, OUT, digests
from benchmarks.torture.outcome import check
from benchmarks.torture.process import Ended, run
from benchmarks.torture.reference import Reference

_DESCRIBES = {"evaluate": "metrics.json", "import": "classes.csv"}  # the other results are of the same command
_SWAPPING = ".finished"  # is there while the results of two commands are mixed
_GO_ON = re.compile(r"(ckpt_path=\S+?)[;,.)]?(?:\s|$)")
_ATTEMPTS = 3


def check_text(ended: Ended) -> None:
    """Checks exit code and stderr: a failure is one line, never a traceback, a crash or a hang."""
    check(ended.code is not None, "hang: the command did not end")
    check(ended.code in (0, 1, 2), f"crash: exit code {ended.code}: {_last_line(ended.err)}")
    check("Traceback (most recent call last)" not in ended.err, f"traceback: {_last_line(ended.err)}")
    if ended.code:
        lines = [line for line in ended.err.splitlines() if line.strip().startswith("error: ")]
        check(bool(lines), f"exit code {ended.code} without a line `error: ...`: {_last_line(ended.err)}")
        check(ended.code == 1 or len(lines) == 1, f"{len(lines)} error lines: {lines[0][:100]} / {lines[-1][:100]}")


def _last_line(text: str) -> str:
    return next((line.strip()[:200] for line in reversed(text.splitlines()) if line.strip()), "nothing on stderr")


def check_whole(name: str, folder: Path, kept: Reference, *, replaced: bool) -> None:
    """Checks that what stands in `out/` is whole: of the older command or of the new one, and not mixed.

    Args:
        name: A key of `JOBS`.
        folder: Working folder of the trial.
        kept: The job's reference.
        replaced: Whether results of the older command stood there before.
    """
    now = {path: digest for path, digest in digests(JOBS[name], folder).items() if _is_result(path)}
    for path, digest in now.items():
        check("Error" not in digest, f"half a file: {path} ({digest})")
    if name.startswith("train"):
        return  # checkpoints of earlier epochs are right too
    if name.startswith("predict"):
        _check_predictions(folder / OUT, now, kept)
        return
    older = kept.older if replaced else {}
    for path, digest in now.items():
        check(
            digest in (older.get(path), kept.new.get(path)), f"half a file: {path} is neither the old nor the new one"
        )
    if (described := _DESCRIBES.get(name)) in now and not (folder / OUT / _SWAPPING).is_dir():
        whose = older if now[described] == older.get(described) else kept.new
        mixed = [path for path in whose if _is_result(path) and now.get(path) != whose[path]]
        check(not mixed, f"results of two commands are mixed: {', '.join(mixed[:3])} beside {described}")


def check_untouched(name: str, folder: Path, kept: Reference) -> None:
    """Checks that all results of the older command stand."""
    now = digests(JOBS[name], folder)
    lost = [path for path, digest in kept.older.items() if _is_result(path) and now.get(path) != digest]
    check(not lost, f"a command that failed has taken earlier results: {', '.join(lost[:3])}")


def _is_result(path: str) -> bool:
    return not any(part.startswith(".") or part.endswith(".part") for part in Path(path).parts)


def _check_predictions(out: Path, now: dict[str, str], kept: Reference) -> None:
    """Checks that the files of all photographs with a row are there, and are the right ones."""
    summary = out / "summary.csv"
    if not summary.is_file():
        return
    with summary.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            stem = Path(row["mask"]).stem
            names = [path for path in kept.new if path.count("/") and Path(path).stem == stem]
            wrong = [path for path in names if now.get(path) != kept.new[path]]
            check(not wrong, f"summary.csv names a photograph whose files are not right: {', '.join(wrong[:2])}")


def go_on(name: str, folder: Path, kept: Reference) -> None:
    """Runs the command again, as its error lines say, and checks that the end is that of an undisturbed run."""
    arguments = list(JOBS[name].arguments)
    for _ in range(_ATTEMPTS):
        ended = run(arguments, folder)
        check_text(ended)
        if ended.code == 0:
            break
        more = _GO_ON.search(ended.err)
        check(more is not None and more[1] not in arguments, f"a dead end: {_last_line(ended.err)}")
        arguments = [*JOBS[name].arguments, more[1]] if more else arguments
    check(ended.code == 0, f"{_ATTEMPTS} attempts to go on failed: {_last_line(ended.err)}")
    check_equal(name, folder, kept)


def check_equal(name: str, folder: Path, kept: Reference) -> None:
    """Checks that the results are those of an undisturbed run, and that no half file is left beside them."""
    now = digests(JOBS[name], folder)
    different = sorted(path for path in kept.new if now.get(path) != kept.new[path])
    check(not different, f"not as undisturbed: {', '.join(different[:4])}")
    more = sorted(now.keys() - kept.new.keys())
    check(not more, f"left over: {', '.join(more[:3])}")
    halves = [path.name for path in (folder / OUT).rglob("*") if ".part" in path.name or path.name == ".unfinished"]
    check(not halves, f"left over: {', '.join(halves[:3])}")
