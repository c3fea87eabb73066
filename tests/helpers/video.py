"""Small videos: a camera moves over a rendered scene."""

import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from segdrone.inference.video_io import video_writer
from segdrone.synthetic import render_scene

Frames = list[NDArray[np.uint8]]


def pan(count: int = 12, height: int = 64, width: int = 96) -> Frames:
    """Returns frames, uint8 `[height, width, 3]`, cut out of a scene, from its upper left to its lower right corner."""
    scene, _, _ = render_scene(2 * height + 64, 2 * width + 64, seed=3)
    steps = np.linspace(0, 1, count)
    corners = [(round(step * (height + 64)), round(step * (width + 64))) for step in steps]
    return [np.ascontiguousarray(scene[y : y + height, x : x + width]) for y, x in corners]


def write(path: Path, frames: Frames, rate: Fraction | int = 25, *, index_first: bool = False) -> Path:
    """Writes an MP4 as cameras do, with frames that refer to later ones, but in MPEG-4 Part 2, which FFmpeg always has.

    Its index is at the end, or at the beginning, as for streaming.
    """
    options = {"movflags": "faststart"} if index_first else {}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"bf": "2", "qmax": "2"})
        stream.height, stream.width = frames[0].shape[:2] if frames else (64, 96)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    return path


def save(path: Path, frames: Frames, rate: Fraction = Fraction(25)) -> Path:
    """Writes a video as `predict_video` does."""
    with video_writer(path, (frames[0].shape[0], frames[0].shape[1]), rate) as write_frame:
        for number, frame in enumerate(frames):
            write_frame(frame, float(number / rate))
    return path


def turned(path: Path, quarters: int, *, mirrored: bool = False) -> Path:
    """Marks a video as rotated by quarter turns clockwise, as a phone held upright does; flipped left to right before.

    Args:
        path: The video.
        quarters: Number of quarter turns.
        mirrored: Whether it is flipped.
    """
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    side = -1 if mirrored else 1
    matrix = [side * cos << 16, side * sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2: the track header's matrix
    content[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


def soundtrack(path: Path) -> Path:
    """Turns a video into one without pictures: the handler of its track becomes `soun`."""
    path.write_bytes(path.read_bytes().replace(b"vide", b"soun", 1))
    return path


def without_rate(path: Path) -> Path:
    """Removes the duration of the frames."""
    content = bytearray(path.read_bytes())
    at = content.index(b"stts") + 16  # 8.6.1.2: after version, number of entries, number of samples
    content[at : at + 4] = bytes(4)
    path.write_bytes(content)
    return path


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Limits files to a size in bytes, as if the disk were full then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
