"""Mosaic, CutMix, and how often things are pasted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdrone.data.multi_image import LabeledImage, MultiImageAugment, cutmix, mosaic, unused_numbers
from segdrone.errors import ConfigError
from segdrone.windows import Size

SIZE = (60, 90)


def label(rows: NDArray[Any], columns: NDArray[Any], source: NDArray[Any] | int) -> NDArray[np.uint8]:
    """Label in the mask of a source at a position."""
    return np.asarray((rows * 7 + columns * 3 + source * 59) % 251, np.uint8)


def source(number: int, size: Size = SIZE) -> LabeledImage:
    """A photograph whose pixels hold their row, column and source, and the mask of these labels."""
    rows, columns = np.indices(size)
    image = np.dstack([rows, columns, np.full(size, number)]).astype(np.uint8)
    return image, label(rows, columns, number)


def sources(size: Size = SIZE) -> list[LabeledImage]:
    return [source(number, size) for number in range(4)]


def assert_labels_follow(sample: LabeledImage) -> None:
    """Every pixel has the label of its position in its photograph."""
    rows, columns, number = np.moveaxis(sample[0].astype(int), -1, 0)
    np.testing.assert_array_equal(sample[1], label(rows, columns, number))


def box(where: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rectangle that `where` fills."""
    rows, columns = (np.flatnonzero(where.any(axis)) for axis in (1, 0))
    filled = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    assert where[filled].all()
    return filled


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(4, 60), st.integers(4, 60)))
def test_a_mosaic_has_a_part_of_each_source_around_a_point_in_the_middle(seed: int, size: Size) -> None:
    image, mask = mosaic(sources(size), np.random.default_rng(seed))
    assert image.shape == (*size, 3) and mask.shape == size
    assert image.dtype == mask.dtype == np.uint8
    assert_labels_follow((image, mask))
    cells = [box(image[..., 2] == number) for number in range(4)]
    for number, (rows, columns) in enumerate(cells):
        assert (rows.start == 0, columns.start == 0) == (number < 2, number % 2 == 0)
        for axis, (cell, length) in enumerate(zip((rows, columns), size, strict=True)):
            shift = image[rows, columns, axis].astype(int) - np.indices(size)[axis][rows, columns]
            assert (shift == shift.flat[0]).all()  # one part of its source, at its own scale
            split = cell.stop if cell.start == 0 else cell.start
            assert length // 4 <= split <= length * 3 / 4


def test_a_mosaic_can_have_any_part_of_its_sources_and_any_point_in_the_middle() -> None:
    rng, size = np.random.default_rng(0), (12, 16)
    originals, shown, splits = sources(size), np.zeros((4, *size), bool), set()
    for _ in range(1500):
        image, _ = mosaic(originals, rng)
        shown[image[..., 2], image[..., 0], image[..., 1]] = True
        first = box(image[..., 2] == 0)
        splits.add((first[0].stop, first[1].stop))
    assert shown.all()
    assert splits == {(row, column) for row in range(3, 9) for column in range(4, 12)}


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(1, 60), st.integers(1, 60)))
def test_cutmix_pastes_a_rectangle_of_the_other_at_the_same_position(seed: int, size: Size) -> None:
    image, mask = cutmix(source(0, size), source(1, size), np.random.default_rng(seed))
    assert image.shape == (*size, 3) and mask.shape == size
    assert_labels_follow((image, mask))
    np.testing.assert_array_equal(np.moveaxis(image[..., :2], -1, 0), np.indices(size))  # nothing moves
    pasted = image[..., 2] == 1
    if pasted.any():
        box(pasted)


sizes = st.tuples(st.integers(4, 60), st.integers(4, 60))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shapes=st.lists(sizes, min_size=4, max_size=4), cut=st.booleans())
def test_sources_of_different_sizes_are_combined_at_the_size_of_the_first(
    seed: int, shapes: list[Size], cut: bool
) -> None:
    samples, rng = [source(number, size) for number, size in enumerate(shapes)], np.random.default_rng(seed)
    image, mask = cutmix(samples[0], samples[1], rng) if cut else mosaic(samples, rng)
    assert image.shape == (*shapes[0], 3) and mask.shape == shapes[0]
    assert_labels_follow((image, mask))
    own = image[..., 2] == 0
    assert own.any() or cut
    if not cut:  # where a source is smaller than its cell, the first shows at its own position
        rest = own.copy()
        rest[: shapes[0][0] * 3 // 4 + 1, : shapes[0][1] * 3 // 4 + 1] = False
        np.testing.assert_array_equal(image[rest][:, :2], np.argwhere(rest))


@pytest.mark.parametrize("seed", range(5))
def test_a_thing_that_shows_twice_has_two_numbers(seed: int) -> None:
    first = (*source(0), np.arange(1, 1 + SIZE[0] * SIZE[1]).astype(np.uint16).reshape(SIZE))  # each pixel is a thing
    others = [(*source(number, (4, 4)), np.zeros((4, 4), np.uint16)) for number in range(1, 4)]
    _, _, instances = mosaic([first, *others], np.random.default_rng(seed))
    numbers, counts = np.unique(instances[instances > 0], return_counts=True)
    assert len(numbers) > SIZE[0] * SIZE[1] // 2 and counts.max() == 1


def test_cutmix_has_the_published_shares() -> None:
    rng = np.random.default_rng(0)
    first, other = source(0, (100, 150)), source(1, (100, 150))
    pasted = np.stack([cutmix(first, other, rng)[0][..., 2] for _ in range(3000)])
    shares = pasted.mean((1, 2), dtype=float)
    # The side s of a rectangle is the root of a uniform number; its edges cut s * s / 4 off on average, so
    # E[(s - s ** 2 / 4) ** 2] = E[s ** 2] - E[s ** 3] / 2 + E[s ** 4] / 16
    assert shares.mean() == pytest.approx(1 / 2 - 2 / 5 / 2 + 1 / 3 / 16, abs=0.015)
    assert shares.min() < 0.01 and shares.max() > 0.85
    often = pasted.mean(0, dtype=float)
    np.testing.assert_allclose(often, often[::-1], atol=0.06)
    np.testing.assert_allclose(often, often[:, ::-1], atol=0.06)
    assert often.min() > 0.1


def test_sources_are_not_changed() -> None:
    originals, rng = sources(), np.random.default_rng(0)
    for _ in range(50):
        for image, mask in (mosaic(originals, rng), cutmix(originals[0], originals[1], rng)):
            image[:], mask[:] = 99, 99  # the result must not be a view of them either
    for one, expected in zip(originals, sources(), strict=True):
        np.testing.assert_array_equal(one[0], expected[0])
        np.testing.assert_array_equal(one[1], expected[1])


def applied(combine: MultiImageAugment, rng: np.random.Generator) -> tuple[LabeledImage, int]:
    """A result, and how many other samples were drawn for it."""
    drawn = iter(range(1, 5))
    result = combine(source(0), lambda: source(next(drawn)), rng)
    return result, next(drawn) - 1


@pytest.mark.parametrize(("mosaics", "cutmixes"), [(0.3, 0.5), (0.1, 0.0), (0.0, 0.9), (0.5, 0.5), (1, 0), (0, 1)])
def test_samples_are_combined_as_often_as_configured(mosaics: float, cutmixes: float) -> None:
    rng = np.random.default_rng(0)
    combine = MultiImageAugment(mosaics, cutmixes)
    drawn = [applied(combine, rng)[1] for _ in range(1000)]
    assert {*drawn} <= {0, 1, 3}
    assert drawn.count(3) / 1000 == pytest.approx(mosaics, abs=0.05 if 0 < mosaics < 1 else 0)
    assert drawn.count(1) / 1000 == pytest.approx(cutmixes, abs=0.05 if 0 < cutmixes < 1 else 0)


def test_nothing_is_combined_by_default() -> None:
    sample, rng = source(0), np.random.default_rng(0)
    for combine in (MultiImageAugment(), MultiImageAugment.from_dict({})):
        for _ in range(50):
            image, mask = combine(sample, lambda: pytest.fail("another sample was drawn"), rng)
            assert image is sample[0] and mask is sample[1]


@pytest.mark.parametrize(("values", "count"), [({"mosaic": 1.0}, 4), ({"cutmix": 1}, 2)])
def test_the_sample_itself_is_the_first_source(values: dict[str, float], count: int) -> None:
    seen = set()
    for seed in range(30):
        sample, _ = applied(MultiImageAugment.from_dict(values), np.random.default_rng(seed))
        assert_labels_follow(sample)
        seen |= {*np.unique(sample[0][..., 2]).tolist()}
        if count == 4:
            assert sample[0][0, 0, 2] == 0
    assert seen == {*range(count)}


@pytest.mark.parametrize(
    "combine", [MultiImageAugment(mosaic=1), MultiImageAugment(cutmix=1), MultiImageAugment(0.5, 0.5)]
)
def test_the_same_seed_gives_the_same_combination(combine: MultiImageAugment) -> None:
    first, again, other = (applied(combine, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize(
    "values",
    [{"mosaic": -0.1}, {"cutmix": -1}, {"mosaic": 1.1}, {"mosaic": 0.6, "cutmix": 0.5}, {"mosaic": float("nan")}],
)
def test_values_that_are_not_probabilities_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError) as caught:
        MultiImageAugment.from_dict(values)
    full = {"mosaic": 0.0, "cutmix": 0.0, **values}
    assert str(caught.value) == (
        f"augment.combine: mosaic={full['mosaic']} and cutmix={full['cutmix']} "
        "must be probabilities with a sum of at most 1"
    )


@pytest.mark.parametrize(
    "values", [{"mosaik": 0.5}, {"mosaic": "0.5"}, {"mosaic": None}, {"cutmix": [0.5]}, {"mosaic": True}]
)
def test_unknown_keys_and_values_that_are_not_numbers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        MultiImageAugment.from_dict(values)
    assert str(caught.value) == f"augment.combine={values} must give numbers for mosaic, cutmix, copy_paste"


def test_things_are_pasted_as_often_as_configured_into_whatever_was_combined() -> None:
    combine, rng, pasted = MultiImageAugment(mosaic=0.5, copy_paste=0.25), np.random.default_rng(0), []

    def paste(sample: LabeledImage) -> LabeledImage:
        pasted.append(len(np.unique(sample[0][..., 2])))
        return np.zeros_like(sample[0]), sample[1]

    for _ in range(1000):
        others = iter(range(1, 4))
        before = len(pasted)
        image, _ = combine(source(0), lambda others=others: source(next(others)), rng, paste)  # type: ignore[misc]
        assert image.any() == (len(pasted) == before)
    assert len(pasted) / 1000 == pytest.approx(0.25, abs=0.04)
    assert 0.4 < np.mean([sources > 1 for sources in pasted]) < 0.6


def test_samples_are_the_same_as_without_copy_paste_while_it_is_off() -> None:
    plain, with_paste = (np.random.default_rng(3) for _ in range(2))
    combine = MultiImageAugment(0.3, 0.3)
    for _ in range(20):
        one = combine(source(0), lambda: source(1), plain)
        other = combine(source(0), lambda: source(1), with_paste, lambda _: pytest.fail("something was pasted"))
        np.testing.assert_array_equal(one[0], other[0])
    assert plain.random() == with_paste.random()


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_a_copy_paste_that_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"^augment.combine: copy_paste=.* must be a probability, 0 to 1$"):
        MultiImageAugment.from_dict({"copy_paste": value})


def test_classes_to_paste_are_names() -> None:
    assert MultiImageAugment.from_dict({"paste_classes": "rare"}).paste_classes is None
    assert MultiImageAugment.from_dict({"copy_paste": 1, "paste_classes": ["car"]}).paste_classes == ("car",)
    for wrong in ("car", [], [3], {"car": 1}, None):
        with pytest.raises(ConfigError, match="must be rare, or a list of classes such as") as caught:
            MultiImageAugment.from_dict({"paste_classes": wrong})
        assert "\n" not in str(caught.value)


def test_unused_numbers_are_new_also_when_the_highest_are_taken() -> None:
    instances = np.array([[1, 2, 65535]], np.uint16)
    assert unused_numbers(instances, 3).tolist() == [3, 4, 5]
    full = np.arange(1, 65536, dtype=np.uint16)[None]
    assert unused_numbers(full, 2).tolist() == [65535, 65535]  # none is left
