from __future__ import annotations

import csv
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone import figures
from segdrone.errors import ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.predict_video import predict_video
from segdrone.inference.video_io import open_video
from tests.helpers.local_network import CLASSES, TABLE, local_backend
from tests.helpers.video import Frames, full_disk, pan, turned, write
from tests.inference.test_temporal import brute_force


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(local_backend(seed=6), scale=1.0)  # whose masks are coarse enough for VP9


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """12 frames of 64 x 96, still readable if truncated."""
    return write(tmp_path / "video.mp4", pan(), index_first=True)


def frames_of(path: Path) -> Frames:
    with open_video(path) as video:
        return list(video)


def shares(path: Path) -> NDArray[np.float64]:
    with path.open(newline="") as file:
        return np.array([row[2:] for row in list(csv.reader(file))[1:]], np.float64)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def share_of_classes(mask: NDArray[np.uint8]) -> list[float]:
    return [float((mask == i).mean()) for i in range(CLASSES)]


def test_every_frame_is_predicted_and_drawn(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.mp4"
    summary = predict_video(predictor, video, target, opacity=0.2, progress=False)
    images, pictures = frames_of(video), frames_of(target)
    masks = [predictor(image).mask for image in images]
    assert len(np.unique(masks)) > 1
    assert (summary.frames, float(summary.rate), summary.missing) == (len(pictures), 25, 0)
    assert len(images) == len(pictures)
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


def test_smoothed_masks_are_drawn_and_counted(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    predict_video(predictor, video, tmp_path / "plain.mp4", progress=False)
    predict_video(predictor, video, tmp_path / "smooth.mp4", smooth=5, progress=False)
    images = frames_of(video)
    masks = [predictor(image).mask for image in images]
    smoothed = [brute_force(masks[max(0, i - 4) : i + 1]) for i in range(len(masks))]
    np.testing.assert_allclose(
        shares(tmp_path / "smooth.csv"), [share_of_classes(mask) for mask in smoothed], atol=1e-6
    )
    last = frames_of(tmp_path / "smooth.mp4")[-1]
    expected, other = (figures.overlay(images[-1], mask, TABLE) for mask in (smoothed[-1], masks[-1]))
    assert distance(last, expected) < distance(last, other) / 2


def test_the_model_sees_the_bands_that_it_takes_of_photographs(video: Path, tmp_path: Path) -> None:
    predictor = Predictor(local_backend(seed=6, bands=(3, 2, 1)), scale=1.0)
    summary = predict_video(predictor, video, tmp_path / "out.mp4", progress=False)
    images = frames_of(video)
    expected = [share_of_classes(predictor(np.ascontiguousarray(image[..., ::-1])).mask) for image in images]
    assert shares(tmp_path / "out.csv") == pytest.approx(np.array(expected), abs=1e-6)
    assert not np.allclose(expected[0], share_of_classes(predictor(images[0]).mask), atol=1e-4)
    assert summary.statistics[0]["red_green"] == pytest.approx(
        np.log(images[0][..., 2].mean() / images[0][..., 1].mean()), abs=1e-4
    )


def test_a_video_without_the_bands_that_the_model_takes_is_refused(video: Path, tmp_path: Path) -> None:
    predictor = Predictor(local_backend(bands=(5, 3, 2)), scale=1.0)
    with pytest.raises(
        DataError, match=r"video\.mp4 has three bands, and the model takes the bands 5, 3, 2: give files"
    ):
        predict_video(predictor, video, tmp_path / "out.mp4", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_odd_sizes_and_broadcast_rates_are_kept(predictor: Predictor, tmp_path: Path) -> None:
    source = write(tmp_path / "odd.mp4", pan(5, 65, 97), Fraction(30000, 1001))
    predict_video(predictor, source, tmp_path / "out.mp4", progress=False)
    with open_video(tmp_path / "out.mp4") as video:
        assert (video.size, video.rate, len(list(video))) == ((65, 97), Fraction(30000, 1001), 5)


@pytest.mark.parametrize(("quarters", "shown"), [(0, Fraction(4, 3)), (1, Fraction(3, 4))])
def test_pixels_that_are_not_square_are_shown_so(
    predictor: Predictor, tmp_path: Path, quarters: int, shown: Fraction
) -> None:
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for frame in pan(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame).reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    predict_video(predictor, turned(tmp_path / "in.mp4", quarters), tmp_path / "out.mp4", progress=False)
    with av.open(str(tmp_path / "out.mp4")) as video:
        assert video.streams.video[0].sample_aspect_ratio == shown


def test_a_legend_is_drawn_where_it_fits(predictor: Predictor, tmp_path: Path) -> None:
    source = write(tmp_path / "video.mp4", pan(1, 360, 480))
    predict_video(predictor, source, tmp_path / "out.mp4", progress=False)
    (image,), (picture,) = frames_of(source), frames_of(tmp_path / "out.mp4")
    without = figures.overlay(image, predictor(image).mask, TABLE)
    assert distance(picture[-75:-5, 5:25], without[-75:-5, 5:25]) > 3 * distance(picture[:180], without[:180])


def test_a_truncated_video_is_predicted_as_far_as_it_can_be_read(
    predictor: Predictor, video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    summary = predict_video(predictor, video, tmp_path / "out.mp4", progress=False)
    assert 3 <= summary.frames <= 8
    assert summary.missing == 12 - summary.frames
    assert len(frames_of(tmp_path / "out.mp4")) == len(shares(tmp_path / "out.csv")) == summary.frames
    (message,) = caplog.messages
    assert message.startswith(f"{video}: {summary.missing} of 12 frames could not be read")


def test_a_complete_video_prints_nothing(
    predictor: Predictor, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    predict_video(predictor, video, tmp_path / "out.mp4", progress=False)
    assert capfd.readouterr() == ("", "")


def test_the_progress_bar_counts_frames(
    predictor: Predictor, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    predict_video(predictor, video, tmp_path / "out.mp4")
    out, err = capfd.readouterr()
    assert out == ""
    assert "video.mp4: 100%" in err
    assert "12/12" in err
    assert "frame/s]" in err


class Interrupted(Predictor):
    """Is interrupted by the user at the fourth frame."""

    def __call__(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
        self.frames = getattr(self, "frames", 0) + 1
        if self.frames == 4:
            raise KeyboardInterrupt
        return super().__call__(*arguments, **options)  # type: ignore[arg-type]


def test_an_interrupted_prediction_keeps_the_files_of_before(video: Path, tmp_path: Path) -> None:
    target = tmp_path / "results" / "out.mp4"
    target.parent.mkdir()
    target.write_text("old video")
    target.with_suffix(".csv").write_text("old table")
    with pytest.raises(KeyboardInterrupt):
        predict_video(Interrupted(local_backend(), scale=1.0), video, target, progress=False)
    assert {path.name: path.read_text() for path in target.parent.iterdir()} == {
        "out.mp4": "old video",
        "out.csv": "old table",
    }


def test_a_full_disk_is_one_line_and_leaves_no_file(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "video.mp4"
    for size in (300, 3000):  # bytes: neither the table nor the video fits, only the table fits
        with full_disk(size), pytest.raises(DataError) as error:
            predict_video(predictor, video, target, progress=False)
        assert str(error.value).startswith(f"{target} cannot be written (File too large): free some disk space")
        assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smooth": 0}, "smooth=0 must be a number of frames"),
        ({"opacity": 1.5}, "opacity=1.5 must be between 0 and 1"),
    ],
)
def test_options_out_of_range_are_refused(
    predictor: Predictor, video: Path, tmp_path: Path, options: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        predict_video(predictor, video, tmp_path / "out.mp4", progress=False, **options)  # type: ignore[arg-type]


def test_a_video_is_not_replaced_by_its_own_prediction(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    content = video.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="would be replaced by its own prediction"):
        predict_video(predictor, video, tmp_path / "link" / video.name, progress=False)
    assert video.read_bytes() == content


def test_a_file_that_is_not_a_video_leaves_no_file(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_text("not a video")
    with pytest.raises(DataError, match="cannot be opened as a video"):
        predict_video(predictor, tmp_path / "video.mp4", tmp_path / "out" / "video.mp4", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_without_pyav_the_error_says_how_to_install_it(
    predictor: Predictor, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "segdrone.inference.video_io")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'segdrone\[video\]'"):
        predict_video(predictor, video, tmp_path / "out.mp4", progress=False)


PROGRAM = """
import sys
from pathlib import Path
import psutil
from segdrone.inference import Predictor
from segdrone.inference.predict_video import predict_video
from tests.helpers.local_network import local_backend

class Watched(Predictor):
    def __call__(self, image, **options):
        self.most = max(self.most, psutil.Process().memory_info().rss)
        return super().__call__(image, **options)

predictor = Watched(local_backend(), scale=1.0)
for video in sys.argv[1:]:
    predictor.most = 0
    predict_video(predictor, Path(video), Path(video + ".out.mp4"), smooth=3, progress=False)
    print(predictor.most)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    frames = pan(40, 240, 320)
    videos = [
        write(tmp_path / f"{name}.mp4", frames * times) for name, times in (("first", 1), ("short", 1), ("long", 3))
    ]
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, videos)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    _, short, long = (int(line) for line in result.stdout.split())  # the first one warms up
    assert long - short < 0.75 * 80 * 240 * 320  # bytes: the masks of the 80 additional frames alone
