"""Photographs and masks of the dataset are found, and what is not its own is not touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.annotations.corrections.conftest import (
    corrected,
    corrected_mask,
    correction,
    read,
    refusal,
    stored_mask,
    write_image,
    write_photograph,
)


def test_a_photograph_that_was_renamed_is_refused(dataset: Path, fixed: Path) -> None:
    correction(fixed, "renamed")
    text = refusal(fixed, dataset)
    assert "1 corrected photographs are not in" in text and "('renamed.png'): renamed in the tool" in text
    assert "give the folder of the photographs that were annotated with --images" in text


def test_with_their_folder_photographs_are_matched_by_content(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    correction(fixed, "renamed", file="a")
    flights = tmp_path / "flights"
    flights.mkdir()
    shutil.copy(dataset / "images" / "b.png", flights / "renamed.png")
    corrected(fixed, dataset, images=flights)
    np.testing.assert_array_equal(read(dataset / "masks" / "b.png"), corrected_mask())
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), stored_mask())


def test_another_photograph_of_the_same_name_is_refused(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    write_photograph(tmp_path / "flights" / "a.png", 99)
    assert "no photograph there has the content" in refusal(fixed, dataset, images=tmp_path / "flights")


def test_of_equal_photographs_the_name_decides(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    flights = tmp_path / "flights"
    flights.mkdir()
    for name in "bc":
        shutil.copy(dataset / "images" / "a.png", dataset / "images" / f"{name}.png")
    shutil.copy(dataset / "images" / "a.png", flights / "b.png")
    correction(fixed, "b", file="a")
    assert [change.name for change in corrected(fixed, dataset, images=flights).changed] == ["b"]
    (flights / "b.png").rename(flights / "d.png")
    correction(fixed, "d", file="a")
    assert "d.png, whose content" in refusal(fixed, dataset, images=flights)


def test_hard_links_are_the_same_photograph(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    flights = tmp_path / "flights"
    flights.mkdir()
    os.link(dataset / "images" / "a.png", flights / "a.png")
    assert corrected(fixed, dataset, images=flights).changed


def test_a_photograph_that_was_resized_is_refused(dataset: Path, fixed: Path) -> None:
    correction(fixed, "a", imageHeight=12, imageWidth=18)
    text = refusal(fixed, dataset)
    assert "a.json annotates a photograph of 18 x 12 pixels, but " in text
    assert "a.png has 36 x 24: it was resized in the tool" in text


def test_photographs_of_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    for seed, flight in enumerate(("seq1", "seq2")):
        write_photograph(root / flight / "images" / "a.png", seed)
        write_image(stored_mask(), root / flight / "masks" / "a.png")
    (root / "classes.csv").write_text("name,r,g,b\nsoil,1,1,1\nroad,2,2,2\ncar,3,3,3\n")
    correction(tmp_path / "fixed", "seq2/images/a", file="a")
    assert [change.name for change in corrected(tmp_path / "fixed", root).changed] == ["seq2/a"]
    np.testing.assert_array_equal(read(root / "seq1" / "masks" / "a.png"), stored_mask())
    correction(tmp_path / "fixed", "a", file="a")
    assert "names 'a.png', but " in refusal(tmp_path / "fixed", root)


def test_masks_in_a_folder_that_a_link_leads_to_are_refused(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(dataset / "masks", elsewhere)
    (dataset / "masks").symlink_to(elsewhere)
    before = (elsewhere / "a.png").read_bytes()
    text = refusal(fixed, dataset)
    assert "masks is a link to" in text and "put a copy in its place (cp -rL)" in text
    assert (elsewhere / "a.png").read_bytes() == before


def test_a_dataset_that_is_a_link_itself_is_corrected(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(dataset)
    corrected(fixed, tmp_path / "link")
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), corrected_mask())


def test_photographs_may_be_links_to_other_folders(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    photograph = dataset / "images" / "a.png"
    shutil.move(photograph, tmp_path / "a.png")
    photograph.symlink_to(tmp_path / "a.png")
    assert corrected(fixed, dataset).changed


def test_masks_outside_of_the_dataset_are_refused(dataset: Path, fixed: Path, tmp_path: Path) -> None:
    shutil.move(dataset / "masks", tmp_path / "others")
    text = refusal(fixed, dataset, masks=str(tmp_path / "others"))
    assert "a.png is not in" in text and "give the folder that holds photographs and masks with --onto" in text


def test_masks_in_jpeg_are_refused(dataset: Path, fixed: Path) -> None:
    for name in "abc":
        write_image(stored_mask() * 0, dataset / "masks" / f"{name}.jpg")
        (dataset / "masks" / f"{name}.png").unlink()
    assert "a.jpg is a JPEG file, which is not written here: convert" in refusal(fixed, dataset, mask_encoding="ids")


def test_photographs_in_no_list_of_the_split_are_corrected(dataset: Path, fixed: Path) -> None:
    (dataset / "train.txt").write_text("b.png\n")
    (dataset / "val.txt").write_text("c.png\n")
    corrected(fixed, dataset)
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), corrected_mask())


def test_new_masks_follow_the_names_of_the_others(dataset: Path, fixed: Path) -> None:
    for name in "abc":
        (dataset / "masks" / f"{name}.png").rename(dataset / "masks" / f"{name}_mask.png")
    write_photograph(dataset / "images" / "d.png", 9)
    correction(fixed, "d")
    corrected(fixed, dataset)
    assert (dataset / "masks" / "d_mask.png").is_file()


@pytest.mark.parametrize("layout", [("original_images", "label_images_semantic"), ("train/images", "train/masks")])
def test_layouts(tmp_path: Path, fixed: Path, layout: tuple[str, str]) -> None:
    images, masks = (tmp_path / "dataset" / folder for folder in layout)
    write_photograph(images / "a.png", 0)
    write_image(stored_mask(), masks / "a.png")
    (tmp_path / "dataset" / "class_dict_seg.csv").write_text("name, r, g, b\nsoil,1,1,1\nroad,2,2,2\ncar,3,3,3\n")
    corrected(fixed, tmp_path / "dataset")
    np.testing.assert_array_equal(read(masks / "a.png"), corrected_mask())
