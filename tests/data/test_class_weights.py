"""Class weights, and the file of the pixel counts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from segdrone.classes import ClassTable
from segdrone.data.class_weights import (
    RECOMMENDED,
    STATS_FILE,
    WEIGHTINGS,
    class_weights,
    mask_states,
    read_class_pixels,
    write_stats,
)
from segdrone.data.discovery.layout import LAYOUTS
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.errors import ConfigError, DataError

TABLE = ClassTable(("road", "grass", "dog"), ((200, 10, 40), (10, 180, 60), (20, 60, 220)))
COUNTS = np.array([[5, 17, 1], [3, 21, 0]], np.int64)


def relative_to_first(weights: list[float]) -> list[float]:
    return [weight / weights[0] for weight in weights]


def test_inverse_equals_balanced_of_scikit_learn() -> None:
    labels = np.repeat([0, 1, 2], COUNTS.sum(0))
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(relative_to_first(class_weights("inverse", COUNTS)), balanced / balanced[0])


def test_sqrt_capped_is_at_most_ten_times_the_lowest() -> None:
    assert relative_to_first(class_weights("sqrt_capped", COUNTS)) == pytest.approx(
        relative_to_first(class_weights("inverse_sqrt", COUNTS))
    )
    capped = relative_to_first(class_weights("sqrt_capped", np.array([[10_000, 400, 1]])))
    assert capped == pytest.approx([1, 5, 10])


def test_inverse_sqrt_is_its_square_root() -> None:
    np.testing.assert_allclose(relative_to_first(class_weights("inverse_sqrt", COUNTS)), [1, (8 / 38) ** 0.5, 8**0.5])


def test_median_frequency_counts_only_photographs_that_show_the_class() -> None:
    # frequencies 8/47, 38/47 and 1/23, whose median is 8/47
    np.testing.assert_allclose(relative_to_first(class_weights("median_frequency", COUNTS)), [1, 8 / 38, 8 / 47 * 23])


def test_effective_number_follows_the_recursion_of_the_paper() -> None:
    counts = np.zeros((300, 3), np.int64)
    counts[:, 0], counts[:20, 1], counts[7, 2] = 9, 100, 1
    effective = []
    for photographs in (300, 20, 1):
        number = 0.0
        for _ in range(photographs):
            number = 1 + 0.99 * number
        effective.append(number)
    np.testing.assert_allclose(
        relative_to_first(class_weights("effective_number", counts)), [effective[0] / number for number in effective]
    )


@pytest.mark.parametrize("scheme", WEIGHTINGS)
def test_weights_have_mean_1_and_absent_classes_have_1(scheme: str) -> None:
    with_absent = np.insert(COUNTS, 1, 0, axis=1)
    weights = class_weights(scheme, with_absent)
    assert weights[1] == 1
    assert weights[:1] + weights[2:] == class_weights(scheme, COUNTS)
    assert np.mean(class_weights(scheme, COUNTS)) == pytest.approx(1)
    assert class_weights(scheme, COUNTS * 1_000_000_000) == pytest.approx(class_weights(scheme, COUNTS))
    assert class_weights(scheme, np.zeros((0, 3), np.int64)) == [1, 1, 1]


@pytest.mark.parametrize("scheme", WEIGHTINGS)
def test_rarer_classes_do_not_have_smaller_weights(scheme: str) -> None:
    road, grass, dog = class_weights(scheme, COUNTS)
    assert grass <= road < dog


def test_auto_is_one_of_the_schemes() -> None:
    assert class_weights("auto", COUNTS) == class_weights(RECOMMENDED, COUNTS)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(
        ConfigError,
        match="sqrt are unknown: choose one of auto, inverse_sqrt, sqrt_capped, inverse, median",
    ):
        class_weights("sqrt", COUNTS)


def test_counts_are_read_in_the_order_of_the_ids(tmp_path: Path) -> None:
    path = tmp_path / STATS_FILE
    write_stats(path, TABLE, ["a", "b"], COUNTS, ["1", "2"], mean=[0.5])
    assert read_class_pixels(path, TABLE, ["b", "a"], ["2", "1"]).tolist() == [[3, 21, 0], [5, 17, 1]]
    single = read_class_pixels(path, TABLE, ["a"], ["1"])
    assert single.tolist() == [[5, 17, 1]]
    assert single.dtype == np.int64
    assert read_class_pixels(path, TABLE, [], []).shape == (0, 3)
    assert json.loads(path.read_text())["mean"] == [0.5]


def test_colors_may_change_but_not_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    write_stats(path, TABLE, ["a", "b"], COUNTS, ["1", "2"])
    assert read_class_pixels(path, ClassTable(TABLE.names, ((0, 0, 0),) * 3), ["b"], ["2"]).tolist() == [[3, 21, 0]]
    for names, message in (
        (("road", "grass", "cat"), "counts 3 classes, not the 3 in use (they differ in dog, cat)"),
        (("road", "grass"), "counts 3 classes, not the 2 in use (they differ in dog)"),
        (("grass", "road", "dog"), "counts 3 classes, not the 3 in use (they differ in their order)"),
    ):
        with pytest.raises(DataError) as caught:
            read_class_pixels(path, ClassTable(names, ((0, 0, 0),) * len(names)), ["a"], ["1"])
        assert message in str(caught.value)
        assert "run `segdrone data stats ROOT` again with the --classes and --class-groups" in str(caught.value)


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stats.json does not exist: run `segdrone data stats ROOT`$"):
        read_class_pixels(tmp_path / STATS_FILE, TABLE, ["a"], ["1"])


def test_photographs_without_counts_are_refused(tmp_path: Path) -> None:
    write_stats(tmp_path / "stats.json", TABLE, ["a", "b"], COUNTS, ["1", "2"])
    with pytest.raises(DataError, match=r"lacks 2 of 3 photographs, c first: run `segdrone data stats ROOT` again$"):
        read_class_pixels(tmp_path / "stats.json", TABLE, ["c", "a", "d"], ["", "1", ""])


def test_counts_of_masks_that_have_changed_since_are_refused(tmp_path: Path) -> None:
    masks = [tmp_path / "a.png", tmp_path / "b.png"]
    for mask in masks:
        mask.write_bytes(b"a mask")
    pairs = [ImageMaskPair(mask.stem, mask, mask, (1, 1)) for mask in masks]
    encoding = MaskEncoding(TABLE)
    write_stats(tmp_path / "stats.json", TABLE, ["a", "b"], COUNTS, mask_states(pairs, encoding))

    def read(encoding: MaskEncoding = encoding) -> list[list[int]]:
        counts = read_class_pixels(tmp_path / "stats.json", TABLE, ["a", "b"], mask_states(pairs, encoding))
        return [[int(count) for count in row] for row in counts]

    assert read() == COUNTS.tolist()
    with pytest.raises(DataError, match=r"an earlier state of 2 of 2 masks, a first, or read them with other options"):
        read(MaskEncoding(TABLE, colour_tolerance=20))
    masks[1].write_bytes(b"a MASK")
    with pytest.raises(DataError, match=r"an earlier state of 1 of 2 masks, b first, .*`segdrone data stats ROOT`"):
        read()


def test_a_change_anywhere_in_a_large_mask_of_equal_size_and_time_changes_its_state(tmp_path: Path) -> None:
    mask = tmp_path / "a.tif"
    mask.write_bytes(bytes(2_000_000))
    times, pair = mask.stat(), ImageMaskPair("a", mask, mask, (1, 1))
    states = set()
    for offset in (None, 0, 300_000, 1_400_000, 1_999_999):
        if offset is not None:
            with mask.open("r+b") as file:
                file.seek(offset)
                file.write(b"x")
            os.utime(mask, ns=(times.st_atime_ns, times.st_mtime_ns))
        states.update(mask_states([pair], MaskEncoding(TABLE)))
    assert len(states) == 5


def test_a_photograph_that_marks_no_data_is_part_of_the_state(tmp_path: Path) -> None:
    image, mask = tmp_path / "a.tif", tmp_path / "a.png"
    mask.write_bytes(b"a mask")
    image.write_bytes(b"first")
    pairs = [ImageMaskPair("a", image, mask, (1, 1), marks_no_data=marks) for marks in (True, False)]
    before = mask_states(pairs, MaskEncoding(TABLE))
    image.write_bytes(b"FIRST")
    after = mask_states(pairs, MaskEncoding(TABLE))
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"classes": ["road", "grass", "dog"], "pixels": {"a": [1, 2]}, "masks": {}}',
        '{"classes": ["road", "grass", "dog"], "pixels": {"a": [1, 2, -3]}, "masks": {}}',
        '{"classes": ["road", "grass", "dog"], "pixels": {"a": ["x", 2, 3]}, "masks": {}}',
        '{"classes": ["road", "grass", "dog"], "pixels": {"a": 3}, "masks": {}}',
        '{"classes": 3, "pixels": {"a": [1, 2, 3]}, "masks": {}}',
        '{"classes": ["road", "grass", "dog"], "pixels": {"a": [1, 2, 3]}, "masks": ["a"]}',
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "stats.json"
    path.write_text(content)
    with pytest.raises(DataError, match="does not hold the pixel counts of a dataset .*: run") as caught:
        read_class_pixels(path, TABLE, ["a"], ["1"])
    assert "\n" not in str(caught.value)


def test_no_layout_has_the_folder_of_the_counts() -> None:
    folders = {
        part for layout in LAYOUTS.values() for name in (layout.images, layout.masks) for part in Path(name).parts
    }
    assert not folders & {*STATS_FILE.parts}
