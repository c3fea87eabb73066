"""Write checkpoints atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from segdrone.errors import CheckpointError
from segdrone.utils.atomic import atomic_write


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a temporary file in the same folder, flushes it to disk, and renames it.

    If the run is killed or the disk is full, the previous checkpoint stays unchanged. Lightning's own implementation
    writes to the system's temporary folder, often on another disk, from which the file is copied; a copy can be cut
    short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Saves a checkpoint.

        Raises:
            CheckpointError: The file could not be written; no partial file is left.
        """
        try:
            with atomic_write(Path(path)) as partial, partial.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(
                f"{path} could not be written ({reason}): free some disk space and resume from the last checkpoint, "
                "which is unchanged"
            ) from error
