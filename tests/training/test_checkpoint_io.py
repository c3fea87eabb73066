from pathlib import Path

import pytest
import torch

from segdrone.errors import CheckpointError
from segdrone.training.checkpoint_io import AtomicCheckpointIO


def test_checkpoint_is_written_completely(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(2)}, tmp_path / "new" / "a.ckpt")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.ckpt"]
    assert torch.equal(torch.load(tmp_path / "new" / "a.ckpt", weights_only=True)["x"], torch.ones(2))


def test_failed_write_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint({"x": 1}, path)
    before = path.read_bytes()

    class Full:
        def __reduce__(self) -> str:
            raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="a.ckpt could not be written.*No space left.*unchanged"):
        AtomicCheckpointIO().save_checkpoint({"x": Full()}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
