"""Labeled photographs of another dataset beside the own ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import DataError

CLASSES = {"grass": (0, 200, 0), "road": (90, 90, 90), "roof": (200, 0, 0)}


def write_set(root: Path, names: list[str], photographs: int, colors: bool = False) -> Path:
    """Photographs that each show one class, with masks of ids or colors of a table of these names."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    rows = [f"{name},{','.join(map(str, CLASSES[name]))}" for name in names]
    (root / "classes.csv").write_text("\n".join(["name,r,g,b", *rows]) + "\n")
    for i in range(photographs):
        shown = i % len(names)
        Image.fromarray(np.full((16, 24, 3), CLASSES[names[shown]], np.uint8)).save(root / "images" / f"{i}.png")
        mask = np.full((16, 24, 3), CLASSES[names[shown]], np.uint8) if colors else np.full((16, 24), shown, np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{i}.png")
    return root


def opened(root: Path, replay: Path, ids: list[str] | None = None, share: float = 0.5) -> SegmentationDataModule:
    config = DataConfig(
        root=str(root), replay=str(replay), replay_share=share, image_size=(16, 24), batch_size=4, num_workers=0,
        cache="memory", test_share=0, val_share=0,
    )  # fmt: skip
    datamodule = SegmentationDataModule(config, replay_ids=ids)
    datamodule.setup()
    return datamodule


def test_masks_of_both_are_read_by_their_own_tables(tmp_path: Path) -> None:
    own = write_set(tmp_path / "own", ["grass", "road", "roof"], 3)
    other = write_set(tmp_path / "other", ["roof", "grass"], 8, colors=True)
    datamodule = opened(own, other, ids=["0", "1", "4"])
    dataset = datamodule.fit_dataset("train")
    names = [sample.pair.id for sample in dataset.samples]
    assert names == ["0", "1", "2", *(f"{other}/{i}" for i in (0, 1, 4))]
    shown = [int(dataset.read(sample)[1][0, 0]) for sample in dataset.samples]
    assert shown == [0, 1, 2, 2, 0, 2]  # ids of the own table
    assert datamodule.class_pixels().sum(0).tolist() == [2 * 384, 384, 3 * 384]
    assert [pair.id for pair in datamodule.splits["replay"]] == ["0", "1", "4"]
    assert [pair.id for pair in datamodule.splits["all"]] == ["0", "1", "2"]


def write_black_and_white(root: Path) -> Path:
    write_set(root, ["grass", "roof"], 6)
    for file in (root / "masks").iterdir():
        Image.fromarray(np.pad(np.full((8, 12), 255, np.uint8), ((0, 8), (12, 0)))).save(file)
    return root


def test_masks_of_both_are_black_and_white(tmp_path: Path) -> None:
    own, other = write_black_and_white(tmp_path / "own"), write_black_and_white(tmp_path / "other")
    config = DataConfig(
        root=str(own), replay=str(other), mask_encoding="binary", image_size=(16, 24), num_workers=0, cache="memory"
    )
    datamodule = SegmentationDataModule(config)
    datamodule.setup()
    dataset = datamodule.fit_dataset("train")
    assert {np.bincount(dataset.read(sample)[1].ravel()).tolist()[1] for sample in dataset.samples} == {96}


def test_masks_that_may_be_read_wrongly_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own, other = write_set(tmp_path / "own", ["grass", "roof"], 4), write_black_and_white(tmp_path / "other")
    opened(own, other)
    assert f"data.replay={other}: every labeled pixel of all masks is grass" in caplog.text
    assert "give data.mask_encoding=binary" in caplog.text


@pytest.mark.parametrize(("share", "expected"), [(0.5, (6, 6)), (0.25, (18, 6)), (0.8, (2, 8))])
def test_replay_has_its_share_of_the_samples(tmp_path: Path, share: float, expected: tuple[int, int]) -> None:
    own = write_set(tmp_path / "own", ["grass", "road"], 2)
    other = write_set(tmp_path / "other", ["grass", "road"], 6)
    names = [s.pair.id for s in opened(own, other, [*"012345"], share).fit_dataset("train").samples]
    assert (sum("/" not in name for name in names), sum("/" in name for name in names)) == expected


def test_without_names_the_train_split_is_replayed(tmp_path: Path) -> None:
    own = write_set(tmp_path / "own", ["grass", "road"], 4)
    other = write_set(tmp_path / "other", ["grass", "road"], 20)
    for ids in (None, ["0", "not there"]):
        assert len(opened(own, other, ids).splits["replay"]) == 15  # 2 test and 3 validate


def test_photographs_that_are_scored_are_not_replayed(tmp_path: Path) -> None:
    own = write_set(tmp_path / "own", ["grass", "road"], 8)
    config = DataConfig(root=str(own), replay=str(own), test_share=0, val_share=0.5)
    with pytest.raises(DataError, match=r"photographs of data\.replay=.*own are among those for validation and test"):
        SegmentationDataModule(config).setup()


def test_other_classes_and_missing_folders_are_refused(tmp_path: Path) -> None:
    own = write_set(tmp_path / "own", ["grass"], 4)
    other = write_set(tmp_path / "other", ["grass", "roof"], 4)
    with pytest.raises(DataError, match=r"data\.replay=.*other cannot be used: .*roof"):
        opened(own, other)
    with pytest.raises(DataError, match=r"data\.replay=.*nowhere does not exist: give a folder"):
        opened(own, tmp_path / "nowhere")
