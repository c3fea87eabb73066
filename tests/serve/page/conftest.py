from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from segdrone.serve.app import start_service
from segdrone.serve.service import Service
from segdrone.serve.settings import ServeSettings
from tests.helpers.browser import open_browser
from tests.helpers.service_page import write_models
from tests.helpers.serving import left_in_spool, listening

# What the main thread does with the pixels of a photograph or a mask, which is the worker's: the page would freeze.
PIXEL_WORK = """window.pixelWork = [];
const note = (owner, names, isPixelWork) => {
  for (const name of names) {
    const original = owner[name];
    owner[name] = function (...given) {
      if (isPixelWork(this)) pixelWork.push(name);
      return original.apply(this, given);
    };
  }
};
note(window, ["createImageBitmap"], () => true);
note(CanvasRenderingContext2D.prototype, ["drawImage", "getImageData", "putImageData"], () => true);
note(Blob.prototype, ["arrayBuffer", "stream", "text"], (blob) => blob.size > 1e5);"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("page")
    with start_service(ServeSettings(write_models(folder), spool=folder / "spool", timeout=60)) as service:
        yield service


@pytest.fixture(scope="package")
def address(service: Service) -> Iterator[str]:
    with listening(service) as (host, port):
        yield f"http://{host}:{port}/"
    assert left_in_spool(service) == []


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page; at the end there must have been no error, message, dialog, failed or foreign request.

    `expected` is a text of messages that there may be, such as of an answer that is no success.
    """
    problems: list[str] = []

    def on_dialog(dialog: Any) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def page(width: int = 1200, at: str = address, expected: str = "\0", wait: bool = True, **options: Any) -> Any:
        def note(text: str) -> None:
            if expected not in text:
                problems.append(text)

        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        context.add_init_script(PIXEL_WORK)
        new = context.new_page()
        new.on("console", lambda message: note(f"console: {message.text}"))
        new.on("pageerror", lambda error: problems.append(f"error: {error}"))
        new.on("dialog", on_dialog)
        new.on("request", lambda request: None if request.url.startswith((at, f"blob:{at}")) else note(request.url))
        new.on("requestfailed", lambda request: note(f"failed: {request.url} {request.failure}"))
        new.goto(at)
        if wait:  # for the models
            new.get_by_label("Model").locator("option").first.wait_for(state="attached")
        return new

    yield page
    for context in browser.contexts:
        context.close()
    assert problems == []
