"""Look for datasets in folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.errors import DataError


def masks_by_id(files: DatasetFiles) -> dict[str, str]:
    return {pair.id: pair.mask.relative_to(files.root).as_posix() for pair in files.pairs}


def refusal(root: Path, *options: str | None) -> str:
    with pytest.raises(DataError) as caught:
        find_dataset(root, *options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
