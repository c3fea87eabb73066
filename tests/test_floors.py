from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "segdrone"
FLOORS = {
    1: ("classes", "groups", "windows", "errors", "files", "memory", "quiet", "settings", "rank", "processes"),
    2: ("data", "scenes", "model", "figures"),
    3: ("training", "inference", "deploy", "annotations", "survey"),
    4: ("evaluation", "sweep"),
    5: ("cli", "cli_data", "cli_predict", "cli_compare", "door", "__main__"),
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
LEVEL = {("data", "scenes")}  # the only arrow on one floor above the ground floor
WIRING = ("run.py", "cli.py", "__main__.py")  # files that wire rooms, whatever their floor


def rooms_imported(path: Path, source: Path) -> Iterator[str]:
    """The rooms that a file names anywhere in an import, at the top or in a function."""
    package = ["segdrone", *path.relative_to(source).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            targets = [f"{module}.{alias.name}" for alias in node.names]
        for target in targets:
            root, *rest = target.split(".")
            if root == "segdrone" and rest and not rest[0].startswith("__version"):
                yield rest[0]


def violations(source: Path) -> list[str]:
    """What breaks the plan of floors, one line each; empty where nothing does."""
    found: list[str] = []
    arrows: dict[str, set[str]] = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).parts
        room = parts[0].removesuffix(".py")
        if parts == ("__init__.py",):
            found += [f"{room} imports {other}: the package imports nothing" for other in rooms_imported(path, source)]
            continue
        if room not in FLOOR:
            found.append(f"{room} has no floor")
            continue
        for other in rooms_imported(path, source):
            where = f"{'/'.join(parts)} imports {other}"
            if other == room:
                continue
            if other not in FLOOR:
                found.append(f"{where}: it has no floor")
            elif path.name == "__init__.py":
                found.append(f"{where}: a package gives only what is its own")
            elif path.name not in WIRING:
                arrows.setdefault(room, set()).add(other)
                if not _allowed(room, other):
                    found.append(f"{where}: floor {FLOOR[room]} to floor {FLOOR[other]}")
            elif FLOOR[other] == max(FLOORS) and FLOOR[room] < FLOOR[other]:
                found.append(f"{where}: floor {FLOOR[room]} to floor {FLOOR[other]}")
    return found + _circle(arrows)


def _allowed(room: str, other: str) -> bool:
    ground = FLOOR[room] == FLOOR[other] == 1
    return FLOOR[other] < FLOOR[room] or ground or (room, other) in LEVEL


def _circle(arrows: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return [f"circle: {' <- '.join(error.args[1])}"]
    return []


def test_every_import_goes_down() -> None:
    assert violations(SOURCE) == []


def test_the_rooms_of_the_plan_are_looked_at() -> None:
    imported = {
        path.relative_to(SOURCE).parts[0].removesuffix(".py"): set(rooms_imported(path, SOURCE))
        for path in (SOURCE / "classes.py", SOURCE / "data" / "source.py", SOURCE / "training" / "run.py")
    }
    assert imported["classes"] == {"errors"}
    assert imported["data"] == {"data", "errors", "files", "scenes"}
    assert {"evaluation", "model", "data"} <= imported["training"]


SOUND = {
    "__init__.py": "__version__ = '1'",
    "errors.py": "",
    "classes.py": "from segdrone.errors import DataError",
    "figures.py": "from segdrone.classes import ClassTable",
    "scenes/__init__.py": "from segdrone.scenes.write import write",
    "scenes/write.py": "from segdrone.classes import DRONE",
    "data/__init__.py": "from segdrone.data.source import bring",
    "data/source.py": "import numpy\nfrom segdrone.scenes import write",
    "model/__init__.py": "",
    "model/module.py": "from segdrone import __version__\nfrom segdrone.classes import ClassTable",
    "training/pictures.py": "from segdrone import figures\nfrom segdrone.model import module",
    "training/run.py": "from segdrone.evaluation import score\nfrom segdrone.training.pictures import x",
    "evaluation/evaluate.py": "from segdrone.data import bring",
    "cli.py": "from segdrone.scenes import write\nfrom segdrone.door import door",
    "door.py": "from segdrone.errors import user_text",
}


def house(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in {**SOUND, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_sound_house_passes(tmp_path: Path) -> None:
    assert violations(house(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("data/source.py", "from segdrone.model import module", "data/source.py imports model: floor 2 to floor 2"),
        ("data/source.py", "import segdrone.model.module as m", "data/source.py imports model: floor 2 to floor 2"),
        ("data/source.py", "from segdrone import figures", "data/source.py imports figures: floor 2 to floor 2"),
        ("data/source.py", "from ..model import module", "data/source.py imports model: floor 2 to floor 2"),
        ("data/source.py", "from .. import model", "data/source.py imports model: floor 2 to floor 2"),
        ("data/source.py", "def f():\n    import segdrone.training", "data/source.py imports training: floor 2"),
        ("scenes/write.py", "from segdrone.data import bring", "scenes/write.py imports data: floor 2 to floor 2"),
        ("classes.py", "from segdrone.data.read import x", "classes.py imports data: floor 1 to floor 2"),
        ("model/module.py", "from segdrone.training import x", "model/module.py imports training: floor 2 to"),
        ("training/pictures.py", "from segdrone.evaluation import x", "training/pictures.py imports evaluation: "),
        ("training/pictures.py", "from segdrone.inference import x", "training/pictures.py imports inference: "),
        ("evaluation/evaluate.py", "from segdrone.cli import app", "evaluation/evaluate.py imports cli: floor 4"),
        ("training/run.py", "from segdrone.cli import app", "training/run.py imports cli: floor 3 to floor 5"),
        ("data/__init__.py", "from segdrone.scenes import x", "data/__init__.py imports scenes: a package gives"),
        ("__init__.py", "from segdrone.data import x", "the package imports nothing"),
        ("attic.py", "", "attic has no floor"),
        ("cli.py", "from segdrone.attic import x", "cli.py imports attic: it has no floor"),
        ("errors.py", "from segdrone.classes import ClassTable", "circle: "),
    ],
)
def test_a_forbidden_import_is_told(tmp_path: Path, file: str, line: str, told: str) -> None:
    found = violations(house(tmp_path, {file: line}))
    assert [text for text in found if told in text], found
