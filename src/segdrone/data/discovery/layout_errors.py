"""Say why no dataset is found in a folder, or several, and what to do."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from segdrone.data.discovery.dataset_files import DatasetFiles, common_folder
from segdrone.data.discovery.file_kinds import say_unreadable
from segdrone.data.discovery.file_tree import by_folder, image_files
from segdrone.data.discovery.layout import LAYOUTS, Spots, find_spot

_LABEL_STUDIO = re.compile(r"task-\d+-annotation-\d+-")


def why_none(root: Path, layout: str | None) -> str:
    """Returns why no layout fits, or why the one of this name does not."""
    files = image_files(root)
    if not files:
        empty = f"{say_unreadable(root)}, as data.root=FOLDER, or data.images=FOLDER data.masks=FOLDER"
        return next(_unreadable_folders(root), empty)
    folders = by_folder(files)
    if any(_LABEL_STUDIO.match(file.name) for file in files):
        return (
            f"{root} holds Label Studio's PNG export, which names masks by task, not by photograph: export JSON from "
            "Label Studio and convert it with segdrone data import"
        )
    for key in [layout] if layout else LAYOUTS:
        if not LAYOUTS[key].is_named:
            continue
        photographs, masks = LAYOUTS[key].spots(folders)
        if {here.spot.place for here in photographs.values()} & {here.spot.place for here in masks.values()}:
            return why_no_pairs(*(_above(root, found) for found in (photographs, masks)))
    if (unreadable := next(_unreadable_folders(root), None)) is not None:
        return unreadable
    for key in [layout] if layout else LAYOUTS:
        photographs, masks = LAYOUTS[key].spots(folders)
        is_told = LAYOUTS[key].is_named or len(folders) == 1
        if is_told and photographs and sum(len(here.files) for here in photographs.values()) == len(files):
            return (
                f"{_above(root, photographs)} holds photographs, and nothing there holds masks: make masks of the "
                "annotations of a labeling tool with segdrone data import, or name their folder with "
                "data.images=FOLDER data.masks=FOLDER"
            )
        if is_told and masks and not photographs:
            where = _above(root, masks)
            return (
                f"{where} holds masks, and there is no folder {LAYOUTS[key].images.split('|')[0]} of their photographs "
                f"beside it: add it, or name it with data.images=FOLDER data.masks={where}"
            )
    counts = Counter(str(file.parent) for file in files)
    listed = ", ".join(f"{folder} ({count})" for folder, count in counts.most_common(6))
    known = f"not the layout {layout}" if layout else f"none of the known layouts ({', '.join(LAYOUTS)})"
    return (
        f"data.root={root} has {known}; folders with images: {listed}: name those of photographs and masks with "
        "data.images=FOLDER data.masks=FOLDER, or patterns such as 'data.masks=\"labels/{id}_gt.png\"'"
    )


def _above(root: Path, spots: Spots) -> Path:
    return common_folder(root / file for here in spots.values() for file in here.files)


def _unreadable_folders(root: Path) -> Iterator[str]:
    """Yields what is wrong with folders that have the name of one of photographs or masks, and hold no images."""
    for parent, folders, _ in os.walk(root):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        path = PurePosixPath(os.path.relpath(parent, root))
        for names in (names for layout in LAYOUTS.values() for names in (layout.images, layout.masks)):
            spot = find_spot(path, names) if names not in ("", ".") and "{split}" not in names else None
            if spot and spot.place == path.parts[: spot.depth] and not image_files(Path(parent)):
                yield say_unreadable(Path(parent))
                break


def why_several(root: Path, fits: Sequence[DatasetFiles]) -> str:
    """Returns that several layouts or folders fit, with an example of each."""
    examples = ", ".join(f"{fit.layout} ({os.path.relpath(fit.pairs[0].mask, root)})" for fit in fits)
    if len({fit.layout for fit in fits}) == len(fits):
        return f"data.root={root} has masks in several layouts: choose one with data.layout=NAME of {examples}"
    return (
        f"data.root={root} has several folders of photographs or masks, {examples}: name the ones to use with "
        "data.images=FOLDER data.masks=FOLDER"
    )


def why_no_pairs(images: Path, masks: Path) -> str:
    """Returns that no name of a photograph agrees with one of a mask."""
    names = [next((f.name for f in image_files(folder)), "nothing") for folder in (images, masks)]
    where = f"photographs in {images} and masks in {masks}" if images != masks else f"files in {images}"
    example = f"{names[0]} and {names[1]}" if images != masks else names[0]
    return (
        f"the names of {where} do not pair ({example}): give each mask the name of its photograph, or say where the "
        f"names agree, such as 'data.images=\"{images}/{{id}}.jpg\"' 'data.masks=\"{masks}/{{id}}_mask.png\"'"
    )
