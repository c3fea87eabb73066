"""How the photographs and masks of a dataset are found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.discovery.find_dataset import dataset_photographs, find_dataset, find_layouts, find_masks
from segdrone.data.discovery.layout import LAYOUTS, Layout
from segdrone.errors import DataError
from tests.helpers.dataset_folders import write_dataset, write_mask, write_photograph


def write_pairs(root: Path, *names: tuple[str, str]) -> Path:
    for photograph, mask in names:
        write_photograph(root / photograph)
        write_mask(root / mask)
    return root


def numbered(image: str, mask: str, count: int = 3) -> list[tuple[str, str]]:
    return [(image.format(i), mask.format(i)) for i in range(count)]


def masks_by_id(files: DatasetFiles) -> dict[str, str]:
    return {pair.id: pair.mask.relative_to(files.root).as_posix() for pair in files.pairs}


def refusal(root: Path, *options: str | None) -> str:
    with pytest.raises(DataError) as caught:
        find_dataset(root, *options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
    assert "data.masks='FOLDER/{id}_lab.png'" in text


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
    ("images", "masks", "expected"),
    [
        ("f*/rgb/{id}.jpg", "f*/lab/{id}_x.png", {"f0/0": "f0/lab/0_x.png", "f1/0": "f1/lab/0_x.png"}),
        ("{group}/rgb/{id}", "{group}/lab/{id}_x", {"f0/0": "f0/lab/0_x.png", "f1/0": "f1/lab/0_x.png"}),
        ("f0/rgb/*.jpg", "f0/lab/*_x.png", {"0": "f0/lab/0_x.png"}),
        ("f0/rgb", "f0/lab/{id}_x.png", {"0": "f0/lab/0_x.png"}),
        ("**/rgb/{id}.jpg", "**/lab/{id}_?.png", {"f0/0": "f0/lab/0_x.png", "f1/0": "f1/lab/0_x.png"}),
    ],
)
def test_patterns_name_files(tmp_path: Path, images: str, masks: str, expected: dict[str, str]) -> None:
    write_pairs(tmp_path, ("f0/rgb/0.jpg", "f0/lab/0_x.png"), ("f1/rgb/0.jpg", "f1/lab/0_x.png"))
    files = find_dataset(tmp_path, images, masks)
    assert masks_by_id(files) == expected
    assert find_dataset(Path("/nowhere"), *(files.given or ())).pairs == files.pairs


@pytest.mark.parametrize(
    ("images", "masks", "parts"),
    [
        ("images/{id}.jpg", "masks/{id}_x.png", ("data.masks={id}_x.png matches no image file",)),
        ("images/{name}.jpg", "masks/{id}.png", ("unknown field {name}", "{id}, {group}, {split}")),
        ("images/{id}_0.jpg", "masks/{id}_1.png", ("has the id of a photograph", "put {id} where the names agree")),
        ("imgs/{id}.jpg", "masks/{id}.png", ("has no folder imgs",)),
        ("images", "lables", ("data.masks=lables is not a folder", "fix the path")),
        ("imgs", "masks", ("data.images=imgs is not a folder", "fix the path")),
        ("images", "empty", ("empty holds no images", "no files at all")),
        ("images", "texts", ("texts holds no images", "1 .txt", "segdrone data import")),
    ],
)
def test_folders_and_patterns_that_do_not_fit_are_refused(
    tmp_path: Path, images: str, masks: str, parts: Sequence[str]
) -> None:
    write_pairs(tmp_path, ("images/a_0.jpg", "masks/b_1.png"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("0 0 0 1 1")
    text = refusal(tmp_path, images, masks)
    for part in parts:
        assert part in text


def test_one_folder_is_completed_or_the_others_are_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("images/{}.jpg", "labels_v2/{}.png"))
    assert find_dataset(tmp_path, None, "labels_v2").images == tmp_path / "images"
    assert find_dataset(tmp_path, "images").masks == tmp_path / "labels_v2"
    write_pairs(tmp_path, *numbered("images/{}.jpg", "labels_v1/{}.png"))
    text = refusal(tmp_path, "images")
    assert f"data.masks=FOLDER beside it; folders with images there: {tmp_path / 'labels_v1'}" in text


def test_folders_are_named_below_the_root_and_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pairs(tmp_path / "root", *numbered("rgb/{}.jpg", "semantic/{}.png"))
    monkeypatch.chdir(tmp_path)
    for masks in ("semantic", str(tmp_path / "root" / "semantic"), "root/semantic"):
        assert find_dataset(tmp_path / "root", "rgb", masks).masks.resolve() == tmp_path / "root" / "semantic"


def test_photographs_and_masks_in_one_named_folder(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("{}_sat.jpg", "{}_mask.png"))
    assert masks_by_id(find_dataset(tmp_path, ".", "."))["0_sat"] == "0_mask.png"


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


def test_lists_of_few_photographs_are_told_and_not_used(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("JPEGImages/{}.jpg", "SegmentationClass/{}.png", 5))
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("0\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("1\n")
    files = find_dataset(tmp_path)
    assert {p.split for p in files.pairs} == {None}
    assert "name 2 of 5 photographs" in files.notes[0]


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
