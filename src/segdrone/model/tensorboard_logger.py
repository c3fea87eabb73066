"""Log to TensorBoard as long as its files can be written."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.writer import FileWriter, SummaryWriter

from segdrone.utils.best_effort import BestEffort


class TensorBoard(TensorBoardLogger):
    """Lightning's TensorBoard logger. If its files cannot be written, the run goes on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._best_effort = BestEffort("tensorboard/")

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Torch's SummaryWriter, which drops events that cannot be written."""
        if self._experiment is None:
            _hide_tracebacks_of_tensorboard()
            self._experiment = _Writer(self._best_effort, log_dir=self.log_dir, **self._kwargs)
        return self._experiment

    def save(self) -> None:
        """Writes the hyper-parameters."""
        with self._best_effort():
            super().save()


class _Writer(SummaryWriter):
    file_writer: Any
    all_writers: Any

    def __init__(self, best_effort: BestEffort, **options: Any) -> None:
        self._best_effort = best_effort
        super().__init__(**options)

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None:  # the first time, and after `close`
            try:
                events = super()._get_file_writer()  # type: ignore[no-untyped-call]
            except OSError:
                events = self.file_writer = _NoEvents(self.log_dir)
                self.all_writers = {self.log_dir: events}
                with self._best_effort():
                    raise
            for name in ("add_event", "flush", "close"):
                setattr(events, name, self._guard(getattr(events, name)))
        writer: FileWriter = self.file_writer
        return writer

    def _guard(self, write: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(write)
        def guarded(*args: Any, **options: Any) -> None:
            with self._best_effort():
                write(*args, **options)

        return guarded


class _NoEvents(FileWriter):
    """A file of events that could not be opened."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def get_logdir(self) -> str:
        return self._folder

    def add_event(self, *args: Any, **options: Any) -> None:
        pass

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _hide_tracebacks_of_tensorboard() -> None:
    """Hides the traceback that a writing thread of TensorBoard prints; its next call raises the same error."""
    hook = threading.excepthook
    if hook.__module__ == __name__:
        return

    def filtered(failure: threading.ExceptHookArgs) -> None:
        if not (type(failure.thread).__module__.startswith("tensorboard.") and isinstance(failure.exc_value, OSError)):
            hook(failure)

    threading.excepthook = filtered
