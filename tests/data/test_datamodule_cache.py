"""Which cache the data module uses, and that it changes no pixel."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.datamodule import SIZE, error_text, module, same


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
def test_no_cache_changes_a_pixel(root: Path, tmp_path: Path, interpolation: str) -> None:
    runs = [
        list(module(root, cache=cache, cache_dir=str(tmp_path), interpolation=interpolation).train_dataloader())
        for cache in ("none", "memory", "disk", "disk")
    ]
    assert all(same(runs[0], run) for run in runs[1:])


def files(cache: Path) -> int:
    return len(list(cache.glob("*.pixels")))


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 18),  # 7 + 2 photographs and their masks
        ({"image_size": SIZE}, 0),  # resizing saves nothing
        ({"image_size": SIZE, "cache": "disk"}, 18),
        ({"cache": "none"}, 0),
        ({"sampling": "crops", "crop_size": (6, 8)}, 18),
        ({"sampling": "tiles", "tile_size": (32, 32)}, 0),
    ],
)
def test_photographs_larger_than_training_samples_are_cached_on_disk(
    root: Path, tmp_path: Path, changes: dict[str, Any], count: int
) -> None:
    datamodule = module(root, cache_dir=str(tmp_path / "cache"), **changes)
    for loader in (datamodule.train_dataloader(), datamodule.val_dataloader()):
        list(loader)
    list(datamodule.test_dataloader())
    assert files(tmp_path / "cache") == count


def test_runs_with_other_class_groups_share_the_cache(root: Path, tmp_path: Path) -> None:
    for groups in (None, "drone12", "landing_zone"):
        datamodule = module(root, cache_dir=str(tmp_path / "cache"), class_groups=groups)
        batches = list(datamodule.train_dataloader())
        assert max(int(batch["mask"][batch["mask"] != 255].max()) for batch in batches) == len(datamodule.table) - 1
    assert files(tmp_path / "cache") == 14


def test_a_cache_that_cannot_be_written_is_refused_before_training(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = error_text(root, cache="disk", cache_dir=str(tmp_path / "file"))
    assert "file cannot be written" in text
    assert "data.cache=none" in text


def test_training_goes_on_without_a_cache_that_nobody_asked_for(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    datamodule = module(root, cache_dir=str(tmp_path / "file"))
    assert same(list(datamodule.train_dataloader()), list(module(root, cache="none").train_dataloader()))
    assert "there is no cache, and each epoch decodes all files again: the cache folder" in caplog.text

    for name in ("HOME", "XDG_CACHE_HOME", "SEGDRONE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # a container without an entry of this user
    list(module(root).train_dataloader())
    assert "there is no home folder for the cache: set SEGDRONE_CACHE=FOLDER" in caplog.text
