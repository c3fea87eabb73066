"""The layouts of datasets, and the rules by which masks are named after photographs."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.data.discovery.find_dataset import find_dataset, find_layouts
from segdrone.data.discovery.layout import LAYOUTS, Layout
from tests.helpers.dataset_folders import numbered, write_mask, write_pairs
from tests.helpers.discovery import masks_by_id, refusal


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if layout.is_named])
@pytest.mark.parametrize("above", ["", "dataset/semantic_drone_dataset/"])
def test_each_layout_is_found(tmp_path: Path, name: str, above: str) -> None:
    images, masks = (
        text.split("|")[0].replace("{split}", "train") for text in (LAYOUTS[name].images, LAYOUTS[name].masks)
    )
    write_pairs(tmp_path, *numbered(f"{above}{images}/{{}}.jpg", f"{above}{masks}/{{}}.png"))
    files = find_dataset(tmp_path)
    assert (files.layout, files.images, files.masks) == (name, tmp_path / above / images, tmp_path / above / masks)
    assert [pair.id for pair in files.pairs] == ["0", "1", "2"]


def test_a_new_layout_is_one_entry_of_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pairs(tmp_path, *numbered("thermal/{}.jpg", "truth/{}.png"))
    assert find_layouts(tmp_path) == []
    monkeypatch.setitem(LAYOUTS, "mine", Layout("thermal", "truth"))
    assert find_dataset(tmp_path).layout == "mine"


@pytest.mark.parametrize(
    ("image", "mask", "layout"),
    [
        ("{}_sat.jpg", "{}_mask.png", "masks_beside"),
        ("{}.jpg", "{}_lab.png", "masks_beside"),
        ("a/{}.jpg", "a/{}_labelIds.png", "masks_beside"),
        ("IMG-{}.JPG", "IMG-{}-annotation.png", "masks_beside"),
        ("{}_rgb.tif", "{}_gt.tif", "masks_beside"),
        ("DJI.{}.jpg", "DJI.{}.mask.png", "masks_beside"),
        ("{}.jpg", "mask_{}.png", "masks_beside"),
        ("{}.jpg", "{}.png", "png_beside"),
        ("images/{}.jpg", "masks/{}_segmentation.png", "images_masks"),
        ("images/img_{}.jpg", "masks/label_{}.png", "images_masks"),
        ("Images/DJI_{}.jpg", "LABELS/DJI_{}-xyz7.png", "images_labels"),  # an addition of one's own
        ("DJI_{}.jpg", "masks/DJI_{}.png", "masks_below"),
        ("all/{}.jpg", "all/labels/{}_gt.png", "masks_below"),
        ("train_images/{}.jpg", "train_masks/{}.png", "split_images"),
        ("images_val/{}.jpg", "masks_val/{}.png", "split_images"),
        ("train/{}.png", "trainannot/{}.png", "split_labels"),
        ("pics/rgb/x{}.jpg", "pics/mask/x{}.png", "images_masks"),
    ],
)
def test_names_may_differ_by_a_rule(tmp_path: Path, image: str, mask: str, layout: str) -> None:
    pairs = numbered(image, mask, 12)
    files = find_dataset(write_pairs(tmp_path, *pairs))
    assert files.layout == layout
    assert {(p.image, p.mask) for p in files.pairs} == {(tmp_path / i, tmp_path / m) for i, m in pairs}
    assert not files.without_mask
    assert not files.without_photograph
    assert [pair.id for pair in files.pairs] == sorted(Path(i).stem for i, _ in pairs)


def test_numbers_within_numbers_are_not_mixed_up(tmp_path: Path) -> None:
    files = find_dataset(write_pairs(tmp_path, *numbered("images/{}.jpg", "masks/{}0.png", 11)))
    assert masks_by_id(files) == {str(i): f"masks/{i}0.png" for i in range(11)}


def test_two_layouts_are_refused_with_their_names(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("images/{}.jpg", "masks/{}.png"))
    for i in range(3):
        write_mask(tmp_path / "annotations" / f"{i}.png")
    text = refusal(tmp_path)
    assert (
        "choose one with data.layout=NAME of images_masks (masks/0.png), images_annotations (annotations/0.png)" in text
    )
    assert find_dataset(tmp_path, layout="images_annotations").masks == tmp_path / "annotations"
    assert "data.root" in refusal(tmp_path, None, None, "voc")
    assert "choose one of kaggle" in refusal(tmp_path, None, None, "vco")
    assert "give one or the other" in refusal(tmp_path, "images", "masks", "voc")


def test_two_sets_of_masks_of_one_photograph_are_refused(tmp_path: Path) -> None:
    write_pairs(
        tmp_path, *numbered("images/{}.jpg", "masks/{}_mask.png"), *numbered("images/{}.jpg", "masks/{}_lab.png")
    )
    text = refusal(tmp_path)
    assert "0 has several masks (0_lab, 0_mask)" in text
    assert "'data.masks=\"FOLDER/{id}_lab.png\"'" in text


def test_the_same_photographs_in_two_formats_are_refused(tmp_path: Path) -> None:
    for folder, suffix in (("png", "png"), ("tiff", "tif")):
        for split in ("train", "val"):
            write_pairs(
                tmp_path, *numbered(f"{folder}/{split}/{{}}.{suffix}", f"{folder}/{split}_labels/{{}}.{suffix}")
            )
    assert f"the same photographs in png and in tiff: give one of the folders, such as data.root={tmp_path}" in refusal(
        tmp_path
    )
    assert {p.split for p in find_dataset(tmp_path / "tiff").pairs} == {"train", "val"}
