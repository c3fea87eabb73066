"""A dataset opened: its folders, encoding, pairs and splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segdrone.data import DataConfig, DatasetFolder, open_dataset
from segdrone.data.splits.split import random_split
from segdrone.errors import DataError
from tests.helpers.dataset_folders import write_dataset, write_mask

NAMES = [f"{i:02d}" for i in range(10)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "root", [f"{name}.jpg" for name in NAMES], [f"{name}.png" for name in NAMES])


def opened(root: Path, **options: Any) -> DatasetFolder:
    ids = options.pop("ids", None)
    return open_dataset(DataConfig(root=str(root), **options), ids=ids)


def split_names(dataset: DatasetFolder) -> dict[str, list[str]]:
    return {split: [pair.id for pair in pairs] for split, pairs in dataset.splits.items()}


def test_a_dataset_has_pairs_an_encoding_and_a_random_split(root: Path) -> None:
    dataset = opened(root, class_groups="landing_zone", val_share=0.3)
    assert dataset.root == root
    assert (dataset.files.images, dataset.files.masks) == (root / "images", root / "masks")
    assert [pair.id for pair in dataset.pairs] == NAMES
    assert dataset.table == dataset.encoding.table
    assert len(dataset.table) < len(dataset.encoding.source) == 23
    assert split_names(dataset) == {**random_split(NAMES, val=0.3), "all": NAMES}


def test_the_encoding_follows_the_config(root: Path) -> None:
    encoding = opened(root, mask_encoding="colours", colour_tolerance=7.0, mask_threshold=3).encoding
    assert (encoding.kind, encoding.colour_tolerance, encoding.threshold) == ("colours", 7.0, 3)


def test_a_split_folder_replaces_the_random_split(root: Path, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("03\n01\n")
    (tmp_path / "val.txt").write_text("02.jpg\n")
    expected = {"train": ["03", "01"], "val": ["02"], "test": [], "all": NAMES}
    assert split_names(opened(root, split_dir=str(tmp_path))) == expected


def test_given_ids_replace_any_split(root: Path) -> None:
    dataset = opened(root, ids={"test": ["04", "00"]})
    assert split_names(dataset) == {"train": [], "val": [], "test": ["04", "00"], "all": NAMES}


def test_given_ids_that_are_missing_are_refused(root: Path) -> None:
    with pytest.raises(DataError) as caught:
        _ = opened(root, ids={"test": ["04", "77"], "val": ["88"]}).splits
    assert str(caught.value) == (
        f"2 photographs of the split, 88 first, are not in data.root={root} or have no mask: "
        "use all photographs there with split=all, or give data.split_dir=FOLDER"
    )


def test_given_ids_that_have_lost_their_folders_are_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"or have no mask \(04 may be north/04: names have folders only where one"):
        _ = opened(root, ids={"test": ["north/04"]}).splits


def test_unpaired_files_are_refused_only_when_pairs_are_needed(root: Path) -> None:
    (root / "masks" / "00.png").unlink()
    dataset = opened(root)
    assert dataset.files.masks == root / "masks"
    with pytest.raises(DataError, match=r"without a mask: 00\.jpg"):
        _ = dataset.pairs
    assert len(opened(root, allow_unpaired=True).pairs) == 9


def test_too_few_photographs_for_a_split_are_still_pairs(tmp_path: Path) -> None:
    dataset = opened(write_dataset(tmp_path, ["a.jpg"], ["a.png"]))
    assert [pair.id for pair in dataset.pairs] == ["a"]
    with pytest.raises(DataError, match="1 photographs are too few to split"):
        _ = dataset.splits


def test_masks_alone_are_their_own_images(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "masks" / "a.png")
    dataset = open_dataset(DataConfig(root=".", masks=str(tmp_path / "masks")), masks_only=True)
    assert [(pair.id, pair.image, pair.mask) for pair in dataset.pairs] == [("a", path, path)]
    with pytest.raises(DataError, match=r"data\.masks=nowhere is not a folder"):
        open_dataset(DataConfig(root=".", masks="nowhere"), masks_only=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"root": "nowhere"}, "data.root=nowhere does not exist"),
        ({"classes": "nothing.csv"}, "class table nothing.csv does not exist"),
        ({"class_groups": "nothing"}, "data.class_groups=nothing is neither"),
        ({"mask_encoding": "binary"}, "needs a class table of two classes, not 23"),
    ],
)
def test_what_cannot_be_opened_is_refused_at_once(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(DataConfig(**{"root": str(root), **options}))


def test_photographs_in_no_list_are_used_with_another_split(root: Path, tmp_path: Path) -> None:
    (root / "train.txt").write_text("\n".join(NAMES[:5]))
    (root / "val.txt").write_text(NAMES[5])
    assert split_names(opened(root))["all"] == NAMES[:6]
    assert split_names(opened(root, split_by=".+"))["all"] == NAMES
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("\n".join(NAMES[4:]))
    assert split_names(opened(root, split_dir=str(lists)))["train"] == NAMES[4:]
    assert split_names(opened(root, ids={"test": [NAMES[9]]}))["test"] == [NAMES[9]]  # of a model that was trained so
