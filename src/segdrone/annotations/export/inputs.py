"""Find the masks to export, their classes and things, and their photographs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from os.path import relpath
from pathlib import Path, PurePosixPath

from segdrone.annotations.export.mask_to_export import MaskToExport
from segdrone.annotations.image_folder import ImageFolder
from segdrone.class_files import load_class_table
from segdrone.classes import ClassTable, thing_classes
from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import DatasetFolder, open_dataset
from segdrone.data.discovery.find_dataset import find_layouts
from segdrone.data.masks.instance_maps import INSTANCES, find_instance_maps, find_predicted_maps
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import mask_path, read_mask, read_pair_mask
from segdrone.errors import ConfigError, DataError
from segdrone.geo.predicted_masks import read_predicted_masks
from segdrone.inference.inputs import SETTINGS
from segdrone.raster.channels import AS_STORED, Channels
from segdrone.raster.header import read_size
from segdrone.utils.digest import file_digest

log = logging.getLogger(__name__)

_MASKS, _CONFIDENCE = "masks", "confidence"
Photographs = ImageFolder | Mapping[str, Path] | None


class Masks:
    """The masks of one or more folders.

    Attributes:
        table: Their classes.
        masks: The masks, sorted by name.
        are_of_datasets: Whether some are those of a dataset, whose photographs are read too.
        named_by_masks: Whether the names of photographs are those of masks, as no photographs are known.

    Args:
        folders: Folders of predictions, of masks with a class table, or datasets.
        images: Folder of the photographs, or their files by their paths in `summary.csv` of a prediction.
        classes: A class table for masks without one.
        channels: Which bands of the photographs of datasets are red, green and blue, and how more than 8 bits become 8.

    Raises:
        DataError: There are no masks, their classes are unknown or differ, a photograph is missing, is another one, has
            another size or a name that annotations cannot hold; or masks have the same name.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        images: Path | Mapping[str, Path] | None = None,
        classes: str | None = None,
        channels: Channels = AS_STORED,
    ) -> None:
        photographs = ImageFolder(images) if isinstance(images, Path) else images
        found: dict[str, MaskToExport] = {}
        tables: dict[Path, ClassTable] = {}
        for folder in folders:
            tables[folder], masks = _find(folder, photographs, classes, channels)
            for mask in masks:
                other = found.setdefault(mask.name.casefold(), mask)
                if other is not mask:
                    raise DataError(f"{other.file} and {mask.file} have the same name: export them one by one")
        self.table = _common_table(tables)
        self.masks = [mask for _, mask in sorted(found.items())]
        self.are_of_datasets = images is None and any(mask.photograph is not None for mask in self.masks)
        self.named_by_masks = any(mask.is_named_by_mask for mask in self.masks)
        for mask in self.masks:
            _check(mask)

    def require_photographs(self) -> None:
        """Checks that the photographs are known.

        Raises:
            ConfigError: They are not.
        """
        if mask := next((mask for mask in self.masks if mask.photograph is None), None):
            raise ConfigError(f"--tile cuts photographs, and that of {mask.file} is not known: give --images")

    def require_confidence(self) -> None:
        """Checks that each mask has its confidence beside it.

        Raises:
            DataError: One has not.
        """
        if mask := next((mask for mask in self.masks if mask.confidence is None), None):
            raise DataError(
                f"{mask.file} has no confidence, which --min-confidence reads beside masks/ of segdrone predict: "
                "predict with --confidence, or leave it out"
            )


def _find(
    folder: Path, photographs: Photographs, classes: str | None, channels: Channels
) -> tuple[ClassTable, list[MaskToExport]]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give a folder of masks, of predictions, or a dataset")
    own = folder.parent if folder.name == _MASKS and (folder.parent / SETTINGS).is_file() else folder
    if (own / SETTINGS).is_file():
        return _find_predicted(own, photographs, classes)
    if isinstance(photographs, Mapping):
        raise DataError(f"{folder} was not written by segdrone predict: give the folder of the photographs")
    if fits := find_layouts(folder):
        if photographs is not None:
            raise DataError(f"{folder} is a dataset with its photographs: leave out --images, or give its masks alone")
        if len(fits) > 1:
            raise DataError(
                f"{folder} has masks in {' and in '.join(str(fit.masks) for fit in fits)}: give one of these folders, "
                f"and --images {fits[0].images}"
            )
        options = {"root": str(folder), "classes": classes, "bands": channels.bands, "stretch": channels.stretch}
        dataset = open_dataset(DataConfig.from_dict({**options, "allow_unpaired": True}), unlisted=True)
        return dataset.table, [*_of_dataset(dataset)]
    dataset = open_dataset(DataConfig(root=str(folder), masks=".", classes=classes), masks_only=True)
    return dataset.table, [*_of_masks(dataset, folder, photographs)]


def _find_predicted(
    folder: Path, photographs: Photographs, classes: str | None
) -> tuple[ClassTable, list[MaskToExport]]:
    table, predicted = read_predicted_masks(folder)
    if classes is not None and load_class_table(classes).names != table.names:
        raise DataError(f"{folder / SETTINGS} names other classes than --classes {classes}: leave it out")
    encoding = MaskEncoding(table.dense, kind="ids", remedy="predict again")
    names = [relpath(mask.file.with_suffix(""), folder / _MASKS) for mask in predicted]
    maps = find_predicted_maps(folder, names)
    masks = []
    for mask, stem in zip(predicted, names, strict=True):
        photograph = _photograph(photographs, [mask.path], mask.file)
        if photograph is not None and mask.digest and file_digest(photograph) != mask.digest:
            raise DataError(
                f"{photograph} is not the photograph that {mask.file} was predicted for, or was changed since: give "
                "the right folder with --images, or predict again"
            )
        confidence = folder / _CONFIDENCE / f"{stem}.png"
        masks.append(
            MaskToExport(
                mask.path,
                mask.file,
                partial(read_mask, mask.file, encoding),
                photograph,
                maps.get(stem),
                confidence if confidence.is_file() else None,
            )
        )
    return table.dense, masks


def _of_dataset(dataset: DatasetFolder) -> Iterator[MaskToExport]:
    files = dataset.files
    for paths, what in (
        (files.without_mask, "photographs without a mask"),
        (files.without_photograph, "masks without a photograph"),
    ):
        if paths:
            log.warning("%d %s are not exported, %s first", len(paths), what, paths[0])
    maps = find_instance_maps(files, dataset.pairs).files
    for pair in dataset.pairs:
        name = Path(relpath(pair.image, files.images)).as_posix()
        read = partial(read_pair_mask, pair, dataset.encoding)
        yield MaskToExport(name, mask_path(pair), read, pair.image, maps.get(pair.id))


def _of_masks(dataset: DatasetFolder, folder: Path, photographs: ImageFolder | None) -> Iterator[MaskToExport]:
    maps = find_instance_maps(dataset.files, dataset.pairs).files
    for pair in dataset.pairs:
        mask = mask_path(pair)
        name = Path(relpath(mask, folder)).as_posix()
        if INSTANCES in PurePosixPath(name).parts[:-1]:
            continue
        photograph = _photograph(photographs, [PurePosixPath(name).with_suffix("").as_posix()], mask)
        if photographs is not None and photograph is not None:
            name = Path(relpath(photograph, photographs.root)).as_posix()
        read = partial(read_mask, mask, dataset.encoding)
        yield MaskToExport(name, mask, read, photograph, maps.get(pair.id), is_named_by_mask=photograph is None)
    if photographs is not None and photographs.doubtful:
        name, photograph = photographs.doubtful[0]
        log.warning(
            "%d photographs were found by their names, in other folders than their masks, %s as %s first",
            len(photographs.doubtful),
            name,
            photograph,
        )


def _photograph(photographs: Photographs, names: list[str], mask: Path) -> Path | None:
    """Returns the photograph of a mask; None if none is known.

    Raises:
        DataError: The folder does not have it.
    """
    if photographs is None or isinstance(photographs, Mapping):
        return None if photographs is None else photographs.get(names[0])
    if (found := photographs.find(names, str(mask))) is None:
        raise DataError(f"{mask} has no photograph {names[0]} in --images {photographs.root}: add it, or its folder")
    return found


def _common_table(tables: dict[Path, ClassTable]) -> ClassTable:
    (first, table), *others = tables.items()
    if other := next((folder for folder, one in others if one.names != table.names), None):
        raise DataError(f"{first} and {other} have other classes, or another order: export them one by one")
    if other := next((folder for folder, one in others if thing_classes(one) != thing_classes(table)), None):
        raise DataError(f"{first} and {other} differ in which classes are things: export them one by one")
    return table


def _check(mask: MaskToExport) -> None:
    """Checks the name and the size of a photograph.

    Raises:
        DataError: It has line breaks or other characters that annotations cannot hold, or another size.
    """
    name = mask.name
    if not name.isprintable() or "\\" in name or any(part != part.strip() for part in name.split("/")):
        raise DataError(
            f"{name!a} has characters that annotations cannot hold (control characters, \\, spaces at an end, "
            "other than UTF-8): rename the photograph and its mask"
        )
    if mask.photograph is not None:
        sizes = read_size(mask.photograph), read_size(mask.file)
        if sizes[0] != sizes[1]:
            photograph, own = (f"{width} x {height}" for height, width in sizes)
            raise DataError(
                f"{mask.photograph} is {photograph} pixels and its mask {mask.file} {own}: shapes would be in wrong "
                "places; give the photographs that the masks were made for"
            )
