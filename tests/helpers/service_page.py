"""Use the page of the service as a person would."""

from __future__ import annotations

import base64
import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.runtime.description import Description, Signature
from segdrone.serve.service import Service
from segdrone.serve.settings import ModelFile
from tests.helpers.exported import SPEC
from tests.helpers.serving import TILED, make_client
from tests.helpers.small_graphs import graph, write

HOSTILE = ("<img src=x onerror=alert(1)>", '"><script>alert(2)</script>', "car", "a,b &amp; ${c}")


SCORED = ReferenceStatistics.from_values(
    {"noise": np.arange(54.0)}, miou=0.5034, miou_interval=(0.47, 0.526), class_ious={"road": 0.9, "car": 0.125}
)


def write_models(folder: Path) -> list[ModelFile]:
    """Writes models: in windows, of the whole photograph at once, with hostile names, and one that is replaced."""
    hostile = dataclasses.replace(TILED, classes=ClassTable(HOSTILE, TILED.classes.colours))
    specs = {
        "tiled": TILED,
        "whole": dataclasses.replace(SPEC, sampling="whole", reference_statistics=SCORED),
        "hostile": hostile,
        "replaced": TILED,
    }
    signature = Signature("unit", "probabilities")
    return [
        ModelFile(name, write(graph(), folder / f"{name}.onnx", Description(spec, signature)))
        for name, spec in specs.items()
    ]


def give(page: Any, content: bytes | Path, name: str = "photograph.jpg", model: str = "tiled") -> None:
    """Gives a photograph to the page, and waits for its mask."""
    page.get_by_label("Model").select_option(model)
    file = content if isinstance(content, Path) else {"name": name, "mimeType": "", "buffer": content}
    page.set_input_files("#file", file)
    page.locator("[data-state=done]").wait_for()


def ask(service: Service, content: bytes, accept: str, **query: str) -> bytes:
    """Returns the service's own answer."""
    response = make_client(service).post("/v1/segment", params=query, content=content, headers={"accept": accept})
    assert response.status_code == 200, response.text
    return response.content


_PICTURE = """async ([width, height]) => {
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.imageSmoothingEnabled = false; // a pixel of the copy is the one at its center
  const read = () => {
    copy.drawImage(document.querySelector("canvas"), 0, 0, width, height);
    return String.fromCharCode(...copy.getImageData(0, 0, width, height).data);
  };
  let now = read();
  for (let before = null, same = 0; same < 2; before = now, now = read()) {
    same = before === now ? same + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  return btoa(now);
}"""


def picture(page: Any, height: int = 60, width: int = 90) -> NDArray[np.uint8]:
    """Returns what the canvas shows once it does not change any more, sampled to uint8 `[height, width, 3]`."""
    content = base64.b64decode(page.evaluate(_PICTURE, [width, height]))
    return np.frombuffer(content, np.uint8).reshape(height, width, 4)[..., :3]


def download(page: Any, name: str, folder: Path) -> tuple[str, bytes]:
    """Returns the name and the content of the file that a button saves; its name is matched."""
    with page.expect_download() as event:
        page.locator("#downloads").get_by_role("button", name=re.compile(name)).click()
    event.value.save_as(folder / "saved")
    return event.value.suggested_filename, (folder / "saved").read_bytes()
