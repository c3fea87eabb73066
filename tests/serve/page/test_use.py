"""How the page is used: by keyboard, mouse and fingers, on a phone, and when something is wrong."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from segdrone.serve.access import _digest
from segdrone.serve.service import Service
from tests.helpers.exported import random_pixels
from tests.helpers.service_page import download, give, picture
from tests.helpers.serving import listening, photograph, wait_until

Opened = Callable[..., Any]
NO_SUCCESS = "Failed to load resource: the server responded with a status of"


def zoomed(page: Any) -> int:
    """Returns the percentage at which the photograph is shown."""
    return int(page.locator(".zoomed").inner_text().split()[0])


def focused(page: Any) -> str:
    """Returns which control has the focus, and checks that this is seen."""
    name, is_seen = page.evaluate(
        """() => {
          const own = document.activeElement;
          const shown = own.id === "file" ? document.querySelector("label[for=file]") : own;
          const { outlineStyle, outlineWidth } = getComputedStyle(shown);
          const name = own.getAttribute("aria-label") ?? own.labels?.[0]?.innerText ?? own.innerText;
          return [name.trim(), outlineStyle === "solid" && parseFloat(outlineWidth) >= 2];
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


def test_the_keyboard_is_enough(opened: Opened, tmp_path: Path) -> None:
    page = opened(600)
    (tmp_path / "photograph.jpg").write_bytes(photograph(300, 450))
    with page.expect_file_chooser() as chooser:
        tab_to(page, "Choose a photograph")
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "photograph.jpg")
    page.locator("[data-state=done]").wait_for()
    assert page.evaluate("document.activeElement.id") == "name", "the focus is at the heading of the result"
    tab_to(page, "Photograph and mask")
    fitted = zoomed(page)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert zoomed(page) > fitted
    seen = [picture(page)]
    page.keyboard.press("ArrowRight")
    seen.append(picture(page))
    page.keyboard.press("1")
    assert zoomed(page) == max(100, fitted)
    page.keyboard.press("0")
    assert zoomed(page) == fitted
    for control in ("Slider between", "Opacity", page.locator("#shares label").first.inner_text()):
        tab_to(page, control)
        seen.append(picture(page))
        page.keyboard.press("Space" if page.locator("#shares :focus").count() else "PageDown")
        seen.append(picture(page))
    assert not any(np.array_equal(before, after) for before, after in zip(seen[::2], seen[1::2], strict=True))
    tab_to(page, "Mask")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_the_page_says_what_a_model_reached(opened: Opened) -> None:
    page = opened()
    page.get_by_label("Model").select_option("whole")
    assert page.locator("#scores").inner_text() == (
        "On 54 validation photographs it reached a mean IoU of 0.50 (0.47 to 0.53). Lowest: car 0.13, road 0.90."
    )
    page.get_by_label("Model").select_option("tiled")
    assert page.locator("#scores").inner_text() == ""


def test_wheel_and_pointer_zoom_and_move(opened: Opened) -> None:
    page = opened(600)
    give(page, photograph(300, 450))
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    fitted = zoomed(page)
    page.mouse.wheel(0, -300)
    assert zoomed(page) > fitted
    before = picture(page)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 130, steps=4)
    page.mouse.up()
    assert not np.array_equal(picture(page), before)
    page.get_by_role("button", name="Fit").click()
    assert zoomed(page) == fitted
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    top = page.evaluate("scrollY")
    page.mouse.wheel(0, 50)  # nothing to zoom out: the page scrolls
    wait_until(lambda: page.evaluate("scrollY") == top + 50)
    assert zoomed(page) == fitted
    box = page.locator(".stage").bounding_box()
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


def test_24_megapixels_leave_the_page_responsive(opened: Opened, tmp_path: Path) -> None:
    large = cv2.resize(random_pixels(1, 400, 600)[0], (6000, 4000))
    file = tmp_path / "large.jpg"
    Image.fromarray(large).save(file, quality=90)
    page = opened(600)
    give(page, file, model="whole")
    box, fitted = page.locator(".stage").bounding_box(), zoomed(page)
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    for _ in range(8):
        page.mouse.wheel(0, -150)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 300, steps=20)
    page.mouse.up()
    page.get_by_role("slider", name="between").fill("30")
    page.locator("#shares input").first.uncheck()
    assert len(np.unique(picture(page).reshape(-1, 3), axis=0)) > 100
    assert zoomed(page) > 5 * fitted
    assert page.evaluate("pixelWork") == []
    mask = np.asarray(Image.open(io.BytesIO(download(page, "^Mask", tmp_path)[1])))
    assert mask.shape == (4000, 6000)
    assert len(np.unique(mask)) == page.locator("#shares tbody tr").count() > 1


WRONG = {
    "notes.txt": (b"three trees\n", "not an image (JPEG, PNG, TIFF or WebP)"),
    "cut.jpg": (photograph(300, 450)[:2000], "The photograph"),
    "empty.jpg": (b"", "The body is empty"),
    "film.mp4": (b"\0\0\0\x18ftypmp42" + bytes(99), "video"),
}


def test_what_is_wrong_is_said_in_a_line(opened: Opened) -> None:
    page = opened(expected=NO_SUCCESS)
    alert = page.get_by_role("alert")
    for name, (content, text) in WRONG.items():
        page.set_input_files("#file", {"name": name, "mimeType": "image/jpeg", "buffer": content})
        alert.get_by_text(text).wait_for()
        assert "\n" not in alert.inner_text()
        assert page.get_by_text("Choose a photograph").is_visible()
        assert page.get_by_role("button", name="Try again").is_hidden()
    give(page, photograph())
    assert alert.is_hidden()


def test_what_can_be_tried_again_is(opened: Opened) -> None:
    page = opened(expected="ERR_FAILED")
    page.route("**/v1/segment*", lambda route: route.abort())
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "", "buffer": photograph()})
    page.get_by_role("alert").get_by_text("The service does not answer").wait_for()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    page.locator("[data-state=done]").wait_for()
    assert page.locator("#name").inner_text() == "a.jpg"


def test_a_model_that_is_gone_can_be_chosen_no_more(opened: Opened) -> None:
    page = opened(expected=NO_SUCCESS)
    names = page.get_by_label("Model").locator("option").all_inner_texts()
    page.evaluate("document.querySelector('[name=model]').append(new Option('gone', 'gone', true, true))")
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "", "buffer": photograph()})
    page.get_by_role("alert").get_by_text("There is no model 'gone'").wait_for()
    wait_until(lambda: page.get_by_label("Model").locator("option").all_inner_texts() == names, 20)
    give(page, photograph(), model=names[-1])
    assert f"model {names[-1]}" in page.locator("#about").inner_text()


def test_a_file_that_has_gone_is_not_taken_for_a_network_that_fails(opened: Opened, tmp_path: Path) -> None:
    page, file = opened(), tmp_path / "photograph.jpg"
    file.write_bytes(photograph())
    give(page, file)
    file.unlink()
    page.locator("#options summary").click()
    page.get_by_role("button", name="Predict again").click()
    page.get_by_role("alert").get_by_text("The file cannot be read").wait_for()
    assert page.get_by_text("Choose a photograph").is_visible()


def test_a_service_without_jobs_predicts_large_photographs_too(opened: Opened, service: Service) -> None:
    with listening(dataclasses.replace(service, jobs=None)) as (host, port):
        page = opened(at=f"http://{host}:{port}/")
        give(page, photograph(1300, 1600), model="whole")
        assert page.locator("#about").inner_text().startswith("1600")
        page.context.close()


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


def test_a_file_that_needs_another_token_leaves_the_result_shown(opened: Opened, service: Service) -> None:
    with listening(dataclasses.replace(service, tokens=[_digest("secret-token")])) as (host, port):
        page = opened(at=f"http://{host}:{port}/", expected=NO_SUCCESS, wait=False)
        page.get_by_label("Token").fill("secret-token")
        page.keyboard.press("Enter")
        page.get_by_label("Model").locator("option").first.wait_for(state="attached")
        give(page, photograph())
        page.evaluate("sessionStorage.setItem('segdrone-token', 'of yesterday')")
        page.get_by_role("button", name="Color mask").click()
        page.get_by_text("needs a token").wait_for()
        assert page.evaluate("document.activeElement.id") == "token-text"
        page.get_by_label("Token").fill("secret-token")
        with page.expect_download() as saved:
            page.keyboard.press("Enter")
        assert saved.value.suggested_filename == "photograph-colors.png"
        assert page.locator("[data-state=done]").count() == 1
        page.context.close()


def test_cancel_returns_to_the_choice(opened: Opened) -> None:
    page = opened(expected="ERR_ABORTED")
    content = photograph(1200, 1600)
    page.set_input_files("#file", {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": content})
    page.locator("#stage", has_text="Predicting").wait_for()
    page.get_by_role("button", name="Cancel").click()
    assert page.locator("[data-state=choose]").count() == 1
    give(page, photograph(), model="whole")
    assert page.locator("#name").inner_text() == "photograph.jpg"
