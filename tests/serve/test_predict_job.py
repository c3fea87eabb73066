"""The work of a job, when it is done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segdrone import __version__
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
