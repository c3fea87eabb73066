from __future__ import annotations

import csv
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone import figures
from segdrone.errors import ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.predict_video import predict_video
from segdrone.inference.video_io import open_video
from tests.helpers.video import Frames, full_disk, pan, write
from tests.inference.test_predictor import CLASSES, TABLE, module
from tests.inference.test_temporal import brute_force


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(module(), scale=1.0, device="cpu")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """12 frames of 64 x 96, which a cut leaves readable."""
    return write(tmp_path / "film.mp4", pan(), index_first=True)


def frames_of(path: Path) -> Frames:
    with open_video(path) as film:
        return list(film)


def shares(path: Path) -> NDArray[np.float64]:
    with path.open(newline="") as file:
        return np.array([row[2:] for row in list(csv.reader(file))[1:]], np.float64)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def share_of_classes(mask: NDArray[np.uint8]) -> list[float]:
    return [float((mask == i).mean()) for i in range(CLASSES)]


def test_every_frame_is_predicted_and_laid_over(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.mp4"
    summary = predict_video(predictor, film, target, opacity=0.2, progress=False)
    images, pictures = frames_of(film), frames_of(target)
    masks = [predictor(image).mask for image in images]
    assert len(np.unique(masks)) > 1
    assert (summary.frames, summary.rate, summary.missing) == (len(pictures), 25, 0) == (len(images), 25, 0)
    for image, mask, picture in zip(images, masks, pictures, strict=True):
        expected = figures.overlay(image, mask, TABLE, opacity=0.2)
        for other in (image, figures.overlay(image, mask, TABLE)):
            assert distance(picture, expected) < distance(picture, other) / 2
    with target.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["frame", "seconds", *TABLE.names]
    assert [row[:2] for row in rows[1:]] == [[str(i), f"{i / 25:.3f}"] for i in range(12)]
    expected_shares = [share_of_classes(mask) for mask in masks]
    np.testing.assert_allclose(shares(target.with_suffix(".csv")), expected_shares, atol=1e-6)
    np.testing.assert_allclose(summary.shares, np.mean(expected_shares, 0))
    assert sorted(path.name for path in target.parent.iterdir()) == ["out.csv", "out.mp4"]


def test_smoothed_masks_are_drawn_and_counted(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    predict_video(predictor, film, tmp_path / "plain.mp4", progress=False)
    predict_video(predictor, film, tmp_path / "smooth.mp4", smooth=5, progress=False)
    images = frames_of(film)
    masks = [predictor(image).mask for image in images]
    smoothed = [brute_force(masks[max(0, i - 4) : i + 1]) for i in range(len(masks))]
    np.testing.assert_allclose(
        shares(tmp_path / "smooth.csv"), [share_of_classes(mask) for mask in smoothed], atol=1e-6
    )
    last = frames_of(tmp_path / "smooth.mp4")[-1]
    expected, other = (figures.overlay(images[-1], mask, TABLE) for mask in (smoothed[-1], masks[-1]))
    assert distance(last, expected) < distance(last, other) / 2


def test_odd_films_of_broadcast_rate_stay_as_they_are(predictor: Predictor, tmp_path: Path) -> None:
    source = write(tmp_path / "odd.mp4", pan(5, 65, 97), Fraction(30000, 1001))
    predict_video(predictor, source, tmp_path / "out.mp4", progress=False)
    with open_video(tmp_path / "out.mp4") as film:
        assert (film.size, film.rate, len(list(film))) == ((65, 97), Fraction(30000, 1001), 5)


def test_a_legend_is_drawn_where_it_fits(predictor: Predictor, tmp_path: Path) -> None:
    source = write(tmp_path / "film.mp4", pan(1, 360, 480))
    predict_video(predictor, source, tmp_path / "out.mp4", progress=False)
    (image,), (picture,) = frames_of(source), frames_of(tmp_path / "out.mp4")
    without = figures.overlay(image, predictor(image).mask, TABLE)
    assert distance(picture[-75:-5, 5:25], without[-75:-5, 5:25]) > 3 * distance(picture[:180], without[:180])


def test_of_a_film_cut_short_what_can_be_read_is_kept(
    predictor: Predictor, film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    summary = predict_video(predictor, film, tmp_path / "out.mp4", progress=False)
    assert 3 <= summary.frames <= 8
    assert summary.missing == 12 - summary.frames
    assert len(frames_of(tmp_path / "out.mp4")) == len(shares(tmp_path / "out.csv")) == summary.frames
    (message,) = caplog.messages
    assert message.startswith(f"{film}: {summary.missing} of 12 frames could not be read")


def test_a_whole_film_leaves_the_terminal_clean(
    predictor: Predictor, film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    predict_video(predictor, film, tmp_path / "out.mp4", progress=False)
    assert capfd.readouterr() == ("", "")


def test_the_bar_tells_how_far_it_is(
    predictor: Predictor, film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    predict_video(predictor, film, tmp_path / "out.mp4")
    out, err = capfd.readouterr()
    assert out == ""
    assert "film.mp4: 100%" in err
    assert "12/12" in err
    assert "frame/s]" in err


class Interrupted(Predictor):
    """Is stopped by the user at the fourth frame."""

    def __call__(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
        self.seen = getattr(self, "seen", 0) + 1
        if self.seen == 4:
            raise KeyboardInterrupt
        return super().__call__(*arguments, **options)  # type: ignore[arg-type]


def test_an_interrupted_film_leaves_what_was_there(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "results" / "out.mp4"
    target.parent.mkdir()
    target.write_text("old film")
    target.with_suffix(".csv").write_text("old table")
    with pytest.raises(KeyboardInterrupt):
        predict_video(Interrupted(module(), scale=1.0, device="cpu"), film, target, progress=False)
    assert {path.name: path.read_text() for path in target.parent.iterdir()} == {
        "out.mp4": "old film",
        "out.csv": "old table",
    }


def test_on_a_full_disk_there_is_one_line_and_no_result(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "film.mp4"
    for size in (300, 3000):  # bytes: neither the table nor the film fit, the film does not
        with full_disk(size), pytest.raises(DataError) as error:
            predict_video(predictor, film, target, progress=False)
        assert str(error.value).startswith(f"{target} cannot be written (File too large): free some disk space")
        assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"smooth": 0}, "smooth=0 must be a number of frames"),
        ({"opacity": 1.5}, "opacity=1.5 must lie between 0 and 1"),
    ],
)
def test_options_out_of_range_are_refused(
    predictor: Predictor, film: Path, tmp_path: Path, options: dict[str, float], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        predict_video(predictor, film, tmp_path / "out.mp4", progress=False, **options)  # type: ignore[arg-type]


def test_a_film_is_not_replaced_by_its_own_prediction(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    content = film.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="would be replaced by its own prediction"):
        predict_video(predictor, film, tmp_path / "link" / film.name, progress=False)
    assert film.read_bytes() == content


def test_a_file_that_is_no_film_leaves_nothing(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(DataError, match="cannot be opened as a film"):
        predict_video(predictor, tmp_path / "film.mp4", tmp_path / "out" / "film.mp4", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_without_pyav_the_remedy_is_told(
    predictor: Predictor, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "segdrone.inference.video_io")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'segdrone\[video\]'"):
        predict_video(predictor, film, tmp_path / "out.mp4", progress=False)


PROGRAM = """
import sys
from pathlib import Path
import psutil
from segdrone.inference import Predictor
from segdrone.inference.video import predict_video
from tests.inference.test_predictor import module

class Watched(Predictor):
    def __call__(self, image):
        self.most = max(self.most, psutil.Process().memory_info().rss)
        return super().__call__(image)

predictor = Watched(module(), scale=1.0, device="cpu")
for film in sys.argv[1:]:
    predictor.most = 0
    predict_video(predictor, Path(film), Path(film + ".out.mp4"), smooth=3, progress=False)
    print(predictor.most)
"""


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    frames = pan(50, 240, 320)
    films = [
        write(tmp_path / f"{name}.mp4", frames * times) for name, times in (("first", 1), ("short", 1), ("long", 4))
    ]
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, films)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    _, short, long = (int(line) for line in result.stdout.split())  # the first makes the process as large as it gets
    assert long - short < 0.75 * 150 * 240 * 320  # bytes: of the masks alone of the 150 frames more
