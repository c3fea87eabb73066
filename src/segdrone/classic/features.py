"""Compute features of color and texture: of pixels at several scales, and of segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Planes = NDArray[np.float32]
Labels = NDArray[np.int32]

TRUNCATE = 3.0
"""Standard deviations at which Gaussians end, so that a feature of a pixel depends on near pixels only."""

_POINT = ("L", "a", "b", "exg", "vari")
_AT_A_SCALE = ("L", "a", "b", "gradient", "hessian_high", "hessian_low", "deviation")
_SHAPE = ("log_area", "log_aspect", "extent")


def pixel_feature_names(scales: Sequence[float]) -> list[str]:
    """Returns the names of the features of a pixel, in order.

    Example:
        >>> pixel_feature_names([2.0])[:6]
        ['L', 'a', 'b', 'exg', 'vari', 'L_2']
    """
    return [*_POINT, *(f"{name}_{scale:g}" for scale in scales for name in _AT_A_SCALE)]


def segment_feature_names(scales: Sequence[float]) -> list[str]:
    """Returns the names of the features of a segment, in order: mean and deviation of those of its pixels, and shape.

    Example:
        >>> segment_feature_names([])[-4:]
        ['vari_deviation', 'log_area', 'log_aspect', 'extent']
    """
    names = pixel_feature_names(scales)
    return [*(f"{name}_mean" for name in names), *(f"{name}_deviation" for name in names), *_SHAPE]


def reach(scales: Sequence[float]) -> int:
    """Returns how far away the farthest pixel is, in pixels, that a feature of a pixel depends on.

    Example:
        >>> reach([1.0, 16.0])
        49
    """
    return max((round(TRUNCATE * scale) for scale in scales), default=0) + 1  # of the derivatives


def pixel_features(image: Image, scales: Sequence[float]) -> Planes:
    """Computes the features of every pixel, as the pixel classifiers of ilastik and Weka have them.

    These are the color in CIELAB and two vegetation indices, and at each scale, after a Gaussian: the color, the length
    of the gradient of the lightness, the eigenvalues of its Hessian, and its local standard deviation.

    Sources: Berg et al., ilastik: interactive machine learning for (bio)image analysis, Nature Methods 2019;
    Arganda-Carreras et al., Trainable Weka Segmentation, Bioinformatics 2017.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        scales: Standard deviations of the Gaussians in pixels.

    Returns:
        float32 `[F, H, W]`, in the order of `pixel_feature_names`.
    """
    lab = to_lab(image)
    planes = np.empty((len(pixel_feature_names(scales)), *image.shape[:2]), np.float32)
    planes[:3] = lab.transpose(2, 0, 1)
    planes[3], planes[4] = excess_green(image), vari(image)
    stacked = np.dstack([lab, np.square(lab[..., 0])])
    for scale, part in zip(scales, np.split(planes[5:], max(1, len(scales))), strict=False):
        smooth = _gaussian(stacked, scale)
        lightness = np.ascontiguousarray(smooth[..., 0])
        part[:3] = smooth[..., :3].transpose(2, 0, 1)
        across, down = _derivative(lightness, 1, 0), _derivative(lightness, 0, 1)
        part[3] = np.sqrt(np.square(across) + np.square(down))  # cv2.magnitude rounds by the place in memory
        part[4:6] = _hessian_eigenvalues(lightness)
        part[6] = np.sqrt(np.maximum(smooth[..., 3] - np.square(lightness), 0))
    return planes


def segment_features(planes: Planes, labels: Labels) -> NDArray[np.float32]:
    """Computes the features of every segment: mean and standard deviation of those of its pixels, and its shape.

    Args:
        planes: Features of the pixels, float32 `[F, H, W]`.
        labels: Number of each pixel's segment, int32 `[H, W]`, 0 to S - 1, each of which occurs.

    Returns:
        float32 `[S, 2 F + 3]`, in the order of `segment_feature_names`.
    """
    flat, count = labels.ravel(), int(labels.max()) + 1
    area = np.bincount(flat, minlength=count).astype(float)
    rows = np.empty((count, 2 * len(planes) + len(_SHAPE)), np.float32)
    for i, plane in enumerate(planes):
        values = plane.ravel()
        mean = np.bincount(flat, values, count) / area
        rows[:, i] = mean
        squares = np.bincount(flat, np.square(values - mean.astype(np.float32)[flat]), count)
        rows[:, len(planes) + i] = np.sqrt(squares / area)
    height, width = (_extent(labels, axis, count) for axis in (0, 1))
    rows[:, -3] = np.log(area)
    rows[:, -2] = np.log(width / height)
    rows[:, -1] = area / (height * width)
    return rows


def to_lab(image: Image) -> NDArray[np.float32]:
    """Returns CIELAB, float32 `[H, W, 3]`: lightness 0 to 100, a and b about -100 to 100."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def excess_green(image: Image) -> NDArray[np.float32]:
    """Returns the excess green index 2 g - r - b of the shares of red, green and blue, float32 `[H, W]`, -1 to 2.

    Source: Woebbecke et al., Color indices for weed identification, Transactions of the ASAE 1995.

    Example:
        >>> excess_green(np.array([[[0, 255, 0], [90, 90, 90]]], np.uint8)).tolist()
        [[2.0, 0.0]]
    """
    red, green, blue = image.astype(np.float32).transpose(2, 0, 1)
    return np.asarray((2 * green - red - blue) / np.maximum(red + green + blue, 1), np.float32)


def vari(image: Image) -> NDArray[np.float32]:
    """Returns the visible atmospherically resistant index (G - R) / (G + R - B), float32 `[H, W]`, cut to -1 to 1.

    Source: Gitelson et al., Novel algorithms for remote estimation of vegetation fraction, Remote Sensing of
    Environment 2002.

    Example:
        >>> vari(np.array([[[50, 100, 50], [90, 90, 90]]], np.uint8)).tolist()
        [[0.5, 0.0]]
    """
    red, green, blue = image.astype(np.float32).transpose(2, 0, 1)
    below = green + red - blue
    below[np.abs(below) < 1] = 1
    return np.asarray(np.clip((green - red) / below, -1, 1), np.float32)


def smooth(image: Image, sigma: float) -> Image:
    """Returns an image after a Gaussian, uint8 `[H, W, 3]`; a sigma of 0 leaves it."""
    return image if sigma == 0 else np.asarray(_gaussian(image, sigma), np.uint8)


def _gaussian(pixels: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    side = 2 * round(TRUNCATE * sigma) + 1
    blurred = cv2.GaussianBlur(pixels, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred)


def _derivative(plane: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    size = 1 / 8 if across + down == 1 else 1 / 4  # of the Sobel kernels of 3 x 3
    return np.asarray(cv2.Sobel(plane, cv2.CV_32F, across, down, ksize=3, scale=size), np.float32)


def _hessian_eigenvalues(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the larger and the smaller eigenvalue of the Hessian, float32 `[2, H, W]`."""
    xx, yy, xy = _derivative(plane, 2, 0), _derivative(plane, 0, 2), _derivative(plane, 1, 1)
    middle, distance = (xx + yy) / 2, np.sqrt(np.square((xx - yy) / 2) + np.square(xy))
    return np.stack([middle + distance, middle - distance])


def _extent(labels: Labels, axis: int, count: int) -> NDArray[np.float64]:
    """Returns the number of rows (axis 0) or columns (axis 1) that each segment's bounding box has."""
    shape = (-1, 1) if axis == 0 else (1, -1)
    place = np.broadcast_to(np.arange(labels.shape[axis]).reshape(shape), labels.shape)
    first, last = np.full(count, labels.shape[axis]), np.zeros(count, int)
    np.minimum.at(first, labels.ravel(), place.ravel())
    np.maximum.at(last, labels.ravel(), place.ravel())
    return np.asarray(last - first + 1, float)
