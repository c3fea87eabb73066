"""Match annotations with the files of their photographs, and name and split them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from segdrone.annotations.embedded import EmbeddedImage
from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.image_folder import ImageFolder
from segdrone.annotations.names import unique_names
from segdrone.annotations.photograph_paths import split_name, split_of_path
from segdrone.annotations.shapes import AnnotatedImage, Shape
from segdrone.annotations.sources import Source
from segdrone.annotations.tiles import join_tiles
from segdrone.data.splits.split import SPLITS
from segdrone.errors import DataError
from segdrone.utils.digest import file_digest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Annotated:
    """A photograph with its annotation.

    Attributes:
        photograph: Its file, or what the annotation file contains of it.
        annotated: The annotation.
        name: Its name in the dataset, without suffix.
        split: `train`, `val` or `test`, as the export says; None if it does not.
    """

    photograph: Path | EmbeddedImage
    annotated: AnnotatedImage
    name: str
    split: str | None = None

    @property
    def shapes(self) -> Sequence[Shape]:
        """Shapes drawn on it."""
        return self.annotated.shapes

    @property
    def file_name(self) -> str:
        """File name of the photograph in the dataset."""
        return self.name + self.photograph.suffix

    @property
    def is_renamed(self) -> bool:
        """Whether the name is not that of the file."""
        return isinstance(self.photograph, Path) and self.name != self.photograph.stem


def find_photographs(sources: Sequence[Source], images: Path | None, out: Path) -> tuple[list[Annotated], int]:
    """Finds the photograph of every annotation.

    Args:
        sources: What was read.
        images: Folder of the photographs; None looks beside the annotations.
        out: Folder to write to, in which no photograph is looked for.

    Returns:
        The photographs sorted by name, and the number of those in the folders that no annotation names. Missing ones
        without shapes are left out.

    Raises:
        DataError: Photographs are missing, have ambiguous names or are annotated twice.
    """
    folders: dict[Path, ImageFolder] = {}
    found: dict[Path, Annotated] = {}
    missing: dict[tuple[str, ImageFolder], None] = {}
    changed: list[Path] = []
    for source in sources:
        root = (images or source.images).resolve()
        folder = folders[root] = folders.get(root) or ImageFolder(images or source.images, exclude=out)
        for image in source.annotations.images:
            split = annotated_split(image, source)
            path = _find(image, folder, split)
            if path is None and image.embedded is None:
                if image.shapes:
                    missing[image.names[0], folder] = None
                continue
            if path is not None:
                check_digest(image, path)
            if path is not None and is_changed(image, path):
                changed.append(path)
            key = path or image.path
            one = Annotated(path or _embedded(image), image, key.stem, split or _photograph_split(path, folder))
            found[key] = _merge(found[key], one) if key in found else one
    if missing:
        raise _missing([*missing], sources)
    warn_of_changed(changed)
    warn_of_doubtful([doubt for folder in folders.values() for doubt in folder.doubtful])
    names = unique_names(found)
    annotated = sorted((replace(one, name=names[key]) for key, one in found.items()), key=lambda one: one.name)
    files = sum(isinstance(one.photograph, Path) for one in annotated)
    return annotated, sum(map(len, folders.values())) - files


def check_digest(image: AnnotatedImage, path: Path) -> None:
    """Checks that a file is the photograph that was annotated, if the annotation knows its digest.

    Raises:
        DataError: It is another one.
    """
    if image.digest and file_digest(path) != image.digest:
        raise DataError(
            f"{image.where} annotates another photograph than {path}, which has its name: give the folder of those "
            "that were annotated with --images"
        )


def _find(image: AnnotatedImage, folder: ImageFolder, split: str | None) -> Path | None:
    """Returns the file of a photograph, or None; a doubtful file is not needed if the annotation contains it."""
    try:
        return folder.find(image.names, image.where, annotation=image.path, split=split)
    except DataError:
        if image.embedded is None:
            raise
        return None


def splits_of(annotated: Sequence[Annotated]) -> dict[str, list[str]]:
    """Returns the file names of each split if the export has one: at least two of them, and every photograph in one."""
    splits = {one.split for one in annotated}
    if None in splits and len(splits) > 1:
        outside = [one.name for one in annotated if one.split is None]
        log.warning(
            "no split is written, since %d of %d photographs are in none, %s first: give data.split_dir in training",
            len(outside), len(annotated), outside[0],
        )  # fmt: skip
    if None in splits or len(splits) < 2 or "train" not in splits:
        return {}
    return {split: [one.file_name for one in annotated if one.split == split] for split in SPLITS}


def annotated_split(image: AnnotatedImage, source: Source) -> str | None:
    """Returns the split that an annotation, or the folder or name of its file, says; None if nothing does."""
    if image.subset is not None:
        return split_name(image.subset)
    in_name = not ANNOTATION_FORMATS[source.format].per_photograph
    return split_of_path(_relative(image.path, source.path), in_name=in_name)


def _photograph_split(path: Path | None, folder: ImageFolder) -> str | None:
    return None if path is None else split_of_path(_relative(path, folder.root), in_name=False)


def _relative(path: Path, root: Path) -> PurePosixPath:
    """Returns a path from `root` on, with the name of `root`, which may itself be the split."""
    root, path = root.resolve(), path.parent.resolve() / path.name
    return PurePosixPath(path.relative_to(root.parent).as_posix())


def _embedded(image: AnnotatedImage) -> EmbeddedImage:
    assert image.embedded is not None
    return image.embedded


def _merge(one: Annotated, other: Annotated) -> Annotated:
    """Joins two annotations of a photograph if one of them has no shapes, as parts of a project list all photographs.

    Raises:
        DataError: Both have shapes, and are not tiles of the photograph in one split.
    """
    if one.annotated.tiles and other.annotated.tiles:
        if one.split != other.split:
            raise DataError(
                f"{one.annotated.where} and {other.annotated.where} put tiles of {one.photograph} into two splits "
                f"({one.split or 'none'} and {other.split or 'none'}): put all tiles of a photograph into one"
            )
        return replace(one, annotated=join_tiles(one.annotated, other.annotated))
    if one.shapes and other.shapes:
        raise DataError(
            f"{one.annotated.where} and {other.annotated.where} both annotate {one.photograph}: give the annotation "
            f"files to use, such as {other.annotated.path}, instead of their folder"
        )
    return other if other.shapes else one


def _missing(missing: Sequence[tuple[str, ImageFolder]], sources: Sequence[Source]) -> DataError:
    names = ", ".join(ascii(name) for name, _ in missing[:5]) + (" and more" if len(missing) > 5 else "")
    text = (
        f"{len(missing)} annotated photographs are not in {missing[0][1].root} (JPEG, PNG, TIFF or WebP): "
        f"{names}; give their folder with --images"
    )
    if sources[0].format == "cvat-video":
        text += ", or extract the frames of the video under these names"
    return DataError(text)


def is_changed(image: AnnotatedImage, path: Path) -> bool:
    """Whether a file has another number of bytes than the tool wrote down."""
    return image.file_bytes not in (None, path.stat().st_size)


def warn_of_changed(changed: Sequence[Path]) -> None:
    """Warns of photographs that may be others than those that were annotated, as `is_changed` says."""
    if changed:
        log.warning(
            "%d photographs have another number of bytes than when they were annotated, %s first: if they are others "
            "of the same name, give the folder of those that were annotated with --images",
            len(changed), changed[0],
        )  # fmt: skip


def warn_of_doubtful(doubtful: Sequence[tuple[str, Path]]) -> None:
    """Warns of photographs that were found by their names alone: pairs of the written path and the file."""
    if doubtful:
        written, path = doubtful[0]
        log.warning(
            "%d photographs are in folders of another name than in the annotations and were found by their file names "
            "alone, %s as %s first: give the folder of those that were annotated with --images",
            len(doubtful), written, path,
        )  # fmt: skip
