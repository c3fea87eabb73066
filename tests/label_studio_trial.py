"""Correct labels in a Label Studio that runs, and let it label by a model: `make label-trial`.

It installs Label Studio (850 MB) into an environment of its own, so it is no part of the tests; LABEL_STUDIO=PATH takes
one that is installed. Screenshots go to the folder that is given as an argument, for a person to look at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image

from segdrone.annotations.brush import Brush
from tests.helpers.browser import open_browser
from tests.helpers.commands import REPO

USER, PASSWORD, LEGACY = "trial@example.org", "trial-password-1", "0123456789abcdef0123456789abcdef01234567"
PORT, MODEL_PORT = 8941, 8942
ADDRESS, MODEL = f"http://127.0.0.1:{PORT}", f"http://127.0.0.1:{MODEL_PORT}/v1/models/net/label-studio"
CHECKPOINT = REPO / "tests" / "fixtures" / "checkpoint-0.1.0.ckpt"


def segdrone(*arguments: str | Path) -> str:
    """Runs a command, and returns what it prints."""
    command = [sys.executable, "-m", "segdrone", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def call(method: str, path: str, content: Any = None) -> Any:
    """Returns what Label Studio answers."""
    body = None if content is None else json.dumps(content).encode()
    headers = {"Authorization": f"Token {LEGACY}", "Content-Type": "application/json"}
    with urlopen(Request(ADDRESS + path, body, headers, method=method), timeout=120) as answer:
        return json.load(answer)


@contextmanager
def running(command: list[str], address: str, log: Path, **variables: str) -> Iterator[None]:
    """Runs a server until it is not needed any more."""
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **variables})
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()[-2000:]
            with suppress(OSError):
                urlopen(address, timeout=2).close()
                break
            time.sleep(1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def install(folder: Path) -> str:
    """Returns the command of Label Studio."""
    if given := os.environ.get("LABEL_STUDIO"):
        return given
    uv, python = Path(sys.executable).with_name("uv"), folder / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "label-studio"], check=True)
    return str(python.with_name("label-studio"))


def masks(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Returns the masks in a folder by the name of their photograph."""
    return {path.stem: np.array(Image.open(path)) for path in folder.glob("*.png")}


def correct_labels(folder: Path, pictures: Path) -> None:
    """Pushes scenes, corrects one by the REST interface, and compares what comes back."""
    scenes, export = folder / "scenes", folder / "to_correct"
    segdrone("data", "sample", scenes, "--count", "3", "--size", "640x420", "-q")
    arguments = ("data", "export-labels", scenes, "--to", "label-studio", "--out", export, "--push", ADDRESS)
    assert "sent: 3 photographs" in segdrone(*arguments, "--project", "scenes", "-q")
    assert "sent: 0 photographs" in segdrone(*arguments, "--project", "scenes", "-q")
    assert len(call("GET", "/api/tasks?project=1")["tasks"]) == 3
    take_pictures(pictures, "scenes", 1)
    annotation = call("GET", "/api/tasks/1/")["annotations"][0]
    region = max(annotation["result"], key=lambda one: len(one["value"]["rle"]))
    (label,) = region["value"]["brushlabels"]
    region["value"]["brushlabels"] = ["water"]
    call("PATCH", f"/api/annotations/{annotation['id']}/", {"result": annotation["result"]})
    segdrone("data", "pull", ADDRESS, "--from", "label-studio", "--project", "scenes", "--out", folder / "back.json")
    classes = scenes / "class_dict_seg.csv"
    segdrone("data", "import", folder / "back.json", folder / "back", "--images", scenes / "original_images",
             "--classes", classes, "-q")  # fmt: skip
    names = [line.split(",")[0].strip() for line in classes.read_text().splitlines()[1:]]
    before, after = masks(scenes / "label_images_semantic"), masks(folder / "back" / "masks")
    assert before.keys() == after.keys()
    name = call("GET", "/api/tasks/1/")["data"]["photograph"].removesuffix(".jpg")
    inside = Brush(bytes(region["value"]["rle"])).decode(before[name].shape)[2]
    before[name][inside] = names.index("water")
    assert all(np.array_equal(before[one], after[one]) for one in before)
    print(f"{len(before)} masks came back, one with {inside.sum()} pixels of {label} that are water now", flush=True)


def label_by_a_model(folder: Path, pictures: Path) -> None:
    """Connects a model to a project, and compares its brushes with what `segdrone predict` writes."""
    photographs, predicted = folder / "scenes" / "original_images", folder / "predicted"
    segdrone("predict", CHECKPOINT, photographs, "--out", predicted, "-q")
    segdrone("data", "export-labels", predicted, "--to", "label-studio", "--images", photographs, "--predictions",
             "--out", folder / "to_label", "--push", ADDRESS, "--project", "model", "-q")  # fmt: skip
    command = [sys.executable, "-m", "segdrone", "serve", f"net={CHECKPOINT}", "--port", str(MODEL_PORT),
               "--label-studio", ADDRESS]  # fmt: skip
    with running(command, f"http://127.0.0.1:{MODEL_PORT}/health/ready", folder / "serve.log"):
        call("POST", "/api/ml/", {"project": 2, "url": MODEL, "title": "segdrone"})
        action = {"selectedItems": {"all": True, "excluded": []}, "project": "2", "ordering": []}
        print(call("POST", "/api/dm/actions/?id=retrieve_tasks_predictions&project=2", action)["detail"], flush=True)
    names = [line.split(",")[0].strip() for line in (predicted / "masks" / "classes.csv").read_text().splitlines()[1:]]
    expected, compared = masks(predicted / "masks"), 0
    for task in call("GET", "/api/tasks?project=2")["tasks"]:
        name = task["data"]["photograph"].removesuffix(".jpg")
        (prediction,) = (one for one in call("GET", f"/api/predictions/?task={task['id']}")
                         if one["model_version"].startswith("net "))  # fmt: skip
        drawn = np.full(expected[name].shape, 255, np.uint8)
        for region in prediction["result"]:
            inside = Brush(bytes(region["value"]["rle"])).decode(drawn.shape)[2]
            drawn[inside] = names.index(region["value"]["brushlabels"][0])
        assert np.array_equal(drawn, expected[name]), name
        compared += 1
    assert compared == 3
    print(f"{compared} photographs were labeled by the model, with the pixels of segdrone predict", flush=True)
    take_pictures(pictures, "model", 2)


def take_pictures(folder: Path, name: str, project: int) -> None:
    """Writes what a browser shows of a project and of its first task."""
    with open_browser() as browser:
        page = browser.new_context(viewport={"width": 1500, "height": 950}).new_page()
        page.set_default_timeout(180_000)
        page.goto(f"{ADDRESS}/user/login/", wait_until="domcontentloaded")
        page.fill("input[name=email]", USER)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]", no_wait_after=True)
        page.wait_for_url(lambda url: "login" not in url, wait_until="commit")
        first = call("GET", f"/api/tasks?project={project}")["tasks"][0]["id"]
        page.goto(f"{ADDRESS}/projects/{project}/data?task={first}", wait_until="domcontentloaded")
        page.wait_for_selector("canvas")
        page.wait_for_timeout(6000)  # brushes are drawn one by one
        page.screenshot(path=str(folder / f"{name}.png"))


def main() -> None:
    """Starts Label Studio, and tries it."""
    pictures = Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/label-trial")
    pictures.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        command = [install(folder), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(PORT),
                   "--username", USER, "--password", PASSWORD, "--user-token", LEGACY, "--enable-legacy-api-token",
                   "-b"]  # fmt: skip
        variables = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
            "HOME": temporary,
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "ML_BLOCK_LOCAL_IP": "false",  # the model is on this machine
            "SSRF_PROTECTION_ENABLED": "false",
        }
        variables |= dict.fromkeys(("PYTHONPATH", "SENTRY_DSN", "FRONTEND_SENTRY_DSN"), "")
        with running(command, f"{ADDRESS}/health", folder / "label-studio.log", **variables):
            os.environ["LABEL_STUDIO_TOKEN"] = call("POST", "/api/token/")["token"]  # a personal access token
            correct_labels(folder, pictures)
            label_by_a_model(folder, pictures)


if __name__ == "__main__":
    main()
