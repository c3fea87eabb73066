from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import DRONE, ClassTable
from segdrone.evaluation.page import Report, matrix, pictures, plots, write_page
from segdrone.evaluation.page.regions import labels
from segdrone.figures import Triple
from segdrone.scenes import render_scene

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>.jpg"
QUOTED = "\"' onmouseover=alert(2) x='\">.jpg"
SCENES = [render_scene(64, 96, seed) for seed in (1, 2, 3)]


def distorted(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    prediction = np.roll(mask, 3, axis=1)
    prediction[20:40, 30:60] = 3
    return prediction


def triple(title: str, place: int = 0) -> Triple:
    image, mask = SCENES[place]
    truth = mask.copy()
    truth[:10, :20] = 255
    return Triple(title, image, truth, distorted(mask))


def metrics(table: ClassTable, counts: NDArray[np.int64]) -> dict[str, Any]:
    hits, truth, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    union = truth + predicted - hits
    iou = {name: float(hits[i] / union[i]) if union[i] else None for i, name in enumerate(table.names)}
    known = [value for value in iou.values() if value is not None]
    keys = ("dice", "precision", "recall", "fwiou", "boundary_miou", "miou_per_image", "accuracy_per_image")
    overall = {
        "miou": sum(known) / len(known),
        "accuracy": float(hits.sum() / counts.sum()),
        **dict.fromkeys(keys, 0.5),
    }
    return {
        **overall,
        "ece": 0.0512,
        "intervals": {key: [value - 0.02, value + 0.03] for key, value in overall.items()} | {"ece": None},
        "level": 0.95,
        "resamples": 1000,
        "iou": iou,
        "absent": [name for name, value in iou.items() if value is None],
        "classes": {
            name: {
                "iou": iou[name],
                "iou_interval": None if iou[name] is None else [0.8 * iou[name], min(1.0, 1.1 * iou[name])],
                **dict.fromkeys(("dice", "precision", "recall", "boundary_iou"), iou[name]),
                "truth_share": float(truth[i] / counts.sum()),
                "predicted_share": float(predicted[i] / counts.sum()),
            }
            for i, name in enumerate(table.names)
        },
        "reliability": [
            {"from": 0.0, "to": 0.5, "pixels": 0, "confidence": None, "accuracy": None},
            {"from": 0.5, "to": 1.0, "pixels": 1234, "confidence": 0.9, "accuracy": 0.75},
        ],
        "objects": {
            "map": 0.25, "map_50": 0.5, "map_75": None,
            "classes": {table.names[-1]: {"map": None, "truth": 3, "predicted": 1, "found": 1}},
            "sizes": [
                {"from": 0, "to": 1024, "truth": 4, "found": 1, "recall": 0.25},
                {"from": 1024, "to": None, "truth": 0, "found": 0, "recall": None},
            ],
        },
        "photographs": 3, "split": "val", "root": "/data", "inference": {"window": 512},
    }  # fmt: skip


def report(table: ClassTable = DRONE, names: tuple[str, str, str] = ("a.jpg", "b.jpg", "c.jpg")) -> Report:
    rows = [triple(name, place) for place, name in enumerate(names)]
    counts = np.zeros((len(table), len(table)), np.int64)
    for row in rows:
        labelled = row.truth != 255
        np.add.at(counts, (row.truth[labelled], row.prediction[labelled]), 1)
    return Report(
        title="3 photographs",
        table=table,
        metrics=metrics(table, counts),
        confusion=counts,
        photographs=[
            {"id": names[2], "miou": None, "accuracy": None, "worst_class": None},
            {"id": names[1], "miou": 0.25, "accuracy": 0.5, "worst_class": table.names[1]},
            {"id": names[0], "miou": 0.5, "accuracy": 0.75, "worst_class": table.names[-1]},
        ],
        best=rows[:1],
        worst=rows[1:],
        history=[{"epoch": float(i), "train/loss": 2 / (i + 1), "val/miou": 0.1 * i} for i in range(4)],
        record={"command": "python evaluate.py", "git_commit": None, "packages": {"torch": "2", "timm": None},
                "config": {"seed": 0, "note": "</pre><script>alert(3)</script>"}},
    )  # fmt: skip


def written(what: Report, folder: Path) -> str:
    write_page(what, folder / "report.html")
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    return (folder / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Which elements and attributes a page holds, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Report:
    table = dataclasses.replace(DRONE, names=("<b>x", *DRONE.names[1:-1], "\"'></td><script>alert(4)</script>"))
    return dataclasses.replace(report(table, (HOSTILE, QUOTED, "\udce9.jpg")), title=f"of {HOSTILE}")


def test_names_are_text_wherever_they_stand(tmp_path: Path) -> None:
    page = written(hostile(), tmp_path)
    found = Elements(page)
    assert found.tags.count("script") == 1
    assert "<b>x" not in page
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert {value[:5] for name, value in found.attributes if name == "src"} == {"data:"}
    assert HOSTILE in found.text
    assert f"Photograph {HOSTILE}" in [value for name, value in found.attributes if name == "alt"]
    assert f"Photograph {QUOTED}" in [value for name, value in found.attributes if name == "alt"]


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    found = Elements(written(report(), tmp_path))
    assert not {"link", "iframe", "object", "base", "form"} & set(found.tags)
    assert all(value.startswith(("#", "data:")) for name, value in found.attributes if name in ("href", "src"))
    policy = next(value for name, value in found.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_figures_stand_with_their_intervals_and_what_is_missing_has_a_dash(tmp_path: Path) -> None:
    what = report()
    text = Elements(written(what, tmp_path)).text
    miou = what.metrics["miou"]
    assert f"{miou:.3f} (95 % interval {miou - 0.02:.3f} to {miou + 0.03:.3f})" in text
    assert "too sure by 15.0 percentage points" in text
    assert "ar-marker" in text.split("Absent, so without a score:")[1].split("Neither")[0]
    assert not re.findall(r"\b(?:nan|None)\b", text)


def test_a_page_of_little(tmp_path: Path) -> None:
    full = report()
    nothing = {"ece": None, "reliability": None, "objects": None, "intervals": {"miou": None}, "miou": None}
    classes = {name: {**row, "iou_interval": None} for name, row in full.metrics["classes"].items()}
    page = written(
        dataclasses.replace(
            full, metrics={**full.metrics, **nothing, "classes": classes}, history=[], best=[], worst=[], record={}
        ),
        tmp_path,
    )
    for section in ("confidence", "objects", "training", "best", "worst"):
        assert f'id="{section}"' not in page
        assert f'href="#{section}"' not in page
    assert 'class="interval"' not in page
    assert "% interval" not in page
    assert '<p class="value">\N{EN DASH}</p>' in page


def test_without_photographs_the_masks_are_compared_on_white(tmp_path: Path) -> None:
    row = triple("a.jpg")._replace(image=None)
    page = written(dataclasses.replace(report(), best=[row], worst=[]), tmp_path)
    assert page.count('<figure class="layer') == 3
    assert 'data-left="truth" data-right="prediction"' in page
    assert 'data-left="photograph"' not in page
    right = (row.truth == row.prediction) & (row.truth != 255)
    assert (pictures.error_map(row, DRONE)[right] == 255).all()


def test_the_error_map_tells_wrong_and_ignored_pixels_apart_without_colour() -> None:
    row = triple("a.jpg")
    seen = pictures.error_map(row, DRONE)
    wrong, ignored = (row.truth != row.prediction) & (row.truth != 255), row.truth == 255
    right = ~wrong & ~ignored
    assert (seen[right].max(1) == seen[right].min(1)).all(), "grey where right"
    grey = seen.astype(float).mean(2)
    assert len(np.unique(grey[wrong])) == 2, "stripes"
    assert len(np.unique(grey[ignored])) == 2, "dots"
    assert grey[wrong].min() < 60 < grey[right].min(), "stripes are darker than any photograph"


def test_pictures_shrink_together_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noise = [
        Triple(f"{i}", *(rng.integers(0, 23, shape, np.uint8) for shape in ((200, 300, 3), (200, 300), (200, 300))))
        for i in range(6)
    ]
    assert sum(one.encoded.size for one in pictures.show(noise, DRONE)) > 400_000
    monkeypatch.setattr(pictures, "_BUDGET", 400_000)
    shown = pictures.show(noise, DRONE)
    assert 150_000 < sum(one.encoded.size for one in shown) <= 400_000
    assert {(one.encoded.width > 90, one.encoded.width) for one in shown} == {(True, shown[0].encoded.width)}


def test_wide_pictures_are_reduced_and_masks_keep_their_colours() -> None:
    image, mask = np.zeros((500, 1800, 3), np.uint8), np.full((500, 1800), 7, np.uint8)
    (shown,) = pictures.show([Triple("a", image, mask, mask)], DRONE)
    assert (shown.encoded.width, shown.encoded.height) == (900, 250)
    assert (shown.wrong, shown.ids, shown.taken) == (0.0, [7], [])
    assert shown.encoded.truth.startswith("data:image/png")


def test_large_regions_are_named_inside() -> None:
    mask = np.full((100, 200), 3, np.uint8)
    mask[60:90, 20:60] = 1
    mask[5:10, 100:105] = 2  # too small
    found = {label.name: label for label in labels(mask, DRONE)}
    assert set(found) == {"grass", "paved-area"}
    small = found["paved-area"]
    assert 17 <= small.x <= 23
    assert 72 <= small.y <= 78


def test_the_matrix_reads_both_ways() -> None:
    table = ClassTable(names=("land", "water", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))
    counts = np.array([[6, 2, 0], [1, 1, 0], [0, 0, 0]])
    truth, prediction = matrix.matrices(counts, table)
    assert truth.ids == [0, 1]
    assert truth.rows[0][1] is not None
    assert truth.rows[0][1].words == "25.00 % of the true land is predicted as water: 2 pixels"
    assert prediction.rows[0][1] is not None
    assert prediction.rows[0][1].words == "66.67 % of what is predicted as water is land in truth: 2 pixels"
    first, second = matrix.most_taken(counts, table)
    assert (first.truth, first.prediction, first.of_class, first.of_all) == (0, 1, 0.25, 0.2)
    assert (second.truth, second.prediction) == (1, 0)


@pytest.mark.parametrize("history", [[{"epoch": 0.0, "val/loss": 0.0}], [{"epoch": 2.0, "val/loss": float("nan")}], []])
def test_curves_of_hardly_anything(history: list[dict[str, float]]) -> None:
    drawn = plots.curves(history)
    assert "nan" not in str(drawn)
    assert len(drawn) == any(row["val/loss"] == 0 for row in history)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        pytest.skip("no Chromium on PATH (chromium, chromium-browser, google-chrome, chrome): the page is not opened")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, headless=True, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page of hostile names; at the end nothing may have gone wrong in it."""
    write_page(hostile(), tmp_path / "report.html")
    address = (tmp_path / "report.html").as_uri()
    wrong: list[str] = []

    def page(width: int = 1200, **options: Any) -> Any:
        new = browser.new_context(viewport={"width": width, "height": 800}, **options).new_page()
        new.on("console", lambda message: wrong.append(f"console: {message.text}"))
        new.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        new.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        new.on("request", lambda request: request.url.startswith(("data:", address)) or wrong.append(request.url))
        new.goto(address)
        return new

    yield page
    for context in browser.contexts:
        context.close()
    assert wrong == []


def column(page: Any, place: int) -> list[str]:
    cells = page.locator(f"#class-table tbody tr > :nth-child({place})")
    return [cell.get_attribute("data-value") for cell in cells.all()]


def test_classes_are_sorted_by_click_and_by_key(opened: Any) -> None:
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


def test_the_slider_wipes_between_the_chosen_pictures(opened: Any) -> None:
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


def test_the_matrix_is_switched_and_read(opened: Any) -> None:
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
def test_nothing_sticks_out_on_a_phone(opened: Any, script: bool) -> None:
    page = opened(360, java_script_enabled=script)
    assert page.locator("html").evaluate("element => element.scrollWidth") == 360
    boxes = [section.bounding_box() for section in page.locator("section").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 360 for box in boxes)


def test_hostile_names_are_seen_as_text(opened: Any) -> None:
    page = opened()
    assert page.get_by_role("heading", name=HOSTILE, exact=True).is_visible()
    assert page.locator("#class-table").get_by_text("<b>x").first.is_visible()
    page.get_by_role("heading", name=QUOTED, exact=True).hover()
    assert page.locator("img:not([src^='data:'])").count() == 0


def test_without_script_all_is_there(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator(".figure").first.is_visible()
    layers = page.locator(".example").first.locator(".layer")
    boxes = [layer.bounding_box() for layer in layers.all()]
    assert len(boxes) == 4
    assert all(one["x"] + one["width"] <= other["x"] for one, other in pairwise(boxes))
    assert page.get_by_role("slider").count() == 0
    assert page.locator("#class-table thead button").count() == 0
    page.get_by_text("Shares of the prediction").click()
    assert page.locator(".matrix.prediction").is_visible()
