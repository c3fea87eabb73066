"""Check a dataset before training: decode every file, and report everything that would make training fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segdrone.data import DataConfig, open_dataset
from segdrone.data.assign_splits import Split, assign_splits
from segdrone.data.pairs import ImageMaskPair, stem
from segdrone.errors import DataError
from segdrone.inspection import file_checks, label_checks, split_checks
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import DatasetReport
from segdrone.inspection.scan import scan_dataset
from segdrone.raster.channels import Channels
from segdrone.raster.header import IMAGE_SUFFIXES

CHECKS = (
    file_checks.files,
    file_checks.reading,
    file_checks.sizes,
    file_checks.channels,
    label_checks.classes,
    label_checks.labels,
    label_checks.content,
    split_checks.duplicates,
    split_checks.splits,
)


def check_dataset(root: Path, *, workers: int | None = None, progress: bool = True, **options: Any) -> DatasetReport:
    """Runs all checks. Each one uses all readable files, and a failed check does not stop the next one.

    Args:
        root: Folder of the dataset, in one of `segdrone.data.layout.LAYOUTS`.
        workers: Number of threads; None is one per usable core.
        progress: Whether to show a progress bar on stderr.
        **options: Further options of `DataConfig`, such as `classes`, `mask_encoding` or `split_dir`.

    Raises:
        DataError: The folders, the class table or its groups cannot be used. Anything wrong with a file or with the
            split is in the report instead.
        ConfigError: An option is unknown or out of range.

    Example:
        >>> report = check_dataset(Path("datasets/mine"), classes="classes.csv")  # doctest: +SKIP
        >>> report.failed  # doctest: +SKIP
        False
    """
    config = DataConfig.from_dict({"root": str(root), **options})
    dataset = open_dataset(config)
    (photographs, other_files), (masks, others) = (_list_files(folder) for folder in dataset.folders)
    ids = {stem(path) for path in photographs} & {stem(path) for path in masks}
    without_mask, without_photograph = (
        [path for path in paths if stem(path) not in ids] for paths in (photographs, masks)
    )
    if config.allow_unpaired:
        photographs, masks = ([path for path in paths if stem(path) in ids] for paths in (photographs, masks))
    try:
        pairs = [ImageMaskPair(stem(path), path, None, (0, 0)) for path in photographs if stem(path) in ids]
        split, split_error = assign_splits(config, pairs), ""
    except DataError as error:
        split, split_error = Split({}, config.split_dir or config.split_by or "random", ""), str(error)
    channels = Channels(config.bands, config.stretch)
    images, scanned_masks = scan_dataset(
        photographs, masks, dataset.encoding, channels, workers=workers, progress=progress
    )
    scan = DatasetScan(
        images=images,
        masks=scanned_masks,
        encoding=dataset.encoding,
        channels=channels,
        other_files=other_files + others,
        without_mask=without_mask,
        without_photograph=without_photograph,
        allow_unpaired=config.allow_unpaired,
        split=split,
        split_distance=config.split_distance,
        split_error=split_error,
    )
    folders = dataset.folders
    return DatasetReport(str(root), str(folders.images), str(folders.masks), [check(scan) for check in CHECKS])


def _list_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns the image files of a folder, as training finds them, and all other entries."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    images = [path for path in entries if path.suffix.lower() in IMAGE_SUFFIXES]
    return images, [path for path in entries if path.suffix.lower() not in IMAGE_SUFFIXES]
