"""The work of a job, when it is done twice."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from segdrone import __version__
from segdrone.errors import ConfigError
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.serve.predict_job import predict_job
from tests.helpers.serving import photograph


def test_a_job_that_a_service_of_another_version_has_begun_is_begun_again(
    models: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a.jpg").write_bytes(photograph())
    predictor = Predictor.from_file(models["net"], device="cpu")

    def compute() -> dict[str, Any]:
        return predict_job(
            predictor, tmp_path, Cleanup(), [], smooth=1, confidence=False, regions=False,
            on_progress=lambda done, total: None,
        )  # fmt: skip

    assert compute() == {"failed": {}}
    file = tmp_path / "out" / "predict.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "segdrone": "0.0.1"}))
    assert compute() == {"failed": {}}
    assert json.loads(file.read_text())["segdrone"] == __version__


def test_films_that_cannot_be_read_here_cost_no_photographs(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "segdrone.inference.video_io", raising=False)
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "input").mkdir()
    for name in ("a.jpg", "film.mp4"):
        (tmp_path / "input" / name).write_bytes(photograph())
    predictor = Predictor.from_file(models["net"], device="cpu")

    def compute() -> dict[str, Any]:
        return predict_job(
            predictor, tmp_path, Cleanup(), [], smooth=1, confidence=False, regions=False,
            on_progress=lambda done, total: None,
        )  # fmt: skip

    failed = compute()["failed"]
    assert [*failed] == ["film.mp4"] and "pip install 'segdrone[video]'" in failed["film.mp4"]
    with zipfile.ZipFile(tmp_path / "result.zip") as archive:
        assert "masks/a.png" in archive.namelist()
    (tmp_path / "input" / "a.jpg").unlink()
    with pytest.raises(ConfigError, match=r"pip install 'segdrone\[video\]'"):
        compute()


def test_images_that_are_taken_for_masks_are_named(models: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    for name in ("a.jpg", "a_mask.jpg"):
        (tmp_path / "input" / name).write_bytes(photograph())
    predictor = Predictor.from_file(models["net"], device="cpu")
    answer = predict_job(
        predictor, tmp_path, Cleanup(), [], smooth=1, confidence=False, regions=False,
        on_progress=lambda done, total: None,
    )  # fmt: skip
    assert [*answer["failed"]] == ["a_mask.jpg"]
    assert "looks like the mask of another photograph" in answer["failed"]["a_mask.jpg"]
    with zipfile.ZipFile(tmp_path / "result.zip") as archive:
        assert [name for name in archive.namelist() if name.startswith("masks/") and name.endswith("png")] == [
            "masks/a.png"
        ]
