"""Keep what corrections replaced: the earlier files, and when, by whom and from what they were corrected."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from segdrone import __version__
from segdrone.annotations.corrections.changes import Change
from segdrone.annotations.corrections.versions import NamedSource, annotation_files
from segdrone.classes import ClassTable
from segdrone.data.discovery.file_tree import CORRECTIONS, CORRECTIONS_RECORD
from segdrone.utils.atomic import write_json
from segdrone.utils.digest import file_digest

BEFORE = "before"
CHANGES_FILE, PICTURES_FILE = "changes.csv", "changes.png"


def new_folder(root: Path, now: datetime) -> Path:
    """Returns a folder that does not exist, relative to the dataset, named after the time."""
    name = f"{now:%Y-%m-%d_%H-%M-%S}"
    names = (name if i == 1 else f"{name}_{i}" for i in count(1))
    return next(Path(CORRECTIONS, name) for name in names if not (root / CORRECTIONS / name).exists())


def keep(file: Path, folder: Path, root: Path) -> None:
    """Copies a file of a dataset that will be replaced, if it exists, to `before/` in a folder of corrections.

    Raises:
        OSError: It cannot be copied.
    """
    if file.exists():
        copy = folder / BEFORE / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def write_record(
    folder: Path,
    root: Path,
    now: datetime,
    sources: Sequence[NamedSource],
    changes: Sequence[Change],
    table: ClassTable,
    **facts: Any,
) -> None:
    """Writes `corrections.json`, after the earlier files were kept and before the new ones replace them.

    Args:
        folder: The folder of corrections.
        root: The dataset.
        now: When they were made.
        sources: What was imported.
        changes: The photographs whose files change.
        table: The classes.
        **facts: Anything else to keep, as plain containers.
    """
    write_json(
        {
            "version": 1,
            "segdrone": __version__,
            "when": now.astimezone().isoformat(timespec="seconds"),
            "sources": [
                {"path": str(source.path), "format": source.format, **({"by": by} if by else {})}
                for by, source in sources
            ],
            "files": {str(path): file_digest(path) for path in annotation_files(sources)},
            "classes": list(table.names),
            **facts,
            "photographs": {change.name: _describe(change, folder, root) for change in changes},
        },
        folder / CORRECTIONS_RECORD,
    )


def _describe(change: Change, folder: Path, root: Path) -> dict[str, Any]:
    described: dict[str, Any] = {"by": [*change.by], "annotations": [*change.where]}
    if change.changes_mask:
        described |= {"mask": change.mask.as_posix(), "changed_pixels": change.changed_pixels}
        described["mask_before"] = None if change.is_new else file_digest(folder / BEFORE / change.mask)
        if (root / change.mask).is_symlink():
            described["was_link_to"] = str((root / change.mask).readlink())
    if change.instances is not None:
        described["instances"] = change.instances.as_posix()
    return described


def undo(root: Path, folder: Path, changes: Sequence[Change]) -> str:
    """Returns the commands that restore the earlier files."""
    files = changed_files(changes)
    new = [root / path for path in files if not (root / folder / BEFORE / path).exists()]
    commands = []
    if len(new) < len(files):
        commands.append(f"cp -R {shlex.quote(str(root / folder / BEFORE))}/. {shlex.quote(str(root))}")
    if new:
        names = " ".join(shlex.quote(str(path)) for path in new[:20])
        more = f" (and {len(new) - 20} more new files, see {CORRECTIONS_RECORD})" if len(new) > 20 else ""
        commands.append(f"rm {names}{more}")
    return " && ".join(commands)


def changed_files(changes: Sequence[Change]) -> list[Path]:
    """Returns the files that change, relative to the dataset."""
    masks = [change.mask for change in changes if change.changes_mask]
    return [*masks, *(change.instances for change in changes if change.instances is not None)]
