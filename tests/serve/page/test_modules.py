"""Modules of the page by themselves, in Chromium."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

RNG = np.random.default_rng(0)
FILTERS = (8, 16, 32, 64, 128, 248)  # none, sub, up, average, Paeth, the best of each row
MASKS = {
    "areas": np.repeat(np.repeat(RNG.integers(0, 23, (9, 13)), 31, 0), 17, 1).astype(np.uint8),
    "noise": RNG.integers(0, 256, (67, 101)).astype(np.uint8),
    "gradient": np.add.outer(np.arange(120), np.arange(300) // 2).astype(np.uint8),
    "pixel": np.full((1, 1), 255, np.uint8),
}


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    page = browser.new_page()
    page.goto(address)
    yield page
    page.close()


def decode(page: Any, png: bytes) -> Any:
    return page.evaluate(
        """async (text) => {
          const { decodeGrayPng } = await import("/page/png.js");
          const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
          const { width, height, ids } = await decodeGrayPng(new Blob([bytes]));
          return [width, height, btoa(Array.from(ids, (id) => String.fromCharCode(id)).join(""))];
        }""",
        base64.b64encode(png).decode(),
    )


def test_masks_are_decoded_exactly(page: Any) -> None:
    for mask in MASKS.values():
        file = io.BytesIO()
        Image.fromarray(mask).save(file, "PNG")
        filtered = [cv2.imencode(".png", mask, (cv2.IMWRITE_PNG_FILTER, one))[1].tobytes() for one in FILTERS]
        for png in (file.getvalue(), *filtered):
            assert decode(page, png) == [mask.shape[1], mask.shape[0], base64.b64encode(mask.tobytes()).decode()]


@pytest.mark.parametrize("mode", ["RGB", "P", "1", "I;16"])
def test_other_images_are_refused(page: Any, mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (5, 4)).save(file, "PNG")
    with pytest.raises(Exception, match="no 8-bit gray PNG"):
        decode(page, file.getvalue())


def test_a_cut_mask_is_refused(page: Any) -> None:
    file = io.BytesIO()
    Image.fromarray(MASKS["noise"]).save(file, "PNG")
    with pytest.raises(Exception, match="Error"):
        decode(page, file.getvalue()[:3000])


ROWS = [["class", "share"], ['a "b", c', "0.5"], ["", "x,y"], ["two\nlines", "ä €"], ["last", ""]]


def test_csv_is_that_of_others(page: Any) -> None:
    for end in ("\n", "\r\n"):
        file = io.StringIO()
        csv.writer(file, lineterminator=end).writerows(ROWS)
        script = "async (text) => (await import('/page/csv.js')).parseCsv(text)"
        assert page.evaluate(script, file.getvalue()) == ROWS
    text = page.evaluate("async (rows) => (await import('/page/csv.js')).formatCsv(rows)", ROWS)
    assert list(csv.reader(io.StringIO(text))) == ROWS
