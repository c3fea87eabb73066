"""Random splits and split files."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.model_selection import train_test_split

from segdrone.data.splits.split import random_split, read_split
from segdrone.errors import DataError

REAL_SPLITS = Path(__file__).parents[4] / "shared" / "semantic_drone_768" / "splits"
IDS = ["a", "b", "c", "d"]


def names(count: int) -> list[str]:
    return [f"{i:03d}" for i in range(count)]


def write_split(folder: Path, **files: str) -> Path:
    for split, text in files.items():
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")
    return folder


def error_text(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_split(folder, IDS)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("seed", "counts"),
    [(42, [*range(5, 31), 40, 57, 99, 100, 101, 200, 360, 399, 400, 401, 450]), (0, [5, 60, 400])],
)
def test_random_split_equals_train_test_split_of_scikit_learn(seed: int, counts: list[int]) -> None:
    for count in counts:
        ids = names(count)
        rest, test = train_test_split(ids, test_size=0.1, random_state=seed)
        train, val = train_test_split(rest, test_size=0.15, random_state=seed)
        assert random_split(ids, seed=seed) == {"train": train, "val": val, "test": test}


def test_shares_are_of_all_photographs_and_of_the_rest() -> None:
    splits = random_split(names(100), test=0.25, val=0.5, seed=1)
    rest, test = train_test_split(names(100), test_size=0.25, random_state=1)
    train, val = train_test_split(rest, test_size=0.5, random_state=1)
    assert splits == {"train": train, "val": val, "test": test}


def test_every_photograph_is_in_one_split_whatever_the_order() -> None:
    splits = random_split(names(57))
    assert sorted(name for split in splits.values() for name in split) == names(57)
    assert random_split(names(57)[::-1]) == splits
    assert random_split(names(57), seed=0) != splits


def test_a_share_of_0_is_an_empty_split() -> None:
    splits = random_split(names(10), test=0, val=0)
    assert sorted(splits["train"]) == names(10)
    assert splits["val"] == splits["test"] == []


@pytest.mark.skipif(not REAL_SPLITS.is_dir(), reason="the split of the real photographs is not beside the repository")
def test_real_photographs_are_split_as_published() -> None:
    published = {name: (REAL_SPLITS / f"{name}.txt").read_text().split() for name in ("all_ids", "train", "val")}
    splits = random_split(published["all_ids"])
    assert {split: len(ids) for split, ids in splits.items()} == {"train": 306, "val": 54, "test": 40}
    assert set(splits["train"]) == set(published["train"])
    assert set(splits["val"]) == set(published["val"])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_photographs_are_refused(count: int) -> None:
    with pytest.raises(DataError) as caught:
        random_split(names(count))
    assert str(caught.value) == (
        f"{count} photographs are too few to split: with data.test_share=0.1 and data.val_share=0.15 "
        "no photograph is left to train on; add photographs, or give data.split_dir=FOLDER"
    )


def test_three_photographs_are_enough() -> None:
    assert {split: len(ids) for split, ids in random_split(names(3)).items()} == {"train": 1, "val": 1, "test": 1}


def test_files_are_read_in_their_order(tmp_path: Path) -> None:
    write_split(tmp_path, train="c\na\n", val="b\n", test="d")
    assert read_split(tmp_path, IDS) == {"train": ["c", "a"], "val": ["b"], "test": ["d"]}


def test_missing_files_are_empty_splits(tmp_path: Path) -> None:
    assert read_split(write_split(tmp_path, train="a\nb\n"), IDS) == {"train": ["a", "b"], "val": [], "test": []}


def test_blank_lines_carriage_returns_and_byte_order_mark_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbfa\r\n\r\n b \r\n")
    assert read_split(tmp_path, IDS)["train"] == ["a", "b"]


def test_file_names_are_accepted_for_ids(tmp_path: Path) -> None:
    write_split(tmp_path, train="a.jpg\nflight.1\n", val="flight.2.png\nb\n")
    assert read_split(tmp_path, ["a", "b", "flight.1", "flight.2"]) == {
        "train": ["a", "flight.1"], "val": ["flight.2", "b"], "test": [],
    }  # fmt: skip


def test_names_may_contain_spaces(tmp_path: Path) -> None:
    write_split(tmp_path, train="DJI 001\nDJI 002\n")
    assert read_split(tmp_path, ["DJI 001", "DJI 002"])["train"] == ["DJI 001", "DJI 002"]


def test_folder_without_any_file_is_refused(tmp_path: Path) -> None:
    assert error_text(tmp_path) == (
        f"data.split_dir={tmp_path} holds none of train.txt, val.txt, test.txt: fix the path"
    )
    assert "fix the path" in error_text(tmp_path / "nowhere")


def test_unknown_photograph_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path, train="a\n", val="x\nb\ny.jpg\n")
    assert error_text(tmp_path) == (
        f"{tmp_path / 'val.txt'} names 2 photographs that do not exist or have no mask, x first: "
        "remove them from the list, or add them to data.root"
    )


def test_photograph_of_two_splits_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path, train="a\nb\n", test="b\n")
    text = error_text(tmp_path)
    assert f"photograph b is listed in {tmp_path / 'train.txt'} and in {tmp_path / 'test.txt'}" in text
    assert "list it once" in text


def test_photograph_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path, train="a\nb\na\n")
    assert f"photograph a is listed twice in {tmp_path / 'train.txt'}: list it once" in error_text(tmp_path)


@pytest.mark.parametrize("line", ["Tile 1/a", "Tile 1/a.jpg", "Tile 1/images/a.jpg", "Tile 1\\images\\a.JPG"])
def test_a_line_may_be_a_path(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.txt").write_text(f"{line}\nb.jpg\n")
    ids = ["Tile 1/a", "Tile 2/a", "Tile 2/b"]
    assert read_split(tmp_path, ids)["train"] == ["Tile 1/a", "Tile 2/b"]
    (tmp_path / "train.txt").write_text("a.jpg\n")
    with pytest.raises(DataError, match=r"do not exist or have no mask, a\.jpg first"):
        read_split(tmp_path, ids)


def test_a_path_means_the_photograph_in_that_folder(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("f1/001.jpg\nimages/001.jpg\n")
    (tmp_path / "val.txt").write_text("data/images/2.jpg\n")
    ids = ["001", "f1/001", "2"]
    assert read_split(tmp_path, ids) == {"train": ["f1/001", "001"], "val": ["2"], "test": []}


def test_valid_txt_is_the_list_of_val(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "valid.txt").write_text("b\n")
    assert read_split(tmp_path, ["a", "b"]) == {"train": ["a"], "val": ["b"], "test": []}
    (tmp_path / "val.txt").write_text("b\n")
    with pytest.raises(DataError, match=r"val\.txt and .*valid\.txt are both lists of val"):
        read_split(tmp_path, ["a", "b"])
