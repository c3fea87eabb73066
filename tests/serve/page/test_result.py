"""From a photograph to its mask on the screen, and in files."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.serve.service import Service
from tests.helpers.service_page import HOSTILE, ask, download, give, picture
from tests.helpers.serving import TILED, make_client, photograph, wait_until

Opened = Callable[..., Any]


def test_the_files_are_those_of_the_service(opened: Opened, service: Service, tmp_path: Path) -> None:
    page, content = opened(), photograph(100, 170)
    give(page, content, "a.b.jpg")
    expected = {
        "Mask": ("a.b-mask.png", "image/png"),
        "Color mask": ("a.b-colors.png", "image/png;profile=colours"),
        "Overlay": ("a.b-overlay.jpg", "image/jpeg"),
        "Regions": ("a.b.geojson", "application/geo+json"),
        "Objects": ("a.b-coco.json", "application/vnd.coco+json"),
    }
    for button, (name, accept) in expected.items():
        saved = download(page, f"^{button}", tmp_path)
        assert saved == (name, ask(service, content, accept, objects="true")), button
    answer = json.loads(ask(service, content, "application/json", objects="true"))
    name, saved_json = download(page, "^All numbers", tmp_path)
    assert name == "a.b.json"
    assert {**json.loads(saved_json), "id": "", "seconds": {}} == {**answer, "id": "", "seconds": {}}
    name, saved_csv = download(page, "CSV", tmp_path)
    rows = list(csv.reader(io.StringIO(saved_csv.decode())))
    assert name == "a.b-shares.csv"
    assert rows[0] == ["class", "share", "objects"]
    assert [(row[0], float(row[1])) for row in rows[1:]] == [(one["name"], one["share"]) for one in answer["classes"]]
    assert rows[3][2] == str(answer["classes"][2]["objects"])


def test_the_legend_has_the_shares_and_objects(opened: Opened, service: Service) -> None:
    page, content = opened(), photograph(100, 170)
    give(page, content)
    answer = json.loads(ask(service, content, "application/json", objects="true"))
    found = sorted((one for one in answer["classes"] if one["share"]), key=lambda one: -one["share"])
    rows = [row.inner_text().split() for row in page.locator("#shares tbody tr").all()]
    assert [row[0] for row in rows] == [one["name"] for one in found]
    assert [float(row[1]) for row in rows] == pytest.approx([100 * one["share"] for one in found], abs=0.051)
    assert {row[0]: row[3] for row in rows if len(row) > 3} == {"car": str(answer["classes"][2]["objects"])}
    assert page.get_by_role("status").inner_text().startswith(f"Done. {len(found)} classes: {found[0]['name']}")


def colors_of(ids: NDArray[np.uint8], shown: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the colors of a mask where a class is shown, and else the photograph."""
    return np.where(shown[ids][..., None], TILED.classes.palette[ids], pixels)


def test_each_pixel_has_the_color_of_its_class_while_it_is_shown(opened: Opened, service: Service) -> None:
    page, content = opened(400), photograph(60, 90, "PNG")
    give(page, content)
    page.get_by_label("Opacity").fill("100")
    page.get_by_role("slider", name="between").fill("0")
    ids = np.asarray(Image.open(io.BytesIO(ask(service, content, "image/png"))))
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    shown = np.ones(256, bool)
    for box in [None, *page.locator("#shares input").all()]:
        if box is not None:
            box.uncheck()
            shown[int(box.get_attribute("value"))] = False
        canvas = picture(page)
        assert np.array_equal(canvas, colors_of(ids, shown, pixels))
    assert not shown.all()
    page.get_by_role("button", name="All", exact=True).click()
    assert all(box.is_checked() for box in page.locator("#shares input").all())
    assert not np.array_equal(picture(page), canvas)
    page.get_by_role("slider", name="between").fill("100")
    assert np.array_equal(picture(page), pixels)


def test_names_of_classes_and_files_are_text(opened: Opened, service: Service, tmp_path: Path) -> None:
    page, content, name = opened(), photograph(100, 170), "'\"><img src=x onerror=alert(3)>.jpg"
    give(page, content, name, model="hostile")
    page.locator("#history").get_by_role("heading", name=name, exact=True).wait_for()
    assert page.locator("#name").inner_text() == name
    found = [cell.inner_text() for cell in page.locator("#shares tbody label").all()]
    absent = page.locator("#shares .absent").inner_text()
    assert all(one in found or one in absent for one in HOSTILE)
    assert len(found) > 1
    assert page.locator("main img:not([alt=''])").count() == 0
    saved = download(page, "CSV", tmp_path)[1].decode()
    assert [row[0] for row in csv.reader(io.StringIO(saved))][1:] == [*HOSTILE]


def test_options_are_those_of_the_request(opened: Opened, service: Service, tmp_path: Path) -> None:
    page, content = opened(), photograph(100, 170)
    give(page, content)
    assert page.get_by_role("button", name="Predict again").is_hidden()
    page.get_by_text("Options").click()
    page.get_by_label("Count objects").uncheck()
    page.get_by_label("Smallest region").fill("60")
    page.get_by_label("Refine").fill("3")
    page.get_by_role("button", name="Predict again").click()
    page.locator("[data-state=done]").wait_for()
    expected = ask(service, content, "image/png", min_area="60", refine="3")
    assert expected != ask(service, content, "image/png")
    assert download(page, "^Mask", tmp_path)[1] == expected
    assert page.locator("#shares th", has_text="Objects").count() == 0
    assert page.get_by_role("button", name="COCO").is_hidden()


def test_photographs_are_dropped_and_pasted(opened: Opened) -> None:
    page = opened()
    for how in ("drop", "paste"):
        page.evaluate(
            """([how, text]) => {
              const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
              const transfer = new DataTransfer();
              transfer.items.add(new File([bytes], `by ${how}.jpg`));
              const event = how === "drop"
                ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
              document.body.dispatchEvent(event);
            }""",
            [how, base64.b64encode(photograph()).decode()],
        )
        page.locator("[data-state=done]").wait_for()
        assert page.locator("#name").inner_text() == f"by {how}.jpg"


def test_a_photograph_that_browsers_cannot_decode_has_its_mask_shown(opened: Opened, service: Service) -> None:
    page, content = opened(400), photograph(60, 90, "TIFF")
    give(page, content, "photograph.tif")
    assert "the mask alone" in page.locator("#about").inner_text()
    page.get_by_label("Opacity").fill("100")
    page.get_by_role("slider", name="between").fill("0")
    ids = np.asarray(Image.open(io.BytesIO(ask(service, content, "image/png"))))
    assert np.array_equal(picture(page), TILED.classes.palette[ids])


def test_a_turned_photograph_is_shown_as_the_service_reads_it(opened: Opened, service: Service) -> None:
    upright, exif, file = Image.open(io.BytesIO(photograph(60, 90, "PNG"))), Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    upright.rotate(90, expand=True).save(file, "PNG", exif=exif)
    page = opened(400)
    give(page, file.getvalue(), "turned.png")
    assert page.locator("#about").inner_text().startswith("90 \N{MULTIPLICATION SIGN} 60 pixels")
    page.get_by_role("slider", name="between").fill("100")
    assert np.array_equal(picture(page), np.asarray(upright.convert("RGB")))


def test_a_photograph_that_the_browser_does_not_turn_is_not_shown_under_its_mask(
    opened: Opened, service: Service
) -> None:
    upright, exif, file = Image.open(io.BytesIO(photograph(60, 90, "PNG"))), Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    upright.rotate(90, expand=True).save(file, "WEBP", exif=exif, lossless=True)
    page = opened(400)
    give(page, file.getvalue(), "turned.webp")
    page.get_by_role("slider", name="between").fill("0")
    page.get_by_label("Opacity").fill("100")
    ids = np.asarray(Image.open(io.BytesIO(ask(service, file.getvalue(), "image/png"))))
    assert np.array_equal(picture(page), TILED.classes.palette[ids])
    page.get_by_role("slider", name="between").fill("100")
    is_turned = np.array_equal(picture(page), np.asarray(upright.convert("RGB")))
    assert is_turned != ("the mask alone" in page.locator("#about").inner_text())


def test_a_large_photograph_is_a_job_that_reports_its_windows(opened: Opened, service: Service, tmp_path: Path) -> None:
    page, content = opened(), photograph(1300, 1600)
    page.set_input_files("#file", {"name": "large.jpg", "mimeType": "", "buffer": content})
    page.locator("#stage", has_text=re.compile(r"Window \d+ of \d{3}")).wait_for()
    page.locator("[data-state=done]").wait_for()
    jobs = service.jobs
    assert jobs is not None
    assert [job.state for job in jobs.store] == ["done"]
    answer = json.loads(ask(service, content, "application/json", objects="true"))
    saved = json.loads(download(page, "^All numbers", tmp_path)[1])
    assert {key: saved[key] for key in saved if key not in ("id", "seconds")} == {
        key: answer[key] for key in answer if key not in ("id", "seconds", "network_size")
    }
    mask = np.asarray(Image.open(io.BytesIO(download(page, "^Mask", tmp_path)[1])))
    shares = np.bincount(mask.ravel(), minlength=4) / mask.size
    assert shares == pytest.approx([one["share"] for one in answer["classes"]], abs=1e-6)
    assert json.loads(download(page, "COCO", tmp_path)[1])["annotations"]
    assert download(page, "GeoJSON", tmp_path)[1] == ask(service, content, "application/geo+json")
    page.get_by_role("button", name="Another photograph").click()
    wait_until(lambda: not [*jobs.store])


def test_a_job_outlives_a_network_that_fails_for_a_moment(opened: Opened, service: Service) -> None:
    page, jobs, failed = opened(expected="ERR_FAILED"), service.jobs, list[str]()
    assert jobs is not None

    def fail(route: Any) -> None:
        if route.request.method == "GET" and len(failed) < 2:
            failed.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/jobs/*", fail)
    give(page, photograph(1300, 1600), model="whole")
    assert len(failed) == 2
    assert page.locator("#about").inner_text().startswith("1600")
    page.get_by_role("button", name="Another photograph").click()
    wait_until(lambda: not [*jobs.store])


def test_a_job_that_the_service_has_lost_can_be_tried_again(opened: Opened, service: Service) -> None:
    page, jobs = opened(expected="Failed to load resource"), service.jobs
    assert jobs is not None
    page.set_input_files("#file", {"name": "large.jpg", "mimeType": "", "buffer": photograph(1300, 1600)})
    page.locator("#stage", has_text="Window").wait_for()
    for job in jobs.store:
        jobs.cancel(job)
    page.get_by_role("alert").get_by_text("no longer has the job").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.locator("[data-state=done]").wait_for()
    page.get_by_role("button", name="Another photograph").click()
    wait_until(lambda: not [*jobs.store])


def test_a_job_is_removed_when_the_page_is_left_and_begun_again_when_it_is_back(
    opened: Opened, service: Service, tmp_path: Path
) -> None:
    page, jobs = opened(expected="ERR_ABORTED"), service.jobs
    assert jobs is not None
    page.set_input_files("#file", {"name": "large.jpg", "mimeType": "", "buffer": photograph(1300, 1600)})
    page.locator("#stage", has_text="Window").wait_for()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    wait_until(lambda: not [*jobs.store])
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.locator("[data-state=done]").wait_for()
    assert download(page, "^Overlay", tmp_path)[1]
    page.get_by_role("button", name="Another photograph").click()
    page.set_input_files("#file", {"name": "large.jpg", "mimeType": "", "buffer": photograph(1300, 1600)})
    page.locator("#stage", has_text="Window").wait_for()
    page.goto("about:blank")
    wait_until(lambda: not [*jobs.store])


def test_a_prediction_that_comes_late_is_not_shown(opened: Opened) -> None:
    page = opened(expected="ERR_ABORTED")
    page.evaluate(
        """async () => {
          const { Viewer } = await import("/page/viewer.js");
          const setMask = Viewer.prototype.setMask;
          Viewer.prototype.setMask = async function (blob) {
            await setMask.call(this, blob);
            Viewer.prototype.setMask = setMask;
            await new Promise((resolve) => { window.free = resolve; });
          };
        }"""
    )
    page.set_input_files("#file", {"name": "a.jpg", "mimeType": "", "buffer": photograph()})
    wait_until(lambda: page.evaluate("Boolean(window.free)"))
    page.route("**/v1/segment*", lambda _: None)  # never answered
    page.evaluate("document.querySelector('#options').requestSubmit()")
    page.evaluate("(free(), new Promise((resolve) => setTimeout(resolve, 200)))")
    assert page.evaluate("document.body.dataset.state") == "running"
    page.get_by_role("button", name="Cancel").click()


def test_files_are_of_the_model_that_is_shown(opened: Opened, service: Service) -> None:
    page = opened()
    give(page, photograph(), model="replaced")
    shutil.copy(service.models.files["hostile"].path, service.models.files["replaced"].path)
    assert make_client(service).post("/v1/models/replaced/reload").status_code == 200
    page.get_by_role("button", name="Color mask").click()
    page.get_by_role("alert").get_by_text("replaced meanwhile").wait_for()
    assert page.locator("[data-state=done]").count() == 1


def test_the_last_of_two_photographs_counts(opened: Opened, service: Service) -> None:
    page, content = opened(400, expected="ERR_ABORTED"), photograph(60, 90, "PNG")
    for name, one in {"first.jpg": photograph(1200, 1600), "second.png": content}.items():
        page.set_input_files("#file", {"name": name, "mimeType": "", "buffer": one})
    page.locator("[data-state=done]").wait_for()
    assert page.locator("#name").inner_text() == "second.png"
    page.get_by_role("slider", name="between").fill("100")
    assert np.array_equal(picture(page), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))
    assert page.locator("#history h3").all_inner_texts() in ([], ["second.png"])


def test_history_is_kept_by_the_browser_until_it_is_cleared(opened: Opened) -> None:
    page = opened()
    assert page.locator("#history").is_hidden()
    for number in range(2):
        give(page, photograph(60 + number, 90), f"{number}.jpg")
        page.get_by_role("button", name="Another photograph").click()
    page.reload()
    names = page.locator("#history h3")
    names.first.wait_for()
    assert names.all_inner_texts() == ["1.jpg", "0.jpg"]
    assert page.locator("#history img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 60
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Nothing is kept").wait_for()
    page.reload()
    page.get_by_label("Model").locator("option").first.wait_for(state="attached")
    assert page.locator("#history li").count() == 0
    assert page.evaluate("indexedDB.databases().then((all) => all.map(({ name }) => name))") == ["segdrone"]
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
