"""Errors outside of a job in one line."""

from __future__ import annotations

import logging.config
from pathlib import Path

import pytest

from segdrone.cli.hydra_errors import explain_config_error


def test_a_run_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    handler = {"class": "logging.FileHandler", "filename": str(tmp_path / "gone" / "train.log")}
    with pytest.raises(ValueError, match="Unable to configure handler") as caught:  # as Hydra configures its log
        logging.config.dictConfig({"version": 1, "handlers": {"file": handler}, "disable_existing_loggers": False})
    text = explain_config_error(caught.value)
    assert text is not None
    assert "No such file or directory" in text
    assert text.endswith("or give another output_dir")
    assert "\n" not in text
