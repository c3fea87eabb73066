from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.data.labels import Labels
from segdrone.data.read import read_image, read_mask, read_size, resize_image, resize_mask
from segdrone.errors import DataError

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
    np.testing.assert_array_equal(small, cv2.resize(mask, (30, 15), interpolation=cv2.INTER_NEAREST))


def test_a_format_that_another_program_would_open_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # PostScript, which Pillow would hand to Ghostscript
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="a.jpg is not an image"):
        read_image(path)
