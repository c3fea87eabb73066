import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from segdrone.synthetic import write_scenes

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # no test may ask the network
os.environ["HF_HUB_OFFLINE"] = "1"
CACHE = tempfile.TemporaryDirectory(prefix="segdrone-cache-")  # gone at exit
os.environ["SEGDRONE_CACHE"] = CACHE.name
os.environ["OMP_NUM_THREADS"] = "1"  # pictures this small gain nothing from more

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPO = Path(__file__).parents[1]

Compose = Callable[..., DictConfig]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def all_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered scenes that no test changes: 20 of 64 x 96 pixels."""
    root = tmp_path_factory.mktemp("scenes") / "root"
    write_scenes(root, count=20, height=64, width=96, seed=0, progress=False)
    return root


@pytest.fixture
def scenes(all_scenes: Path, tmp_path: Path) -> Path:
    """A copy of the scenes for a test to spoil."""
    return Path(shutil.copytree(all_scenes, tmp_path / "scenes"))


def small(root: Path, output_dir: Path) -> list[str]:
    """Overrides that make a run small enough for a test."""
    return [
        f"data.root={root}",
        "data.image_size=[64,96]",
        "data.test_image_size=[64,96]",
        "data.cache=disk",
        "data.num_workers=0",
        "model.encoder_weights=null",
        "trainer=cpu",
        "trainer.max_epochs=1",
        "trainer.precision=32-true",  # whatever the machine
        "pictures=1",
        f"output_dir={output_dir}",
    ]


@pytest.fixture
def small_config(all_scenes: Path, tmp_path: Path) -> Compose:
    """Composes conf/train.yaml for a small run, with further overrides."""

    def build(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(REPO / "conf"), version_base="1.3"):
            return compose("train", [*small(all_scenes, tmp_path / "run"), *overrides])

    return build


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs a script of the repository, or the segdrone command, as a user would."""

    def run(script: str, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        start = [sys.executable, str(REPO / script)] if script.endswith(".py") else [sys.executable, "-m", script]
        return subprocess.run(
            [*start, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, timeout=300, **options
        )  # type: ignore[call-overload]

    return run


def assert_one_line(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The command ended with exit code 2 and one line of error that holds all parts."""
    assert result.returncode == 2, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in errors[0], errors[0]
