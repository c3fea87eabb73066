"""Which files of a folder belong to the dataset, and what is told if none do."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from segdrone.data.discovery.find_dataset import dataset_photographs, find_dataset, find_masks
from tests.helpers.dataset_folders import numbered, write_dataset, write_mask, write_pairs, write_photograph
from tests.helpers.discovery import masks_by_id, refusal


def test_pictures_of_masks_are_passed_over(tmp_path: Path) -> None:
    write_pairs(
        tmp_path, *numbered("images/{}.jpg", "masks/{}_mask.png"), *numbered("images/{}.jpg", "masks/{}_color.png")
    )
    files = find_dataset(tmp_path)
    assert masks_by_id(files)["0"] == "masks/0_mask.png"
    assert [path.name for path in files.passed_over["pictures of masks"]] == [
        "0_color.png",
        "1_color.png",
        "2_color.png",
    ]


def test_masks_among_photographs_are_passed_over_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_pairs(tmp_path, *numbered("images/a/{}.jpg", "masks/a/{}.png"))
    for i in range(3):
        write_mask(tmp_path / "images" / "a" / f"{i}_mask.png")
    files = find_dataset(tmp_path)
    assert len(files.pairs) == len(files.photographs) == 3
    files.tell()
    assert "masks among the photographs: images/a/0_mask.png, images/a/1_mask.png and 1 more" in caplog.text


def test_films_and_other_files_are_named_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_dataset(tmp_path)
    for name in ("flight.MP4", "valid.txt", "a.heic", "Thumbs.db", ".hidden"):
        (tmp_path / "images" / name).write_bytes(b"x")
    with caplog.at_level(logging.INFO, "segdrone.data.discovery.dataset_files"):
        find_dataset(tmp_path).tell()
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    for part in ("flight.MP4", "a.heic", "images/valid.txt"):
        assert part in line
    assert "Thumbs" not in line
    assert "has the layout images_masks: 2 photographs in images, masks in masks" in caplog.text


def test_the_class_table_beside_masks_is_not_passed_over(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("{}_sat.jpg", "{}_mask.png"))
    for name in ("_classes.csv", "notes.txt"):
        (tmp_path / name).write_text("name\nground\nroad\n")
    assert find_dataset(tmp_path).other_files == [tmp_path / "notes.txt"]


def test_folders_without_masks_are_passed_over(tmp_path: Path) -> None:
    write_pairs(
        tmp_path,
        *numbered("train/images/{}.jpg", "train/masks/{}.png"),
        *numbered("val/images/{}.jpg", "val/masks/{}.png"),
    )
    write_photograph(tmp_path / "test" / "images" / "0.jpg")
    files = find_dataset(tmp_path)
    assert files.passed_over["photographs in folders without masks"] == [tmp_path / "test" / "images" / "0.jpg"]
    assert files.photographs[tmp_path / "test" / "images" / "0.jpg"] == "test/0"
    assert not files.without_mask


def test_a_copy_in_a_deeper_folder_is_passed_over(tmp_path: Path) -> None:
    write_pairs(
        tmp_path, *numbered("images/{}.jpg", "masks/{}.png"), *numbered("old/images/{}.jpg", "old/masks/{}.png")
    )
    files = find_dataset(tmp_path)
    assert [p.id for p in files.pairs] == ["0", "1", "2"]
    assert "photographs in further folders of these names" in files.passed_over


def test_predictions_are_no_part_of_a_dataset(tmp_path: Path) -> None:
    write_pairs(
        tmp_path, *numbered("images/{}.jpg", "masks/{}.png"), *numbered("images/{}.jpg", "predicted/labels/{}.png")
    )
    (tmp_path / "predicted" / "predict.json").write_text("{}")
    assert find_dataset(tmp_path).masks == tmp_path / "masks"


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    write_pairs(tmp_path / "elsewhere", *numbered("images/{}.jpg", "masks/{}.png"))
    (tmp_path / "root").mkdir()
    for folder in ("images", "masks"):
        (tmp_path / "root" / folder).symlink_to(tmp_path / "elsewhere" / folder)
    (tmp_path / "elsewhere" / "images" / "loop").symlink_to(tmp_path / "elsewhere" / "images")
    assert len(find_dataset(tmp_path / "root").pairs) == 3


def test_some_without_a_partner_are_listed(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("images/{}.jpg", "masks/{}_lab.png", 4))
    (tmp_path / "masks" / "3_lab.png").unlink()
    write_mask(tmp_path / "masks" / "9_lab.png")
    files = find_dataset(tmp_path)
    assert (files.without_mask, files.without_photograph) == (
        [tmp_path / "images" / "3.jpg"], [tmp_path / "masks" / "9_lab.png"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ((), ("holds no images", "no files at all")),
        (("images/a.heic", "masks/a.png"), ("images holds no images", "1 .heic", "convert them to JPEG")),
        (("images/a.jpg", "labels/a.txt"), ("labels holds no images", "1 .txt", "segdrone data import")),
        (
            ("images/a.jpg", "masks/b.png"),
            ("do not pair (a.jpg and b.png)", "give each mask the name of its photograph"),
        ),
        (("SegmentationClass/a.png",), ("holds masks, and there is no folder JPEGImages",)),
        (
            ("left/a.jpg", "right/a.png"),
            ("none of the known layouts (kaggle", "left (1), right (1)", "data.images=FOLDER"),
        ),
        (("task-1-annotation-2-by-1-tag-Road-0.png",), ("Label Studio's PNG export", "segdrone data import")),
        (("a.mp4",), ("holds no images", "1 .mp4", "take frames")),
    ],
)
def test_a_folder_without_a_dataset_says_why(tmp_path: Path, files: Sequence[str], parts: Sequence[str]) -> None:
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (write_mask(path) if path.suffix == ".png" else path.write_bytes(b"x"))
    text = refusal(tmp_path)
    assert "allow_unpaired" not in text
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    "files", [("images/a.jpg", "masks/b.png"), ("left/a.jpg", "right/a.png"), ("0.jpg", "0_mask.png", "0_lab.png")]
)
def test_patterns_that_an_error_suggests_can_be_typed(tmp_path: Path, files: Sequence[str]) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_mask(tmp_path / name)
    words = [word for word in shlex.split(refusal(tmp_path)) if word.startswith("data.") and "{id}" in word]
    assert words
    assert all("{id}" in str(override.value()) for override in OverridesParser.create().parse_overrides(words))


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == (
        f"data.root={tmp_path / 'nowhere'} does not exist: give the folder that holds the photographs and masks"
    )


def test_only_photographs_are_predicted_even_if_names_do_not_pair(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("images/a{}.jpg", "masks/{}b.png"))
    assert {*dataset_photographs(tmp_path)} == {tmp_path / "images" / f"a{i}.jpg" for i in range(3)}


def test_masks_without_photographs(tmp_path: Path) -> None:
    for name in ("a/0.png", "b/0.png"):
        write_mask(tmp_path / "truth" / name)
    files = find_masks(tmp_path, "truth")
    assert [(p.id, p.image == p.mask) for p in files.pairs] == [("a/0", True), ("b/0", True)]
