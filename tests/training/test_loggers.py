from pathlib import Path

import pytest

from segdrone.training.loggers import CSV


def test_metrics_that_cannot_be_saved_do_not_stop_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = CSV(tmp_path, name="", version="")
    logger.log_metrics({"a": 1.0}, step=0)
    logger.save()
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    logger.log_metrics({"a": 2.0}, step=1)
    logger.save()
    logger.finalize("success")
    assert caplog.messages == [
        "metrics.csv cannot be written (Is a directory): the run goes on without; free some disk space"
    ]
