"""The page of a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segdrone.classes import ClassTable
from segdrone.geo.map_page import PagePictures, draw_picture, picture_size, write_map_page
from segdrone.raster import ArraySource, MapSource
from segdrone.windows import Window
from tests.helpers.browser import open_browser
from tests.helpers.image_files import gradient_image
from tests.helpers.maps import write_map

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
NOISE = """window.readPixels = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...place) {
  const image = readPixels.apply(this, place);
  image.data.forEach((value, at) => (image.data[at] = value ^ 1));
  return image;
};"""  # as browsers that guard against fingerprinting do
TABLE = ClassTable(("road", HOSTILE, "absent"), ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def page(folder: Path, areas: bool = True) -> Path:
    ids = np.zeros((40, 60), np.uint8)
    ids[:, 30:], ids[:10] = 1, 255
    shares = {"road": 0.5, HOSTILE: 0.5, "absent": 0.0}
    meters = {name: 1234.5 * share for name, share in shares.items()} if areas else None
    write_map_page(
        folder / "map.html", HOSTILE, HOSTILE, PagePictures.encode(np.full((40, 60, 3), 128, np.uint8), ids), TABLE,
        shares, meters, 0.05 if areas else None,
    )  # fmt: skip
    return folder / "map.html"


def test_a_picture_is_the_reduced_map_read_part_by_part(tmp_path: Path) -> None:
    image = gradient_image(300, 2500)
    source = MapSource(write_map(tmp_path / "a.tif", image.transpose(2, 0, 1)))
    assert picture_size(source.size) == (288, 2400)
    whole = ArraySource(image).resized((288, 2400)).read(Window(0, 0, 288, 2400))
    assert np.abs(draw_picture(source).astype(int) - whole).max() <= 1
    np.testing.assert_array_equal(draw_picture(ArraySource(image[:, :900])), image[:, :900])


def test_without_a_place_there_are_no_areas_and_no_scale_bar(tmp_path: Path) -> None:
    text = page(tmp_path, areas=False).read_text(encoding="utf-8")
    assert "m²" not in text and 'id="bar"' not in text
    assert "50.0%" in text and "absent" not in text


def test_classes_are_switched_and_the_map_is_moved_in_a_browser(tmp_path: Path) -> None:
    path = page(tmp_path)
    problems: list[str] = []
    requests: list[str] = []
    with open_browser() as browser:
        shown = browser.new_page(viewport={"width": 900, "height": 600})
        shown.on("console", lambda message: problems.append(message.text))
        shown.on("pageerror", lambda error: problems.append(str(error)))
        shown.on("request", lambda request: requests.append(request.url))
        shown.add_init_script(NOISE)
        shown.goto(path.as_uri())
        pixel = "readPixels.call(document.getElementById('mask').getContext('2d'), {}, {}, 1, 1).data"
        shown.wait_for_function(f"{pixel.format(10, 20)}[3] > 0")

        def colors() -> list[list[int]]:
            return [list(shown.evaluate(f"[...{pixel.format(x, y)}]")) for x, y in ((10, 20), (50, 20), (10, 5))]

        road, other, nothing = colors()
        assert road[0] == 255 and other[1] == 255 and nothing == [0, 0, 0, 0]
        shown.get_by_label("road", exact=True).uncheck()
        assert colors()[0] == [0, 0, 0, 0] and colors()[1] == other
        shown.locator("#opacity").fill("100")
        assert colors()[1] == [0, 255, 0, 255]
        before = shown.evaluate("document.getElementById('plane').style.transform")
        shown.locator("#view").press("+")
        shown.mouse.move(300, 300)
        shown.mouse.down()
        shown.mouse.move(350, 320)
        shown.mouse.up()
        assert shown.evaluate("document.getElementById('plane').style.transform") != before
        assert shown.locator("#bar span").inner_text().endswith("m")
        assert shown.locator("h1").inner_text().startswith("</script>")
    assert problems == []
    assert [url for url in requests if not url.startswith(("data:", path.as_uri()))] == []


def test_a_browser_that_cannot_show_the_mask_says_so(tmp_path: Path) -> None:
    with open_browser() as browser:
        shown = browser.new_page()
        shown.add_init_script("delete window.DecompressionStream")
        shown.goto(page(tmp_path).as_uri())
        shown.get_by_text("This browser is too old to show the mask").wait_for()
