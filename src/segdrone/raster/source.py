"""The interface of images that are read window by window."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segdrone.windows import Size, Window


class ImageSource(Protocol):
    """An image that is read window by window: `open_image` opens a file, `ArraySource` wraps an array."""

    @property
    def size(self) -> Size:
        """Height and width in pixels as displayed, i.e. with the EXIF orientation applied."""

    @property
    def fully_valid(self) -> bool:
        """Whether every pixel is valid; `valid` is then True everywhere and need not be called.

        For a file it may have to decode the image, but only if its header says that pixels can be no data.
        """

    def read(self, window: Window, size: Size | None = None) -> NDArray[np.uint8]:
        """Returns a window of the image, resized.

        Args:
            window: Rows and columns in the image's own pixels, inside the image.
            size: Height and width of the result; None is the window's own size.

        Returns:
            uint8 `[H, W, 3]`, RGB. Do not write to it: at the window's own size it may be a view.

        Raises:
            DataError: The file cannot be read.
            ValueError: The window is not inside the image.
        """

    def valid(self, window: Window, size: Size | None = None) -> NDArray[np.bool_]:
        """Returns which pixels of a window are valid: bool `[H, W]`, resized like a mask.

        Pixels are no data where alpha is 0, or where they have the file's nodata value.

        Raises:
            DataError: The file cannot be read.
            ValueError: The window is not inside the image.
        """

    def resized(self, size: Size) -> ImageSource:
        """Returns the image in another size, resized as a whole, so that windows of it do not depend on each other.

        Raises:
            DataError: The file cannot be read.
        """

    def release_pages(self) -> None:
        """Frees the memory of pixels that have been read from disk; they can be read again."""
