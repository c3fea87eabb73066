from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.labels import Labels
from segdrone.data.read import read_header, read_image, read_mask, read_size, resize_image, resize_mask
from segdrone.errors import DataError
from segdrone.scenes import render_scene
from segdrone.windows import Size

HEIGHT, WIDTH = 8, 12


def colours(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ids(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, len(DRONE), (height, width), dtype=np.uint8)


def write(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def refusal(path: Path, table: ClassTable | None = None) -> str:
    with pytest.raises(DataError) as caught:
        if table is None:
            read_image(path)
        else:
            read_mask(path, Labels(table))
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_rgb_photograph_passes_unchanged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", Image.fromarray(colours()))
    image = read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, colours())
    assert read_size(path) == (HEIGHT, WIDTH)


def test_grey_photograph_has_three_equal_channels(tmp_path: Path) -> None:
    grey = colours()[..., 0]
    image = read_image(write(tmp_path / "a.png", Image.fromarray(grey)))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


def test_alpha_is_dropped(tmp_path: Path) -> None:
    rgba = np.dstack([colours(), np.full((HEIGHT, WIDTH), 7, np.uint8)])
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", Image.fromarray(rgba))), colours())


def test_palette_photograph_is_unrolled(tmp_path: Path) -> None:
    four = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]], np.uint8)
    places = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8) % 4
    paletted = Image.fromarray(places).convert("L")
    paletted.putpalette(four.tobytes())
    assert paletted.mode == "P"
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.png", paletted)), four[places])


def test_cmyk_photograph_is_converted(tmp_path: Path) -> None:
    cmyk = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    cmyk[..., 0] = 255
    path = write(tmp_path / "a.tiff", Image.fromarray(cmyk, mode="CMYK"))
    image = read_image(path)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert (image == (0, 255, 255)).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_photograph_is_turned_as_displayed(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:16, :16] = 255  # upper left; shown at the upper right
    path = write(tmp_path / f"a{suffix}", Image.fromarray(pixels), exif=exif)
    image = read_image(path)
    assert image.shape == (48, 32, 3)
    assert read_size(path) == (48, 32)
    assert image[:16, 16:].min() > 200
    assert image[:16, :15].max() < 60


def test_truncated_jpeg_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", Image.fromarray(colours(64, 96)))
    path.write_bytes(path.read_bytes()[:-400])
    text = refusal(path)
    assert "cannot be decoded" in text
    assert "truncated" in text
    assert "copy it again or remove it" in text
    assert read_size(path) == (64, 96)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")  # of Pillow
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
def test_file_cut_anywhere_is_refused_or_whole(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", Image.fromarray(colours()))
    content, whole = path.read_bytes(), read_image(path)
    refused = 0
    for length in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(read_image(path), whole)
        except DataError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("content", [b"", b"hello, this is text"])
def test_text_called_jpg_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert (
        refusal(path)
        == f"{path} is not an image (JPEG, PNG, TIFF or WebP), whatever its name says: replace or remove it"
    )


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert refusal(path) == f"{path} does not exist: put it back, or take its name off the list"
    with pytest.raises(DataError, match="does not exist"):
        read_size(path)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_photograph_of_more_than_8_bits_is_refused(tmp_path: Path, dtype: type) -> None:
    path = write(tmp_path / "a.tiff", Image.fromarray(np.full((HEIGHT, WIDTH), 300, dtype)))
    text = refusal(path)
    assert "not 8 bits a channel" in text
    assert "convert it to 8-bit RGB" in text


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.png", Image.fromarray(colours()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH // 3)
    text = refusal(path)
    assert "is too large to be read" in text
    assert "cut it into parts or reduce it" in text


def test_ids_pass_unchanged(tmp_path: Path) -> None:
    values = ids()
    values[0, :3] = 255
    mask = read_mask(write(tmp_path / "a.png", Image.fromarray(values)), Labels(DRONE))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, values)


def test_palette_mask_holds_its_ids_not_its_colours(tmp_path: Path) -> None:
    values = ids()
    paletted = Image.fromarray(values)
    paletted.putpalette(np.random.default_rng(2).integers(0, 256, 768, dtype=np.uint8).tobytes())
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", paletted), Labels(DRONE)), values)


def test_mask_of_16_bits_passes_while_its_ids_are_known(tmp_path: Path) -> None:
    values = ids().astype(np.uint16)
    mask = read_mask(write(tmp_path / "a.png", Image.fromarray(values)), Labels(DRONE))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, values)
    values[0, :5] = 256 + 3
    text = refusal(write(tmp_path / "b.png", Image.fromarray(values)), DRONE)
    assert "id 259 (5 pixels)" in text


def test_fractions_are_no_ids(tmp_path: Path) -> None:
    values = ids().astype(np.float32)
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.tiff", Image.fromarray(values)), Labels(DRONE)), ids())
    values[0, :2] = 1.5
    assert "id 1.5 (2 pixels)" in refusal(write(tmp_path / "b.tiff", Image.fromarray(values)), DRONE)


def test_black_and_white_mask_has_ids_0_and_1(tmp_path: Path) -> None:
    values = ids() % 2
    path = write(tmp_path / "a.png", Image.fromarray(values.astype(bool)))
    with Image.open(path) as image:
        assert image.mode == "1"
    np.testing.assert_array_equal(read_mask(path, Labels(DRONE)), values)


def test_grey_mask_with_alpha_holds_ids(tmp_path: Path) -> None:
    values = np.dstack([ids(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", Image.fromarray(values)), Labels(DRONE)), ids())


def test_unknown_id_is_told_with_file_and_count(tmp_path: Path) -> None:
    values = ids()
    values[2, :4] = 77
    values[3, :2] = 23
    path = write(tmp_path / "a.png", Image.fromarray(values))
    assert refusal(path, DRONE) == (
        f"{path} holds id 77 (4 pixels), id 23 (2 pixels), not in the class table of 23 classes "
        "(ids 0 to 22, 255 is ignored): mend the mask or give its table with data.classes=FILE.csv"
    )


def test_many_unknown_ids_are_cut(tmp_path: Path) -> None:
    values = ids()
    values[0, :7] = np.arange(100, 107)
    assert "and 2 more, not in" in refusal(write(tmp_path / "a.png", Image.fromarray(values)), DRONE)


def test_ignored_id_of_the_table_counts(tmp_path: Path) -> None:
    table = ClassTable(("a", "b"), ((0, 0, 0), (9, 9, 9)), ignore_index=200)
    values = np.array([[0, 1], [200, 0]], np.uint8)
    path = write(tmp_path / "a.png", Image.fromarray(values))
    np.testing.assert_array_equal(read_mask(path, Labels(table)), values)
    assert "id 200 (1 pixels)" in refusal(path, ClassTable(table.names, table.colours))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_become_ids_exactly(tmp_path: Path, mode: str) -> None:
    values = np.arange(len(DRONE) * 4).reshape(4, -1).astype(np.uint8) % len(DRONE)
    painted = Image.fromarray(DRONE.palette[values]).convert(mode)
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", painted), Labels(DRONE)), values)


def test_unknown_colour_is_told_with_file_and_count(tmp_path: Path) -> None:
    painted = DRONE.palette[ids()]
    painted[1, :6] = (1, 2, 3)
    text = refusal(write(tmp_path / "a.png", Image.fromarray(painted)), DRONE)
    assert "holds colour rgb(1, 2, 3) (6 pixels), not in the class table of 23 classes" in text


def test_colours_shared_by_classes_are_not_guessed(tmp_path: Path) -> None:
    table = ClassTable(("a", "b", "c"), ((0, 0, 0), (9, 9, 9), (9, 9, 9)))
    painted = np.full((HEIGHT, WIDTH, 3), 9, np.uint8)
    text = refusal(write(tmp_path / "a.png", Image.fromarray(painted)), table)
    assert "rgb(9, 9, 9) to several classes" in text
    assert "give each its own colour" in text


def test_truncated_mask_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", Image.fromarray(ids(64, 96)))
    path.write_bytes(path.read_bytes()[:-300])
    assert "cannot be decoded" in refusal(path, DRONE)


@pytest.mark.parametrize("interpolation", ["area", "linear", "nearest"])
def test_photograph_is_resized_to_height_and_width(interpolation: str) -> None:
    resized = resize_image(np.full((40, 60, 3), (10, 20, 30), np.uint8), (16, 48), interpolation)
    assert resized.shape == (16, 48, 3)
    assert resized.dtype == np.uint8
    assert (resized == (10, 20, 30)).all()


def test_area_averages_and_nearest_does_not() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize_image(stripes, (4, 4), "area") == 100).all()
    assert set(np.unique(resize_image(stripes, (4, 4), "nearest"))) <= {0, 200}


def test_mask_is_resized_by_nearest() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[:, 30:] = 22
    mask[20:] = 255
    small = resize_mask(mask, (15, 30))
    assert small.dtype == np.uint8
    assert small.shape == (15, 30)
    assert set(np.unique(small)) == {0, 22, 255}
    corners = resize_mask(mask, (15, 30), "nearest")
    np.testing.assert_array_equal(corners, cv2.resize(mask, (30, 15), interpolation=cv2.INTER_NEAREST))


@pytest.mark.parametrize("size", [(100, 150), (61, 90), (40, 33)])
def test_a_mask_lies_on_its_photograph(size: Size) -> None:
    mask = cv2.resize(np.random.default_rng(0).integers(0, 2, (25, 38), dtype=np.uint8), (380, 250))
    shown = {
        name: resize_image(np.repeat(mask[..., None] * np.uint8(255), 3, 2), size, name) for name in ("area", "nearest")
    }
    share = shown["area"][..., 0] / 255
    sure = abs(share - 0.5) > 0.4  # nearly all of the pixel is of one class
    np.testing.assert_array_equal(resize_mask(mask, size)[sure], share[sure] > 0.5)
    np.testing.assert_array_equal(resize_mask(mask, size, "nearest"), shown["nearest"][..., 0] // 255)


def test_a_format_that_another_program_would_open_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # PostScript, which Pillow would hand to Ghostscript
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="a.jpg is not an image"):
        read_image(path)


TWO = ClassTable(("dark", "light"), ((0, 0, 0), (255, 255, 255)))
FEW = ClassTable(("road", "grass", "tree"), ((10, 20, 30), (100, 110, 120), (200, 40, 90)))


def few(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, len(FEW), (height, width), dtype=np.uint8)


def paletted(values: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(values)
    image.putpalette(palette.tobytes())
    return image


def told(path: Path, labels: Labels) -> str:
    """What is said against a mask, in one line that names the file."""
    with pytest.raises(DataError) as caught:
        read_mask(path, labels)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("encoding", ["auto", "ids", "colours"])
def test_palette_mask_whose_indices_and_colours_agree_is_read_either_way(
    tmp_path: Path, suffix: str, encoding: str
) -> None:
    path = write(tmp_path / f"a{suffix}", paletted(few(), FEW.palette))
    with Image.open(path) as image:
        assert image.mode == "P"
    np.testing.assert_array_equal(read_mask(path, Labels(FEW, encoding=encoding)), few())


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_palette_mask_whose_indices_and_colours_differ_is_read_as_told_and_else_refused(
    tmp_path: Path, suffix: str
) -> None:
    turned = np.array([2, 0, 1], np.uint8)  # class by index
    path = write(tmp_path / f"a{suffix}", paletted(few(), FEW.palette[turned]))
    text = told(path, Labels(FEW))
    assert (
        "is a palette image whose indices (0, ...) and colours (those of class 2, ...) name different classes" in text
    )
    assert text.endswith("say which counts with data.mask_encoding=ids or colours")
    np.testing.assert_array_equal(read_mask(path, Labels(FEW, encoding="ids")), few())
    np.testing.assert_array_equal(read_mask(path, Labels(FEW, encoding="colours")), turned[few()])


def test_palette_mask_is_judged_by_the_indices_that_it_uses(tmp_path: Path) -> None:
    palette = FEW.palette.copy()
    palette[2] = FEW.palette[0]  # would be ambiguous
    values = few() % 2
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", paletted(values, palette)), Labels(FEW)), values)
    values[0, 0] = 2
    assert "name different classes" in told(write(tmp_path / "b.png", paletted(values, palette)), Labels(FEW))


def test_palette_mask_with_ignored_pixels_holds_ids(tmp_path: Path) -> None:
    values = few()
    values[0] = 255
    path = write(tmp_path / "a.png", paletted(values, FEW.palette))
    np.testing.assert_array_equal(read_mask(path, Labels(FEW)), values)


def test_palette_mask_with_a_transparent_colour_holds_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", paletted(few(), FEW.palette), transparency=0)
    np.testing.assert_array_equal(read_mask(path, Labels(FEW)), few())


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_three_equal_channels_may_hold_ids(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(np.repeat(few()[..., None], 3, axis=2)).convert(mode)
    path = write(tmp_path / f"a{suffix}", image, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(read_mask(path, Labels(FEW, encoding="ids")), few())
    assert "colour rgb(1, 1, 1)" in told(path, Labels(FEW))  # by itself, they are colours


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_colours_are_no_ids(tmp_path: Path, suffix: str) -> None:
    grey = np.repeat(few()[..., None], 3, axis=2)
    grey[5, 7, 2] += 1  # one pixel is enough
    path = write(tmp_path / f"a{suffix}", Image.fromarray(grey), **({"lossless": True} if suffix == ".webp" else {}))
    assert "holds colours, not ids: give data.mask_encoding=colours" in told(path, Labels(FEW, encoding="ids"))


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_read_from_lossless_files(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(FEW.palette[few()]).convert(mode)
    path = write(tmp_path / f"a{suffix}", image, **({"lossless": True} if suffix == ".webp" else {}))
    for encoding in ("auto", "colours"):
        np.testing.assert_array_equal(read_mask(path, Labels(FEW, encoding=encoding)), few())


@pytest.mark.parametrize("name", ["a.jpg", "a.tiff"])
def test_colours_of_ink_are_converted_to_rgb(tmp_path: Path, name: str) -> None:
    table = ClassTable(("cyan", "magenta", "paper"), ((0, 255, 255), (255, 0, 255), (255, 255, 255)))
    ink = np.array([[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 0, 0]], np.uint8)
    values = np.repeat(np.repeat(few(2, 3), 16, axis=0), 16, axis=1)  # what a JPEG keeps
    path = write(tmp_path / name, Image.fromarray(ink[values], mode="CMYK"))
    labels = Labels(table, colour_tolerance=0 if name == "a.tiff" else 10)
    np.testing.assert_array_equal(read_mask(path, labels), values)


def test_smoothed_colours_within_the_tolerance_become_the_nearest_class(tmp_path: Path) -> None:
    painted = FEW.palette[few()]
    painted[0, 0], painted[1, :2] = (100, 110, 100), (104, 110, 123)  # 20 and 5 from grass
    painted[2, 3] = (100, 131, 120)  # 21 from it
    path = write(tmp_path / "a.png", Image.fromarray(painted))
    expected = few()
    expected[0, 0] = expected[1, :2] = expected[2, 3] = 1
    np.testing.assert_array_equal(read_mask(path, Labels(FEW, colour_tolerance=21)), expected)
    assert f"{path} holds colour rgb(100, 131, 120) (1 pixels), not in" in told(path, Labels(FEW, colour_tolerance=20))
    text = told(path, Labels(FEW))
    for colour in ("rgb(104, 110, 123) (2 pixels)", "rgb(100, 110, 100) (1 pixels)", "rgb(100, 131, 120) (1 pixels)"):
        assert f"colour {colour}" in text
    assert text.endswith("or take near colours with data.colour_tolerance=20")


def test_mask_that_was_saved_as_jpeg_is_read_within_a_tolerance(tmp_path: Path) -> None:
    values = np.repeat(np.repeat(few(4, 6), 16, axis=0), 16, axis=1)
    path = write(tmp_path / "a.jpg", Image.fromarray(FEW.palette[values]), quality=95, subsampling=0)
    np.testing.assert_array_equal(read_mask(path, Labels(FEW, colour_tolerance=20)), values)
    assert "colour rgb(" in told(path, Labels(FEW))


LIGHT = np.random.default_rng(4).random((HEIGHT, WIDTH)) < 0.4


@pytest.mark.parametrize(
    ("name", "image", "threshold"),
    [
        ("a.png", Image.fromarray((LIGHT * 255).astype(np.uint8)), 127),
        ("a.png", Image.fromarray(LIGHT.astype(np.uint8)), 0),
        ("a.png", Image.fromarray(np.where(LIGHT, 128, 127).astype(np.uint8)), 127),
        ("a.png", Image.fromarray(np.where(LIGHT, 65535, 0).astype(np.uint16)), 127),
        ("a.png", Image.fromarray(np.where(LIGHT, 40_001, 40_000).astype(np.uint16)), 40_000),
        ("a.tiff", Image.fromarray(np.where(LIGHT, 70_000, -5).astype(np.int32)), 0),
        ("a.tiff", Image.fromarray(LIGHT.astype(np.float32)), 0),
        ("a.png", Image.fromarray(np.repeat((LIGHT * 255).astype(np.uint8)[..., None], 3, axis=2)), 127),
        ("a.webp", Image.fromarray((LIGHT * 255).astype(np.uint8)), 127),
        ("a.png", Image.fromarray(LIGHT), 127),
        ("a.tiff", Image.fromarray(LIGHT), 0),
        ("a.png", Image.fromarray(np.dstack([LIGHT * 255, np.full(LIGHT.shape, 7)]).astype(np.uint8)), 127),
        ("a.png", paletted(LIGHT.astype(np.uint8), TWO.palette), 127),
    ],
    ids=["0/255", "0/1", "127/128", "16", "16 at 40000", "32", "float", "RGB", "WebP", "1", "1 TIFF", "LA", "P"],
)
def test_light_pixels_of_a_binary_mask_are_class_1(
    tmp_path: Path, name: str, image: Image.Image, threshold: int
) -> None:
    path = write(tmp_path / name, image, **({"lossless": True} if name.endswith("webp") else {}))
    mask = read_mask(path, Labels(TWO, encoding="binary", threshold=threshold))
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, LIGHT)


def test_binary_mask_that_was_saved_as_jpeg_is_read(tmp_path: Path) -> None:
    light = np.repeat(np.repeat(LIGHT, 8, axis=0), 8, axis=1)
    path = write(tmp_path / "a.jpg", Image.fromarray((light * 255).astype(np.uint8)), quality=60)
    np.testing.assert_array_equal(read_mask(path, Labels(TWO, encoding="binary")), light)


@pytest.mark.parametrize("value", [0, 2, 255])
@pytest.mark.parametrize("palette", [False, True])
def test_mask_of_one_value_is_read(tmp_path: Path, value: int, palette: bool) -> None:
    values = np.full((HEIGHT, WIDTH), value, np.uint8)
    image = paletted(values, FEW.palette) if palette else Image.fromarray(values)
    np.testing.assert_array_equal(read_mask(write(tmp_path / "a.png", image), Labels(FEW)), values)


def test_mask_is_not_merged_when_it_is_read(tmp_path: Path) -> None:
    labels = Labels(FEW, {"ground": ["tree", "road"], "ignored": ["grass"]})
    path = write(tmp_path / "a.png", Image.fromarray(few()))
    np.testing.assert_array_equal(read_mask(path, labels), few())
    np.testing.assert_array_equal(labels.merged(read_mask(path, labels)), np.array([0, 255, 0])[few()])


@pytest.mark.parametrize("kind", ["ids", "16 bits", "palette", "colours"])
def test_mask_is_turned_as_displayed(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = {
        "ids": lambda: Image.fromarray(few()),
        "16 bits": lambda: Image.fromarray(few().astype(np.uint16)),
        "palette": lambda: paletted(few(), FEW.palette),
        "colours": lambda: Image.fromarray(FEW.palette[few()]),
    }[kind]()
    path = write(tmp_path / "a.png", image, exif=exif)
    np.testing.assert_array_equal(read_mask(path, Labels(FEW)), np.rot90(few(), -1))


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """A picture that no reflection or turn leaves as it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 255 / height, columns * 255 / width, np.full((height, width), 60)], -1).astype(np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(64, 96), (72, 40)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_reduced_photograph_is_as_large_as_asked_and_turned_as_the_whole_one(
    tmp_path: Path, orientation: int, size: tuple[int, int], mode: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(smooth(*size)).convert(mode)
    path = write(tmp_path / "a.jpg", picture, quality=95, exif=exif)
    upright = write(tmp_path / "upright.jpg", picture, quality=95)
    whole = read_image(path)
    assert whole.shape[:2] == (size[::-1] if orientation > 4 else size)
    scales = set()
    for scale in (1, 0.9, 0.5, 0.26, 0.25, 0.2, 0.125, 0.1, 0.01):
        asked = tuple(max(1, int(side * scale)) for side in whole.shape[:2])
        reduced = read_image(path, at_least=(asked[0], asked[1]))
        assert reduced.dtype == np.uint8
        again = read_image(upright, at_least=(asked[1], asked[0]) if orientation > 4 else (asked[0], asked[1]))
        assert sorted(again.shape) == sorted(reduced.shape)  # turned or not, it costs the same
        assert all(side >= wanted for side, wanted in zip(reduced.shape, asked, strict=False))
        scales.add(whole.shape[0] / reduced.shape[0])
        assert reduced.shape[1] * whole.shape[0] == reduced.shape[0] * whole.shape[1]
        again = cv2.resize(reduced, whole.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        assert np.abs(again.astype(int) - whole).mean() < 8  # another orientation: 40 and more
    assert scales == {1, 2, 4, 8}


@settings(max_examples=60, deadline=None)
@given(size=st.tuples(st.integers(1, 90), st.integers(1, 90)), data=st.data())
def test_reduced_photograph_of_any_size_is_no_smaller_than_asked(size: Size, data: st.DataObject) -> None:
    asked = data.draw(st.tuples(st.integers(1, size[0]), st.integers(1, size[1])))
    with TemporaryDirectory() as folder:
        reduced = read_image(write(Path(folder) / "a.jpg", Image.fromarray(smooth(*size))), at_least=asked)
    assert reduced.shape[0] >= asked[0]
    assert reduced.shape[1] >= asked[1]
    assert any(reduced.shape == (-(-size[0] // scale), -(-size[1] // scale), 3) for scale in (1, 2, 4, 8))


def test_reduced_photograph_may_be_asked_for_in_one_direction_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", Image.fromarray(smooth(64, 96)))
    assert read_image(path, at_least=(8, 96)).shape == read_image(path, at_least=(64, 12)).shape == (64, 96, 3)
    assert read_image(path, at_least=(640, 960)).shape == (64, 96, 3)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_other_files_come_whole(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", Image.fromarray(colours()))
    np.testing.assert_array_equal(read_image(path, at_least=(1, 1)), read_image(path))


def test_photograph_with_a_preview_behind_it_is_read_and_reduced(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # as drones write: a JPEG of several pictures (MPO)
    Image.fromarray(smooth(64, 96)).save(
        path, format="MPO", save_all=True, append_images=[Image.fromarray(colours(8, 12))], quality=95
    )
    with Image.open(path) as image:
        assert image.format == "MPO"
    assert read_size(path) == (64, 96)
    assert np.abs(read_image(path).astype(int) - smooth(64, 96)).mean() < 3
    assert read_image(path, at_least=(16, 24)).shape == (16, 24, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_cut_anywhere_is_refused_when_reduced_too(tmp_path: Path, progressive: bool) -> None:
    path = write(tmp_path / "a.jpg", Image.fromarray(colours(64, 96)), quality=92, progressive=progressive)
    content = path.read_bytes()
    lengths = [*range(1000, len(content) - 40, len(content) // 12), len(content) - 400, len(content) - 40]
    for length in lengths:
        path.write_bytes(content[:length])
        for at_least in (None, (64, 96), (32, 48), (16, 20), (1, 1)):
            with pytest.raises(DataError, match="a.jpg cannot be decoded .*: copy it again or remove it"):
                read_image(path, at_least=at_least)


@pytest.fixture(scope="module")
def detailed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scenes of 1.5 megapixels, sharper than a photograph of that size: the worst that area has to average."""
    folder = tmp_path_factory.mktemp("detailed")
    return [
        write(folder / f"{seed}.jpg", Image.fromarray(render_scene(1000, 1504, seed)[0]), quality=92) for seed in (1, 4)
    ]


@pytest.mark.parametrize(
    ("left", "targets", "mean", "most"),
    [
        ("nothing", [(500, 752), (250, 376), (125, 188)], 0.5, 4),  # measured: 0.38 and 3
        ("half or more", [(62, 94), (50, 75), (41, 62)], 1.4, 9),  # 1.19 and 7
        ("less", [(450, 676), (352, 528), (240, 360), (176, 264), (120, 180), (96, 144)], 4.6, 25),  # 4.09 and 22
    ],
)
def test_reduced_photograph_reduced_further_is_nearly_the_whole_one_reduced(
    detailed: list[Path], left: str, targets: list[Size], mean: float, most: float
) -> None:
    for path in detailed:
        whole = read_image(path).astype(np.float32)
        for target in targets:
            reduced = read_image(path, at_least=target)
            assert reduced.shape[0] <= 500
            ratio = reduced.shape[0] / target[0]
            assert {"nothing": ratio == 1, "half or more": ratio >= 2, "less": 1 < ratio < 2}[left]
            expected = cv2.resize(whole, target[::-1], interpolation=cv2.INTER_AREA)
            difference = np.abs(resize_image(reduced, target, "area") - expected)
            assert difference.mean() < mean
            assert np.percentile(difference, 99) <= most
            assert np.abs((resize_image(reduced, target, "area") - expected).mean((0, 1))).max() < 0.4  # no cast


def test_mask_of_a_type_that_holds_neither_ids_nor_rgb_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tiff", Image.fromarray(np.repeat(few()[..., None], 3, axis=2), mode="LAB"))
    assert "has pixels of type LAB, neither ids nor RGB: convert it to 8-bit grey or RGB" in told(path, Labels(FEW))


def test_palette_mask_is_ambiguous_within_the_tolerance_too(tmp_path: Path) -> None:
    turned = np.array([2, 0, 1], np.uint8)
    path = write(tmp_path / "a.png", paletted(few(), FEW.palette[turned] + np.uint8(3)))
    assert "colours (those of class 2, ...) name different classes" in told(path, Labels(FEW, colour_tolerance=6))
    np.testing.assert_array_equal(read_mask(path, Labels(FEW)), few())


@pytest.mark.parametrize(("kind", "value"), [(2, b"6"), (2, b"x"), (1, bytes([6])), (7, bytes([6]))])
def test_orientation_that_is_no_number_counts_as_upright(tmp_path: Path, kind: int, value: bytes) -> None:
    header = b"Exif" + bytes(2) + b"II*" + bytes([0, 8, 0, 0, 0])
    entry = np.array([1, 0x0112, kind, 1, 0], "<u2").tobytes() + value.ljust(4, bytes(1)) + bytes(4)
    path = write(tmp_path / "a.jpg", Image.fromarray(smooth(64, 96)), exif=header + entry)
    assert read_size(path) == (64, 96)
    assert read_image(path).shape == (64, 96, 3)
    assert read_image(path, at_least=(8, 12)).shape == (8, 12, 3)


def test_palette_mask_that_agrees_is_read_though_classes_share_a_colour(tmp_path: Path) -> None:
    table = ClassTable(FEW.names, (FEW.colours[0], FEW.colours[1], FEW.colours[0]))
    path = write(tmp_path / "a.png", paletted(few(), table.palette))
    np.testing.assert_array_equal(read_mask(path, Labels(table)), few())


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_colours_of_sixteen_bits_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), np.full((4, 5, 3), 4095, np.uint16))
    assert read_header(path).mode == "RGB;16"
    with pytest.raises(DataError, match="has pixels of type RGB;16, not 8 bits a channel"):
        read_image(path)
