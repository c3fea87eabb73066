"""How the page is used: by keyboard, mouse and fingers, on a phone, and when something is wrong."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from segdrone.serve.access import _digest
from segdrone.serve.service import Service
from segdrone.synthetic import render_scene
from tests.helpers.service_page import ask, give, picture
from tests.helpers.serving import listening, photograph

Opened = Callable[..., Any]
NO_SUCCESS = "Failed to load resource: the server responded with a status of"
LONGEST_TASK = 200  # milliseconds


def zoomed(page: Any) -> int:
    """Returns the percentage at which the photograph is shown."""
    return int(page.locator(".zoomed").inner_text().split()[0])


def focused(page: Any) -> str:
    """Returns which control has the focus, and checks that this is seen."""
    name, is_seen = page.evaluate(
        """() => {
          const own = document.activeElement;
          const near = [own, own.parentElement.querySelector(".button")].filter(Boolean);
          const pseudo = own.type === "range" ? [getComputedStyle(own, "::-webkit-slider-thumb")] : [];
          const styles = [...near.map((one) => getComputedStyle(one)), ...pseudo];
          const isSeen = styles.some((one) => one.outlineStyle === "solid" && parseFloat(one.outlineWidth) >= 2);
          const name = own.getAttribute("aria-label") ?? own.labels?.[0]?.innerText ?? own.innerText;
          return [name.trim() || own.id, isSeen];
        }"""
    )
    assert is_seen, f"{name} has the focus, which is not seen"
    return str(name)


def tab_to(page: Any, name: str) -> None:
    """Presses Tab until a control has the focus."""
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if seen[-1].startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached: {seen}")


def test_the_keyboard_is_enough(opened: Opened, tmp_path: Any) -> None:
    page = opened()
    (tmp_path / "photograph.jpg").write_bytes(photograph(300, 450))
    tab_to(page, "Choose a photograph")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "photograph.jpg")
    page.locator("[data-state=done]").wait_for()
    assert page.evaluate("document.activeElement.id") == "name", "the focus is at the heading of the result"
    tab_to(page, "Photograph and mask")
    fitted = zoomed(page)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert zoomed(page) > fitted
    before = picture(page).tobytes()
    page.keyboard.press("ArrowRight")
    assert picture(page).tobytes() != before
    page.keyboard.press("1")
    assert zoomed(page) == 100 if fitted < 100 else zoomed(page) == fitted
    page.keyboard.press("0")
    assert zoomed(page) == fitted
    for slider in ("Slider between", "Opacity"):
        before = picture(page).tobytes()
        tab_to(page, slider)
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        assert picture(page).tobytes() != before
    tab_to(page, page.locator("#shares label").first.inner_text())
    before = picture(page).tobytes()
    page.keyboard.press("Space")
    assert picture(page).tobytes() != before
    tab_to(page, "Mask")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_wheel_and_pointer_zoom_and_move(opened: Opened) -> None:
    page = opened()
    give(page, photograph(300, 450))
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    fitted = zoomed(page)
    page.mouse.wheel(0, 100)
    assert zoomed(page) == fitted, "not smaller than all of it"
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"parseInt(document.querySelector('.zoomed').textContent) > {fitted}")
    before = picture(page).tobytes()
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 130, steps=4)
    page.mouse.up()
    assert picture(page).tobytes() != before
    page.get_by_role("button", name="Fit").click()
    assert zoomed(page) == fitted
    slider = page.get_by_role("slider", name="between")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert 15 < int(slider.input_value()) < 35


def test_two_fingers_zoom(opened: Opened) -> None:
    page = opened(400, has_touch=True, is_mobile=True)
    give(page, photograph(300, 450))
    fitted, box = zoomed(page), page.locator(".stage").bounding_box()
    session = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", None)):
        points = [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert 2.5 < zoomed(page) / fitted < 3.5


def test_a_phone_shows_all_without_scrolling_sideways(opened: Opened) -> None:
    page = opened(360, has_touch=True, is_mobile=True)
    for state in ("choose", "done"):
        page.locator(f"[data-state={state}]").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        for control in page.locator(":is(button, input, select, canvas, table):visible").all():
            box = control.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
        if state == "choose":
            page.get_by_role("button", name="Street").tap()
    page.locator("[data-state=done]").wait_for()
    assert page.locator("#name").inner_text() == "Street.jpg"


def test_24_megapixels_leave_the_page_responsive(opened: Opened, service: Service) -> None:
    scene = cv2.resize(render_scene(400, 600, 5)[0], (6000, 4000), interpolation=cv2.INTER_CUBIC)
    file = io.BytesIO()
    Image.fromarray(scene).save(file, "JPEG", quality=90)
    page = opened()
    give(page, file.getvalue(), model="whole")
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    fitted = zoomed(page)
    for _ in range(8):
        page.mouse.wheel(0, -150)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 300, steps=20)
    page.mouse.up()
    page.locator("#shares input").first.uncheck()
    shown = picture(page)
    assert zoomed(page) > 5 * fitted
    assert len(shown.getcolors(1 << 24) or ()) > 100
    assert max(page.evaluate("longTasks"), default=0) < LONGEST_TASK
    mask = np.asarray(Image.open(io.BytesIO(ask(service, file.getvalue(), "image/png", model="whole"))))
    assert mask.shape == (4000, 6000)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("notes.txt", b"three trees\n", "send JPEG, PNG, TIFF or WebP"),
        ("cut.jpg", photograph(300, 450)[:2000], "photograph"),
        ("empty.jpg", b"", "the body is empty|The body is empty"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(opened: Opened, name: str, content: bytes, text: str) -> None:
    page = opened(expected=NO_SUCCESS)
    page.set_input_files("#file", {"name": name, "mimeType": "image/jpeg", "buffer": content})
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert re.search(text, alert.inner_text())
    assert "\n" not in alert.inner_text()
    assert page.get_by_text("Choose a photograph").is_visible()
    give(page, photograph())
    assert alert.is_hidden()


def test_two_files_at_once_are_refused(opened: Opened) -> None:
    page = opened()
    page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          for (const name of ["a.jpg", "b.jpg"]) dataTransfer.items.add(new File(["x"], name));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }"""
    )
    assert "one photograph at a time" in page.get_by_role("alert").inner_text()


def test_a_token_is_asked_for_and_kept_for_the_tab(opened: Opened, service: Service) -> None:
    guarded = dataclasses.replace(service, tokens=[_digest("secret-token")])
    with listening(guarded) as (host, port):
        page = opened(at=f"http://{host}:{port}/", expected=NO_SUCCESS, wait=False)
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("needs a token").wait_for()
        page.get_by_label("Token").fill("secret-token")
        page.keyboard.press("Enter")
        page.get_by_label("Model").locator("option").first.wait_for(state="attached")
        give(page, photograph())
        assert page.get_by_role("alert").is_hidden()
        page.context.close()


def test_cancel_returns_to_the_choice(opened: Opened) -> None:
    page = opened(expected=NO_SUCCESS)
    page.get_by_label("Model").select_option("tiled")
    content = photograph(1200, 1600)
    page.set_input_files("#file", {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": content})
    page.get_by_text("Predicting").wait_for()
    page.get_by_role("button", name="Cancel").click()
    assert page.locator("[data-state=choose]").count() == 1
    give(page, photograph(), model="whole")
    assert page.locator("#name").inner_text() == "photograph.jpg"
