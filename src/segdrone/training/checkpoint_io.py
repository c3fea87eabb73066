"""Write checkpoints whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from segdrone.errors import CheckpointError
from segdrone.utils.atomic import atomic_write


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to the disk, and renames it.

    A run that is killed, or a disk that fills up, leaves the previous checkpoint as it was.
    Lightning's own way writes to the system's temporary folder, often another disk, from where
    moving is a copy that can be cut short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Saves a checkpoint.

        Raises:
            CheckpointError: It could not be written; nothing is left behind.
        """
        try:
            with atomic_write(Path(path)) as partial, partial.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # torch's writer reports a full disk as RuntimeError
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(
                f"{path} could not be written ({reason}): free some disk space and resume from the last checkpoint, "
                "which is untouched"
            ) from error
