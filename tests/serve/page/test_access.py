"""Whether everybody can use the page: names of controls, contrast, and motion."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import pytest

from tests.helpers.service_page import give
from tests.helpers.serving import photograph

Opened = Callable[..., Any]
TEXTS = [("--ink", "--paper"), ("--soft", "--paper"), ("--ink", "--wash"), ("--soft", "--wash"), ("--blue", "--paper")]
TEXTS += [("--on-blue", "--blue"), ("--ink", "--warm")]
EDGES = [("--edge", "--paper"), ("--edge", "--wash"), ("--blue", "--paper"), ("--blue", "--wash")]


def luminance(color: str) -> float:
    """Returns the relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2)."""
    digits = color.strip().removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Returns the contrast of two colors, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_can_be_told_apart(opened: Opened, scheme: str) -> None:
    page = opened(color_scheme=scheme)

    def value(name: str) -> str:
        return str(page.evaluate("name => getComputedStyle(document.body).getPropertyValue(name)", name))

    assert contrast("#fff", "#000") == pytest.approx(21)
    assert (luminance(value("--paper")) > 0.5) == (scheme == "light")
    low = [pair for pair in TEXTS if contrast(*map(value, pair)) < 4.5]
    low += [pair for pair in EDGES if contrast(*map(value, pair)) < 3]
    assert low == []


def test_every_control_has_a_name_of_its_own(opened: Opened) -> None:
    page = opened()
    give(page, photograph(100, 170))
    page.get_by_text("Options").click()
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "checkbox", "slider", "spinbutton", "combobox", "link", "img", "image", "table", "progressbar")
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert {"button", "checkbox", "slider", "spinbutton", "combobox", "link", "table"} <= {role for role, _ in controls}
    assert [role for role, name in controls if not name] == []
    assert len({*controls}) == len(controls)
    headings = [int(one.evaluate("one => one.tagName[1]")) for one in page.locator(":is(h1, h2, h3):visible").all()]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    assert page.evaluate("document.documentElement.lang") == "en"


def test_nothing_moves_for_those_who_want_that(opened: Opened) -> None:
    page = opened(reduced_motion="reduce")
    rules = page.evaluate(
        "[...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText)"
    )
    assert not [rule for rule, word in product(rules, ("transition", "animation", "scroll-behavior")) if word in rule]
