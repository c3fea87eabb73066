"""Take the corrections of a labeling tool into a dataset: all of them, or none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone import figures
from segdrone.annotations.corrections import record
from segdrone.annotations.corrections.agreement import Agreement
from segdrone.annotations.corrections.changes import Change, count_changes, write_changes
from segdrone.annotations.corrections.drawing import (
    draw_version,
    keep_numbers,
    merge_masks,
    number_version,
    shows_same_things,
)
from segdrone.annotations.corrections.options import CorrectionOptions
from segdrone.annotations.corrections.pictures import MOST, changes_sheet, cut_part
from segdrone.annotations.corrections.plan import Correction, collect_corrections, plan_corrections
from segdrone.annotations.corrections.target import TargetDataset, TargetMask
from segdrone.annotations.corrections.versions import NamedSource, Version, read_sources
from segdrone.annotations.empty_shapes import EmptyShapes
from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.orientation import MaskFrame
from segdrone.annotations.shapes import AnnotatedImage
from segdrone.annotations.tiles import join_parts, missing_pixels
from segdrone.annotations.unordered import UnorderedShapes
from segdrone.classes import ClassTable
from segdrone.data.config import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.data.masks.instance_maps import read_instance_map
from segdrone.data.masks.mask_files import read_mask, read_valid
from segdrone.data.masks.recode import reads_as, recode, write_stored
from segdrone.data.masks.stored_mask import name_in_errors, read_stored
from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from segdrone.raster.encode import write_gray_png
from segdrone.raster.encode_like import write_like
from segdrone.utils.atomic import check_writable
from segdrone.utils.output_dir import check_finished, exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class CorrectionSummary:
    """What corrections changed.

    Attributes:
        root: The dataset.
        table: Its classes.
        changes: Each corrected photograph, whether it changes or not.
        folder: Folder of the earlier masks, relative to the dataset; None if nothing changes.
        empty: Number of photographs without a shape, which keep their masks.
        agreement: How far people agree, where several annotated a photograph.
    """

    root: Path
    table: ClassTable
    changes: Sequence[Change]
    folder: Path | None
    empty: int
    agreement: Agreement

    @property
    def changed(self) -> list[Change]:
        """The photographs of which files change."""
        return [change for change in self.changes if change.is_change]


def import_corrections(
    paths: Sequence[Path], onto: Path, options: CorrectionOptions, *, progress: bool = True, **dataset_options: Any
) -> CorrectionSummary:
    """Replaces masks of a dataset by corrections that were made in a labeling tool.

    A mask becomes what the shapes show, in the ids or colors and the format that its file has. Pixels that no shape
    covers become ignored, or of the class `options.background`. Masks that do not change are not written. The earlier
    files are kept in `corrections/DATE_TIME/before/`, beside `corrections.json` (when, from which files, by whom),
    `changes.csv` and `changes.png`. Either all files are replaced or none; a command that was killed meanwhile is
    finished by the next one.

    Args:
        paths: Annotation files, or folders of such files, each of which may be given as `NAME=PATH` to say who made it.
        onto: The dataset, in any layout.
        options: How corrections are read and taken.
        progress: Whether to show a progress bar.
        **dataset_options: How the dataset is opened, as options of `DataConfig` such as `masks` or `classes`.

    Raises:
        DataError: The corrections or the dataset cannot be read; a label or a photograph is not in the dataset, or has
            another size there; a photograph has several corrections, and nothing says which to take; or a mask cannot
            be replaced.
        ConfigError: An option is unknown, or another command writes to the dataset.

    Example:
        >>> options = CorrectionOptions(background="ground")
        >>> summary = import_corrections([Path("fixed.xml")], Path("datasets/mine"), options)  # doctest: +SKIP
        >>> len(summary.changed), summary.folder  # doctest: +SKIP
        (12, PosixPath('corrections/2026-11-29_14-02-11'))
    """
    sources = read_sources(paths, options.annotation_format)
    if not onto.is_dir():
        raise DataError(f"--onto {onto} is not a folder: give the folder of a dataset")
    with exclusive_dir(onto, "--onto"):
        config = DataConfig.from_dict({"root": str(onto), "allow_unpaired": True, **dataset_options})
        target = TargetDataset(open_dataset(config, unlisted=True), options.images)
        table = target.dataset.table
        collected = collect_corrections(sources, target, table, options)
        corrections = plan_corrections(collected, target, options)
        return _Run(target, sources, options, progress).write(corrections, len(collected.empty))


class _Run:
    """Writes corrections into a dataset."""

    def __init__(
        self, target: TargetDataset, sources: Sequence[NamedSource], options: CorrectionOptions, progress: bool
    ) -> None:
        self._root, self._encoding, self._table = target.root, target.dataset.encoding, target.dataset.table
        self._sources, self._options, self._progress = sources, options, progress
        self._now = datetime.now()
        self._folder = record.new_folder(self._root, self._now)
        self._agreement = Agreement(self._table)
        self._keeps_order = all(ANNOTATION_FORMATS[source.format].keeps_order for _, source in sources)
        self._empty, self._unordered = EmptyShapes(), UnorderedShapes()

    def write(self, corrections: Sequence[Correction], empty: int) -> CorrectionSummary:
        """Replaces the files that change, all of them or none.

        Raises:
            DataError: A file cannot be read or written.
        """
        with staged_results(self._root, []) as results:
            try:
                bar = progress_bar(corrections, desc="masks", unit="photograph", disable=not self._progress)
                changes = [self._stage(one, results.path) for one in bar]
                changed = [change for change in changes if change.is_change]
                if changed:
                    for parent in {(self._root / path).parent for path in record.changed_files(changed)}:
                        check_writable(parent)
                    self._write_record(changed, corrections, results.path)
                    results.commit()
            except OSError as error:
                check_finished(self._root)
                raise DataError(
                    f"{self._root} cannot be written to ({error.strerror or error}): no mask has changed; free some "
                    "disk space or fix its permissions, and run again"
                ) from None
        self._empty.warn()
        self._unordered.warn()
        folder = self._folder if changed else None
        return CorrectionSummary(self._root, self._table, changes, folder, empty, self._agreement)

    def _stage(self, correction: Correction, staged: Path) -> Change:
        """Writes the new files of a photograph that change to `staged`, with copies of the earlier ones."""
        target, pair = correction.target, correction.target.pair
        masks = {version.by: self._draw_version(version, frame) for version, frame in correction.versions}
        for version, frame in correction.versions:
            self._empty.add(version.image, frame.size)
        if not self._keeps_order:
            for version, frame in correction.versions:
                draw = partial(self._draw_image, version, frame)
                self._unordered.add(pair.id, version.image, masks[version.by], draw)
        if len(masks) > 1:
            self._agreement.add(pair.id, masks)
        chosen = [version for version, _ in correction.chosen]
        gaps = [missing_pixels(version.image, pair.size) for version in chosen]
        after = merge_masks([self._mask_of(one, correction, masks) for one in correction.chosen], gaps, self._table)
        before = None if pair.mask is None else read_mask(pair.mask, self._encoding)
        old = np.full_like(after, self._table.ignore_index) if before is None else before
        if pair.marks_no_data:
            after = np.where(read_valid(pair), after, old)
        missing = [gap for gap in gaps if gap is not None]
        if len(missing) == len(gaps):
            after = np.where(np.logical_and.reduce(missing), old, after)
        change = Change(
            pair.id,
            [version.by for version in chosen if version.by],
            [version.image.where for version in chosen],
            target.path.relative_to(self._root),
            count_changes(old, after),
            is_new=before is None,
        )
        if change.changes_mask:
            self._stage_mask(target, before, after, staged)
        if correction.instances is not None and self._stage_instances(correction, correction.instances, after, staged):
            change = replace(change, instances=correction.instances.relative_to(self._root))
        return change

    def _mask_of(self, one: tuple[Version, MaskFrame], correction: Correction, drawn: Mapping[str, Mask]) -> Mask:
        """Returns the mask of one of the chosen annotations, which may be one of those that are drawn."""
        if any(version is one[0] for version, _ in correction.versions):
            return drawn[one[0].by]
        return self._draw_version(*one)

    def _draw_version(self, version: Version, frame: MaskFrame) -> Mask:
        return draw_version(version, frame, self._table, self._options.background)

    def _draw_image(self, version: Version, frame: MaskFrame, image: AnnotatedImage) -> Mask:
        return self._draw_version(version._replace(image=image), frame)

    def _stage_mask(self, target: TargetMask, before: Mask | None, after: Mask, staged: Path) -> None:
        path = staged / target.path.relative_to(self._root)
        with name_in_errors(target.like):
            stored = recode(read_stored(target.like), before, after, self._encoding)
            write_stored(stored, path, target.like, target.pair.image if before is None else None)
        if not reads_as(path, after, self._encoding):
            raise DataError(f"{target.like} cannot be written so that it is read again: convert the masks to gray PNG")
        record.keep(target.path, staged / self._folder, self._root)

    def _stage_instances(self, correction: Correction, path: Path, mask: Mask, staged: Path) -> bool:
        ((version, frame),) = correction.chosen
        numbers = number_version(version, frame, mask)
        if path.exists():
            before = read_instance_map(path, correction.target.pair.size)
            if (missing := missing_pixels(version.image, correction.target.pair.size)) is not None:
                numbers = keep_numbers(numbers, before, missing)
                numbers = join_parts(numbers, mask, next(iter(version.image.tiles)), kept=missing)
            if shows_same_things(before, numbers, mask, self._table):
                return False
        out = staged / path.relative_to(self._root)
        if path.exists():
            write_like(numbers, None, None, out, path)
        else:
            write_gray_png(numbers, out, sync=False)
        record.keep(path, staged / self._folder, self._root)
        return True

    def _write_record(self, changed: Sequence[Change], corrections: Sequence[Correction], staged: Path) -> None:
        folder, options = staged / self._folder, self._options
        write_changes(changed, self._table, folder / record.CHANGES_FILE)
        facts: dict[str, Any] = {"background": options.background}
        if self._agreement.photographs:
            facts["merged_by"] = options.merge or f"preferring {', '.join(options.prefer)}"
            facts["agreement"] = self._agreement.to_dict()
        record.write_record(folder, self._root, self._now, self._sources, changed, self._table, **facts)
        self._draw(changed, {c.target.pair.id: c.target for c in corrections}, staged)

    def _draw(self, changed: Sequence[Change], targets: Mapping[str, TargetMask], staged: Path) -> None:
        """Draws the photographs that changed most; one that cannot be decoded is left out."""
        most = sorted((c for c in changed if c.changed_pixels), key=lambda c: -c.changed_pixels / c.pixels.sum())
        parts = {}
        for change in most[:MOST]:
            pair = targets[change.name].pair
            try:
                image = read_image(pair.image, channels=pair.channels)
            except DataError as error:
                log.warning("not drawn: %s", error)
                continue
            after = read_mask(staged / change.mask, self._encoding)
            ignored = np.full_like(after, self._table.ignore_index)
            before = ignored if pair.mask is None else read_mask(pair.mask, self._encoding)
            parts[change.name] = cut_part(image, {"before": before, "after": after})
        if parts:
            figures.save(changes_sheet(parts, self._table), staged / self._folder / record.PICTURES_FILE)
