"""Measure the light, the color and the sharpness of a photograph, for monitoring."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

IMAGE_STATISTICS = {
    "brightness": "mean brightness",
    "brightness_q05": "brightness of the darkest 5 %",
    "brightness_q95": "brightness of the brightest 5 %",
    "contrast": "contrast",
    "saturation": "saturation",
    "red_green": "red against green",
    "blue_green": "blue against green",
    "sharpness": "sharpness",
    "relative_sharpness": "sharpness relative to contrast",
    "noise": "noise",
    "blockiness": "blockiness",
}
"""What `image_statistics` measures, in words."""

MAX_PIXELS = 1_000_000
"""Photographs are reduced to at most this many pixels; noise and blockiness are those of the full-size center."""

_CENTER = 1024  # pixels, a multiple of the JPEG block
_BLOCK = 8
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_NORM = 6.0  # root of the sum of the squares of these weights
_MEDIAN_OF_NORMAL = 0.6745  # median of |x| for a standard normal x


def image_statistics(pixels: NDArray[np.uint8], valid: NDArray[np.bool_]) -> dict[str, float]:
    """Measures a photograph.

    | statistic               | what it is                                                                         |
    |-------------------------|------------------------------------------------------------------------------------|
    | `brightness`            | mean luma (ITU-R BT.601), 0 to 1                                                   |
    | `brightness_q05`, `_q95`| its 5 and 95 % quantile                                                            |
    | `contrast`              | its standard deviation                                                             |
    | `saturation`            | mean of (max - min) / max of red, green and blue                                   |
    | `red_green`, `blue_green`| natural logarithm of the ratio of the channels' means                             |
    | `sharpness`             | standard deviation of the luma's Laplacian (Pech-Pacheco et al., ICPR 2000)        |
    | `relative_sharpness`    | the same, divided by `contrast`                                                    |
    | `noise`                 | standard deviation of the noise, in gray levels of 255 (Immerkaer, Fast noise      |
    |                         | variance estimation, CVIU 1996), by the median, so that edges count little         |
    | `blockiness`            | logarithm of the mean step over borders of 8 x 8 blocks, divided by that within    |
    |                         | blocks (after Wang, Sheikh and Bovik, ICIP 2002)                                   |

    Args:
        pixels: uint8 `[H, W, 3]`, RGB.
        valid: Which pixels are valid, bool `[H, W]`.

    Returns:
        A finite value for each of `IMAGE_STATISTICS`, but for noise and blockiness of a center without valid pixels;
        empty if no pixel is valid.

    Example:
        >>> gray = np.full((16, 16, 3), 51, np.uint8)
        >>> values = image_statistics(gray, np.ones((16, 16), bool))
        >>> round(values["brightness"], 3), values["contrast"], values["red_green"]
        (0.2, 0.0, 0.0)
    """
    middle = _middle(len(pixels)), _middle(pixels.shape[1])
    center, center_valid = pixels[middle], valid[middle]
    step = reduction(valid.shape)
    if step > 1:
        down, across = (min(step, side) for side in valid.shape)
        size = pixels.shape[1] // across, pixels.shape[0] // down
        cropped = pixels[: size[1] * down, : size[0] * across]  # by a whole number, OpenCV is five times as fast
        pixels = np.asarray(cv2.resize(cropped, size, interpolation=cv2.INTER_AREA), np.uint8)
        valid = valid[down // 2 : size[1] * down : down, across // 2 : size[0] * across : across]
    if not valid.any():
        return {}
    gray, counted = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8), valid.view(np.uint8)
    shares = cv2.calcHist([gray], [0], counted, [256], [0, 256]).ravel().astype(np.float64)
    shares /= shares.sum()
    low, high = np.searchsorted(shares.cumsum(), [0.05, 0.95]) / 255
    (brightness,), (contrast,) = (values.ravel() / 255 for values in cv2.meanStdDev(gray, mask=counted))
    inside = cv2.erode(counted, np.ones((3, 3), np.uint8))  # pixels whose neighbors are valid too
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_32F), mask=inside)[1][0, 0]) / 255
    red, green, blue = (max(float(value), 0.1) for value in cv2.mean(pixels, counted)[:3])
    return {
        "brightness": float(brightness),
        "brightness_q05": float(low),
        "brightness_q95": float(high),
        "contrast": float(contrast),
        "saturation": float(cv2.mean(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), counted)[1] / 255),
        "red_green": math.log(red / green),
        "blue_green": math.log(blue / green),
        "sharpness": sharpness,
        "relative_sharpness": sharpness / max(float(contrast), 1 / 255),
        **_fine_statistics(center, center_valid),
    }


def reduction(size: tuple[int, ...]) -> int:
    """Returns the whole number by which height and width are divided to be at most `MAX_PIXELS`.

    Example:
        >>> reduction((512, 768)), reduction((4000, 6000))
        (1, 5)
    """
    return math.ceil(math.sqrt(size[0] * size[1] / MAX_PIXELS))


def _middle(length: int) -> slice:
    """Returns the middle of a side, from a border of JPEG blocks on."""
    start = max(0, (length - _CENTER) // 2) // _BLOCK * _BLOCK
    return slice(start, start + _CENTER)


def _fine_statistics(center: NDArray[np.uint8], valid: NDArray[np.bool_]) -> dict[str, float]:
    """Measures noise and blockiness of the valid pixels of the center, `[h, w]`, whose blocks begin at its corner."""
    if min(valid.shape) < 2 * _BLOCK:
        return {"noise": 0.0, "blockiness": 0.0}
    luma = np.asarray(cv2.cvtColor(center.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
    residual = np.abs(cv2.filter2D(luma, cv2.CV_32F, _NOISE))
    inside = cv2.erode(valid.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    known = residual[1:-1:2, 1:-1:2][inside[1:-1:2, 1:-1:2]]
    steps = [_mean_steps(luma, valid, axis) for axis in (0, 1)]
    at_border = np.concatenate([values[_BLOCK - 1 :: _BLOCK] for values in steps])
    within = np.concatenate([values[_BLOCK // 2 - 1 :: _BLOCK] for values in steps])
    if not known.size or np.isnan(at_border).all() or np.isnan(within).all():
        return {}
    noise = float(np.median(known)) / (_MEDIAN_OF_NORMAL * _NOISE_NORM)
    floor = 0.1  # gray levels: a flat image has no blocks
    return {"noise": noise, "blockiness": math.log((np.nanmean(at_border) + floor) / (np.nanmean(within) + floor))}


def _mean_steps(luma: NDArray[np.float32], valid: NDArray[np.bool_], axis: int) -> NDArray[np.float64]:
    """Returns the mean step from each row (axis 0) or column to the next one; NaN without two valid neighbors."""
    first, second = (valid[:-1], valid[1:]) if axis == 0 else (valid[:, :-1], valid[:, 1:])
    steps = np.where(first & second, np.abs(np.diff(luma, axis=axis)), 0)
    with np.errstate(invalid="ignore"):
        return np.asarray(steps.sum(1 - axis, dtype=np.float64) / (first & second).sum(1 - axis))
