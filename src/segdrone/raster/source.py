"""Where pixels come from: one interface for photographs, arrays and, later, orthomosaics."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size, Window


class ImageSource(Protocol):
    """An image that is read window by window.

    Attributes:
        size: Height and width in pixels as displayed, that is with the EXIF orientation applied.
        fully_valid: Whether every pixel is there: no alpha below 255, no nodata, no internal mask. `valid` need
            not be asked then.
    """

    size: Size
    fully_valid: bool

    def read(self, window: Window, size: Size) -> NDArray[np.uint8]:
        """Returns a window of the image, resized.

        Args:
            window: Rows and columns in the image's own pixels, inside the image.
            size: Height and width of the result; those of the window read its pixels as they are.

        Returns:
            uint8 `[H, W, 3]`, RGB.

        Raises:
            DataError: The file cannot be read.
        """

    def valid(self, window: Window, size: Size) -> NDArray[np.bool_]:
        """Returns which pixels of a window are there, bool `[H, W]`, resized as masks are.

        Raises:
            DataError: The file cannot be read.
        """
