from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segdrone.inference.upsample import ArgmaxUpsampler, interpolate, interpolation_weights


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 90), st.integers(1, 90), st.integers(0, 5))
def test_classes_are_those_of_probabilities_interpolated_first(h: int, w: int, tall: int, wide: int, seed: int) -> None:
    torch.manual_seed(seed)
    coarse = torch.randn(1, 4, -(-h // 4), -(-w // 4)) * 3  # so that many pixels agree with their neighbors
    probabilities = nn.functional.interpolate(coarse, (h, w), mode="bilinear").softmax(1)
    expected = nn.functional.interpolate(probabilities, (tall, wide), mode="bilinear", align_corners=False)[0].numpy()
    rows = interpolation_weights(0, tall, h / tall, h, 0, h)
    columns = interpolation_weights(0, wide, w / wide, w, 0, w)
    values = probabilities[0].numpy()
    np.testing.assert_allclose(interpolate(values, rows, columns), expected, atol=1e-5, rtol=0)
    classes, confidence = ArgmaxUpsampler(values).at(rows, columns)
    best = expected.max(0)
    np.testing.assert_allclose(confidence, best, atol=1e-5, rtol=0)
    assert (best - np.take_along_axis(expected, classes[None].astype(int), 0)[0]).max() < 1e-5  # except for ties
    assert classes.dtype == np.uint8


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_part_is_cut_out_of_the_whole(data: st.DataObject) -> None:
    h, w, tall, wide = (data.draw(st.integers(1, most)) for most in (20, 20, 80, 80))
    values = np.random.default_rng(data.draw(st.integers(0, 5))).dirichlet([0.3] * 4, (h, w)).astype(np.float32)
    upsampler = ArgmaxUpsampler(values.transpose(2, 0, 1))
    columns = interpolation_weights(0, wide, w / wide, w, 0, w)
    whole = upsampler.at(interpolation_weights(0, tall, h / tall, h, 0, h), columns)
    begin = data.draw(st.integers(0, tall - 1))
    end = data.draw(st.integers(begin + 1, tall))
    part = upsampler.at(interpolation_weights(begin, end, h / tall, h, 0, h), columns)
    np.testing.assert_array_equal(part.classes, whole.classes[begin:end])
    np.testing.assert_array_equal(part.confidence, whole.confidence[begin:end])


def test_weights_of_a_part_are_those_of_the_whole_side() -> None:
    whole = interpolation_weights(0, 100, 0.37, 37, 0, 37)
    part = interpolation_weights(40, 60, 0.37, 37, 10, 20)
    np.testing.assert_array_equal(part.before + 10, whole.before[40:60])
    np.testing.assert_array_equal(part.share, whole.share[40:60])
    assert int(part.after.max()) <= 19


def test_beyond_the_center_of_the_last_pixel_only_that_pixel_counts() -> None:
    rows = interpolation_weights(0, 8, 0.25, 2, 0, 2)
    assert rows.before.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert rows.after.tolist() == [1, 1, 1, 1, 1, 1, 1, 1]
    assert rows.share.tolist() == [0, 0, 0.125, 0.375, 0.625, 0.875, 0, 0]
