"""The Semantic Drone Dataset itself, if a reduced copy of it is beside the project."""

import json
from pathlib import Path

import pytest

from tests.helpers.commands import REPO, Command
from tests.helpers.small_run import UNDRAWN

ROOT = REPO.parent / "shared" / "semantic_drone_768"
WEIGHTS = REPO.parent / "shared" / "weights" / "mobilenet_v2_imagenet.safetensors"

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"the photographs are not at {ROOT}")


def test_photographs_weights_and_split_files_work_together(tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    result = command(
        "train.py", f"data.root={ROOT}", f"data.split_dir={ROOT / 'splits'}", f"model.encoder_weights={WEIGHTS}",
        "data.image_size=[64,96]", "data.test_image_size=[64,96]", "trainer=cpu", "trainer.max_epochs=1",
        "trainer.limit_train_batches=4", f"output_dir={run}", *UNDRAWN,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "306 train, 54 val, 0 test" in result.stdout
    assert "312 of 312 tensors" in result.stdout
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["split"], metrics["photographs"]) == ("val", 54)
    assert metrics["absent"] == ["ar-marker"] or "paved-area" not in metrics["absent"]
