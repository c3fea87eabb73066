"""Find out which pixels of an image file are no data: transparent, or of the nodata value."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GDAL_NODATA = 42113  # TIFF tag: a number as ASCII text
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF tag, and its value for gray that Pillow inverts
_GRAY_STEPS = {"L;2": 85, "L;4": 17}  # by raw mode

Color = tuple[int, ...]


class NoDataMarks(NamedTuple):
    """How an image file marks pixels as no data; false if it does not.

    Attributes:
        alpha: It has an alpha channel. Pixels of alpha 0 are no data, partly transparent ones are valid.
        colors: Values that mark no data, one number per channel: a palette index, a gray value, or a color.
    """

    alpha: bool
    colors: tuple[Color, ...]

    def __bool__(self) -> bool:
        return self.alpha or bool(self.colors)

    def valid(self, image: Image.Image) -> NDArray[np.bool_]:
        """Returns which pixels of an image, or of a part of it, are valid: bool `[H, W]`."""
        valid = np.ones((image.height, image.width), np.bool_)
        if self.alpha:
            valid &= np.asarray(image.getchannel("A")) > 0
        if self.colors:
            values = _color_values(image)
            for color in self.colors:
                valid &= cv2.inRange(values, color, color) == 0
        return valid


def no_data_marks(image: Image.Image) -> NoDataMarks:
    """Returns how an open image marks pixels as no data, from its header.

    Checks the alpha channel, the transparent colors of a PNG (tRNS chunk), and GDAL's nodata value of a TIFF
    (tag 42113), which a pixel must have in every channel.
    """
    alpha = "A" in image.getbands()
    colors = [*_transparent_colors(image), *_nodata_colors(image)]
    return NoDataMarks(alpha, tuple(color for color in colors if all(0 <= value <= 255 for value in color)))


def gray_step(image: Image.Image) -> int:
    """Returns by what Pillow multiplies the gray values of an open image, of 2 or 4 bits, which become 0 to 255."""
    arguments = next((tile[3] for tile in getattr(image, "tile", ())), "")
    return _GRAY_STEPS.get(str(arguments[0] if isinstance(arguments, tuple) else arguments), 1)


def transparent_color(image: Image.Image) -> Color | None:
    """Returns the transparent color (tRNS chunk) of an open PNG of 16 bits, as it is stored; None if it has none."""
    color = image.info.get("transparency")
    return (color,) if isinstance(color, int) else color if isinstance(color, tuple) else None


def _transparent_colors(image: Image.Image) -> list[Color]:
    transparency = image.info.get("transparency")
    if isinstance(transparency, bytes):  # alpha by palette index
        return [(index,) for index, alpha in enumerate(transparency) if alpha == 0]
    if isinstance(transparency, int):
        return [(transparency * gray_step(image),)]  # not multiplied in the chunk
    return [transparency] if isinstance(transparency, tuple) else []


def _nodata_colors(image: Image.Image) -> list[Color]:
    text = image.getexif().get(_GDAL_NODATA) if image.format == "TIFF" else None
    try:
        value = float(str(text).strip("\0 "))
    except ValueError:
        return []
    if not value.is_integer():  # NaN, infinity and fractions are no value of a uint8 pixel
        return []
    channels = 3 if image.mode == "YCbCr" else len(image.getbands()) - ("A" in image.getbands())
    color = int(value) * (255 if image.mode == "1" else 1)
    if image.mode in ("1", "L") and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        color = 255 - color
    return [(color,) * channels]


def _color_values(image: Image.Image) -> NDArray[np.uint8]:
    """Returns the channels without alpha: uint8 `[H, W]` or `[H, W, C]`."""
    if image.mode in ("1", "L", "P", "RGB", "CMYK"):
        return np.asarray(image.convert("L") if image.mode == "1" else image)
    if image.mode in ("LA", "PA"):
        return np.asarray(image.getchannel(0))
    return np.asarray(image.convert("RGB"))
