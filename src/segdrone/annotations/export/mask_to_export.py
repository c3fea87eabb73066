"""A mask to export, with what is known of its photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.data.masks.instance_maps import read_instance_map
from segdrone.data.masks.stored_mask import read_stored
from segdrone.errors import DataError
from segdrone.windows import Size, Window


class Part(NamedTuple):
    """What becomes one photograph in the tool: a photograph, or a tile of it.

    Attributes:
        name: As of `MaskToExport`.
        stem: The name without its suffix.
        window: Its pixels in the photograph.
        photograph: Its file, if it is known; a tile may only be on its way there.
        file_bytes: Size of that file; -1 if it is not known.
    """

    name: str
    stem: str
    window: Window
    photograph: Path | None
    file_bytes: int


@dataclass(frozen=True)
class MaskToExport:
    """A mask.

    Attributes:
        name: Path of its photograph below the folder of all, with `/`; without photographs that of the mask.
        file: The mask's file.
        read: Returns the mask, uint8 `[H, W]`.
        photograph: Its photograph, if it is known.
        instances: Its instance map, if things are numbered.
        confidence: File of the probability of each pixel's class, if it was predicted with --confidence.
        is_named_by_mask: Whether the name is that of the mask, as no photograph is known.
    """

    name: str
    file: Path
    read: Callable[[], NDArray[np.uint8]]
    photograph: Path | None = None
    instances: Path | None = None
    confidence: Path | None = None
    is_named_by_mask: bool = False

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).with_suffix("").as_posix()

    def numbers(self, size: Size) -> NDArray[np.uint16] | None:
        """Returns the numbers of the things, uint16 `[H, W]`; None if they are not numbered.

        Raises:
            DataError: The file cannot be read, or has another size than the mask.
        """
        return None if self.instances is None else read_instance_map(self.instances, size)

    def read_confidence(self, size: Size) -> NDArray[np.uint8]:
        """Returns the probability of each pixel's class, uint8 `[H, W]`, 0 to 255 for 0 to 1.

        Raises:
            DataError: The file is missing, cannot be read, or is no gray image of the size of the mask.
        """
        if self.confidence is None:
            raise DataError(f"{self.file} has no confidence: predict with --confidence")
        values = read_stored(self.confidence).values
        if values is None or values.dtype != np.uint8 or values.shape != size:
            raise DataError(
                f"{self.confidence} is not the confidence of {self.file}, a gray image of 8 bits and {size[1]} x "
                f"{size[0]} pixels: predict again with --confidence --redo"
            )
        return values

    def whole(self, size: Size) -> Part:
        """Returns the photograph as one part; `size` is its height and width."""
        file_bytes = -1 if self.photograph is None else self.photograph.stat().st_size
        return Part(self.name, self.stem, Window(0, 0, *size), self.photograph, file_bytes)
