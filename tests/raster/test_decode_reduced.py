"""JPEG files decoded at a fraction of their size."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segdrone.errors import DataError
from segdrone.raster.decode import draft_size, read_image
from segdrone.raster.header import read_size
from segdrone.raster.pixels import resize_image
from segdrone.synthetic import render_scene
from segdrone.windows import Size
from tests.helpers.image_files import gradient_image, random_image, save


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(64, 96), (72, 40)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_reduced_photograph_is_large_enough_and_upright(
    tmp_path: Path, orientation: int, size: tuple[int, int], mode: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(gradient_image(*size)).convert(mode)
    path = save(tmp_path / "a.jpg", image, quality=95, exif=exif)
    upright = save(tmp_path / "upright.jpg", image, quality=95)
    full = read_image(path)
    assert full.shape[:2] == (size[::-1] if orientation > 4 else size)
    scales = set()
    for scale in (1, 0.9, 0.5, 0.26, 0.25, 0.2, 0.125, 0.1, 0.01):
        height, width = (max(1, int(side * scale)) for side in full.shape[:2])
        reduced = read_image(path, at_least=(height, width))
        assert reduced.dtype == np.uint8
        again = read_image(upright, at_least=(width, height) if orientation > 4 else (height, width))
        assert sorted(again.shape) == sorted(reduced.shape)  # rotated or not, it costs the same
        assert reduced.shape[0] >= height and reduced.shape[1] >= width
        scales.add(full.shape[0] / reduced.shape[0])
        assert reduced.shape[1] * full.shape[0] == reduced.shape[0] * full.shape[1]
        enlarged = cv2.resize(reduced, full.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        assert np.abs(enlarged.astype(int) - full).mean() < 8  # another orientation: 40 and more
    assert scales == {1, 2, 4, 8}


@settings(max_examples=60, deadline=None)
@given(size=st.tuples(st.integers(1, 90), st.integers(1, 90)), data=st.data())
def test_a_reduced_photograph_of_any_size_is_large_enough(size: Size, data: st.DataObject) -> None:
    at_least = data.draw(st.tuples(st.integers(1, size[0]), st.integers(1, size[1])))
    with TemporaryDirectory() as folder:
        reduced = read_image(save(Path(folder) / "a.jpg", Image.fromarray(gradient_image(*size))), at_least)
    assert reduced.shape[0] >= at_least[0]
    assert reduced.shape[1] >= at_least[1]
    assert any(reduced.shape == (-(-size[0] // scale), -(-size[1] // scale), 3) for scale in (1, 2, 4, 8))


def test_a_reduction_can_be_limited_by_one_side(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(gradient_image(64, 96)))
    assert read_image(path, at_least=(8, 96)).shape == read_image(path, at_least=(64, 12)).shape == (64, 96, 3)
    assert read_image(path, at_least=(640, 960)).shape == (64, 96, 3)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_other_formats_are_decoded_in_full(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", Image.fromarray(random_image()))
    np.testing.assert_array_equal(read_image(path, at_least=(1, 1)), read_image(path))


def test_a_photograph_followed_by_a_preview_is_read_and_reduced(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"  # drones write JPEG files of several images (MPO)
    Image.fromarray(gradient_image(64, 96)).save(
        path, format="MPO", save_all=True, append_images=[Image.fromarray(random_image(8, 12))], quality=95
    )
    with Image.open(path) as image:
        assert image.format == "MPO"
    assert read_size(path) == (64, 96)
    assert np.abs(read_image(path).astype(int) - gradient_image(64, 96)).mean() < 3
    assert read_image(path, at_least=(16, 24)).shape == (16, 24, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_truncated_anywhere_is_refused_at_any_reduction(tmp_path: Path, progressive: bool) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(random_image(64, 96)), quality=92, progressive=progressive)
    content = path.read_bytes()
    lengths = [*range(1000, len(content) - 40, len(content) // 12), len(content) - 400, len(content) - 40]
    for length in lengths:
        path.write_bytes(content[:length])
        for at_least in (None, (64, 96), (32, 48), (16, 20), (1, 1)):
            with pytest.raises(DataError, match="a.jpg cannot be decoded .*: copy it again or remove it"):
                read_image(path, at_least=at_least)


@pytest.fixture(scope="module")
def detailed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scenes of 1.5 megapixels, sharper than a photograph of that size, which is the worst case for averaging."""
    folder = tmp_path_factory.mktemp("detailed")
    return [
        save(folder / f"{seed}.jpg", Image.fromarray(render_scene(1000, 1504, seed)[0]), quality=92) for seed in (1, 4)
    ]


@pytest.mark.parametrize(
    ("left", "targets", "mean", "most"),
    [
        ("nothing", [(500, 752), (250, 376), (125, 188)], 0.5, 4),  # measured: 0.38 and 3
        ("half or more", [(62, 94), (50, 75), (41, 62)], 1.4, 9),  # 1.19 and 7
        ("less", [(450, 676), (352, 528), (240, 360), (176, 264), (120, 180), (96, 144)], 4.6, 25),  # 4.09 and 22
    ],
)
def test_a_reduced_photograph_reduced_further_is_nearly_the_full_one_reduced(
    detailed: list[Path], left: str, targets: list[Size], mean: float, most: float
) -> None:
    for path in detailed:
        full = read_image(path).astype(np.float32)
        for target in targets:
            reduced = read_image(path, at_least=target)
            assert reduced.shape[0] <= 500
            ratio = reduced.shape[0] / target[0]
            assert {"nothing": ratio == 1, "half or more": ratio >= 2, "less": 1 < ratio < 2}[left]
            expected = cv2.resize(full, target[::-1], interpolation=cv2.INTER_AREA)
            difference = np.abs(resize_image(reduced, target, "area") - expected)
            assert difference.mean() < mean
            assert np.percentile(difference, 99) <= most
            assert np.abs((resize_image(reduced, target, "area") - expected).mean((0, 1))).max() < 0.4  # no cast


@pytest.mark.parametrize(
    ("full", "size", "expected"),
    [
        ((800, 1600), (100, 200), (100, 200)),
        ((800, 1600), (99, 198), (200, 400)),
        ((800, 1600), (71, 142), (100, 200)),
        ((804, 1600), (71, 142), (201, 400)),
        ((801, 1600), (71, 142), None),
        ((800, 1600), (600, 1200), None),
    ],
)
def test_draft_size_divides_the_image_evenly(
    full: tuple[int, int], size: tuple[int, int], expected: tuple[int, int] | None
) -> None:
    assert draft_size(full, size) == expected
