"""Splits and groups that the folders and lists of a dataset give."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.discovery.find_dataset import find_dataset
from tests.helpers.dataset_folders import numbered, write_pairs, write_photograph
from tests.helpers.discovery import masks_by_id


def test_split_folders_are_the_split_and_sequences_the_group(tmp_path: Path) -> None:
    for split in ("train", "Valid", "testing"):
        for sequence in ("seq1", "seq2"):
            write_pairs(
                tmp_path, *numbered(f"{split}/{sequence}/Images/{{}}.png", f"{split}/{sequence}/Labels/{{}}.png")
            )
    files = find_dataset(tmp_path)
    assert {(p.split, p.group) for p in files.pairs} == {
        (s, g) for s in ("train", "val", "test") for g in ("seq1", "seq2")
    }
    assert files.split_by == "the folders train, val, test"
    assert next(p for p in files.pairs if p.split == "val").id == "Valid/seq1/0"


@pytest.mark.parametrize(
    ("images", "masks"), [("{s}/images", "{s}/masks"), ("images/{s}", "masks/{s}"), ("{s}", "{s}_labels")]
)
def test_the_split_may_stand_before_or_after(tmp_path: Path, images: str, masks: str) -> None:
    for number, split in enumerate(("train", "val")):
        write_pairs(tmp_path, (f"{images.format(s=split)}/{number}.jpg", f"{masks.format(s=split)}/{number}.png"))
    assert [(p.id, p.split, p.group) for p in find_dataset(tmp_path).pairs] == [("0", "train", ""), ("1", "val", "")]


def test_one_split_folder_alone_is_no_split(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("training_set/images/{}.jpg", "training_set/masks/{}.png"))
    assert {p.split for p in find_dataset(tmp_path).pairs} == {None}


def test_a_split_folder_among_others_is_told(tmp_path: Path) -> None:
    for folder in ("flight1", "flight2", "test"):
        write_pairs(tmp_path, *numbered(f"{folder}/images/{{}}.jpg", f"{folder}/masks/{{}}.png"))
    files = find_dataset(tmp_path)
    assert {p.split for p in files.pairs} == {None}
    assert "folder test has the name of a split and folder flight1 has not" in files.notes[0]
    assert "data.split_dir" in files.notes[0]


def test_equal_names_in_several_folders_stay_apart(tmp_path: Path) -> None:
    for tile in ("Tile 1", "Tile 2"):
        write_pairs(tmp_path, *numbered(f"data/{tile}/images/part_{{}}.jpg", f"data/{tile}/masks/part_{{}}.png", 2))
    files = find_dataset(tmp_path)
    assert masks_by_id(files) == {
        f"{t}/part_{i}": f"data/{t}/masks/part_{i}.png" for t in ("Tile 1", "Tile 2") for i in (0, 1)
    }
    assert {p.group for p in files.pairs} == {"Tile 1", "Tile 2"}


@pytest.mark.parametrize("lists", ["ImageSets/Segmentation", "ImageSets"])
def test_lists_of_a_layout_are_the_split(tmp_path: Path, lists: str) -> None:
    write_pairs(tmp_path, *numbered("JPEGImages/{}.jpg", "SegmentationClass/{}.png", 5))
    write_photograph(tmp_path / "JPEGImages" / "unlabeled.jpg")
    (tmp_path / lists).mkdir(parents=True)
    (tmp_path / lists / "trn.txt").write_text("0\n1\n")
    (tmp_path / lists / "val.txt").write_text("2.jpg\nJPEGImages/3.jpg SegmentationClass/3.png\n")
    (tmp_path / lists / "trainval.txt").write_text("0\n1\n2\n3\n")
    files = find_dataset(tmp_path)
    assert {p.id: p.split for p in files.pairs} == {"0": "train", "1": "train", "2": "val", "3": "val"}
    assert files.passed_over["photographs in no list"] == [tmp_path / "JPEGImages" / "4.jpg"]
    assert not files.without_mask
    (tmp_path / lists / "trn.txt").write_text("")
    (tmp_path / lists / "val.txt").write_text("2\n")
    assert len(find_dataset(tmp_path).pairs) == 5


def test_names_in_lists_may_have_dots(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("JPEGImages/flight.{}.jpg", "SegmentationClass/flight.{}.png", 4))
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("flight.0\nflight.1\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("flight.2\nflight.3.jpg\n")
    splits = {pair.id: pair.split for pair in find_dataset(tmp_path).pairs}
    assert splits == {f"flight.{i}": "train" if i < 2 else "val" for i in range(4)}


def test_lists_tell_photographs_of_one_name_apart_by_their_folders(tmp_path: Path) -> None:
    for flight in ("a", "b", "c"):
        write_pairs(tmp_path, *numbered(f"JPEGImages/{flight}/{{}}.jpg", f"SegmentationClass/{flight}/{{}}.png", 3))
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("a/0\na/1\nJPEGImages/a/2.jpg\nb/2.jpg 1\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("b/0\nb/1\n")
    files = find_dataset(tmp_path)
    expected = {**{f"a/{i}": "train" for i in range(3)}, "b/0": "val", "b/1": "val", "b/2": "train"}
    assert {p.id: p.split for p in files.pairs} == expected
    assert files.passed_over["photographs in no list"] == [tmp_path / "JPEGImages" / "c" / f"{i}.jpg" for i in range(3)]


def test_photographs_in_the_lists_of_several_splits_are_told(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("images/{}.jpg", "masks/{}.png", 6))
    for name, lines in (("train", "0\n1\n2\n"), ("val", "3\n4\n"), ("test", "4.jpg\n")):
        (tmp_path / f"{name}.txt").write_text(lines)
    files = find_dataset(tmp_path)
    assert {p.id: p.split for p in files.pairs} == {"0": "train", "1": "train", "2": "train", "3": "val"}
    assert files.passed_over["photographs in the lists of several splits"] == [tmp_path / "images" / "4.jpg"]
    assert files.passed_over["photographs in no list"] == [tmp_path / "images" / "5.jpg"]


@pytest.mark.parametrize(("train", "val"), [("0\n1", ""), ("0", "lost")])
def test_lists_of_which_one_repeats_another_are_told(tmp_path: Path, train: str, val: str) -> None:
    write_pairs(tmp_path, *numbered("images/{}.jpg", "masks/{}.png", 4))
    for name, lines in (("train", f"{train}\n"), ("val", f"{val}\n2\n3\n"), ("test", "2\n3\n")):
        (tmp_path / f"{name}.txt").write_text(lines)
    files = find_dataset(tmp_path)
    assert {p.split for p in files.pairs} == {None}
    assert f"the lists in {tmp_path} give 2 photographs to several splits, 2 first, and are not taken" in files.notes[0]


def test_lists_of_few_photographs_are_told_and_not_used(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("JPEGImages/{}.jpg", "SegmentationClass/{}.png", 5))
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("0\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("1\n")
    files = find_dataset(tmp_path)
    assert {p.split for p in files.pairs} == {None}
    assert "name 2 of 5 photographs" in files.notes[0]
