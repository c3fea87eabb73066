"""Frames of videos, their order, times, size and colors."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from segdrone.inference.video_io import open_video, video_writer
from tests.helpers.video import Frames, pan, save, turned, write

FRAMES = pan()


def as_opencv_reads(path: Path) -> Frames:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(np.ascontiguousarray(read[1][..., ::-1], np.uint8))
    return frames


@pytest.mark.parametrize("size", [(64, 96), (63, 95)])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_frames_are_in_order_and_as_displayed(tmp_path: Path, size: tuple[int, int], quarters: int) -> None:
    path = turned(write(tmp_path / "video.mp4", pan(height=size[0], width=size[1])), quarters)
    expected = as_opencv_reads(path)
    with open_video(path) as video:
        frames = list(video)
    assert video.size == expected[0].shape[:2] == (size if quarters % 2 == 0 else size[::-1])
    assert len(frames) == len(expected) == video.expected_frames == 12
    for frame, other in zip(frames, expected, strict=True):
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert np.abs(frame.astype(int) - other).mean() < 0.5  # they interpolate the colors of odd sides differently


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_frames_that_are_displayed_as_in_a_mirror_are_flipped_before_they_are_turned(
    tmp_path: Path, quarters: int
) -> None:
    path = write(tmp_path / "video.mp4", FRAMES)
    with open_video(path) as video:
        stored = list(video)
    with open_video(turned(path, quarters, mirrored=True)) as video:
        frames = list(video)
    expected = [np.rot90(np.fliplr(frame), -quarters) for frame in stored]
    assert video.size == expected[0].shape[:2]
    assert len(frames) == len(expected)
    assert all(np.array_equal(frame, other) for frame, other in zip(frames, expected, strict=True))


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(2)])
def test_the_rate_is_kept_exactly(tmp_path: Path, rate: Fraction) -> None:
    with open_video(write(tmp_path / "in.mp4", FRAMES, rate)) as video:
        assert video.rate == rate
        save(tmp_path / "out.mp4", list(video), video.rate)
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.frames) == (rate, 12)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == pytest.approx(12 / rate, abs=1e-3)


@pytest.mark.parametrize("size", [(64, 96), (63, 95), (1, 1), (17, 200)])
def test_what_was_written_is_read_in_the_same_order_size_and_colors(tmp_path: Path, size: tuple[int, int]) -> None:
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (128, 128, 128), (250, 250, 20)]
    path = save(tmp_path / "video.mp4", [np.full((*size, 3), color, np.uint8) for color in colors])
    with open_video(path) as video:
        assert video.size == size
        for color, frame in zip(colors, video, strict=True):
            assert np.abs(frame.astype(int) - color).max() <= 8
    with av.open(str(path)) as container:  # so that players use the right matrix too
        decoded = next(container.decode(video=0))
        assert (decoded.colorspace, decoded.color_range, decoded.color_primaries, decoded.color_trc) == (1, 1, 1, 1)


def test_videos_are_vp9_in_mp4(tmp_path: Path) -> None:
    path = save(tmp_path / "video.mp4", FRAMES)
    assert path.read_bytes()[4:8] == b"ftyp"
    assert b"vp09" in path.read_bytes()
    opencv = as_opencv_reads(path)  # another FFmpeg, which assumes the colors of standard definition
    assert len(opencv) == 12
    assert np.abs(opencv[-1].astype(int) - FRAMES[-1]).mean() < 12


def test_a_video_whose_size_changes_keeps_the_first_size(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "video.avi"), "w") as container:  # each key frame has its size
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = 64, 96
        larger = av.CodecContext.create("mpeg4", "w")
        larger.height, larger.width, larger.pix_fmt, larger.time_base = 80, 128, "yuv420p", Fraction(1, 25)
        container.mux([packet for frame in FRAMES for packet in stream.encode(av.VideoFrame.from_ndarray(frame))])
        for position, frame in enumerate(pan(3, 80, 128)):
            for packet in larger.encode(av.VideoFrame.from_ndarray(frame)):
                packet.stream, packet.pts, packet.dts = stream, 12 + position, 12 + position
                container.mux(packet)
    with av.open(str(tmp_path / "video.avi")) as plain:
        assert {(frame.height, frame.width) for frame in plain.decode(video=0)} == {(64, 96), (80, 128)}
    with open_video(tmp_path / "video.avi") as video:
        assert [frame.shape for frame in video] == [(64, 96, 3)] * 15


TIMES = [0, 33, 66, 100, 600, 633, 666, 700, 1700, 1733, 1766, 1800]  # milliseconds


def variable(path: Path, times: list[int] = TIMES, *, bframes: int = 2) -> Path:
    """A video whose frames are shown at these times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": str(bframes)})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for frame, time in zip(FRAMES, times, strict=True):
            encoded = av.VideoFrame.from_ndarray(frame).reformat(format="yuv420p")
            encoded.pts, encoded.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(encoded))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("start", [0, 5000])
def test_frames_of_a_variable_rate_keep_their_times(tmp_path: Path, suffix: str, start: int) -> None:
    with open_video(variable(tmp_path / f"in.{suffix}", [start + time for time in TIMES])) as video:
        frames = list(video.frames())
    assert [frame.seconds for frame in frames] == pytest.approx([time / 1000 for time in TIMES], abs=0.002)
    with video_writer(tmp_path / "out.mp4", (64, 96), video.rate) as add:
        for frame in frames:
            add(*frame)
    with open_video(tmp_path / "out.mp4") as written:
        times = [frame.seconds for frame in written.frames()]
    assert times == pytest.approx([time / 1000 for time in TIMES], abs=0.002)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_no_frame_of_a_variable_rate_is_missing_unless_it_ends_early(tmp_path: Path, suffix: str) -> None:
    times = [0, 40, 80, 120, 160, 200, *range(1200, 7000, 1000)]
    path = variable(tmp_path / f"in.{suffix}", times, bframes=0)
    with open_video(path) as video:
        assert len(list(video)) == 12
        assert video.missing_frames == 0
    if suffix == "mkv":  # the others have their index at the end
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
        with open_video(path) as video:
            assert len(list(video)) < 12
            assert 0 < video.missing_frames < 12  # as many as in the part that was read


def test_a_video_without_time_stamps_has_those_of_its_rate(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "in.avi", FRAMES, Fraction(10))) as video:
        assert [frame.seconds for frame in video.frames()] == pytest.approx([number / 10 for number in range(12)])


def test_frames_that_an_avi_cannot_time_are_written_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "in.avi"  # of H.264 with B-frames, it holds the times in the order in which they are decoded
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "3"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for frame in FRAMES:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame).reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    with open_video(path) as video, video_writer(tmp_path / "out.mp4", (64, 96), video.rate) as add:
        for read in video.frames():
            add(*read)
    with open_video(tmp_path / "out.mp4") as written:
        found = list(written.frames())
    assert np.diff([shown.seconds for shown in found]).min() > 0.03
    for shown, expected in zip(found, FRAMES, strict=True):
        assert np.abs(shown.pixels.astype(int) - expected).mean() < 15


@pytest.mark.parametrize(
    ("size", "matrix", "flagged"),
    [
        ((720, 1280), Colorspace.ITU709, False),
        ((1280, 720), Colorspace.ITU709, False),
        ((720, 960), Colorspace.ITU709, False),
        ((480, 640), Colorspace.ITU601, False),
        ((576, 720), Colorspace.ITU601, False),
        ((720, 1280), Colorspace.ITU601, True),
        ((64, 96), Colorspace.ITU709, True),
    ],
)
def test_colors_are_those_that_players_show(
    tmp_path: Path, size: tuple[int, int], matrix: Colorspace, flagged: bool
) -> None:
    color, path = (60, 180, 60), tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        if flagged:
            stream.codec_context.colorspace = 1 if matrix == Colorspace.ITU709 else 6
        frame = av.VideoFrame.from_ndarray(np.full((*size, 3), color, np.uint8))
        frame = frame.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with open_video(path) as video:
        (read,) = video
    assert np.abs(read[size[0] // 2, size[1] // 2].astype(int) - color).max() < 6


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_tags_that_are_not_utf8_do_not_matter(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"video{suffix}"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "cafXtitle"
        stream = container.add_stream("libvpx-vp9" if suffix != ".avi" else "mpeg4", rate=5)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for image in pan(height=48, width=64)[:3]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert b"cafXtitle" in content
    path.write_bytes(content.replace(b"cafX", b"caf\xe9"))
    with open_video(path) as video:
        assert len(list(video)) == 3


@pytest.mark.parametrize("name", [b"caf\xe9.mp4", b"new\nline.mp4", b"n" * 251 + b".mp4", b"pipe:0.mp4", b"-i.mp4"])
def test_videos_of_any_name_are_read_and_written(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write(tmp_path / "video.mp4", FRAMES).rename(path)
    with open_video(path) as video:
        frames = list(video)
    assert len(frames) == 12
    save(path, frames)
    with open_video(path) as video:
        assert len(list(video)) == 12
