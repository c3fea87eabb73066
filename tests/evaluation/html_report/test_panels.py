"""Panels of the page: error maps, and the size limit."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.classes import DRONE
from segdrone.evaluation.html_report import panels
from segdrone.figures import ImageTruthPrediction
from tests.helpers.reports import sample


def test_the_error_map_shows_wrong_and_ignored_pixels_without_color() -> None:
    row = sample("a.jpg")
    picture = panels.error_map(row, DRONE)
    wrong, ignored = (row.truth != row.prediction) & (row.truth != 255), row.truth == 255
    right = ~wrong & ~ignored
    assert (picture[right].max(1) == picture[right].min(1)).all(), "gray where right"
    gray = picture.astype(float).mean(2)
    assert len(np.unique(gray[wrong])) == 2, "stripes"
    assert len(np.unique(gray[ignored])) == 2, "dots"
    assert gray[wrong].min() < 60 < gray[right].min(), "stripes are darker than any photograph"


def test_pictures_shrink_together_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noise = [
        ImageTruthPrediction(
            f"{i}", *(rng.integers(0, 23, shape, np.uint8) for shape in ((200, 300, 3), (200, 300), (200, 300)))
        )
        for i in range(6)
    ]
    assert sum(one.encoded.num_bytes for one in panels.make_panels(noise, DRONE)) > 400_000
    monkeypatch.setattr(panels, "_MAX_BYTES", 400_000)
    shown = panels.make_panels(noise, DRONE)
    assert 150_000 < sum(one.encoded.num_bytes for one in shown) <= 400_000
    assert {(one.encoded.width > 90, one.encoded.width) for one in shown} == {(True, shown[0].encoded.width)}


def test_wide_pictures_are_reduced_and_masks_keep_their_colors() -> None:
    image, mask = np.zeros((500, 1800, 3), np.uint8), np.full((500, 1800), 7, np.uint8)
    (shown,) = panels.make_panels([ImageTruthPrediction("a", image, mask, mask)], DRONE)
    assert (shown.encoded.width, shown.encoded.height) == (900, 250)
    assert (shown.wrong, shown.ids, shown.confusions) == (0.0, [7], [])
    assert shown.encoded.truth.startswith("data:image/png")
