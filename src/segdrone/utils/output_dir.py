"""Keep an output folder to one command at a time, and replace its results by finished ones only."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import filelock

from segdrone.errors import ConfigError, DataError
from segdrone.utils.atomic import check_writable, file_lock, sync_dir, sync_files, write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.launch import is_rank_zero

_LOCK = ".running"
_UNFINISHED, _FINISHED = ".unfinished", ".finished"  # results being written; results that are only left to be moved
_OUTDATED = "outdated"  # in `.finished`: empty files, named like those earlier results that the new ones do not replace


def run_dir(checkpoint: str | Path) -> Path:
    """Returns the folder of the run that wrote a checkpoint, which is in `checkpoints/` there.

    Example:
        >>> run_dir("/runs/1/checkpoints/best.ckpt").as_posix()
        '/runs/1'
    """
    return Path(checkpoint).resolve().parent.parent


@contextmanager
def exclusive_dir(folder: Path, option: str = "--out") -> Iterator[None]:
    """Creates a folder if needed, keeps other commands out of it, and clears up after a killed one.

    Of several processes of a run, only the first takes the lock.

    Args:
        folder: The folder.
        option: How the command calls it, for errors.

    Raises:
        ConfigError: Another command writes to the folder.
        DataError: The folder cannot be written to.
    """
    if not is_rank_zero():
        yield
        return
    with ExitStack() as stack:
        try:
            check_writable(folder)
            stack.enter_context(file_lock(folder / _LOCK, wait=False))
            shutil.rmtree(folder / _UNFINISHED, ignore_errors=True)
            _move_finished(folder)
        except filelock.Timeout:
            raise ConfigError(
                f"another segdrone command writes to {folder}: wait until it ends, or give another {option}"
            ) from None
        except OSError as error:
            raise _write_error(folder, error, option) from None
        yield


class StagedResults:
    """The results of a command, which replace the earlier ones in its folder together, or not at all.

    They are written to `path`. `commit` renames `path`, from where their files are moved one by one; a command that is
    killed meanwhile leaves the rest to the next one that locks the folder, and `check_finished` refuses the folder
    until then.

    Attributes:
        folder: The output folder.
        path: Where to write, a folder inside `folder`.

    Args:
        folder: The output folder.
        owned: Files and subfolders of `folder`, as relative paths, that hold results of this kind. What is in them
            is removed, if the new results do not replace it.
    """

    def __init__(self, folder: Path, owned: Sequence[str]) -> None:
        self.folder, self.path = folder, folder / _UNFINISHED
        self._owned = owned

    def commit(self) -> None:
        """Replaces the earlier results.

        Raises:
            OSError: The results cannot be written, or a file or a folder is in the place of one; nothing is replaced.
        """
        for path in _files(self.path):
            _check_place(self.folder, path.relative_to(self.path))
        for name in (path.relative_to(self.folder) for owned in self._owned for path in _files(self.folder / owned)):
            if not (self.path / name).exists():
                mark = self.path / _OUTDATED / name
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
        sync_files(_files(self.path))
        os.replace(self.path, self.folder / _FINISHED)
        sync_dir(self.folder)
        _move_finished(self.folder)


@contextmanager
def staged_results(folder: Path, owned: Sequence[str]) -> Iterator[StagedResults]:
    """Yields results to write and commit. What is not committed is removed. For arguments see `StagedResults`.

    Only the first process of a run writes; the others must not commit.

    Raises:
        DataError: The folder cannot be written to.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> for scores in ("0.5", "0.6"):
        ...     with staged_results(folder, ["scores.txt"]) as results:
        ...         _ = (results.path / "scores.txt").write_text(scores)
        ...         if scores == "0.5":
        ...             results.commit()
        >>> (folder / "scores.txt").read_text()
        '0.5'
    """
    results = StagedResults(folder, owned)
    try:
        if is_rank_zero():
            shutil.rmtree(results.path, ignore_errors=True)
            try:
                results.path.mkdir(parents=True)
            except OSError as error:
                raise _write_error(folder, error, "folder") from None
        yield results
    finally:
        if is_rank_zero():
            shutil.rmtree(results.path, ignore_errors=True)


def claim_dir(
    folder: Path, file: str, settings: Mapping[str, object], owned: Sequence[str], command: str, option: str = "--out"
) -> None:
    """Writes the settings of a command to its output folder, unless that holds something else.

    Args:
        folder: The folder.
        file: Name of the file of the settings.
        settings: What the results depend on, as JSON has it.
        owned: Names of the results.
        command: The command, such as `segdrone segment`.
        option: Its option that names the folder.

    Raises:
        ConfigError: The folder holds results with other settings, or files of somebody in the places of these.
    """
    if (folder / file).exists():
        try:
            known = read_json(folder / file)
        except UnreadableError:
            known = None
        if known != settings:
            raise ConfigError(f"{folder} holds results of {command} with other options: give another {option}")
    elif taken := next((name for name in owned if (folder / name).exists()), None):
        raise ConfigError(f"{folder / taken} was not written by {command}: give another {option}")
    else:
        write_json(settings, folder / file)


def check_finished(folder: Path) -> None:
    """Checks that no command was killed while it replaced the results in a folder.

    Raises:
        DataError: Results of two commands are mixed.
    """
    if (folder / _FINISHED).is_dir():
        raise DataError(
            f"{folder} holds results that a killed command had begun to replace: run the same command again"
        )


def _move_finished(folder: Path) -> None:
    """Moves committed results to their places; may be repeated after it was interrupted."""
    finished = folder / _FINISHED
    if not finished.is_dir():
        return
    outdated = finished / _OUTDATED
    for mark in _files(outdated):
        (folder / mark.relative_to(outdated)).unlink(missing_ok=True)
    targets = {path: folder / path.relative_to(finished) for path in {*_files(finished)} - {*_files(outdated)}}
    for path, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    for parent in {folder, *(target.parent for target in targets.values())}:
        sync_dir(parent)
    shutil.rmtree(finished)


def _check_place(folder: Path, name: Path) -> None:
    """Checks that a file can replace what is at its place, before the first file is moved."""
    if (folder / name).is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / name))
    for parent in [*name.parents][:-1]:
        if (folder / parent).exists() and not (folder / parent).is_dir():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / parent))


def _write_error(folder: Path, error: OSError, option: str) -> DataError:
    reason = error.strerror or error
    return DataError(f"{folder} cannot be written to ({reason}): free some disk space, or give another {option}")


def _files(path: Path) -> list[Path]:
    """Returns the files in a folder and its subfolders, or the file itself."""
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
