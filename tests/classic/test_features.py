import numpy as np
import pytest

from segdrone.classic.features import (
    excess_green,
    pixel_feature_names,
    pixel_features,
    reach,
    segment_feature_names,
    segment_features,
    smooth,
    vari,
)
from tests.helpers.classic import patches

SCALES = [1.0, 3.0]


def feature(image: np.ndarray, name: str) -> np.ndarray:
    return np.asarray(pixel_features(image, SCALES)[pixel_feature_names(SCALES).index(name)])


def test_a_window_with_a_margin_has_the_features_of_the_whole_image() -> None:
    image, margin = patches(0, 96, 120)[0], reach(SCALES)
    whole = pixel_features(image, SCALES)[:, 40:60, 50:80]
    window = pixel_features(image[40 - margin : 60 + margin, 50 - margin : 80 + margin], SCALES)
    assert np.array_equal(whole, window[:, margin:-margin, margin:-margin])
    changed = image.copy()
    changed[20, 20] = 255 - changed[20, 20]
    far = np.abs(pixel_features(changed, SCALES) - pixel_features(image, SCALES)).max(0) > 0
    assert far[20, 20 + margin]
    assert not far[:, 20 + margin + 1 :].any()


def test_texture_features_are_of_the_lightness() -> None:
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 40, 0).repeat(3, 2)
    lightness = feature(ramp, "L")
    slope = np.gradient(lightness, axis=1)[20, 30]
    assert feature(ramp, "gradient_1")[20, 30] == pytest.approx(slope, rel=0.05)
    flat = np.full((40, 60, 3), 90, np.uint8)
    for name in ("gradient_3", "hessian_high_3", "deviation_3", "exg"):
        assert np.abs(feature(flat, name)).max() < 0.05, name
    noisy = np.clip(flat + np.random.default_rng(0).normal(0, 10, flat.shape), 0, 255).astype(np.uint8)
    assert feature(noisy, "deviation_3").mean() > 2


def test_hessian_tells_lines_from_blobs() -> None:
    line = np.zeros((41, 41, 3), np.uint8)
    line[20] = 255
    high, low = feature(line, "hessian_high_3")[20, 20], feature(line, "hessian_low_3")[20, 20]
    assert low < -1
    assert abs(high) < 0.1 * abs(low)


def test_green_plants_have_high_indices() -> None:
    image = np.array([[[60, 130, 40], [120, 90, 70]]], np.uint8)
    assert excess_green(image)[0, 0] > 0.3 > 0 > excess_green(image)[0, 1]
    assert vari(image)[0, 0] == pytest.approx(70 / 150)
    assert vari(image)[0, 1] < 0


def test_segments_have_mean_deviation_and_shape_of_their_pixels() -> None:
    labels = np.zeros((6, 10), np.int32)
    labels[1:3, 2:8] = 1
    planes = np.random.default_rng(0).normal(5, 2, (2, 6, 10)).astype(np.float32)
    rows = segment_features(planes, labels)
    assert rows.shape == (2, 7)
    inside = planes[:, labels == 1]
    assert rows[1, :4] == pytest.approx([*inside.mean(1), *inside.std(1)], rel=1e-5)
    assert rows[1, 4:] == pytest.approx([np.log(12), np.log(6 / 2), 1.0])
    assert rows[0, 6] == pytest.approx(48 / 60)
    assert len(segment_feature_names(SCALES)) == segment_features(pixel_features(patches(0)[0], SCALES), np.zeros(
        (48, 72), np.int32)).shape[1]  # fmt: skip


def test_smoothing_by_zero_changes_nothing() -> None:
    image = patches(1)[0]
    assert np.array_equal(smooth(image, 0), image)
    assert smooth(image, 3).std() < image.std()
