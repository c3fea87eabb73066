from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segdrone.inference.upsample import ArgmaxUpsampler, interpolate, interpolation_weights

CPU = torch.device("cpu")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 90), st.integers(1, 90), st.integers(0, 5))
def test_winners_are_those_of_probabilities_interpolated_first(h: int, w: int, tall: int, wide: int, seed: int) -> None:
    torch.manual_seed(seed)
    coarse = torch.randn(1, 4, -(-h // 4), -(-w // 4)) * 3  # so that many pixels agree with their neighbours
    probabilities = nn.functional.interpolate(coarse, (h, w), mode="bilinear").softmax(1)
    expected = nn.functional.interpolate(probabilities, (tall, wide), mode="bilinear", align_corners=False)[0]
    rows, columns = (
        interpolation_weights(0, tall, h / tall, h, 0, h, CPU),
        interpolation_weights(0, wide, w / wide, w, 0, w, CPU),
    )
    values = probabilities[0].permute(1, 2, 0)
    torch.testing.assert_close(interpolate(values, rows, columns), expected.permute(1, 2, 0), atol=1e-5, rtol=0)
    classes, confidence = ArgmaxUpsampler(values).at(rows, columns)
    best = expected.amax(0)
    torch.testing.assert_close(confidence, best, atol=1e-5, rtol=0)
    assert (best - expected.gather(0, classes.long()[None])[0]).max() < 1e-5  # but for ties
    assert classes.dtype == torch.uint8


def test_a_part_of_the_side_lies_where_it_does_in_the_whole() -> None:
    whole = interpolation_weights(0, 100, 0.37, 37, 0, 37, CPU)
    part = interpolation_weights(40, 60, 0.37, 37, 10, 20, CPU)
    assert torch.equal(part.before + 10, whole.before[40:60])
    assert torch.equal(part.share, whole.share[40:60])
    assert int(part.after.max()) <= 19


def test_beyond_the_middle_of_the_last_pixel_there_is_only_it() -> None:
    rows = interpolation_weights(0, 8, 0.25, 2, 0, 2, CPU)
    assert rows.before.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert rows.after.tolist() == [1, 1, 1, 1, 1, 1, 1, 1]
    assert rows.share.tolist() == [0, 0, 0.125, 0.375, 0.625, 0.875, 0, 0]
