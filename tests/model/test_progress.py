"""Progress of training in a log file and in a terminal."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
from torch.utils.data import DataLoader

from segdrone.model.progress import ProgressBar
from tests.helpers.training import batches, tiny_module


def test_a_log_file_gets_a_line_per_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        trainer = L.Trainer(
            max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
            callbacks=[ProgressBar()], default_root_dir=tmp_path, check_val_every_n_epoch=2,
        )  # fmt: skip
        loader: DataLoader[Any] = DataLoader(batches(3), batch_size=None)  # type: ignore[arg-type]
        trainer.fit(tiny_module(), loader, loader)
    lines = [record.message for record in caplog.records if record.name == "segdrone.model.progress"]
    assert len(lines) == 3
    number = r"\d+\.\d{4}"
    assert re.fullmatch(rf"epoch 2 of 3: train/loss {number}, val/loss {number}, val/miou {number}, \d+ s", lines[1])
    for epoch in (1, 3):  # not validated: the values of an earlier epoch are not those of this one
        assert re.fullmatch(rf"epoch {epoch} of 3: train/loss {number}, \d+ s", lines[epoch - 1])
    assert "it/s" not in "".join(capsys.readouterr())


class Terminal:
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProgressBar().refresh_rate == 0
    assert ProgressBar(5).refresh_rate == 5
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert ProgressBar().refresh_rate == 1
