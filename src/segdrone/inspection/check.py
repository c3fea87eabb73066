"""Check a dataset before training: decode every file, and report everything that would make training fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segdrone.data import DataConfig, open_dataset
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.splits.assign_splits import Split, assign_splits
from segdrone.errors import DataError
from segdrone.inspection import file_checks, instance_checks, label_checks, split_checks
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import DatasetReport
from segdrone.inspection.scan import scan_dataset

CHECKS = (
    file_checks.files,
    file_checks.reading,
    file_checks.sizes,
    file_checks.channels,
    label_checks.classes,
    label_checks.labels,
    label_checks.content,
    instance_checks.instances,
    split_checks.duplicates,
    split_checks.splits,
)


def check_dataset(root: Path, *, workers: int | None = None, progress: bool = True, **options: Any) -> DatasetReport:
    """Runs all checks. Each one uses all readable files, and a failed check does not stop the next one.

    Args:
        root: Folder of the dataset, in one of `segdrone.data.discovery.layout.LAYOUTS`.
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
    files = dataset.files
    photographs, masks = [pair.image for pair in files.pairs], [pair.mask for pair in files.pairs]
    if not config.allow_unpaired:
        photographs, masks = photographs + files.without_mask, masks + files.without_photograph
    channels = config.channels
    try:
        pairs = [
            ImageMaskPair(p.id, p.image, None, (0, 0), channels=channels, group=p.group, split=p.split)
            for p in files.pairs
        ]
        split, split_error = assign_splits(config, pairs, files.split_by), ""
    except DataError as error:
        split, split_error = Split({}, config.split_dir or config.split_by or "random", ""), str(error)
    photograph_of = {pair.mask: pair.image for pair in files.pairs}
    images, scanned_masks = scan_dataset(
        photographs, masks, photograph_of, dataset.encoding, channels, workers=workers, progress=progress
    )
    scan = DatasetScan(
        images=images,
        masks=scanned_masks,
        encoding=dataset.encoding,
        channels=channels,
        files=files,
        allow_unpaired=config.allow_unpaired,
        split=split,
        split_distance=config.split_distance,
        split_error=split_error,
    )
    return DatasetReport(str(root), str(files.images), str(files.masks), [check(scan) for check in CHECKS])
