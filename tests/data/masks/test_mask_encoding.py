"""Values of masks decoded to class ids, and merged."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.classes import DRONE, ClassTable
from segdrone.data.masks.label_lookup import Decoded
from segdrone.data.masks.mask_encoding import MaskEncoding, UnknownLabelsError
from segdrone.data.masks.mask_meaning import decode_mask
from segdrone.data.masks.stored_mask import StoredMask
from segdrone.errors import DataError

FOUR = ClassTable(
    ("road", "grass", "tree", "dog"), ((0, 0, 0), (100, 100, 100), (200, 0, 0), (0, 200, 250)), ignore_index=77
)
TWO = ClassTable(("dark", "light"), ((0, 0, 0), (255, 255, 255)))
GROUPS = {"green": ["tree", "grass"], "ignored": ["road"]}


def nearest(colour: NDArray[np.uint8], table: ClassTable, tolerance: float) -> int | None:
    """The class of a color, by the definition."""
    distances = [sum((int(a) - b) ** 2 for a, b in zip(colour, other, strict=True)) ** 0.5 for other in table.colours]
    return int(np.argmin(distances)) if min(distances) <= tolerance else None


def known(decoded: Decoded) -> NDArray[np.uint8]:
    if decoded.unknown:
        raise UnknownLabelsError(decoded)
    return decoded.mask


def of_colors(labels: MaskEncoding, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return known(labels.lookup.colors(colours))


def unknown(labels: MaskEncoding, colours: NDArray[np.uint8]) -> Counter[str]:
    with pytest.raises(UnknownLabelsError) as caught:
        of_colors(labels, colours)
    return caught.value.counts


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), tolerance=st.floats(0, 441))
def test_colors_become_the_nearest_class_within_the_tolerance(seed: int, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(-40, 41, (6, 7, 3))
    colours = np.clip(DRONE.palette[rng.integers(0, 23, (6, 7))] + noise, 0, 255).astype(np.uint8)
    expected = [[nearest(colour, DRONE, tolerance) for colour in row] for row in colours]
    labels = MaskEncoding(DRONE, colour_tolerance=tolerance)
    far = [
        colour
        for row, ids in zip(colours, expected, strict=True)
        for colour, i in zip(row, ids, strict=True)
        if i is None
    ]
    if far:
        assert unknown(labels, colours) == Counter(f"color rgb({r}, {g}, {b})" for r, g, b in far)
    else:
        found = of_colors(labels, colours)
        assert found.dtype == np.uint8
        assert found.tolist() == expected


@pytest.mark.parametrize("colour", [(103, 104, 100), (100, 95, 100), (97, 100, 104), (100, 97, 96)])
def test_a_color_exactly_at_the_tolerance_is_accepted(colour: tuple[int, int, int]) -> None:
    painted = np.full((3, 5, 3), colour, np.uint8)  # at a distance of 5 from grass
    assert (of_colors(MaskEncoding(FOUR, colour_tolerance=5), painted) == 1).all()
    assert unknown(MaskEncoding(FOUR, colour_tolerance=4.99), painted) == {"color rgb({}, {}, {})".format(*colour): 15}
    painted[2, 4, np.argmax(np.array(colour) == 100)] = 101  # sqrt(26)
    assert unknown(MaskEncoding(FOUR, colour_tolerance=5), painted).total() == 1


def test_without_a_tolerance_only_exact_colors_are_accepted() -> None:
    ids = np.arange(23, dtype=np.uint8).reshape(1, 23)
    assert of_colors(MaskEncoding(DRONE), DRONE.palette[ids]).tolist() == ids.tolist()
    off = DRONE.palette[ids].copy()
    off[0, 4, 2] += 1
    assert unknown(MaskEncoding(DRONE), off) == {"color rgb(112, 103, 88)": 1}


def test_more_colors_than_are_looked_up_at_a_time() -> None:
    red, green, blue = np.meshgrid(np.arange(3), np.arange(256), np.arange(256), indexing="ij")
    colours = np.stack([red * 100, green, blue], axis=-1).astype(np.uint8).reshape(768, 256, 3)
    table = ClassTable(("a", "b", "c"), ((0, 128, 128), (100, 3, 250), (200, 255, 0)))
    assert len(np.unique(colours[:256].reshape(-1, 3), axis=0)) == 1 << 16  # exactly one chunk; with the next, more
    wide = colours.reshape(256, 768, 3)  # all of them in one chunk of rows
    expected = ((wide[..., None, :].astype(int) - np.array(table.colours)) ** 2).sum(-1)
    found = of_colors(MaskEncoding(table, colour_tolerance=441), wide)
    np.testing.assert_array_equal(found, expected.argmin(-1))
    np.testing.assert_array_equal(
        of_colors(MaskEncoding(table, colour_tolerance=441), colours), found.reshape(768, 256)
    )
    beyond = unknown(MaskEncoding(table, colour_tolerance=150), wide)
    assert beyond.total() == len(beyond) == int((expected.min(-1) > 150**2).sum()) > 10_000


def test_unknown_colors_are_still_unknown_in_the_next_mask() -> None:
    labels = MaskEncoding(FOUR, colour_tolerance=10)
    tall = np.zeros((600, 2, 3), np.uint8)  # more than one chunk of rows
    tall[599], tall[300, 0] = (104, 100, 100), (50, 50, 50)
    for _ in range(2):
        assert unknown(labels, tall) == {"color rgb(50, 50, 50)": 1}
    tall[300, 0] = (0, 196, 250)
    for _ in range(2):
        ids = of_colors(labels, tall)
        assert (ids[599] == 1).all() and ids[300, 0] == 3 and ids.sum() == 5


def test_a_color_of_several_classes_is_refused() -> None:
    table = ClassTable(("a", "b"), ((5, 5, 5), (5, 5, 5)))
    with pytest.raises(DataError, match=r"gives rgb\(5, 5, 5\) to several classes"):
        of_colors(MaskEncoding(table), np.full((2, 2, 3), 5, np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, ">u2", bool])
def test_ids_of_any_number_type_are_checked_and_unchanged(dtype: type | str) -> None:
    values = np.array([[0, 1], [1, 0]]) if dtype is bool else np.array([[0, 3, 77], [1, 2, 77]])
    ids = known(MaskEncoding(FOUR).lookup.ids(values.astype(dtype)))
    assert ids.dtype == np.uint8
    assert ids.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.array([[0, 4, 255], [4, 76, 77]], np.uint8), {"id 4": 2, "id 255": 1, "id 76": 1}),
        (np.array([[0, 256, 259], [333, 333, 77]], np.uint16), {"id 256": 1, "id 259": 1, "id 333": 2}),
        (np.array([[-1, 2, -256, 2**31 - 1]], np.int32), {"id -1": 1, "id -256": 1, "id 2147483647": 1}),
        (np.array([[1.5, 2.0, -0.5, 1.5]], np.float32), {"id 1.5": 2, "id -0.5": 1}),
        (np.array([[np.nan, np.inf, np.nan, 0]], np.float32), {"id nan": 2, "id inf": 1}),
    ],
)
def test_unknown_values_are_counted(values: NDArray[np.generic], found: dict[str, int]) -> None:
    with pytest.raises(UnknownLabelsError) as caught:
        known(MaskEncoding(FOUR).lookup.ids(values))
    assert caught.value.counts == found


@pytest.mark.parametrize(
    ("dtype", "threshold"), [(np.uint8, 127), (np.uint8, 0), (np.uint8, 255), (np.uint16, 30_000), (np.float32, 0)]
)
def test_above_the_threshold_is_class_1(dtype: type, threshold: int) -> None:
    values: NDArray[Any] = np.array([[0, 1, threshold, threshold + 1, 255]]).astype(dtype)
    ids = known(decode_mask(StoredMask(values), MaskEncoding(TWO, kind="binary", threshold=threshold)))
    assert ids.dtype == np.uint8
    assert ids.tolist() == [[int(value > threshold) for value in values[0]]]


@pytest.mark.parametrize("count", [1, 3])
def test_binary_masks_need_two_classes(count: int) -> None:
    table = ClassTable(FOUR.names[:count], FOUR.colours[:count])
    with pytest.raises(DataError) as caught:
        MaskEncoding(table, kind="binary")
    assert str(caught.value) == (
        f"data.mask_encoding=binary needs a class table of two classes, not {count}: "
        "give data.classes=FILE.csv with the class of dark and the class of light pixels"
    )


def test_groups_that_do_not_fit_are_refused_at_once() -> None:
    with pytest.raises(DataError, match="names horse"):
        MaskEncoding(FOUR, {"animal": ["horse"]})


def test_groups_merge_masks_and_counts_alike() -> None:
    labels = MaskEncoding(FOUR, GROUPS)
    assert labels.table == ClassTable(("green", "dog"), ((200, 0, 0), (0, 200, 250)), 77)
    mask = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 77], np.uint8), (30, 40))
    expected = np.array([77, 0, 0, 1, 77])[np.searchsorted([0, 1, 2, 3, 77], mask)]
    before = mask.copy()
    merged = labels.remap(mask)
    assert merged.dtype == np.uint8
    np.testing.assert_array_equal(merged, expected)
    np.testing.assert_array_equal(mask, before)
    counts = labels.remap_counts(np.bincount(mask.ravel(), minlength=256))
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, np.bincount(merged.ravel(), minlength=256))


def test_without_groups_masks_and_counts_are_unchanged() -> None:
    labels = MaskEncoding(FOUR)
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert labels.table == FOUR
    np.testing.assert_array_equal(labels.remap(mask), mask)
    np.testing.assert_array_equal(labels.remap_counts(np.arange(256)), np.arange(256))


@pytest.mark.parametrize(
    ("groups", "expected"),
    [({"ignored": ["tree"]}, [0, 1, 77, 3, 77]), ({"grass": ["grass", "tree"]}, [0, 1, 1, 3, 77])],
)
def test_groups_of_the_masks_apply_where_a_model_has_the_classes_before_merging(
    groups: dict[str, list[str]], expected: list[int]
) -> None:
    labels = MaskEncoding(FOUR, groups).map_to(FOUR, None, names=("the masks", "the model"))
    mask = np.array([[0, 1, 2, 3, 77]], np.uint8)
    assert labels.remap(mask).tolist() == [expected]
    counts = labels.remap_counts(np.bincount(mask.ravel(), minlength=256))
    np.testing.assert_array_equal(counts, np.bincount(expected, minlength=256))


def test_counts_above_32_bits_are_exact() -> None:
    counts = np.zeros(256, np.int64)
    counts[[0, 1, 2, 3]] = 2**40 + 1
    merged = MaskEncoding(FOUR, GROUPS).remap_counts(counts)
    assert merged[[0, 1, 77]].tolist() == [2**41 + 2, 2**40 + 1, 2**40 + 1]


def test_a_pickled_copy_is_small_and_equal() -> None:
    labels = MaskEncoding(FOUR, GROUPS, "colours", 30.0, 5)
    colours = np.array([[(9, 9, 9), (200, 20, 9), (100, 100, 100)]], np.uint8)
    ids = of_colors(labels, colours)
    written = pickle.dumps(labels)
    assert len(written) < 10_000
    copy = pickle.loads(written)
    assert copy == labels
    assert copy.fingerprint == labels.fingerprint
    assert copy.table == labels.table
    for _ in range(2):  # the original still has its table of colors
        assert of_colors(copy, colours).tolist() == of_colors(labels, colours).tolist() == ids.tolist() == [[0, 2, 1]]
        assert copy.remap(ids).tolist() == labels.remap(ids).tolist() == [[77, 0, 0]]
    assert unknown(copy, colours + np.uint8(40)).total() == 3


def test_fingerprints_differ_if_a_file_decodes_to_other_ids() -> None:
    labels = [
        MaskEncoding(FOUR),
        MaskEncoding(ClassTable(FOUR.names, FOUR.colours[::-1], 77)),
        MaskEncoding(ClassTable(FOUR.names, FOUR.colours)),
        MaskEncoding(FOUR, kind="ids"),
        MaskEncoding(FOUR, kind="colours"),
        MaskEncoding(FOUR, kind="colours", colour_tolerance=3),
        MaskEncoding(TWO, kind="binary"),
        MaskEncoding(TWO, kind="binary", threshold=0),
    ]
    assert len({each.fingerprint for each in labels}) == len(labels)
    assert MaskEncoding(FOUR, GROUPS).fingerprint == MaskEncoding(FOUR).fingerprint


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(DataError, match="mask encoding colors is unknown: choose one of auto, ids, colours, binary"):
        MaskEncoding.load("drone", "drone12", "colors")
