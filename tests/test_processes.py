import lightning.pytorch as L
import pytest

from segdrone.processes import group, together


def test_a_process_without_others_is_the_first_of_one() -> None:
    assert group() == (0, 1)


def test_errors_of_a_process_that_is_alone_pass() -> None:
    trainer = L.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    with pytest.raises(RuntimeError, match="gloo"), together(trainer):
        raise RuntimeError("gloo")
