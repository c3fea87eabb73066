from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.data.splits.split import random_split
from tests.helpers.small_dataset import (
    HEIGHT,
    IMAGES,
    MASKS,
    NAMES,
    WIDTH,
    check,
    get_check,
    mask,
    photograph,
    single_finding,
    write_set,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def test_pixels_are_counted_per_class(root: Path) -> None:
    only_grass = mask()
    only_grass[only_grass == 2] = 1
    Image.fromarray(only_grass).save(root / MASKS / "000.png")
    facts = get_check(check(root), "classes").facts
    grass, road, roof = facts["classes"]
    half = HEIGHT // 2 * WIDTH
    assert (grass["pixels"], road["pixels"], roof["pixels"]) == (8 * (half - WIDTH), half * 9 // 2, half * 7 // 2)
    assert (facts["masks"], facts["ignored"]) == (8, 8 * WIDTH)
    assert (roof["id"], roof["name"], roof["photographs"], road["photographs"]) == (2, "roof", 7, 8)
    assert sum(row["share"] for row in facts["classes"]) == pytest.approx(1)


def test_pixels_that_a_photograph_marks_as_no_data_are_ignored(root: Path) -> None:
    for name in NAMES:
        (root / IMAGES / f"{name}.jpg").unlink()
        alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
        alpha[HEIGHT // 2 :, WIDTH // 2 :] = 0  # the roof
        Image.fromarray(np.dstack([photograph(int(name)), alpha])).save(root / IMAGES / f"{name}.png")
    facts = get_check(check(root), "classes").facts
    quarter = HEIGHT // 2 * WIDTH // 2
    assert [row["pixels"] for row in facts["classes"]] == [8 * (2 * quarter - WIDTH), 8 * quarter, 0]
    assert facts["ignored"] == 8 * (WIDTH + quarter)


def test_photograph_whose_labels_are_all_under_no_data_has_none(root: Path) -> None:
    (root / IMAGES / "000.jpg").unlink()
    hidden = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    Image.fromarray(np.concatenate([photograph(0), hidden], axis=2)).save(root / IMAGES / "000.png")
    assert single_finding(check(root), "content")[2] == ["masks/000.png"]


def test_masks_of_equal_names_in_two_splits_are_all_listed(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for split in ("train", "val"):
        write_set(root / split)
    (root / "train" / "classes.csv").rename(root / "classes.csv")
    wrong = [root / split / MASKS / "001.png" for split in ("train", "val")]
    for value, path in enumerate(wrong, 77):
        Image.fromarray(np.full((HEIGHT, WIDTH), value, np.uint8)).save(path)
    report = check(root)
    status, text, where = single_finding(report, "labels")
    assert (status, text.split(" with ")[0]) == ("ERROR", "2 masks")
    assert where == [f"{path}: id {value} ({HEIGHT * WIDTH} pixels)" for value, path in enumerate(wrong, 77)]
    assert get_check(report, "labels").facts["unknown"].keys() == {str(path) for path in wrong}
    assert get_check(report, "channels").facts["photographs"] == {"RGB": 16}


def test_absent_class_is_reported(root: Path) -> None:
    (root / "classes.csv").write_text("name,r,g,b\ngrass,0,255,0\nroad,90,90,90\nroof,255,0,0\npool,0,0,255\n")
    report = check(root)
    status, text, where = single_finding(report, "classes")
    assert (status, where) == ("WARNING", ["pool"])
    assert "data.classes" in text
    assert not report.failed


def test_masks_of_only_0_and_255_may_be_binary(root: Path) -> None:
    for name in NAMES:
        Image.fromarray(np.where(mask() == 2, 255, 0).astype(np.uint8)).save(root / MASKS / f"{name}.png")
    report = check(root)
    status, text, _ = single_finding(report, "classes")
    assert (status, report.failed) == ("ERROR", True)
    assert "every labeled pixel of all masks is grass" in text
    assert "hold 0 and 255 (ignored) alone; if 255 is a class, give data.mask_encoding=binary and a class table" in text


def test_unused_class_table_in_the_folder_is_reported(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    check(root)
    assert not caplog.text
    check(root, classes="drone")
    assert f"data.classes=drone is used, not {root / 'classes.csv'}" in caplog.text


def test_classes_are_counted_after_merging(root: Path) -> None:
    report = check(root, class_groups={"ground": ["grass", "road"], "ignored": ["roof"]})
    facts = get_check(report, "classes").facts
    assert [(row["name"], row["pixels"]) for row in facts["classes"]] == [("ground", 8 * WIDTH * 47)]
    assert facts["ignored"] == 8 * WIDTH * 17
    assert get_check(report, "content").status == "OK"


def test_unknown_ids_are_reported_with_file_and_count(root: Path) -> None:
    spoilt = mask()
    spoilt[10, :7], spoilt[11, :3] = 99, 42
    Image.fromarray(spoilt).save(root / MASKS / "004.png")
    report = check(root)
    status, text, where = single_finding(report, "labels")
    assert (status, where) == ("ERROR", ["masks/004.png: id 99 (7 pixels), id 42 (3 pixels)"])
    assert text == (
        "1 mask with values not in the class table: leave these pixels out (0.16 %) with data.unknown=ignore; or fix "
        "the mask or give its table with data.classes=FILE.csv"
    )
    assert get_check(report, "labels").facts == {"unknown": {"masks/004.png": {"id 99": 7, "id 42": 3}}}
    assert get_check(report, "reading").status == "OK"
    assert report.failed


def test_unknown_ids_in_a_jpeg_are_reported_with_their_cause(root: Path) -> None:
    (root / MASKS / "004.png").unlink()
    Image.fromarray(mask() * 50).save(root / MASKS / "004.jpg")
    assert single_finding(check(root), "labels")[1].endswith(
        "; JPEG compression changes ids and colors: save masks as PNG"
    )


def test_unknown_colors_suggest_the_tolerance(root: Path) -> None:
    palette = np.full((256, 3), 254, np.uint8)
    palette[:3] = [(0, 255, 0), (90, 90, 90), (255, 0, 0)]
    for name in NAMES:
        Image.fromarray(palette[np.minimum(mask(), 2)]).save(root / MASKS / f"{name}.png")
    near = palette[np.minimum(mask(), 2)]
    near[5, :9] = (90, 90, 95)
    Image.fromarray(near).save(root / MASKS / "001.png")
    _, text, where = single_finding(check(root), "labels")
    assert where == ["masks/001.png: color rgb(90, 90, 95) (9 pixels)"]
    assert "data.colour_tolerance=5" in text
    tolerant = check(root, colour_tolerance=20)
    assert get_check(tolerant, "labels").status == "OK"
    assert get_check(tolerant, "classes").facts["classes"][1]["pixels"] == 8 * WIDTH * HEIGHT // 4 + 9


def test_binary_masks_use_the_threshold(root: Path) -> None:
    (root / "classes.csv").write_text("name,r,g,b\nground,0,0,0\nroof,255,0,0\n")
    for name in NAMES:
        Image.fromarray(np.where(mask() == 1, 200, 100).astype(np.uint8)).save(root / MASKS / f"{name}.png")
    rows = get_check(check(root, mask_encoding="binary"), "classes").facts["classes"]
    assert rows[1]["pixels"] == 8 * WIDTH * HEIGHT // 4
    status, _, where = single_finding(check(root, mask_encoding="binary", mask_threshold=220), "content")
    assert (status, where[0], len(where)) == ("WARNING", "masks/000.png: ground", 8)


def test_empty_masks_and_masks_of_one_value_are_reported(root: Path) -> None:
    first, second = random_split(NAMES)["train"][:2]
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(root / MASKS / f"{first}.png")
    Image.fromarray(np.full((HEIGHT, WIDTH), 1, np.uint8)).save(root / MASKS / f"{second}.png")
    report = check(root)
    empty, single = get_check(report, "content").findings
    assert (empty.status, empty.where) == ("WARNING", [f"masks/{first}.png"])
    assert (single.status, single.where) == ("WARNING", [f"masks/{second}.png: road"])
    assert "nothing labeled" in empty.text
    assert get_check(report, "content").facts == {"empty": 1, "single": 1}
    assert not report.failed


def test_split_without_labels_is_an_error(root: Path) -> None:
    for name in random_split(NAMES)["test"]:
        Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(root / MASKS / f"{name}.png")
    report = check(root)
    error, _ = get_check(report, "content").findings
    assert (error.status, error.where) == ("ERROR", ["test"])
    assert "nothing to learn or score" in error.text
    assert report.failed


def test_mask_of_only_ignored_classes_is_empty(root: Path) -> None:
    Image.fromarray(np.full((HEIGHT, WIDTH), 2, np.uint8)).save(root / MASKS / "002.png")
    _, text, where = single_finding(check(root, class_groups={"ignored": ["roof"]}), "content")
    assert "nothing labeled" in text
    assert where == ["masks/002.png"]


def test_large_masks_are_counted_exactly(root: Path) -> None:
    large = np.ones((4097, 4099), np.uint8)  # above 2^24 of one value: float32 would miss the last one
    Image.fromarray(large).save(root / MASKS / "000.png")
    road = get_check(check(root), "classes").facts["classes"][1]
    assert road["pixels"] == 4097 * 4099 + 7 * WIDTH * HEIGHT // 4
