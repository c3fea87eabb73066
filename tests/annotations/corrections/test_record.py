from __future__ import annotations

import shlex
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np

from segdrone.annotations.corrections.changes import Change
from segdrone.annotations.corrections.record import changed_files, keep, new_folder, undo

NOW = datetime(2026, 11, 29, 14, 2, 11)
NOTHING = np.zeros((256, 256), np.int64)


def test_two_runs_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    first = new_folder(tmp_path, NOW)
    assert first == Path("corrections/2026-11-29_14-02-11")
    (tmp_path / first).mkdir(parents=True)
    assert new_folder(tmp_path, NOW) == Path("corrections/2026-11-29_14-02-11_2")


def test_the_printed_command_undoes_corrections(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    (root / "masks").mkdir(parents=True)
    (root / "masks" / "a.png").write_text("earlier")
    folder = new_folder(root, NOW)
    changes = [
        Change("a", [], [], Path("masks/a.png"), NOTHING + 1),
        Change("b", [], [], Path("masks/b.png"), NOTHING, is_new=True, instances=Path("instances/b.png")),
    ]
    assert changed_files(changes) == [Path("masks/a.png"), Path("masks/b.png"), Path("instances/b.png")]
    (root / "instances").mkdir()
    for path in changed_files(changes):
        keep(root / path, root / folder, root)
        (root / path).write_text("corrected")
    subprocess.run(["sh", "-c", undo(root, folder, changes)], check=True)
    assert (root / "masks" / "a.png").read_text() == "earlier"
    assert sorted(path.name for path in root.rglob("b.png")) == []
    assert undo(root, folder, changes[1:]) == f"rm {shlex.quote(str(root / 'masks/b.png'))} " + shlex.quote(
        str(root / "instances/b.png")
    )
