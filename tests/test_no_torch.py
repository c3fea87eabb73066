"""A finished model runs without torch: no room below `data` and `model`, and none that predicts, imports it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.inference import Predictor
from tests.helpers.classic import fitted
from tests.helpers.classic import write as write_classic
from tests.helpers.exported import CLASSES
from tests.helpers.monitored import draw_values, write_predictions
from tests.helpers.small_graphs import graph, write

SCENE, CHECKPOINT = (Path(__file__).parent / "fixtures" / name for name in ("scene.jpg", "checkpoint-0.1.0.ckpt"))
SOURCE = Path(__file__).parents[1] / "src" / "segdrone"
HEAVY = ("torch", "lightning", "segmentation_models_pytorch", "hydra")
ABSENT_AT_RUNTIME = (
    *HEAVY, "timm", "torchvision", "torchmetrics", "omegaconf", "albumentations", "matplotlib", "scipy", "sklearn",
    "skimage",
    "onnx", "onnxscript", "nncf", "tensorboard", "pycocotools", "safetensors", "jinja2", "av",
)  # fmt: skip
MODULES = ("errors", "classes", "class_groups", "windows", "spec", "normalize", "reference_statistics")
ROOMS = (
    "utils",
    "raster",
    "synthetic",
    "figures",
    "classic",
    "runtime",
    "inference",
    "geo",
    "serve",
    "monitor",
    "selection",
)
WITH_TORCH = {
    "segdrone.runtime.torch_backend", "segdrone.runtime.fuse", "segdrone.runtime.pad_kernels",
    "segdrone.monitor.page", "segdrone.monitor.truth",  # with the evaluation's report and scores
}  # fmt: skip

PROGRAM = """
import importlib, sys
heavy, *modules = sys.argv[1:]
for module in modules:
    importlib.import_module(module)
    found = [name for name in heavy.split(",") if name in sys.modules]
    if found:
        sys.exit(f"{module} imports {', '.join(found)}")
"""

WITHOUT = """
import sys

absent, sys.argv = sys.argv[1].split(","), ["segdrone", *sys.argv[2:]]

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from segdrone.cli.main import app
app()
"""


def modules_of(room: str) -> list[str]:
    """Returns the modules of a room, with the package before its modules."""
    paths = sorted((SOURCE / room).rglob("*.py"), key=lambda path: (path.name != "__init__.py", path))
    parts = (path.relative_to(SOURCE.parent).with_suffix("").parts for path in paths)
    return [".".join(part for part in names if part != "__init__") for names in parts]


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_no_module_imports_torch_lightning_smp_or_hydra(room: str) -> None:
    modules = modules_of(room) if room else [f"segdrone.{name}" for name in MODULES]
    light = [module for module in modules if module not in WITH_TORCH]
    assert light
    command = [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *light]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_module_with_torch_is_reported() -> None:
    command = [sys.executable, "-c", PROGRAM, ",".join(HEAVY), "segdrone.runtime.torch_backend"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("segdrone.runtime.torch_backend imports torch")


def run_without_torch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command of segdrone in a process in which nothing that training needs can be imported."""
    command = [sys.executable, "-c", WITHOUT, ",".join(ABSENT_AT_RUNTIME), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_exported_model_predicts_a_photograph(tmp_path: Path) -> None:
    model = write(graph(), tmp_path / "model.onnx")
    result = run_without_torch("predict", model, SCENE, "--out", tmp_path / "out", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "scene.png"))
    assert np.array_equal(mask, Predictor.from_file(model, device="cpu")(SCENE).mask)
    assert (tmp_path / "out" / "overlays" / "scene.jpg").is_file()


def test_an_exported_model_picks_a_photograph_to_label(tmp_path: Path) -> None:
    model = write(graph(), tmp_path / "model.onnx")
    out = tmp_path / "out"
    result = run_without_torch("data", "pick", SCENE, "--model", model, "--count", "1", "--out", out, "--quiet")
    assert (result.returncode, result.stdout) == (0, "")
    assert "contact_sheet.png is not drawn: it needs matplotlib" in result.stderr
    assert (out / "picked.txt").read_text() == "scene\n"


def test_a_forest_of_pixels_predicts_a_photograph(tmp_path: Path) -> None:
    model = write_classic(tmp_path / "best.npz", fitted())
    result = run_without_torch("predict", model, SCENE, "--out", tmp_path / "out", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "scene.png"))
    assert np.array_equal(mask, Predictor.from_file(model)(SCENE).mask)


def test_segments_need_an_extra(tmp_path: Path) -> None:
    model = write_classic(tmp_path / "best.npz", fitted("slic"))
    result = run_without_torch("predict", model, SCENE, "--out", tmp_path / "out", "--quiet")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: this method needs skimage, which is missing: pip install 'segdrone[classic]'\n"


def test_predictions_are_monitored(tmp_path: Path) -> None:
    values = draw_values(50, 0, CLASSES)
    folder = write_predictions(tmp_path / "now", values, CLASSES)
    usual = write_predictions(tmp_path / "usual", draw_values(54, 1, CLASSES), CLASSES)
    model = write(graph(), tmp_path / "model.onnx")
    result = run_without_torch("monitor", folder, "--model", model, "--reference", usual)
    assert (result.returncode, result.stderr) == (0, "")
    assert "no drift" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["predict", CHECKPOINT, SCENE, "--out", "out"], "a checkpoint needs torch: give an exported model"),
        (["export", CHECKPOINT, "--to", "onnx", "--out", "out"], "this command needs"),
        (["train"], "this command needs hydra, which is not installed: pip install segdrone"),
    ],
)
def test_what_needs_torch_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str | Path], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_without_torch(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
