"""Compare the annotations of several people: figures, a table, and pictures of where they differ."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from segdrone import figures
from segdrone.annotations.class_table import build_class_table
from segdrone.annotations.corrections.agreement import COLUMNS, Agreement
from segdrone.annotations.corrections.drawing import Mask, draw_version, frame_of
from segdrone.annotations.corrections.options import CorrectionOptions
from segdrone.annotations.corrections.pictures import MOST, Part, cut_part, differences_sheet
from segdrone.annotations.corrections.versions import (
    Collected,
    NamedSource,
    Version,
    collect_versions,
    count_unread,
    read_sources,
)
from segdrone.annotations.empty_shapes import EmptyShapes
from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.image_folder import ImageFolder
from segdrone.annotations.importer import check_shapes
from segdrone.annotations.orientation import warn_of_turned
from segdrone.annotations.photographs import (
    Annotated,
    annotated_split,
    check_digest,
    is_changed,
    warn_of_changed,
    warn_of_doubtful,
)
from segdrone.annotations.shapes import AnnotatedImage
from segdrone.annotations.sources import Source
from segdrone.annotations.tiles import check_all_tiles
from segdrone.annotations.unordered import UnorderedShapes
from segdrone.classes import ClassTable
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.errors import DataError
from segdrone.raster.decode import read_image
from segdrone.raster.header import read_size, without_training_options
from segdrone.utils.atomic import atomic_write, write_json
from segdrone.utils.output_dir import exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

JSON_FILE, CSV_FILE, PICTURES_FILE = "agreement.json", "agreement.csv", "differences.png"
_MOST_PEOPLE = 4  # on a sheet


@dataclass(frozen=True)
class AgreementSummary:
    """How far people agree.

    Attributes:
        agreement: The figures.
        out: Folder of the results.
        by_one: Number of photographs that one person alone annotated.
        pictured: Whether there are pictures: people differ somewhere.
    """

    agreement: Agreement
    out: Path
    by_one: int
    pictured: bool


def compare_annotators(
    paths: Sequence[Path], out: Path, options: CorrectionOptions, *, classes: str | None = None, progress: bool = True
) -> AgreementSummary:
    """Compares what several people drew on the same photographs.

    Writes `agreement.json` (pixel agreement, Cohen's kappa and IoU of each class, for each two people),
    `agreement.csv` (a row for each photograph, two people and a class) and `differences.png` (the photographs that they
    agree least on). Pixels that only one of two people labeled are counted apart.

    Args:
        paths: Annotation files or folders, each of which may be given as `NAME=PATH`. A file with several annotations
            of a photograph, as Label Studio writes it, is enough.
        out: Folder to write to; created if necessary.
        options: How they are read; the photographs are in `options.images`, or beside the annotations.
        classes: `drone` or the path of a class table; None builds one of all labels.
        progress: Whether to show a progress bar.

    Raises:
        DataError: The annotations or photographs cannot be read or do not fit, or no photograph has several
            annotations; or `out` cannot be written to.
    """
    sources = read_sources(paths, options.annotation_format)
    folder = _common_folder(sources, options.images, out)
    collected = _collect(sources, folder, options)
    shapes = [shape for versions in collected.versions.values() for one in versions for shape in one.image.shapes]
    check_shapes([source for _, source in sources], shapes, count_unread(sources), options.background)
    table = build_class_table(
        shapes,
        [label for _, source in sources for label in source.annotations.labels],
        {label: color for _, source in sources for label, color in source.annotations.colors.items()},
        classes,
        options.background,
    )
    several = {path: versions for path, versions in collected.versions.items() if len(versions) > 1}
    if not several:
        raise DataError(
            f"no photograph has annotations of two people in {', '.join(map(str, paths))}: give those of each, such as "
            "anna=anna.xml ben=ben.xml"
        )
    names: dict[str, Path] = {}
    for path in several:
        place = path.relative_to(folder.root)
        name = place.with_suffix("").as_posix()
        names[place.as_posix() if name in names else name] = path
    pairs = [ImageMaskPair(name, path, None, read_size(path)) for name, path in sorted(names.items())]
    compared = {pair.id: _Compared(pair, several[pair.image], table, options) for pair in pairs}
    files = [(version.image, names[name]) for name, one in compared.items() for version in one.versions]
    check_all_tiles(files, allow_missing=True)
    doubtful = [found for one in compared.values() if (found := one.doubtful()) is not None]
    warn_of_turned(doubtful, options.orientation)
    agreement, empty, unordered = Agreement(table), EmptyShapes(), UnorderedShapes()
    keeps_order = all(ANNOTATION_FORMATS[source.format].keeps_order for _, source in sources)
    with exclusive_dir(out), staged_results(out, [JSON_FILE, CSV_FILE, PICTURES_FILE]) as results:
        for name, one in progress_bar(compared.items(), desc="photographs", disable=not progress):
            agreement.add(name, masks := one.draw())
            for version in one.versions:
                empty.add(version.image, frame_of(version, one.pair, options.orientation).size)
            for version in () if keeps_order else one.versions:
                unordered.add(name, version.image, masks[version.by], partial(one.draw_image, version))
        parts = {}
        for name in agreement.least_agreed()[:MOST]:
            try:
                parts[name] = compared[name].part(agreement.people(name))
            except DataError as error:
                log.warning("not drawn: %s", without_training_options(str(error)))
        try:
            _write(agreement, parts, results.path)
            results.commit()
        except OSError as error:
            raise DataError(
                f"{out} cannot be written to ({error.strerror or error}): free some disk space, or give another --out"
            ) from None
    empty.warn()
    unordered.warn()
    return AgreementSummary(agreement, out, len(collected.versions) - len(several), bool(parts))


@dataclass(frozen=True)
class _Compared:
    """A photograph with the annotations of several people."""

    pair: ImageMaskPair
    versions: Sequence[Version]
    table: ClassTable
    options: CorrectionOptions

    def draw(self) -> dict[str, Mask]:
        """Returns the mask of each person, uint8 `[H, W]`."""
        return {version.by: self.draw_image(version, version.image) for version in self.versions}

    def draw_image(self, version: Version, image: AnnotatedImage) -> Mask:
        """Returns the mask of an annotation that is drawn in the frame of a version, uint8 `[H, W]`."""
        frame = frame_of(version, self.pair, self.options.orientation)
        return draw_version(version._replace(image=image), frame, self.table, self.options.background)

    def doubtful(self) -> Annotated | None:
        """Returns an annotation that may have been drawn in another orientation; None if there is none."""
        frames = ((version, frame_of(version, self.pair, self.options.orientation)) for version in self.versions)
        found = (
            Annotated(self.pair.image, version.image, self.pair.id) for version, frame in frames if frame.is_doubtful
        )
        return next(found, None)

    def part(self, people: Sequence[str]) -> Part:
        """Returns the part in which they differ, with the masks of the first few of `people`."""
        masks = self.draw()
        return cut_part(read_image(self.pair.image), {name: masks[name] for name in sorted(people[:_MOST_PEOPLE])})


def _common_folder(sources: Sequence[NamedSource], images: Path | None, out: Path) -> ImageFolder:
    """Returns the photographs that all sources annotate.

    Raises:
        DataError: They are in several folders.
    """
    roots = {(images or source.images).resolve() for _, source in sources}
    if len(roots) > 1:
        listed = " and ".join(map(str, sorted(roots)[:2]))
        raise DataError(
            f"the annotations are in several folders ({listed}): give that of the photographs with --images"
        )
    return ImageFolder(images or sources[0].source.images, exclude=out)


def _collect(sources: Sequence[NamedSource], folder: ImageFolder, options: CorrectionOptions) -> Collected:
    """Returns the annotations by their photographs.

    Raises:
        DataError: A photograph is missing.
    """
    changed: dict[Path, None] = {}

    def find(image: AnnotatedImage, source: Source) -> Path | None:
        found = folder.find(image.names, image.where, annotation=image.path, split=annotated_split(image, source))
        if found is not None:
            check_digest(image, found)
            if is_changed(image, found):
                changed[found] = None
        return found

    collected = collect_versions(sources, find, background=options.background is not None)
    if missing := collected.missing:
        names = ", ".join(ascii(image.names[0]) for image in missing[:5]) + (" and more" if len(missing) > 5 else "")
        raise DataError(
            f"{len(missing)} annotated photographs are not in {folder.root}: {names}; give their folder with --images"
        )
    warn_of_doubtful(folder.doubtful)
    warn_of_changed([*changed])
    return collected


def _write(agreement: Agreement, parts: dict[str, Part], folder: Path) -> None:
    photographs = {
        name: [{"people": [*people], **counts.to_dict()} for people, counts in pairs.items()]
        for name, pairs in sorted(agreement.photographs.items())
    }
    write_json({"version": 1, **agreement.to_dict(), "photographs": photographs}, folder / JSON_FILE)
    rows = [*agreement.rows()]
    with (
        atomic_write(folder / CSV_FILE) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if parts:
        figures.save(differences_sheet(parts, agreement.table), folder / PICTURES_FILE)
