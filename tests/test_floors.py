"""Rooms of the package import only from floors below their own.

A room is a module or a package directly below `segdrone`. A room that is planned gets its floor when it exists.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "segdrone"
FLOORS = {
    1: ("errors", "utils"),
    2: (
        "classes",
        "class_files",
        "class_groups",
        "class_mapping",
        "included",
        "windows",
        "spec",
        "reference_statistics",
        "normalize",
    ),
    3: ("raster", "synthetic", "figures"),
    4: ("data", "model", "classic", "runtime"),
    5: ("inference", "annotations", "inspection", "geo"),
    6: ("training", "evaluation", "export", "sweep", "serve", "monitor", "selection", "audit"),
    7: ("cli", "__main__"),
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
SAME_FLOOR = {  # the only imports within a floor
    ("utils", "errors"),
    ("class_files", "classes"),
    ("class_groups", "classes"),
    ("class_mapping", "classes"),
    ("class_mapping", "class_groups"),
    ("spec", "classes"),
    ("spec", "class_groups"),
    ("spec", "windows"),
    ("spec", "reference_statistics"),
    ("runtime", "classic"),  # ClassicBackend runs classical models
    ("runtime", "model"),  # TorchBackend builds networks
    ("geo", "inference"),  # a map is predicted strip by strip
    ("annotations", "inference"),  # masks that go out to labeling tools lose regions as predictions do
    ("annotations", "geo"),  # and are traced and simplified as maps are
    ("training", "evaluation"),  # a run ends with its scores
    ("training", "export"),  # and exports its best checkpoint
    ("export", "evaluation"),  # an exported file is scored beside its checkpoint
    ("monitor", "evaluation"),  # true masks are scored, in the form of its report
    ("audit", "evaluation"),  # photographs are opened as for scores
    ("serve", "monitor"),  # the service shows drift
    ("__main__", "cli"),
}
FORBIDDEN = {  # downward imports that would mix two jobs
    ("data", "figures"),  # data reads, and draws nothing
    ("classic", "figures"),
    ("classic", "raster"),  # a method knows pixels and no files
    ("model", "figures"),
    ("model", "raster"),  # a network knows no files
    ("model", "synthetic"),
}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in a node, at any depth; `ast.walk` takes ten times as long, for all expressions."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            yield child
            yield from statements(child)


def imported_rooms(path: Path, source: Path) -> Iterator[str]:
    """Yield the room of every import of segdrone in a file, in functions and TYPE_CHECKING blocks too."""
    package = ["segdrone", *path.relative_to(source).parts[:-1]]
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
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


@cache
def import_graph(source: Path) -> list[tuple[str, str, str]]:
    """Return file, its room and the other room, for every import between two rooms."""
    graph = []
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).parts
        room = parts[0].removesuffix(".py")
        graph += [("/".join(parts), room, other) for other in imported_rooms(path, source) if other != room]
    return graph


def violations(source: Path) -> list[str]:
    """Return what breaks the plan of floors, one line per import."""
    rooms = {path.stem for path in source.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    found = [f"{room} has no floor" for room in sorted(rooms - FLOOR.keys() - {"__init__"})]
    graph: dict[str, set[str]] = {}
    for file, room, other in import_graph(source):
        line = f"{file} imports {other}"
        if room == "__init__":
            found.append(f"{line}: the package imports nothing")
        elif other not in FLOOR:
            found.append(f"{line}, which has no floor")
        elif room not in FLOOR:
            continue
        elif file.endswith("/__init__.py"):
            found.append(f"{line}: a package exports only its own names")
        else:
            graph.setdefault(room, set()).add(other)
            if (room, other) in FORBIDDEN:
                found.append(f"{line}: forbidden")
            elif FLOOR[other] >= FLOOR[room] and (room, other) not in SAME_FLOOR:
                found.append(f"{line}: floor {FLOOR[room]} to floor {FLOOR[other]}")
    return found + _circle(graph)


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"circle: {' <- '.join(error.args[1])}"]
    return []


def test_every_import_goes_down() -> None:
    assert violations(SOURCE) == []


@pytest.mark.parametrize("room", FLOOR)
def test_every_listed_room_exists(room: str) -> None:
    assert (SOURCE / f"{room}.py").is_file() or (SOURCE / room / "__init__.py").is_file()


def test_every_exception_is_needed() -> None:
    assert {(room, other) for _, room, other in import_graph(SOURCE)} >= SAME_FLOOR


def test_imports_of_the_package_are_found() -> None:
    """A check of the check, on files whose imports are known."""
    found = {file: set(imported_rooms(SOURCE / file, SOURCE)) for file in ("classes.py", "training/run.py")}
    assert found["classes.py"] == {"errors", "utils"}
    assert {"evaluation", "model", "data"} <= found["training/run.py"]


SOUND = {
    **{f"{room}.py": "" for room in FLOOR if room not in ("raster", "synthetic", "data", "model", "training")},
    "__init__.py": "__version__ = '1'",
    "utils.py": "from segdrone.errors import DataError",
    "class_groups.py": "from segdrone.classes import ClassTable",
    "spec.py": "from segdrone.classes import ClassTable\nfrom segdrone.windows import Size",
    "figures.py": "from segdrone.classes import ClassTable",
    "raster/__init__.py": "from segdrone.raster.source import ImageSource",
    "raster/source.py": "from segdrone.windows import Size",
    "synthetic/__init__.py": "from segdrone.synthetic.write import write",
    "synthetic/write.py": "from segdrone.classes import DRONE",
    "data/__init__.py": "from segdrone.data.download import fetch",
    "data/download.py": "import numpy\nfrom segdrone.synthetic import write",
    "model/__init__.py": "",
    "model/module.py": "from segdrone import __version__\nfrom segdrone.classes import ClassTable",
    "runtime.py": "def backend():\n    from segdrone.model import module",
    "inference.py": "from segdrone.runtime import backend",
    "training/__init__.py": "",
    "training/log_predictions.py": "from segdrone import figures\nfrom segdrone.model import module",
    "training/run.py": "from segdrone.evaluation import score\nfrom segdrone.training.log_predictions import x",
    "evaluation.py": "from segdrone.data import fetch",
    "cli.py": "from segdrone.synthetic import write",
    "__main__.py": "from segdrone.cli import app",
}


def house(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a package that keeps the plan, with some of its files replaced."""
    for name, text in {**SOUND, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_sound_package_passes(tmp_path: Path) -> None:
    assert violations(house(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("file", "line", "expected"),
    [
        ("data/download.py", "from segdrone.model import module", "data/download.py imports model: floor 4 to floor 4"),
        ("data/download.py", "import segdrone.model.module as m", "data/download.py imports model: floor 4 to floor 4"),
        ("data/download.py", "from segdrone import runtime", "data/download.py imports runtime: floor 4 to floor 4"),
        ("data/download.py", "from ..model import module", "data/download.py imports model: floor 4 to floor 4"),
        ("data/download.py", "from .. import model", "data/download.py imports model: floor 4 to floor 4"),
        ("data/download.py", "def f():\n    import segdrone.training", "data/download.py imports training: floor 4 to"),
        (
            "data/download.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from segdrone.training.run import x",
            "data/download.py imports training: floor 4 to floor 6",
        ),
        ("data/download.py", "from segdrone import figures", "data/download.py imports figures: forbidden"),
        ("model/module.py", "from segdrone.raster import ImageSource", "model/module.py imports raster: forbidden"),
        ("model/module.py", "from segdrone.runtime import backend", "model/module.py imports runtime: floor 4 to"),
        ("model/module.py", "from segdrone.training import x", "model/module.py imports training: floor 4 to floor 6"),
        (
            "synthetic/write.py",
            "from segdrone.data import fetch",
            "synthetic/write.py imports data: floor 3 to floor 4",
        ),
        ("synthetic/write.py", "from segdrone.figures import x", "synthetic/write.py imports figures: floor 3 to"),
        ("classes.py", "from segdrone.data.read import x", "classes.py imports data: floor 2 to floor 4"),
        ("windows.py", "from segdrone.classes import x", "windows.py imports classes: floor 2 to floor 2"),
        ("inference.py", "from segdrone.annotations import x", "inference.py imports annotations: floor 5 to floor 5"),
        ("inference.py", "from segdrone.training import x", "inference.py imports training: floor 5 to floor 6"),
        ("evaluation.py", "from segdrone.training import x", "evaluation.py imports training: floor 6 to floor 6"),
        ("evaluation.py", "from segdrone.cli import app", "evaluation.py imports cli: floor 6 to floor 7"),
        ("training/run.py", "from segdrone.cli import app", "training/run.py imports cli: floor 6 to floor 7"),
        ("training/run.py", "from segdrone.sweep import x", "training/run.py imports sweep: floor 6 to floor 6"),
        ("data/__init__.py", "from segdrone.synthetic import x", "imports synthetic: a package exports only its own"),
        ("__init__.py", "from segdrone.data import x", "__init__.py imports data: the package imports nothing"),
        ("attic.py", "", "attic has no floor"),
        ("cli.py", "from segdrone.attic import x", "cli.py imports attic, which has no floor"),
        ("errors.py", "from segdrone.utils import x", "circle: "),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, line: str, expected: str) -> None:
    found = violations(house(tmp_path, {file: line}))
    assert [text for text in found if expected in text], found
