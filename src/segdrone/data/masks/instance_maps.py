"""Find and read instance maps: the number of the thing that each pixel of a photograph shows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.data.discovery.dataset_files import DatasetFiles
from segdrone.data.discovery.layout import LAYOUTS, find_spot
from segdrone.data.discovery.mask_names import stem
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.data.masks.stored_mask import read_stored
from segdrone.errors import DataError
from segdrone.raster.pixels import resize_mask
from segdrone.utils.digest import file_state
from segdrone.windows import Size

log = logging.getLogger(__name__)

INSTANCES = "instances"
_SUFFIXES = (".png", ".tif", ".tiff")
_MOST = 65535


@dataclass(frozen=True)
class InstanceMaps:
    """The instance maps of photographs.

    Attributes:
        files: The file of each photograph, by id; empty if things are not numbered.
        sizes: Height and width that each file must have, those of the mask, by id.
        interpolation: How masks are resized: `area`, `linear` or `nearest`.
        masks: The mask of each photograph, by id; needed where `encoding` merges classes.
        encoding: How the masks hold classes: things of classes that it merges are told apart by `separate_merged`.
            None reads the numbers as they are.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    sizes: Mapping[str, Size] = field(default_factory=dict)
    interpolation: str = "area"
    masks: Mapping[str, Path] = field(default_factory=dict)
    encoding: MaskEncoding | None = None

    def __bool__(self) -> bool:
        """Whether things are numbered."""
        return bool(self.files)

    def read(self, name: str, size: Size) -> NDArray[np.uint16]:
        """Returns the numbers of the things of a photograph, resized as its mask: uint16 `[H, W]`.

        Raises:
            DataError: As `read_instance_map`, or the mask cannot be read.
        """
        numbers = read_instance_map(self.files[name], self.sizes[name])
        if self.encoding is not None and self.encoding.merged.any():
            numbers = separate_merged(numbers, read_mask(self.masks[name], self.encoding), self.encoding)
        return numbers if numbers.shape == size else resize_mask(numbers, size, self.interpolation)

    def variant(self, name: str) -> str:
        """Returns what the numbers of a photograph depend on besides its map, for a cache; empty if on nothing."""
        if self.encoding is None or not self.encoding.merged.any():
            return ""
        lookup = self.encoding.remap(np.arange(256, dtype=np.uint8)[None])
        return f" {file_state(self.masks[name])} {self.encoding.fingerprint} {lookup.tolist()}"


def find_instance_maps(
    files: DatasetFiles,
    pairs: Sequence[ImageMaskPair],
    interpolation: str = "area",
    encoding: MaskEncoding | None = None,
) -> InstanceMaps:
    """Returns the instance maps of photographs; none if their things are not numbered.

    They are in `instances/` beside the folder of all masks, or beside that of each, under the names of the masks and of
    the folders between. A folder of that name that holds something else is passed over, with a warning.

    Args:
        files: The files of the dataset.
        pairs: The photographs.
        interpolation: How masks are resized.
        encoding: How the masks hold classes, as `InstanceMaps` takes it.

    Raises:
        DataError: Some photographs have an instance map, and some have none.
    """
    folders = _Folders()
    found = {
        pair.id: path
        for pair in pairs
        if pair.mask is not None and (path := folders.find(_places(files, pair.mask), stem(pair.mask)))
    }
    files_by_id = _checked(found, [pair.id for pair in pairs], folders)
    masks = {pair.id: pair.mask for pair in pairs if pair.mask is not None}
    return InstanceMaps(files_by_id, {pair.id: pair.size for pair in pairs}, interpolation, masks, encoding)


def require_instance_maps(
    files: DatasetFiles, pairs: Sequence[ImageMaskPair], interpolation: str, encoding: MaskEncoding
) -> InstanceMaps:
    """Returns the instance maps of photographs to learn from; arguments as of `find_instance_maps`.

    Raises:
        DataError: There are none, or some photographs have none.
    """
    maps = find_instance_maps(files, pairs, interpolation, encoding)
    if not maps:
        raise DataError(
            f"{files.root} has no instance maps, which model.instances=true learns from: write instances/ beside the "
            "masks (segdrone data import --instances does), or try data=sample_crowded"
        )
    return maps


def find_predicted_maps(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Returns the instance map of each photograph in `instances/` of a folder of predictions; empty if there is none.

    Args:
        folder: The folder.
        names: Ids of the photographs, after which the maps are named.

    Raises:
        DataError: Some photographs have an instance map, and some have none.
    """
    folders = _Folders()
    paths = ((name, Path(name)) for name in names)
    found = {
        name: file for name, path in paths if (file := folders.find([folder / INSTANCES / path.parent], path.name))
    }
    return _checked(found, names, folders)


def read_instance_map(path: Path, size: Size) -> NDArray[np.uint16]:
    """Reads an instance map.

    Args:
        path: A gray image whose values are the numbers of things; 0 and no data are none.
        size: Height and width that it must have, those of its mask.

    Returns:
        uint16 `[H, W]`.

    Raises:
        DataError: The file is not such an image, has another size, or has numbers below 0 or above 65,535.
    """
    stored = read_stored(path)
    values = stored.values
    if values is None or values.dtype.kind not in "ui":
        raise DataError(f"{path} has no numbers of things, but colors or fractions: write a gray PNG of 16 bits")
    if stored.lossy:
        raise DataError(f"{path} is a {stored.lossy}, which changes numbers: write a gray PNG of 16 bits")
    if stored.nodata is not None:
        values = np.where(values == stored.nodata, values.dtype.type(0), values)
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= _MOST:
        wrong = values.min() if values.min() < 0 else values.max()
        raise DataError(f"{path} has the number {wrong}: number at most {_MOST:,} things, from 1 on, and 0 for none")
    if values.shape != size:
        raise DataError(
            f"{path} is {values.shape[1]} x {values.shape[0]} pixels, and its mask {size[1]} x {size[0]}: write it at "
            "the size of the mask"
        )
    return values.astype(np.uint16)


def separate_merged(numbers: NDArray[np.uint16], mask: NDArray[np.uint8], encoding: MaskEncoding) -> NDArray[np.uint16]:
    """Returns the numbers of things, without those that things of classes that become one have in common.

    Some programs number the things of each class from 1 on. Pixels of one number and of several merged classes stay one
    thing if the classes touch, as a car and its windows do; where they do not, the later class gets a new number.

    Args:
        numbers: uint16 `[H, W]`, 0 for none.
        mask: uint8 `[H, W]`, ids of `encoding.source`.
        encoding: Merges classes.
    """
    if not encoding.merged.any():
        return numbers
    where = encoding.merged[mask] & (numbers > 0)
    merged, separate = encoding.remap(mask), numbers.copy()
    classes: dict[tuple[int, int], list[int]] = {}
    for code in np.unique(mask[where].astype(np.uint32) << 16 | numbers[where]).tolist():
        source_id, number = code >> 16, code & _MOST
        new_id = int(encoding.remap(np.array([[source_id]], np.uint8))[0, 0])
        classes.setdefault((new_id, number), []).append(source_id)
    free = iter(np.setdiff1d(np.arange(1, _MOST + 1), numbers))
    for (class_id, number), (first, *others) in classes.items():
        if others:
            pixels = (merged == class_id) & (numbers == number)
            parts = cv2.connectedComponents(pixels.view(np.uint8), connectivity=8)[1]
            together = np.unique(parts[pixels & (mask == first)])
            for other in others:
                own = pixels & (mask == other)
                touched = np.unique(parts[own])
                if np.isin(touched, together).any():
                    together = np.union1d(together, touched)
                else:
                    separate[own] = next(free, number)
    return separate


def instance_map_place(files: DatasetFiles, mask: Path) -> Path:
    """Returns where the instance map of a mask is looked for first; it may not exist."""
    return _places(files, mask)[0] / f"{stem(mask)}{_SUFFIXES[0]}"


class _Folders:
    """Files in folders, each of which is listed once."""

    def __init__(self) -> None:
        self._files: dict[Path, dict[str, Path]] = {}

    @property
    def first(self) -> Path | None:
        """A folder that exists."""
        return next((folder for folder in self._files if folder.is_dir()), None)

    def find(self, folders: Sequence[Path], name: str) -> Path | None:
        """Returns the map of a name in the first folder that has one."""
        return next((file for folder in folders if (file := self._list(folder).get(name))), None)

    def _list(self, folder: Path) -> dict[str, Path]:
        if folder not in self._files:
            entries = sorted(folder.iterdir()) if folder.is_dir() else []
            self._files[folder] = {stem(file): file for file in entries if file.suffix.lower() in _SUFFIXES}
        return self._files[folder]


def _places(files: DatasetFiles, mask: Path) -> list[Path]:
    """Returns where the map of a mask may be, inside the dataset."""
    folders = [*_named_folder(files, mask), files.masks, mask.parent]
    places = dict.fromkeys(folder.parent / INSTANCES / mask.parent.relative_to(folder) for folder in folders)
    return [place for place in places if not files.layout or place.is_relative_to(files.root)]


def _named_folder(files: DatasetFiles, mask: Path) -> Iterator[Path]:
    """Yields the folder that the layout calls that of the masks, which may be above the only one that holds some."""
    if files.layout:
        below = PurePosixPath(mask.parent.relative_to(files.root).as_posix())
        if spot := find_spot(below, LAYOUTS[files.layout].masks):
            yield files.root.joinpath(*below.parts[: spot.depth + 1 + spot.folder.count("/")])


def _checked(found: dict[str, Path], names: Sequence[str], folders: _Folders) -> dict[str, Path]:
    """Returns the maps that were found; none, with a warning, if the folder holds something else.

    Raises:
        DataError: Some of the photographs have none.
    """
    if not found:
        if folders.first is not None:
            log.warning("%s has no file of the name of a mask: things are connected components", folders.first)
        return {}
    first = next(iter(found.values()))
    if problem := _describe_picture(first):
        log.warning("%s: things are connected components", problem)
        return {}
    if missing := [name for name in names if name not in found]:
        raise DataError(
            f"{len(missing)} of {len(names)} photographs, {missing[0]} first, have no instance map like {first}: add "
            "them, or rename the folder to score connected components as things"
        )
    return found


def _describe_picture(path: Path) -> str:
    """Returns why a file is no instance map if it is a picture, such as one of things in colors; empty if it may be."""
    try:
        stored = read_stored(path)
    except DataError:
        return ""  # a damaged map is an error when it is read
    is_map = stored.values is not None and stored.values.dtype.kind in "ui"
    return "" if is_map else f"{path} is a picture, not the numbers of things"
