"""Content of the written page, and that it loads nothing."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from segdrone.classes import DRONE
from segdrone.evaluation.html_report import HtmlReport, panels, write_html
from tests.helpers.reports import HOSTILE, QUOTED, hostile, report, sample


def written(what: HtmlReport, folder: Path) -> str:
    write_html(what, folder / "report.html")
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    return (folder / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """The elements, attributes and text of a page."""

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


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    page = written(hostile(), tmp_path)
    found = Elements(page)
    assert found.tags.count("script") == 1
    assert "<b>x" not in page
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert {value[:5] for name, value in found.attributes if name == "src"} == {"data:"}
    assert HOSTILE in found.text
    assert f"Photograph {HOSTILE}" in [value for name, value in found.attributes if name == "alt"]
    assert f"Photograph {QUOTED}" in [value for name, value in found.attributes if name == "alt"]


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    found = Elements(written(report(), tmp_path))
    assert not {"link", "iframe", "object", "base", "form"} & set(found.tags)
    assert all(value.startswith(("#", "data:")) for name, value in found.attributes if name in ("href", "src"))
    policy = next(value for name, value in found.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_scores_are_shown_with_their_intervals_and_missing_ones_as_a_dash(tmp_path: Path) -> None:
    what = report()
    text = Elements(written(what, tmp_path)).text
    miou = what.metrics["miou"]
    assert f"{miou:.3f} (95 % interval {miou - 0.02:.3f} to {miou + 0.03:.3f})" in text
    assert "Panoptic quality 0.400" in text and "True things are those of the instance maps" in text
    assert "overconfident by 15.0 percentage points" in text
    assert "ar-marker" in text.split("Without a score, because they are absent:")[1].split("Neither")[0]
    assert not re.findall(r"\b(?:nan|None)\b", text)


@pytest.mark.parametrize(("photographs", "warned"), [(19, True), (20, False)])
def test_intervals_of_few_photographs_are_called_too_narrow(photographs: int, warned: bool, tmp_path: Path) -> None:
    full = report()
    page = written(dataclasses.replace(full, metrics={**full.metrics, "photographs": photographs}), tmp_path)
    assert ("too narrow: there are fewer than 20 photographs" in page) == warned


def test_objects_without_confidence_are_said_to_be_ranked_by_area(tmp_path: Path) -> None:
    full = report()
    assert "ranked by their area" not in written(full, tmp_path)
    unknown = dataclasses.replace(full, metrics={**full.metrics, "reliability": None}, plots={})
    assert "Objects are ranked by their area" in written(unknown, tmp_path)


def test_a_page_with_only_the_required_parts(tmp_path: Path) -> None:
    full = report()
    nothing = {"ece": None, "reliability": None, "objects": None, "intervals": {"miou": None}, "miou": None}
    classes = {name: {**row, "iou_interval": None} for name, row in full.metrics["classes"].items()}
    page = written(
        dataclasses.replace(
            full,
            metrics={**full.metrics, **nothing, "classes": classes},
            plots={},
            best=[],
            worst=[],
            things=[],
            provenance={},
        ),
        tmp_path,
    )
    for section in ("confidence", "objects", "things", "training", "best", "worst"):
        assert f'id="{section}"' not in page
        assert f'href="#{section}"' not in page
    assert 'class="interval"' not in page
    assert "% interval" not in page
    assert '<p class="value">\N{EN DASH}</p>' in page


def test_things_that_were_split_or_merged_are_counted_and_shown(tmp_path: Path) -> None:
    page = written(report(), tmp_path)
    text = " ".join(Elements(page).text.split())
    name = DRONE.names[-1]
    assert f"{name} in a.jpg: one thing of 300 pixels, predicted as 2 of 200, 100 pixels." in text
    assert f"{name} in a.jpg: 2 things of 200, 100 pixels, predicted as one of 300 pixels." in text
    assert (
        "With connected components as predicted things, 2 would be split, 3 merged, 4 missed, and 6 invented." in text
    )
    row = page.split("Things that were taken apart")[1].split("<tbody>")[1].split("</tbody>")[0]
    assert re.findall(r">(\d+)</td>", row) == ["1", "2", "3", "4", "5", "6"]
    assert page.split('id="things"')[1].split("</section>")[0].count('src="data:image/jpeg') == 4


def test_without_photographs_the_masks_are_compared_on_white(tmp_path: Path) -> None:
    row = sample("a.jpg")._replace(image=None)
    page = written(dataclasses.replace(report(), best=[row], worst=[]), tmp_path)
    assert page.count('<figure class="layer') == 3
    assert 'data-left="truth" data-right="prediction"' in page
    assert 'data-left="photograph"' not in page
    right = (row.truth == row.prediction) & (row.truth != 255)
    assert (panels.error_map(row, DRONE)[right] == 255).all()
