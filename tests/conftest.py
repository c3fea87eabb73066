from __future__ import annotations

import functools
import gc
import io
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from PIL import Image

from segdrone.synthetic import write_scenes
from tests.helpers.commands import Command, leave_files_in_memory, run_command
from tests.helpers.shared import make_once
from tests.helpers.small_run import Compose, compose_config, drawn, small

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # no test may ask the network
os.environ["HF_HUB_OFFLINE"] = "1"
# Without bytecode, each command that a test starts would compile segdrone anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
CACHE = tempfile.TemporaryDirectory(prefix="segdrone-cache-")  # removed at exit
os.environ["SEGDRONE_CACHE"] = CACHE.name
os.environ["OMP_NUM_THREADS"] = "1"  # images this small gain nothing from more

leave_files_in_memory()

# A shell that starts the tests in the background has them, and what they start, ignore Ctrl+C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from the million objects that stay from imports: it takes a second for each look."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.enable()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest tests, so that no worker is alone with one at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/end_to_end/"))


@pytest.fixture(scope="session")
def all_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 rendered scenes of 64 x 96 pixels, which no test changes."""

    def render(root: Path) -> None:
        write_scenes(root, count=20, height=64, width=96, seed=0, progress=False)

    return make_once(tmp_path_factory, "scenes", render)


@pytest.fixture
def scenes(all_scenes: Path, tmp_path: Path) -> Path:
    """A copy of the scenes, for a test to change."""
    return Path(shutil.copytree(all_scenes, tmp_path / "scenes"))


@pytest.fixture(scope="session")
def trained_run(all_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run of one step on the scenes, which no test changes."""

    def train_once(run: Path) -> None:
        from segdrone.training import train

        train(compose_config("train", *small(all_scenes, run), "trainer.limit_train_batches=1"))

    return make_once(tmp_path_factory, "trained", train_once)


@pytest.fixture
def small_config(all_scenes: Path, tmp_path: Path) -> Compose:
    """Composes conf/train.yaml for a small run that draws little, in tmp_path/run."""
    return functools.partial(compose_config, "train", *small(all_scenes, tmp_path / "run"))


@pytest.fixture
def drawn_config(all_scenes: Path, tmp_path: Path) -> Compose:
    """Composes conf/train.yaml for a small run that draws everything, in tmp_path/run."""
    return functools.partial(compose_config, "train", *drawn(all_scenes, tmp_path / "run"))


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs a command in tmp_path: see `run_command`."""
    return functools.partial(run_command, tmp_path)


@pytest.fixture
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes figures without drawing them, which takes tenths of a second each, except in tests marked `drawn`."""

    def savefig(figure: object, file: Path | io.StringIO, **options: object) -> None:
        if isinstance(file, io.StringIO):
            file.write("<svg></svg>")
        else:
            Image.new("RGB", (1, 1)).save(file, format="png")

    if request.node.get_closest_marker("drawn") is None:
        monkeypatch.setattr("matplotlib.figure.Figure.savefig", savefig)
