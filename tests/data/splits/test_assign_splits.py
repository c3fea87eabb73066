"""Which photographs are train, val and test, and what is told about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.data import open_dataset
from segdrone.data.config import DataConfig
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.splits.assign_splits import Split, assign_splits, split_unlabeled
from segdrone.data.splits.split import SPLITS, random_split, split_groups
from segdrone.errors import DataError

AREAS = [f"area{a}_{y}_{x}" for a in range(12) for y in (0, 512) for x in (0, 512)]


def pairs(ids: Sequence[str], folders: dict[str, str] | None = None, group: str = "") -> list[ImageMaskPair]:
    split = folders or {}
    return [ImageMaskPair(name, Path("x.jpg"), None, (6, 9), group=group, split=split.get(name)) for name in ids]


def assign(ids: Sequence[str], folders: dict[str, str] | None = None, **options: object) -> Split:
    return assign_splits(DataConfig.from_dict({"root": "x", **options}), pairs(ids, folders))


def in_one_split(split: Split, names: Sequence[str]) -> bool:
    return any(set(names) <= set(split.ids[part]) for part in SPLITS)


@pytest.mark.parametrize("ids", [[f"{i:03d}" for i in range(400)], [f"DJI_{i:04d}" for i in range(37)]])
def test_by_default_the_split_is_that_of_the_tutorial(ids: list[str]) -> None:
    split = assign(ids)
    assert split == Split(random_split(ids), "random", "at random by photograph, data.split_seed=42")


def test_groups_are_whole_and_sizes_are_close_to_the_shares() -> None:
    split = assign(AREAS, split_by="^(.+)_[0-9]+_[0-9]+$")
    assert all(in_one_split(split, [n for n in AREAS if n.startswith(f"area{a}_")]) for a in range(12))
    assert {part: len(split.ids[part]) for part in SPLITS} == {"train": 36, "val": 8, "test": 4}  # 48 in all
    assert sorted(name for part in SPLITS for name in split.ids[part]) == sorted(AREAS)
    assert split.notes == ()
    assert split.by == "at random in 12 groups by data.split_by=^(.+)_[0-9]+_[0-9]+$, data.split_seed=42"


def test_the_seed_decides_which_groups() -> None:
    one, again, other = (assign(AREAS, split_by="^area[0-9]+", split_seed=seed).ids for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("sizes", [[90, 2, 3, 5, 1, 7], [10, 10, 10], [1] * 50, [30, 40, 30, 5, 4, 3, 2, 1] * 4])
def test_every_split_has_a_group_and_large_ones_train(sizes: list[int]) -> None:
    groups = {f"{g}-{i}": str(g) for g, size in enumerate(sizes) for i in range(size)}
    for seed in range(20):
        splits = split_groups(groups, seed=seed)
        assert all(splits.values())
        assert sorted(name for names in splits.values() for name in names) == sorted(groups)
        owners = [{groups[name] for name in names} for names in splits.values()]
        assert sum(map(len, owners)) == len(sizes)
        if len(sizes) > 3:
            assert abs(len(splits["test"]) - 0.1 * len(groups)) <= 1.5


@pytest.mark.parametrize(("areas", "options"), [(2, {}), (1, {"test_share": 0.0}), (1, {"val_share": 0.0})])
def test_too_few_groups_are_refused(areas: int, options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"data.split_by=.*: \d groups of \d photographs are too few") as caught:
        assign(AREAS[: 4 * areas], split_by="^area[0-9]+", **options)
    assert "data.split_dir=FOLDER" in str(caught.value)


def test_few_groups_far_from_the_shares_are_told() -> None:
    split = assign(AREAS[:12], split_by="^area[0-9]+")
    assert {part: len(split.ids[part]) for part in SPLITS} == {"train": 4, "val": 4, "test": 4}
    assert split.notes[0].startswith("test has 33% of the photographs instead of 10%, since there are only 3 groups")


def test_copies_of_one_photograph_are_not_divided_and_told_once() -> None:
    ids = [f"{i:02d}_JPG.rf.{k:08x}" for i in range(20) for k in range(3)]
    split = assign(ids)
    assert all(in_one_split(split, ids[3 * i : 3 * i + 3]) for i in range(20))
    assert len(split.notes) == 1
    assert split.notes[0].startswith("60 photographs are 20 with augmented copies by their names, such as 00_JPG.rf.")
    assert assign(ids, split_by=".+").ids != split.ids
    assert {part: len(split.ids[part]) for part in SPLITS} == {"train": 45, "val": 9, "test": 6}


def test_split_folders_are_the_split() -> None:
    ids = [f"{i:02d}" for i in range(10)]
    folders = {name: SPLITS[int(name) % 3] for name in ids}
    split = assign(ids, folders)
    assert split.ids == {part: [name for name in ids if folders[name] == part] for part in SPLITS}
    assert (split.source, split.by, split.notes) == ("folders", "by the folders train, val, test", ())


def test_lists_in_a_dataset_are_not_called_folders(tmp_path: Path) -> None:
    for name in "abcdefgh":
        for folder, values in (("images", (9, 200)), ("masks", (0, 1))):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.array([values] * 6, np.uint8)).save(path)
    (tmp_path / "classes.csv").write_text("name\nsoil\ncrop\n")
    (tmp_path / "train.txt").write_text("a\nb\nc\nd\ne\nf\n")
    (tmp_path / "test.txt").write_text("g\nh\n")
    lists = f"the lists in {tmp_path}"
    split = open_dataset(DataConfig(root=str(tmp_path))).split
    assert split.by == f"by {lists}, val at random from train, data.split_seed=42"
    assert split.notes[0].startswith(f"{lists} hold no validation photographs: 1 of train validate")
    anew = open_dataset(DataConfig(root=str(tmp_path), split_by=".+")).split
    assert anew.notes[0] == f"data.split_by=.+ splits anew: {lists} are not the split"


def test_without_a_val_folder_photographs_of_train_validate() -> None:
    ids = [f"{i:02d}" for i in range(30)]
    folders = {name: "test" if int(name) < 10 else "train" for name in ids}
    split = assign(ids, folders)
    assert (split.ids["test"], len(split.ids["val"]), len(split.ids["train"])) == (ids[:10], 3, 17)
    assert "the folders train, test hold no validation photographs: 3 of train validate" in split.notes[0]
    assert len(split.notes) == 1
    assert assign(ids, folders, val_share=0.0).ids == {"train": ids[10:], "val": [], "test": ids[:10]}


def test_copies_of_a_single_photograph_all_train() -> None:
    copies = ["a_jpg.rf.0c1f2b", "a_jpg.rf.9d8e7f"]
    split = assign([*copies, "b"], {**dict.fromkeys(copies, "train"), "b": "test"})
    assert split.ids == {"train": copies, "val": [], "test": ["b"]}


def test_sequences_that_both_train_and_validate_are_told() -> None:
    ids = [f"seq{i % 3}/{i:02d}" for i in range(30)]
    folders = {name: "test" if name.startswith("seq0") else "train" for name in ids}
    notes = assign(ids, folders).notes
    assert "photographs of one folder both train and validate (seq1 (10), seq2 (10))" in notes[1]
    assert len(assign(ids, folders, val_share=0.0).notes) == 0


def test_one_split_folder_alone_is_no_split() -> None:
    ids = [f"{i:02d}" for i in range(30)]
    assert assign(ids, dict.fromkeys(ids, "train")).ids == random_split(ids)


def test_split_folders_that_are_split_anew_are_told() -> None:
    folders = {name: "test" if name.startswith("area1") else "train" for name in AREAS}
    split = assign(AREAS, folders, split_by="^area[0-9]+")
    assert split.notes == ("data.split_by=^area[0-9]+ splits anew: the folders test, train are not the split",)


def test_copies_in_two_split_folders_are_told() -> None:
    ids = ["a.rf.01234567", "a.rf.89abcdef", "b.rf.01234567"]
    split = assign(ids, {ids[0]: "train", ids[1]: "val", ids[2]: "train"})
    assert split.notes[0].startswith(f"copies of 1 photographs are in several splits by their names, such as {ids[0]}")


def test_lists_that_divide_copies_are_told(tmp_path: Path) -> None:
    ids = ["001", "001_hflip", "002", "003"]
    for part, names in {"train": ids[:1], "val": ids[1:2], "test": ids[2:]}.items():
        (tmp_path / f"{part}.txt").write_text("\n".join(names))
    split = assign(ids, split_dir=str(tmp_path))
    assert split.by == f"by the lists in {tmp_path}"
    assert "such as 001 and 001_hflip of 001" in split.notes[0]


def test_tiles_of_mosaics_are_told_with_the_expression_to_use() -> None:
    (note,) = assign(AREAS).notes
    assert "tiles of one mosaic" in note
    assert "'data.split_by=\"^(.+)_[0-9]+_[0-9]+$\"'" in note
    (note,) = assign(AREAS[:4] * 1 + [f"area0_1024_{x}" for x in (0, 512)]).notes
    assert "data.split_dir=FOLDER" in note  # one mosaic cannot be split by mosaic


def test_folders_that_the_random_split_divides_are_told() -> None:
    flights = [f"seq{i}" for i in range(5) for _ in range(6)]
    many = [pairs([f"{i:02d}"], group=flight)[0] for i, flight in enumerate(flights)]
    config = DataConfig(root="x")
    (note,) = assign_splits(config, many).notes
    assert note.startswith("the photographs are in 5 folders (seq0 (6), seq1 (6), seq2 (6), ...)")
    by_folder = assign_splits(config.replace(split_by="folder"), many)
    assert by_folder.notes == ()
    assert len(by_folder.ids["test"]) == 6


def test_labeled_photographs_beside_unlabeled_ones_are_split_as_the_options_say() -> None:
    labeled = [f"{site}{i}" for site in "abcd" for i in range(5)]

    def held_out(**options: object) -> Split:
        config = DataConfig.from_dict({"root": "x", "test_share": 0.25, **options})
        return split_unlabeled(config, pairs(labeled), pairs(["free1", "free2"]))

    first, second = held_out(), held_out(split_seed=7)
    assert first.ids["test"] == random_split(labeled, test=0.25, val=0)["test"]
    assert second.ids["test"] == random_split(labeled, test=0.25, val=0, seed=7)["test"] != first.ids["test"]
    by_site = held_out(split_by="^[a-d]")
    for split in (first, second, by_site):
        assert split.ids["train"] == ["free1", "free2"]
        assert sorted([*split.ids["val"], *split.ids["test"]]) == labeled
    assert all(in_one_split(by_site, [name for name in labeled if name[0] == site]) for site in "abcd")
    assert len(by_site.ids["test"]) == 5
    assert "data.split_by=^[a-d]" in by_site.by
    one = split_unlabeled(DataConfig(root="x"), pairs(["a"]), pairs(["free1"]))
    assert one.ids == {"train": ["free1"], "val": [], "test": ["a"]}
    assert all(
        split.by.startswith("by ")
        for split in (first, by_site, split_unlabeled(DataConfig(root="x"), [], pairs(["f"])))
    )
