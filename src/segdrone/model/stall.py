"""Mark the progress of Lightning's loops for `segdrone.utils.stall`."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as L

from segdrone.utils.stall import mark_progress

COMPUTING = "computing a batch"
_READING, _BETWEEN = "reading a batch", "working between two loops"


class MarkProgress(L.Callback):
    """Marks the progress of training, validation and testing at every batch."""

    def on_train_epoch_start(self, *args: Any) -> None:
        """Marks the start of an epoch."""
        mark_progress(_READING)

    def on_train_batch_start(self, *args: Any) -> None:
        """Marks a batch that was read."""
        mark_progress(COMPUTING)

    def on_train_batch_end(self, *args: Any) -> None:
        """Marks a batch that was computed."""
        mark_progress(_READING)

    def on_train_epoch_end(self, *args: Any) -> None:
        """Marks the end of an epoch."""
        mark_progress(_BETWEEN)

    def on_validation_epoch_start(self, *args: Any) -> None:
        """Marks the start of an epoch."""
        mark_progress(_READING)

    def on_validation_batch_start(self, *args: Any) -> None:
        """Marks a batch that was read."""
        mark_progress(COMPUTING)

    def on_validation_batch_end(self, *args: Any) -> None:
        """Marks a batch that was computed."""
        mark_progress(_READING)

    def on_validation_epoch_end(self, *args: Any) -> None:
        """Marks the end of an epoch."""
        mark_progress(_BETWEEN)

    def on_test_epoch_start(self, *args: Any) -> None:
        """Marks the start of an epoch."""
        mark_progress(_READING)

    def on_test_batch_start(self, *args: Any) -> None:
        """Marks a batch that was read."""
        mark_progress(COMPUTING)

    def on_test_batch_end(self, *args: Any) -> None:
        """Marks a batch that was computed."""
        mark_progress(_READING)

    def on_test_epoch_end(self, *args: Any) -> None:
        """Marks the end of an epoch."""
        mark_progress(_BETWEEN)
