"""Videos that are damaged, of another kind, or cannot be written."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from segdrone.errors import DataError
from segdrone.inference import video_io
from segdrone.inference.video_io import open_video, video_writer
from tests.helpers.video import full_disk, pan, save, soundtrack, without_rate, write

FRAMES = pan()


def text(path: Path) -> Path:
    path.write_text("This is not a video.\n" * 100)
    return path


def list_of_videos(path: Path) -> Path:
    """FFmpeg would open the other video, or an address on the network, for it."""
    write(path.with_name("other.mp4"), FRAMES)
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def truncated_before_its_index(path: Path) -> Path:
    content = write(path, FRAMES).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def truncated_after_its_index(path: Path) -> Path:
    content = write(path, FRAMES, index_first=True).read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 10])
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "does not exist"),
        (text, "cannot be opened as a video"),
        (list_of_videos, "cannot be opened as a video"),
        (folder, "cannot be decoded (a folder, not a file)"),
        (empty, "cannot be opened as a video"),
        (truncated_before_its_index, "is truncated"),
        (truncated_after_its_index, "has no frame that can be decoded"),
        (lambda path: soundtrack(write(path, FRAMES)), "has no pictures"),
        (lambda path: without_rate(write(path, FRAMES)), "does not give its frame rate"),
    ],
)
def test_a_file_that_is_not_a_video_is_reported_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path / "video.mp4")
    with pytest.raises(DataError) as error, open_video(path):
        pass
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_of_a_truncated_video_complete_frames_are_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "video.mp4", FRAMES, index_first=True)
    with open_video(path) as video:
        frames = list(video)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with open_video(path) as video:
        read = list(video)
    assert video.expected_frames == 12
    assert 3 <= len(read) <= 8
    places = [next(i for i, other in enumerate(frames) if (frame == other).all()) for frame in read]
    assert places == sorted(set(places))  # the last one comes after lost frames that refer to it
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("count", [12, 200])
def test_a_full_disk_is_an_error(tmp_path: Path, count: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (count, 64, 96, 3), np.uint8)
    with full_disk(16 << 10), pytest.raises(OSError, match="File too large"):
        save(tmp_path / "video.mp4", list(noise))


def test_frames_missing_in_the_file_at_the_end_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with (
        pytest.raises(OSError, match="only 5 of 12 frames are in the file"),
        video_writer(path, (64, 96), Fraction(25)) as add,
    ):
        for number, frame in enumerate(FRAMES):
            add(frame, number / 25)
        path.unlink()
        write(path, FRAMES[:5])


def test_frames_larger_than_any_camera_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "video.mp4", FRAMES)
    limit = FRAMES[0].shape[0] * FRAMES[0].shape[1] - 1
    monkeypatch.setattr(video_io, "_MAX_PIXELS", limit)
    monkeypatch.setitem(video_io._OPTIONS, "max_pixels", str(limit))
    with pytest.raises(DataError, match="no frame that can be decoded"), open_video(path):
        pass


def test_changed_bytes_end_in_frames_or_one_line(tmp_path: Path) -> None:
    random_, path, refused = random.Random(0), tmp_path / "x.mp4", 0
    content = write(tmp_path / "video.mp4", FRAMES).read_bytes()
    for _ in range(60):
        changed = bytearray(content)
        for _ in range(random_.choice([1, 4, 16])):
            changed[random_.randrange(len(changed))] = random_.randrange(256)
        path.write_bytes(changed)
        try:
            with open_video(path) as video:
                assert all(image.shape == (*video.size, 3) for image in video)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused
