"""The page in a browser: sorting, slider, switches, small screens, and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from segdrone.evaluation.html_report import write_html
from tests.helpers.browser import open_browser
from tests.helpers.reports import HOSTILE, QUOTED, hostile


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a page with hostile names; at the end there must be no error, dialog or request in it."""
    write_html(hostile(), tmp_path / "report.html")
    address = (tmp_path / "report.html").as_uri()
    problems: list[str] = []

    def on_dialog(dialog: Any) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def on_request(request: Any) -> None:
        if not request.url.startswith(("data:", address)):
            problems.append(request.url)

    def page(width: int = 1200, **options: Any) -> Any:
        new = browser.new_context(viewport={"width": width, "height": 800}, **options).new_page()
        new.on("console", lambda message: problems.append(f"console: {message.text}"))
        new.on("pageerror", lambda error: problems.append(f"error: {error}"))
        new.on("dialog", on_dialog)
        new.on("request", on_request)
        new.goto(address)
        return new

    yield page
    for context in browser.contexts:
        context.close()
    assert problems == []


def column(page: Any, index: int) -> list[str]:
    cells = page.locator(f"#class-table tbody tr > :nth-child({index})")
    return [cell.get_attribute("data-value") for cell in cells.all()]


def test_classes_are_sorted_by_mouse_and_keyboard(opened: Any) -> None:
    page = opened()
    heading = page.locator("#class-table thead th").nth(1)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert page.locator("#class-table [aria-sort]").count() == 1
    values = column(page, 2)
    known = [float(value) for value in values if value]
    assert known == sorted(known, reverse=True)
    assert values.index("") == len(known), "absent classes come last"
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [float(value) for value in column(page, 2) if value] == known[::-1]
    assert column(page, 2)[-1] == ""
    page.locator("#class-table thead th").first.get_by_role("button").press("Space")
    assert column(page, 1)[2:5] == sorted(column(page, 1)[2:5])


def test_the_slider_moves_between_the_chosen_pictures(opened: Any) -> None:
    page = opened()
    compare = page.locator(".compare").first
    left, slider = compare.locator(".layer.left"), compare.get_by_role("slider")

    def clip() -> str:
        return str(left.evaluate("element => getComputedStyle(element).clipPath"))

    assert "truth" in left.get_attribute("class")
    before = clip()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "60"
    assert clip() != before
    assert "40%" in clip()
    slider.click(position={"x": 30, "y": 50})
    assert int(slider.input_value()) < 15
    compare.get_by_label("photograph | truth").check()
    assert "photograph" in left.get_attribute("class")
    assert compare.locator(".layer.prediction").is_hidden()


def test_the_matrix_can_be_switched_and_its_cells_are_explained(opened: Any) -> None:
    page = opened()
    truth, prediction = page.locator(".matrix.truth"), page.locator(".matrix.prediction")
    assert truth.is_visible()
    assert prediction.is_hidden()
    page.get_by_role("radio", name="Shares of the prediction").check()
    assert prediction.is_visible()
    assert truth.is_hidden()
    cell = prediction.locator("td[title]").first
    cell.hover()
    assert page.locator("#pointed").inner_text() == cell.get_attribute("title")


@pytest.mark.parametrize("script", [True, False])
def test_nothing_overflows_on_a_small_screen(opened: Any, script: bool) -> None:
    page = opened(360, java_script_enabled=script)
    assert page.locator("html").evaluate("element => element.scrollWidth") == 360
    boxes = [section.bounding_box() for section in page.locator("section").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 360 for box in boxes)


def test_hostile_names_are_shown_as_text(opened: Any) -> None:
    page = opened()
    assert page.get_by_role("heading", name=HOSTILE, exact=True).is_visible()
    assert page.locator("#class-table").get_by_text("<b>x").first.is_visible()
    page.get_by_role("heading", name=QUOTED, exact=True).hover()
    assert page.locator("img:not([src^='data:'])").count() == 0


def test_everything_is_shown_without_javascript(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator(".score").first.is_visible()
    layers = page.locator(".example").first.locator(".layer")
    boxes = [layer.bounding_box() for layer in layers.all()]
    assert len(boxes) == 4
    assert all(one["x"] + one["width"] <= other["x"] for one, other in pairwise(boxes))
    assert page.get_by_role("slider").count() == 0
    assert page.locator("#class-table thead button").count() == 0
    page.get_by_text("Shares of the prediction").click()
    assert page.locator(".matrix.prediction").is_visible()


def test_the_plots_are_shown_and_have_a_text(opened: Any) -> None:
    plots = opened().locator("img.plot").all()
    assert len(plots) == 4
    assert all(plot.evaluate("image => image.complete && image.naturalWidth > 0") for plot in plots)
    assert [plot.get_attribute("alt") for plot in plots][1] == "Share of objects found, by size"
