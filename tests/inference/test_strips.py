"""Masks in strips."""

from __future__ import annotations

import numpy as np
import pytest

from segdrone.inference import Predictor
from segdrone.inference.strips import Strip, predict_strips, strip_ends
from segdrone.raster import ArraySource
from tests.helpers.image_files import random_image
from tests.helpers.local_network import local_backend


def copied(strip: Strip) -> Strip:
    return Strip(strip.top, strip.classes.copy(), strip.confidence.copy())


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_strips_make_the_mask_and_may_begin_anywhere(scale: float) -> None:
    predictor = Predictor(local_backend(1, sampling="tiles"), scale=scale, window=(32, 32), batch_size=3)
    image = random_image(150, 100)
    valid = np.random.default_rng(2).random((150, 100)) < 0.9
    source = ArraySource(image, valid)
    whole = predictor(source, confidence=True)
    strips = [copied(strip) for strip in predict_strips(predictor, source)]
    assert len(strips) > 3
    assert [strip.top + len(strip.classes) for strip in strips] == strip_ends(predictor, (150, 100))
    np.testing.assert_array_equal(np.concatenate([strip.classes for strip in strips]), whole.mask)
    np.testing.assert_array_equal(np.concatenate([strip.confidence for strip in strips]), whole.confidence)
    for first in range(len(strips)):
        for strip, expected in zip(predict_strips(predictor, source, first), strips[first:], strict=True):
            assert strip.top == expected.top
            np.testing.assert_array_equal(strip.classes, expected.classes)
            np.testing.assert_array_equal(strip.confidence, expected.confidence)
