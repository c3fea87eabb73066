"""`docs/serve.md` says what the service does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from segdrone.serve.answers import ANSWERS
from segdrone.serve.job_routes import JobOptions
from segdrone.serve.service import Service
from tests.helpers.serving import listening, photograph

TEXT = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
BLOCKS = {language: re.findall(rf"```{language}\n(.*?)```", TEXT, re.S) for language in ("sh", "json")}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_work(service: Service, tmp_path: Path) -> None:
    (tmp_path / "photograph.jpg").write_bytes(photograph())
    (commands,) = (block for block in BLOCKS["sh"] if block.startswith("curl") and "/v1/jobs" not in block)
    with listening(service) as (host, port):
        for command in commands.splitlines():
            command = command.replace("http://127.0.0.1:8000", f"http://{host}:{port}")
            result = subprocess.run(["sh", "-c", f"{command} --fail -s"], cwd=tmp_path, capture_output=True, check=True)
            if "-o" not in command:
                assert json.loads(result.stdout)["model"] == "net"
    with Image.open(tmp_path / "mask.png") as mask:
        assert (mask.mode, mask.size) == ("L", (90, 60))


def test_the_json_has_the_documented_keys(client: TestClient) -> None:
    documented = json.loads(BLOCKS["json"][0])
    answer = client.post("/v1/segment", content=photograph()).json()
    assert answer.keys() == documented.keys()
    assert all(answer[key].keys() == documented[key].keys() for key in ("size", "network_size", "seconds"))
    assert answer["classes"][0].keys() == documented["classes"][0].keys()


def test_every_parameter_answer_address_and_metric_is_documented(client: TestClient) -> None:
    for name in JobOptions.model_fields:
        assert f"`{name}" in TEXT
    for answer in ANSWERS:
        assert f"| `{answer.accept}`" in TEXT
    for path in client.get("/openapi.json").json()["paths"]:
        assert re.sub(r"{(\w+?)(_id)?}", lambda match: {"job": "ID"}.get(match[1], match[1].upper()), path) in TEXT
    metrics = client.get("/metrics").text
    for name in re.findall(r"^# TYPE (segdrone_\w+)", metrics, re.M):
        assert f"`{name}`" in TEXT
