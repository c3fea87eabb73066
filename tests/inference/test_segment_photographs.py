from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.inference.inputs import find_inputs
from segdrone.inference.segment_photographs import draw_outlines, segment_photograph, segment_photographs
from segdrone.raster import ArraySource, open_image
from segdrone.raster.encode import write_jpeg
from tests.helpers.classic import patches


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    for number in range(2):
        (tmp_path / "in" / "sub").mkdir(parents=True, exist_ok=True)
        Image.fromarray(patches(number, 96, 144)[0]).save(tmp_path / "in" / "sub" / f"{number}.png")
    return tmp_path / "in"


def segment(photographs: Path, out: Path, method: str = "watershed", **options: Any) -> dict[str, str]:
    shared = {key: options.pop(key) for key in ("max_pixels",) if key in options}
    return segment_photographs(method, options, find_inputs([photographs], out), out, progress=False, **shared)


def test_outlines_and_numbers_are_written(photographs: Path, tmp_path: Path) -> None:
    assert segment(photographs, tmp_path / "out", spacing=24) == {}
    labels = cv2.imread(str(tmp_path / "out" / "labels" / "sub" / "1.png"), cv2.IMREAD_UNCHANGED)
    assert labels is not None
    assert (labels.dtype.name, labels.shape) == ("uint16", (96, 144))
    assert np.array_equal(np.unique(labels), np.arange(1, 24 + 1))
    outlines = np.asarray(Image.open(tmp_path / "out" / "outlines" / "sub" / "1.jpg")).astype(int)
    borders = labels[:, :-1] != labels[:, 1:]
    yellow = outlines[:, :-1, 0] + outlines[:, :-1, 1] - 2 * outlines[:, :-1, 2]
    assert yellow[borders].mean() > 200 > 100 > yellow[~borders].mean()
    rows = list(csv.DictReader((tmp_path / "out" / "segments.csv").open()))
    assert [(row["path"], row["segments"]) for row in rows] == [("sub/0.png", "24"), ("sub/1.png", "24")]
    settings = json.loads((tmp_path / "out" / "segment.json").read_text())
    assert settings["options"] == {"spacing": 24, "compactness": 0.0, "smoothing": 1.0}


def test_rows_of_earlier_photographs_stay(photographs: Path, tmp_path: Path) -> None:
    table = tmp_path / "out" / "segments.csv"
    segment(photographs / "sub" / "0.png", tmp_path / "out")
    first = table.read_text().splitlines()
    segment(photographs / "sub" / "1.png", tmp_path / "out")
    assert table.read_text().splitlines()[:2] == first
    both = table.read_text()
    assert [line.partition(",")[0] for line in both.splitlines()] == ["path", "0.png", "1.png"]
    segment(photographs / "sub" / "0.png", tmp_path / "out")
    assert table.read_text() == both


@pytest.mark.parametrize("name", ["0.png", "0.tif"])
def test_another_photograph_of_the_same_name_is_refused(photographs: Path, tmp_path: Path, name: str) -> None:
    out, labels = tmp_path / "out", tmp_path / "out" / "labels" / "0.png"
    segment(photographs / "sub" / "0.png", out)
    before = labels.read_bytes()
    Image.open(photographs / "sub" / "1.png").save(tmp_path / name)
    with pytest.raises(
        ConfigError, match=r"labels/0\.png is of another 0\.png than .*: give another --out, or remove it"
    ):
        segment(tmp_path / name, out)
    assert labels.read_bytes() == before
    labels.unlink()
    assert segment(tmp_path / name, out) == {}
    assert [line.partition(",")[0] for line in (out / "segments.csv").read_text().splitlines()] == ["path", name]


def test_the_table_has_what_an_interrupted_command_has_done(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(pixels: Any, path: Path, **options: Any) -> None:
        if path.name == "1.jpg":
            raise KeyboardInterrupt
        write_jpeg(pixels, path, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("segdrone.inference.segment_photographs.write_jpeg", interrupt)
        segment(photographs, tmp_path / "out")
    table = (tmp_path / "out" / "segments.csv").read_text()
    assert [line.partition(",")[0] for line in table.splitlines()] == ["path", "sub/0.png"]


def test_names_that_are_not_utf8_are_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    Image.fromarray(patches(0)[0]).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / name)
    assert segment(tmp_path / name, tmp_path / "out") == {}
    assert (tmp_path / "out" / "segments.csv").read_bytes().splitlines()[1].startswith(b"\xff.png,")


def test_large_photographs_are_reduced_for_the_method(tmp_path: Path) -> None:
    image = np.kron(patches(3)[0], np.ones((8, 8, 1), np.uint8))  # 384 x 576
    found = segment_photograph(ArraySource(image), _watershed(), max_pixels=5000)
    assert found.labels.shape == (384, 576)
    assert found.outlines.shape[0] * found.outlines.shape[1] <= 5100
    assert np.array_equal(found.areas, np.unique(found.labels, return_counts=True)[1])


def _watershed() -> Any:
    from segdrone.classic.methods import build_segmenter

    return build_segmenter("watershed", {})


def test_a_strip_longer_than_a_jpeg_ends_no_command(photographs: Path, tmp_path: Path) -> None:
    image = np.full((4, 70_000, 3), 90, np.uint8)
    image[:, 35_000:] = 200
    Image.fromarray(image).save(photographs / "strip.png")
    assert segment(photographs, tmp_path / "out", "threshold", levels=2) == {}
    with Image.open(tmp_path / "out" / "outlines" / "strip.jpg") as outlines:
        assert outlines.size == (65_500, 3)
    labels = cv2.imread(str(tmp_path / "out" / "labels" / "strip.png"), cv2.IMREAD_UNCHANGED)
    assert labels is not None and labels.shape == (4, 70_000)


def test_no_data_is_zero(tmp_path: Path) -> None:
    pixels = np.dstack([patches(0)[0], np.full((48, 72), 255, np.uint8)])
    pixels[:, :20, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    labels, _, areas = segment_photograph(open_image(tmp_path / "a.png"), _watershed())
    assert not labels[:, :20].any()
    assert labels[:, 20:].all()
    assert areas.tolist() == np.bincount(labels.ravel(), minlength=len(areas) + 1)[1:].tolist()
    assert (areas == 0).any()  # segments that have no data are not counted
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert segment(tmp_path / "a.png", tmp_path / "out") == {}
    [row] = csv.DictReader((tmp_path / "out" / "segments.csv").open())
    assert (row["segments"], row["median_pixels"]) == ("0", "0")


def test_more_segments_than_numbers_are_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)

    def each(image: np.ndarray) -> np.ndarray:
        return np.arange(image[..., 0].size, dtype=np.int32).reshape(image.shape[:2])

    with pytest.raises(DataError, match="160000 segments are more than the 65535"):
        segment_photograph(ArraySource(noise), each)


def test_broken_photographs_are_left_out(photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photographs / "sub" / "0.png").write_bytes(b"no image")
    Image.fromarray(np.full((4, 4), 999, np.uint16)).save(photographs / "deep.png")
    failed = segment(photographs, tmp_path / "out")
    assert list(failed) == ["deep.png", "sub/0.png"]
    assert "not 8 bits per channel: convert it to 8-bit RGB" in failed["deep.png"]
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "out" / "labels" / "sub" / "0.png").exists()
    assert (tmp_path / "out" / "labels" / "sub" / "1.png").exists()


def test_files_of_a_photograph_that_broke_are_removed(photographs: Path, tmp_path: Path) -> None:
    segment(photographs, tmp_path / "out")
    (photographs / "sub" / "0.png").write_bytes(b"broken")
    (tmp_path / "out" / "labels" / "sub" / "0.png").unlink()  # or it is refused, as another photograph
    assert list(segment(photographs, tmp_path / "out")) == ["sub/0.png"]
    left = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("sub/*")}
    assert left == {"outlines/sub/1.jpg", "labels/sub/1.png"}


def test_other_files_are_never_replaced(photographs: Path, tmp_path: Path) -> None:
    segment(photographs, tmp_path / "out")
    segment(photographs, tmp_path / "out")
    with pytest.raises(ConfigError, match="holds results of segdrone segment with other options"):
        segment(photographs, tmp_path / "out", spacing=30)
    (tmp_path / "mine" / "labels").mkdir(parents=True)
    with pytest.raises(ConfigError, match="was not written by segdrone segment"):
        segment(photographs, tmp_path / "mine")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "segments.csv").write_text("mine")
    with pytest.raises(ConfigError, match="segments.csv was not written by segdrone segment"):
        segment(photographs, tmp_path / "table")
    with pytest.raises(ConfigError, match="--max-pixels 5 must be from 1000"):
        segment(photographs, tmp_path / "new", max_pixels=5)
    assert not (tmp_path / "new").exists()


def test_outlines_are_not_photographs_of_the_next_command(photographs: Path) -> None:
    segment(photographs, photographs / "out")
    found = [image.path for image in find_inputs([photographs], photographs.parent / "elsewhere")]
    assert found == ["sub/0.png", "sub/1.png"]


def test_a_line_runs_between_segments() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    drawn = draw_outlines(image, np.array([[1, 1, 2, 2], [1, 1, 2, 2]]))
    assert drawn[..., 0].tolist() == [[0, 255, 0, 0]] * 2
    assert not image.any()
