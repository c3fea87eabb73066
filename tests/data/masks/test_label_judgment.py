"""Training and check judge labels by one function: a single class, vanished classes, lossy files, what is left out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, open_dataset
from segdrone.data.masks import label_sample
from segdrone.data.masks.label_judgment import judge_labels
from segdrone.data.masks.label_sample import check_labels, sample_labels, tell_doubts
from segdrone.data.splits.split import SPLITS
from segdrone.errors import DataError
from segdrone.inspection.check import check_dataset
from tests.helpers.small_dataset import get_check
from tests.helpers.tiff_files import Page, nodata, write_tiff

TABLES = {
    "two": ClassTable(("ground", "road"), ((90, 60, 0), (200, 0, 0))),
    "four": ClassTable(("ground", "grass", "roof", "water"), ((10, 0, 0), (30, 120, 40), (160, 60, 50), (40, 70, 170))),
    "one": ClassTable(("road",), ((200, 0, 0),)),
}
SIZE = (12, 18)


def masks(kind: str, count: int = 6) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    light = [(rng.random(SIZE) < 0.4).astype(np.uint8) for _ in range(count)]
    ids = [rng.integers(0, 4, SIZE).astype(np.uint8) for _ in range(count)]
    painted = {name: np.array(table.colours, np.uint8) for name, table in TABLES.items()}
    return {
        "0 and 1": light,
        "0 and 255": [mask * np.uint8(255) for mask in light],
        "0 and 100": [mask * np.uint8(100) for mask in light],
        "0, 1 and 255": [np.where(mask == 3, 255, mask % 2).astype(np.uint8) for mask in ids],
        "0, 128 and 255": [np.array([0, 128, 255, 0], np.uint8)[mask] for mask in ids],
        "1 and 255": [np.where(mask, 1, 255).astype(np.uint8) for mask in light],
        "all 0": [mask * np.uint8(0) for mask in light],
        "all 255": [np.full(SIZE, 255, np.uint8) for _ in light],
        "ids": ids,
        "ids without water": [np.minimum(mask, 2) for mask in ids],
        "colors": [painted["four"][mask] for mask in ids],
        "red on brown": [painted["two"][mask] for mask in light],
    }[kind]


def write(root: Path, kind: str, table: str, suffix: str = ".png", count: int = 6, **options: Any) -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(1)
    for i, mask in enumerate(masks(kind, count)):
        noise = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        Image.fromarray(noise).save(root / "images" / f"{i:03}.png")
        Image.fromarray(mask).save(root / "masks" / f"{i:03}{suffix}", **options)
    (root / "classes.csv").write_text(TABLES[table].to_csv())
    return root


def both(root: Path, caplog: pytest.LogCaptureFixture, **options: Any) -> tuple[list[str], list[str]]:
    """Errors and warnings that training and `check` give; asserts that they are the same."""
    dataset = open_dataset(DataConfig.from_dict({"root": str(root), **options}))
    ids = {split: [pair.id for pair in dataset.splits[split]] for split in SPLITS}
    caplog.clear()
    errors: list[str] = []
    with caplog.at_level(logging.WARNING, "segdrone.data.masks.label_sample"):
        try:
            check_labels(dataset.splits["all"], ids, dataset.encoding)
        except DataError as error:
            errors = [str(error)]
    warnings = [record.getMessage() for record in caplog.records if record.name == "segdrone.data.masks.label_sample"]
    findings = get_check(check_dataset(root, workers=1, progress=False, **options), "classes").findings
    for found, status in ((errors, "ERROR"), (warnings, "WARNING")):
        texts = [finding.text.split(":")[0].split(" (")[0] for finding in findings if finding.status == status]
        told = [text.split(":")[0].split(" (")[0] for text in found]
        assert told == texts or errors, (found, findings)
        assert told[:1] == texts[:1]
    return errors, warnings


@pytest.mark.parametrize(
    ("kind", "table", "options", "parts"),
    [
        ("0 and 255", "two", {}, ["every labeled pixel", "is ground", "0 and 255 (ignored)", "mask_encoding=binary"]),
        ("0 and 255", "four", {}, ["mask_encoding=binary and a class table of two classes"]),
        ("0 and 255", "two", {"mask_encoding": "ids"}, ["if 255 is a class, give data.mask_encoding=binary"]),
        ("1 and 255", "two", {}, ["is road", "hold 1 and 255 (ignored) alone"]),
        ("0 and 100", "two", {"mask_encoding": "binary"}, ["one side of data.mask_threshold=127", "threshold=50"]),
        ("0 and 255", "two", {"mask_encoding": "binary", "mask_threshold": 255}, ["data.mask_threshold=127"]),
        ("red on brown", "two", {"mask_encoding": "binary"}, ["on one side of data.mask_threshold=127"]),
        ("all 0", "two", {"mask_encoding": "binary"}, ["the masks hold gray level 0 alone"]),
        ("all 0", "two", {}, ["every labeled pixel of all masks is ground", "data.classes is the table"]),
        ("all 255", "two", {}, ["no pixel of all masks is labeled"]),
        ("colors", "four", {"class_groups": {"a": ["ground", "grass", "roof"], "ignored": ["water"]}}, ["single"]),
        ("0 and 1", "two", {"class_groups": {"ignored": ["ground"]}}, ["class_groups leaves a single class (road)"]),
        ("all 0", "one", {}, ["the class table has a single class (road)", "mask_encoding=binary"]),
        ("ids", "four", {"class_groups": {"a": ["ground", "grass", "roof", "water"]}}, ["groups leaves a single"]),
    ],
)  # fmt: skip
def test_what_leaves_one_class_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, table: str, options: Any, parts: list[str]
) -> None:
    (error,), _ = both(write(tmp_path / "set", kind, table), caplog, **options)
    for part in parts:
        assert any(one in error for one in part.split("|")), error


def test_ids_with_ignored_pixels_are_not_dark_and_light(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write(tmp_path / "set", "0, 1 and 255", "two")
    (error,), _ = both(root, caplog, mask_encoding="binary")
    assert "0, 1 and 255 (ignored) alone, which are ids, but 1 is read as ground and 255 as road" in error
    assert both(root, caplog, mask_encoding="ids") == ([], [])


def test_a_third_gray_level_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    errors, (warning,) = both(write(tmp_path / "set", "0, 128 and 255", "two"), caplog, mask_encoding="binary")
    assert not errors and "6 masks hold 3 gray levels, and those up to 127 are read as ground, the others as" in warning
    assert "road (0, 128, 255): if each is a class, give data.mask_encoding=ids" in warning


@pytest.mark.parametrize(
    ("kind", "table", "options"),
    [
        ("0 and 1", "two", {}),
        ("0 and 255", "two", {"mask_encoding": "binary"}),
        ("0 and 100", "two", {"mask_encoding": "binary", "mask_threshold": 50}),
        ("ids", "four", {}),
        ("colors", "four", {}),
    ],
)
def test_clean_datasets_are_silent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, table: str, options: Any
) -> None:
    assert both(write(tmp_path / "set", kind, table), caplog, **options) == ([], [])


def test_a_black_mask_among_ids_in_three_channels_is_asked_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write(tmp_path / "set", "ids", "four")
    (root / "classes.csv").write_text("name,r,g,b\nground,90,60,0\ngrass,30,120,40\nroof,160,60,50\nrest,0,0,0\n")
    for i, mask in enumerate([*masks("ids")[:5], masks("all 0")[0]]):
        Image.fromarray(np.dstack([mask] * 3)).save(root / "masks" / f"{i:03}.png")
    (error,), _ = both(root, caplog)
    assert error == (
        "1 mask is rest by color and ground by id, and 5 others hold ids in three equal channels (005): say which with "
        "data.mask_encoding=ids or colours"
    )
    assert both(root, caplog, mask_encoding="ids")[0] == []
    for i, mask in enumerate(masks("ids")[:5]):  # colors beside a black mask are no doubt
        colors = np.array([[90, 60, 0], [30, 120, 40], [160, 60, 50], [0, 0, 0]], np.uint8)
        Image.fromarray(colors[mask]).save(root / "masks" / f"{i:03}.png")
    assert both(root, caplog) == ([], [])


def test_labels_under_no_data_alone_are_refused_before_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write(tmp_path / "set", "ids", "four")
    for path in (root / "images").iterdir():
        Image.fromarray(np.dstack([np.asarray(Image.open(path)), np.zeros(SIZE, np.uint8)])).save(path)
    (error,), _ = both(root, caplog)
    assert error.startswith("the photographs mark as no data all that all masks label, so there is nothing to learn")
    assert both(root, caplog, bands=[1, 2, 3]) == ([], [])
    for path in (root / "images").iterdir():
        Image.open(path).convert("RGB").convert("RGBA").save(path)  # an alpha channel that hides nothing
    assert both(root, caplog) == ([], [])


def test_a_class_that_does_not_occur_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    errors, (warning,) = both(write(tmp_path / "set", "ids without water", "four"), caplog)
    assert not errors
    assert warning.startswith("1 class is absent from all 6 masks and cannot be learned (water): check that")


def test_a_tolerance_that_swallows_a_class_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write(tmp_path / "set", "colors", "four")
    TABLES["near"] = ClassTable((*TABLES["four"].names, "mud"), (*TABLES["four"].colours, (12, 2, 2)))
    (root / "classes.csv").write_text(TABLES.pop("near").to_csv())
    _, (warning,) = both(root, caplog, colour_tolerance=20)
    assert "(mud)" in warning
    assert "that data.colour_tolerance=20 fits them" in warning


@pytest.mark.parametrize(("kind", "options"), [("ids", {"mask_encoding": "ids"}), ("colors", {"colour_tolerance": 60})])
def test_lossy_masks_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, options: Any) -> None:
    root = write(tmp_path / "set", "all 0", "four")
    for i, mask in enumerate(masks(kind)):
        blocks = np.kron(
            mask, np.ones((16, 16, 1), np.uint8)[..., 0] if mask.ndim == 2 else np.ones((16, 16, 1), np.uint8)
        )
        (root / "masks" / f"{i:03}.png").unlink()
        Image.fromarray(blocks).save(root / "masks" / f"{i:03}.jpg", quality=98, subsampling=0)
        Image.fromarray(blocks).convert("RGB").save(root / "images" / f"{i:03}.png")
    errors, warnings = both(root, caplog, unknown="ignore", **options)
    assert not errors
    assert any("6 of 6 masks are JPEG, whose compression changes" in warning for warning in warnings)


def test_what_is_left_out_is_told_with_its_share(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write(tmp_path / "set", "colors", "four")
    spoilt = masks("colors")[2].copy()
    spoilt[0, :9] = (255, 0, 255)
    Image.fromarray(spoilt).save(root / "masks" / "002.png")
    errors, (warning,) = both(root, caplog, unknown="ignore")
    assert not errors
    assert "0.694 % of the pixels of 6 masks are of no class and left out (color rgb(255, 0, 255))" in warning
    with pytest.raises(DataError, match=r"002.png holds color rgb\(255, 0, 255\) \(9 pixels\).*data.unknown=ignore"):
        dataset = open_dataset(DataConfig(root=str(root)))
        check_labels(dataset.pairs, {}, dataset.encoding)


def test_no_data_that_is_a_class_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write(tmp_path / "set", "ids", "four")
    for i, mask in enumerate(masks("ids")):
        (root / "masks" / f"{i:03}.png").unlink()
        write_tiff(root / "masks" / f"{i:03}.tif", Page(mask, tags=(nodata("0"),)))
    _, (warning,) = both(root, caplog)
    assert "6 of 6 masks call the value of ground no data, and it is read as ground" in warning
    assert warning.endswith("if it is no label, give data.class_groups={ignored: [ground]}")


def test_a_training_split_of_one_class_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write(tmp_path / "set", "all 0", "two", count=20)
    test = open_dataset(DataConfig(root=str(root))).splits["test"]
    for pair in test:
        assert pair.mask is not None
        Image.fromarray(masks("0 and 1")[0]).save(pair.mask)
    (error,), _ = both(root, caplog)
    assert "every labeled pixel of the training masks is ground" in error


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_nothing_could_score_is_refused_before_a_training(
    split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(DataConfig(root=str(write(tmp_path / "set", "ids", "four", count=60))))
    ids = {name: [pair.id for pair in dataset.splits[name]] for name in SPLITS}
    monkeypatch.setattr(label_sample, "_PIXELS", 0)  # most masks are not looked at otherwise
    paths = [pair.mask for pair in dataset.splits[split] if pair.mask is not None]
    for path in paths:
        Image.fromarray(masks("all 255")[0]).save(path)
    with pytest.raises(DataError, match=f"no pixel of the {len(paths)} photographs in {split} is labeled, .* label so"):
        check_labels(dataset.splits["all"], ids, dataset.encoding)
    Image.fromarray(masks("ids")[0]).save(paths[-1])
    check_labels(dataset.splits["all"], ids, dataset.encoding)


def test_large_datasets_are_sampled_until_two_classes_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "set", "ids", "four", count=60)
    dataset = open_dataset(DataConfig(root=str(root)))
    monkeypatch.setattr(label_sample, "_PIXELS", 0)
    seen = sample_labels(dataset.pairs, [], dataset.encoding)
    assert len(seen.masks) == 8
    assert {"000", "059"} <= seen.masks.keys()
    assert judge_labels(seen, dataset.encoding) == []
    for i in range(59):
        Image.fromarray(masks("all 0")[0]).save(root / "masks" / f"{i:03}.png")
    Image.fromarray(masks("all 0")[0]).save(root / "masks" / "059.png")
    Image.fromarray(masks("ids")[0]).save(root / "masks" / "040.png")
    seen = sample_labels(dataset.pairs, [], dataset.encoding)
    assert 8 < len(seen.masks) < 60
    assert not [remark for remark in judge_labels(seen, dataset.encoding) if remark.kind == "error"]


def test_scores_are_put_in_doubt_but_not_by_absent_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = open_dataset(DataConfig(root=str(write(tmp_path / "set", "ids without water", "four"))))
    tell_doubts(dataset.pairs, dataset.encoding)
    assert not caplog.text
    dataset = open_dataset(DataConfig(root=str(write(tmp_path / "other", "0 and 255", "two"))))
    tell_doubts(dataset.pairs, dataset.encoding)
    (record,) = caplog.records
    assert "every labeled pixel of all masks is ground" in record.getMessage()
