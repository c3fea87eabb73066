from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.datamodule import write_photographs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten small photographs with masks."""
    return write_photographs(tmp_path / "root", 10)
