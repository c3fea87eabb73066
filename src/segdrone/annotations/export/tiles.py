"""Write the photographs that a tool opens: large ones as tiles, the others as they are."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from segdrone.annotations.export.mask_to_export import MaskToExport, Part
from segdrone.annotations.tile_names import tile_places
from segdrone.errors import DataError
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.decode import read_image
from segdrone.raster.encode import write_jpeg, write_rgb_png
from segdrone.utils.atomic import atomic_write, is_too_long
from segdrone.utils.digest import file_digest
from segdrone.windows import Size, Window

_QUALITY = 95  # of JPEG
_JPEG = (".jpg", ".jpeg")


class PhotographFolder:
    """The folder of the photographs beside their annotations.

    Args:
        folder: Where to write.
        final: Folder in which the files will be.
        name: Name of the folder of the photographs there.
        tile: Largest height and width of a photograph that is not cut.
        chosen: Windows of the tiles to write, by name of the photograph; None writes all.
        channels: Which bands of the photographs are red, green and blue, and how more than 8 bits become 8.
    """

    def __init__(
        self,
        folder: Path,
        final: Path,
        name: str,
        tile: Size,
        chosen: Mapping[str, Collection[Window]] | None = None,
        channels: Channels = AS_STORED,
    ) -> None:
        self._folder, self._final, self._tile, self._chosen = folder / name, final / name, tile, chosen
        self._channels = channels

    def write(self, mask: MaskToExport, size: Size) -> Iterator[Part]:
        """Writes a photograph, and yields its tiles, or itself, as they are written.

        Tiles are upright, JPEG if the photograph is one, else PNG, and have its place in their names.

        Args:
            mask: The mask of the photograph, which is known.
            size: Its height and width.

        Raises:
            DataError: The photograph cannot be decoded, has changed meanwhile, has too long a name, or has no such tile
                as is chosen.
            OSError: A file cannot be written.
        """
        assert mask.photograph is not None
        whole = mask.whole(size)
        if size[0] <= self._tile[0] and size[1] <= self._tile[1]:
            with atomic_write(self._file(whole.name), sync=False) as partial:
                shutil.copyfile(mask.photograph, partial)
            yield whole._replace(photograph=self._final / whole.name)
            return
        pixels, digest = read_image(mask.photograph, channels=self._channels), file_digest(mask.photograph)
        if pixels.shape[:2] != size or not digest:
            raise DataError(f"{mask.photograph} changed while it was exported: run again")
        suffix = PurePosixPath(mask.name).suffix
        is_jpeg = suffix.lower() in _JPEG
        places = {place.window(size): place for place in tile_places(size, self._tile, digest)}
        chosen = places if self._chosen is None else self._chosen[mask.name]
        if missing := [window for window in chosen if window not in places]:
            raise DataError(f"{mask.photograph} has no tile {missing[0]}: choose the windows again")
        for window, place in places.items():
            if window is None or window not in chosen:
                continue
            stem = place.name(mask.stem)
            name = stem + (suffix if is_jpeg else ".png")
            file, tile = self._file(name), pixels[window.rows, window.columns]
            if is_jpeg:
                write_jpeg(tile, file, _QUALITY, sync=False)
            else:
                write_rgb_png(tile, file, sync=False)
            yield Part(name, stem, window, self._final / name, file.stat().st_size)

    def _file(self, name: str) -> Path:
        """Returns where to write a file.

        Raises:
            DataError: Its name is too long.
        """
        if is_too_long(self._folder / name):
            raise DataError(f"{name!a} is too long a name for a file: rename the photograph and its mask")
        return self._folder / name
