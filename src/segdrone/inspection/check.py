"""Check a dataset before it is trained on: decode everything, and tell all that training would stumble over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segdrone.data import DataConfig, open_dataset
from segdrone.data.pairs import stem
from segdrone.data.split import random_split, read_split
from segdrone.errors import DataError
from segdrone.inspection import file_checks, label_checks, split_checks
from segdrone.inspection.dataset_scan import DatasetScan
from segdrone.inspection.report import DatasetReport
from segdrone.inspection.scan import scan_dataset
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


def check_dataset(
    root: Path,
    *,
    images: str | None = None,
    masks: str | None = None,
    classes: str | Path = "drone",
    groups: str | Path | Mapping[str, Any] | None = None,
    encoding: str = "auto",
    colour_tolerance: float = 0.0,
    threshold: int = 127,
    allow_unpaired: bool = False,
    split_dir: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> DatasetReport:
    """Carries out all checks; each looks at whatever is readable, and none stops the next.

    Args:
        root: The dataset's folder, in one of `segdrone.data.layout.LAYOUTS`.
        images: The folder of photographs instead, below `root` or anywhere.
        masks: The folder of masks instead.
        classes: `drone`, or the path of a CSV file with name, r, g, b.
        groups: Classes to merge or ignore, as `segdrone.class_groups.load_class_groups` takes them.
        encoding: How masks hold classes: one of `segdrone.data.mask_encoding.ENCODINGS`.
        colour_tolerance: How far a colour may lie from its class's, as a distance in RGB, 0 to 441.
        threshold: The last grey level of class 0 in binary masks.
        allow_unpaired: Pass over what has no partner instead of refusing it.
        split_dir: Folder of train.txt, val.txt, test.txt; None splits at random as training does then.
        workers: Processes; None is one a usable core.
        progress: Whether to show a progress bar on stderr.

    Raises:
        DataError: The folders, the class table or its groups cannot be used, or a worker was killed.
            Whatever is wrong with a file or with the split is in the report instead.
    """
    config = DataConfig.from_dict(
        {
            "root": str(root), "images": images, "masks": masks, "classes": str(classes), "class_groups": groups,
            "mask_encoding": encoding, "colour_tolerance": colour_tolerance, "mask_threshold": threshold,
        }
    )  # fmt: skip
    dataset = open_dataset(config)
    (image_folder, mask_folder), labels = dataset.folders, dataset.encoding

    (photographs, strays), (label_files, more) = _listed(image_folder), _listed(mask_folder)
    ids = {stem(path) for path in photographs} & {stem(path) for path in label_files}
    unpaired = tuple([path for path in paths if stem(path) not in ids] for paths in (photographs, label_files))
    if allow_unpaired:
        photographs = [path for path in photographs if stem(path) in ids]
        label_files = [path for path in label_files if stem(path) in ids]

    try:
        splits, refusal = (random_split([*ids]) if split_dir is None else read_split(split_dir, [*ids])), ""
    except DataError as error:
        splits, refusal = {}, str(error)
    seen = DatasetScan(
        *scan_dataset(photographs, label_files, labels, workers=workers, progress=progress),
        labels=labels,
        strays=strays + more,
        without_mask=unpaired[0],
        without_photograph=unpaired[1],
        allow_unpaired=allow_unpaired,
        split_source="random" if split_dir is None else str(split_dir),
        splits=splits,
        split_refusal=refusal,
    )
    return DatasetReport(str(root), str(image_folder), str(mask_folder), [check(seen) for check in CHECKS])


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns the images of a folder, as training finds them, and what else lies there."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    is_image = [path.suffix.lower() in IMAGE_SUFFIXES for path in entries]
    images = [path for path, yes in zip(entries, is_image, strict=True) if yes]
    return images, [path for path, yes in zip(entries, is_image, strict=True) if not yes]
