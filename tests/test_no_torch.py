"""A finished model runs without torch: no room below `data` and `model`, and none that predicts, imports it."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "segdrone"
HEAVY = ("torch", "lightning", "segmentation_models_pytorch", "hydra")
ABSENT_AT_RUNTIME = (*HEAVY, "timm", "albumentations", "matplotlib", "onnx")
MODULES = ("errors", "classes", "class_groups", "windows", "spec", "normalize")
ROOMS = ("utils", "raster", "synthetic", "figures", "runtime", "inference")
WITH_TORCH = {"segdrone.runtime.torch_backend", "segdrone.runtime.fuse"}

PROGRAM = """
import importlib, sys
heavy, *modules = sys.argv[1:]
for module in modules:
    importlib.import_module(module)
    found = [name for name in heavy.split(",") if name in sys.modules]
    if found:
        sys.exit(f"{module} imports {', '.join(found)}")
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
