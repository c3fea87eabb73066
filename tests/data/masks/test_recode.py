from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.data.masks.recode import reads_as, recode, write_stored
from segdrone.data.masks.stored_mask import StoredMask, read_stored
from segdrone.errors import DataError

COLORS = ((0, 0, 0), (90, 90, 90), (0, 200, 0))
TABLE = ClassTable(("soil", "road", "grass"), COLORS, ignored_colors=((255, 0, 255),))
TWO = ClassTable(("soil", "road"), COLORS[:2])
BEFORE = np.array([[0, 1, 2, 255], [0, 1, 2, 2]], np.uint8)
AFTER = np.array([[0, 1, 0, 2], [255, 1, 2, 1]], np.uint8)
ALPHA = np.array([[255, 255, 255, 0], [0, 9, 255, 255]], np.uint8)

Mask = NDArray[np.uint8]


def palette_image(ids: Mask, colors: list[int]) -> Image.Image:
    image = Image.fromarray(ids)
    image.putpalette(colors)
    return image


def painted(ids: Mask) -> Mask:
    colors = np.zeros((256, 3), np.uint8)
    colors[:3], colors[255] = COLORS, (255, 0, 255)
    return colors[ids]


FORMS = {
    "gray": lambda ids: Image.fromarray(ids),
    "gray of 16 bits": lambda ids: Image.fromarray(ids.astype(np.uint16)),
    "ids in three channels": lambda ids: Image.fromarray(np.repeat(ids[..., None], 3, 2)),
    "ids with alpha": lambda ids: Image.fromarray(np.dstack([ids, ALPHA])),
    "colors": lambda ids: Image.fromarray(painted(ids)),
    "colors with alpha": lambda ids: Image.fromarray(np.dstack([painted(ids), ALPHA])),
    "palette of ids": lambda ids: palette_image(ids, [*np.ravel(COLORS).tolist(), *[1] * 756, 255, 0, 255]),
    "palette of colors": lambda ids: palette_image(
        np.array([7, 6, 5, 0], np.uint8)[np.where(ids == 255, 3, ids)],
        [255, 0, 255, *[1] * 12, *COLORS[2], *COLORS[1], *COLORS[0]],
    ),
}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("form", FORMS)
def test_a_mask_keeps_its_form(tmp_path: Path, form: str, suffix: str) -> None:
    path, new = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    FORMS[form](BEFORE).save(path)
    encoding = MaskEncoding(TABLE)
    assert read_mask(path, encoding).tolist() == BEFORE.tolist()
    write_stored(recode(read_stored(path), BEFORE, AFTER, encoding), new, path)
    assert read_mask(new, encoding).tolist() == AFTER.tolist()
    assert reads_as(new, AFTER, encoding) and not reads_as(new, BEFORE, encoding)
    with Image.open(path) as old, Image.open(new) as image:
        assert (image.format, image.mode) == (old.format, old.mode)


def test_pixels_that_stay_keep_values_that_are_read_as_their_class() -> None:
    stored = StoredMask(colors=np.array([[(88, 90, 91), (90, 90, 90)]], np.uint8))
    encoding = MaskEncoding(TABLE, colour_tolerance=5)
    new = recode(stored, np.array([[1, 1]], np.uint8), np.array([[1, 2]], np.uint8), encoding)
    assert new.colors is not None and new.colors.tolist() == [[[88, 90, 91], [0, 200, 0]]]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_classes_become_any_others_in_every_form(data: st.DataObject) -> None:
    ids = st.lists(st.sampled_from([0, 1, 2, 255]), min_size=6, max_size=6)
    before, after = (np.array(data.draw(ids), np.uint8).reshape(2, 3) for _ in range(2))
    codes = np.arange(256, dtype=np.uint8)
    codes[:3] = 7, 3, 200
    table = ClassTable(TABLE.names, COLORS, mask_values=(3, 7, 200), ignored_colors=TABLE.ignored_colors)
    encoding = MaskEncoding(table)
    values = np.where(before == 255, 255, np.array([3, 7, 200, 0], np.uint8)[np.minimum(before, 3)]).astype(np.uint8)
    for stored in (StoredMask(values), StoredMask(colors=painted(before))):
        new = recode(stored, before, after, encoding)
        assert (new.values is None) is (stored.values is None)
        same = before == after
        kept = (new.values, stored.values) if stored.values is not None else (new.colors, stored.colors)
        np.testing.assert_array_equal(*(pixels[same] for pixels in kept if pixels is not None))


def test_dark_and_light_stay_so() -> None:
    table = ClassTable(("ground", "house"), ((0, 0, 0), (255, 255, 255)))
    stored = StoredMask(np.array([[3, 250, 255]], np.uint8))
    before, after = np.array([[[0, 1, 1]], [[1, 1, 0]]], np.uint8)
    new = recode(stored, before, after, MaskEncoding(table, kind="binary"))
    assert new.values is not None and new.values.tolist() == [[255, 250, 0]]


def test_a_new_mask_takes_the_form_of_another_one() -> None:
    new = recode(StoredMask(colors=painted(BEFORE)), None, np.array([[2]], np.uint8), MaskEncoding(TABLE))
    assert new.colors is not None and new.colors.tolist() == [[[0, 200, 0]]]


def test_a_class_beyond_the_palette_gets_its_color() -> None:
    stored = StoredMask(np.array([[0, 1]], np.uint8), palette=np.array(COLORS[:2], np.uint8))
    new = recode(stored, np.array([[0, 1]], np.uint8), np.array([[0, 2]], np.uint8), MaskEncoding(TABLE))
    assert new.values is not None and new.palette is not None
    assert new.values.tolist() == [[0, 2]] and new.palette[2].tolist() == [0, 200, 0]


def test_ignored_pixels_need_a_color() -> None:
    table = ClassTable(TABLE.names, COLORS)
    stored, before = StoredMask(colors=painted(np.array([[0, 1]], np.uint8))), np.array([[0, 1]], np.uint8)
    with pytest.raises(DataError, match="has none for the 1 pixels that .* leave without a label: give --background"):
        recode(stored, before, np.array([[255, 1]], np.uint8), MaskEncoding(table))


def test_ignored_pixels_need_an_id() -> None:
    table = ClassTable(("soil", "road"), COLORS[:2], mask_values=(0, 255))
    stored, before = StoredMask(np.array([[0, 255]], np.uint8)), np.array([[0, 1]], np.uint8)
    after = np.array([[255, 1]], np.uint8)
    words = "holds ids, and the class table has none for the 1 pixels .* a row `ignored` with an id of its own"
    with pytest.raises(DataError, match=words):
        recode(stored, before, after, MaskEncoding(table, kind="ids"))
    known = ClassTable(table.names, table.colours, mask_values=(0, 255), ignored_values=(9,))
    new = recode(stored, before, after, MaskEncoding(known, kind="ids"))
    assert new.values is not None and new.values.tolist() == [[9, 255]]
    with pytest.raises(DataError, match="holds dark and light pixels, and neither for the 1 pixels .* all shapes$"):
        recode(stored, before, after, MaskEncoding(TWO, kind="binary"))


def test_ids_that_would_be_read_as_colors_are_refused() -> None:
    table = ClassTable(("a", "b"), ((1, 1, 1), (0, 0, 0)))
    stored, before = StoredMask(np.array([[0, 0]], np.uint8)), np.array([[0, 0]], np.uint8)
    with pytest.raises(DataError, match="say what its values are with data.mask_encoding=ids or colours"):
        recode(stored, before, np.array([[0, 1]], np.uint8), MaskEncoding(table))
    new = recode(stored, before, np.array([[0, 1]], np.uint8), MaskEncoding(table, kind="ids"))
    assert new.values is not None and new.values.tolist() == [[0, 1]]
