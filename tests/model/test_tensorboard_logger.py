import logging
import threading
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segdrone.model.tensorboard_logger import TensorBoard

FULL = OSError(28, "No space left on device")


def test_events_are_written(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path, name="", version="", purge_step=0)
    for step in range(2):  # closed and opened again, as after training
        logger.log_metrics({"miou": 0.5 + step}, step)
        logger.finalize("success")
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.value for event in events.Scalars("miou")] == [0.5, 1.5]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[threading.ExceptHookArgs]:
    """Exceptions of threads whose tracebacks are printed."""
    failures: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    return failures


def test_events_that_cannot_be_written_do_not_stop_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, printed: list[threading.ExceptHookArgs]
) -> None:
    logger = TensorBoard(tmp_path, name="", version="")
    writer = logger.experiment.file_writer.event_writer._async_writer._writer  # its file is written by a thread

    def fail(*_: object) -> None:
        raise FULL

    writer.write = writer.flush = writer.close = fail
    for step in range(30):  # more than its queue holds
        logger.log_metrics({"miou": 0.5}, step)
    logger.experiment.flush()
    logger.finalize("success")
    assert len([text for text in caplog.messages if "tensorboard/ cannot be written (No space" in text]) == 1
    assert printed == []


def test_event_file_that_cannot_be_opened_does_not_stop_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tensorboard").write_text("a file")
    logger = TensorBoard(tmp_path, name="tensorboard", version="")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            logger.log_metrics({"miou": 0.5}, 0)
            logger.experiment.add_image("x", torch.zeros(3, 2, 2))
            logger.log_hyperparams({"lr": 0.1}, {"hp/miou": 0.5})
            logger.finalize("success")
    assert len(caplog.messages) == 1
    assert "tensorboard/ cannot be written" in caplog.messages[0]


def test_tracebacks_of_other_threads_are_printed(tmp_path: Path, printed: list[threading.ExceptHookArgs]) -> None:
    _ = TensorBoard(tmp_path, name="", version="").experiment
    thread = threading.Thread(target=int, args=("x",))
    thread.start()
    thread.join()
    assert [failure.exc_type for failure in printed] == [ValueError]
