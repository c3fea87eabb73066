"""Films in and out, one frame at a time, by PyAV: FFmpeg's libraries, with their errors as exceptions.

OpenCV, which segdrone needs anyway, would not do for writing: its VideoWriter of 5.0 hands no options
on to the encoder, so that VP9 takes 175 ms of a core for a frame of 1280 x 720 where
it takes 13 ms here, cuts odd sides by a pixel, and says nothing when the disk is full.

Films are written as VP9, which is free of royalties and which browsers play from an MP4. (H.264 and
H.265, which PyAV's wheels bring too, are neither free of patents nor, as x264 and x265, permissively
licensed; AV1 is still missing from many players; MPEG-4 Part 2 from all browsers.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.windows import Size

# Only what holds pixels itself: FFmpeg also reads lists of other files and addresses, whatever a file's name says.
_FORMATS = "mov,matroska,avi"
# Realtime: a quarter of the time of `good`, at 1.5 times the size. Without a lag, which would be 25 frames
# in memory, it is no larger. b=0: crf alone sets the quality, 0 (the best) to 63.
_VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0", "crf": "28", "b": "0"}


class VideoReader:
    """An open film; going through it once gives its frames, uint8 `[H, W, 3]`, RGB, as displayed.

    Attributes:
        size: Height and width in pixels as displayed, that is turned as the film says.
        rate: Frames a second.
        promised: How many frames there are at least, by the header, which may be wrong; 0 if it does not say.
    """

    def __init__(self, path: Path, container: InputContainer) -> None:
        if not container.streams.video:
            raise DataError(f"{path} has no pictures, only sound or other data: take it away")
        self._container, self._stream = container, container.streams.video[0]
        decoded = self._decoded()
        first = next(decoded, None)
        if first is None:
            raise DataError(f"{path} holds no frame that can be decoded: copy it again or take it away")
        self._frames = chain([first], decoded)
        self._coded = first.height, first.width
        self.size: Size = (self._coded[1], self._coded[0]) if _turns(first) % 2 else self._coded
        if not self._stream.average_rate:
            raise DataError(f"{path} does not say how many frames a second it has: convert it to another MP4 first")
        self.rate: Fraction = self._stream.average_rate
        if self._stream.duration is not None and self._stream.time_base is not None:
            self.promised = round(self._stream.duration * self._stream.time_base * self.rate)
        else:  # of the longest stream: sound may go on for a while
            self.promised = max(0, round(((container.duration or 0) / av.time_base - 1) * self.rate))

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for frame in self._frames:
            height, width = self._coded  # should the size change on the way, it is changed back
            pixels = np.asarray(frame.to_ndarray(format="rgb24", height=height, width=width), np.uint8)
            yield np.ascontiguousarray(np.rot90(pixels, _turns(frame)))

    def _decoded(self) -> Iterator[VideoFrame]:
        """Yields what can be decoded; what is damaged is left out, as players do."""
        with contextlib.suppress(av.FFmpegError):  # the rest of the file cannot even be taken apart
            for packet in self._container.demux(self._stream):
                with contextlib.suppress(av.FFmpegError):
                    if not packet.is_corrupt:
                        yield from packet.decode()


def _turns(frame: VideoFrame) -> int:
    return round(frame.rotation / 90) % 4  # quarters against the clock


@contextmanager
def open_video(path: Path) -> Iterator[VideoReader]:
    """Opens a film.

    Raises:
        DataError: The file is missing, no film or cut short before its index, has no frame, or does
            not say its rate.
    """
    try:
        container = av.open(f"file:{path}", options={"format_whitelist": _FORMATS})
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: put it back, or take its name off the list") from None
    except (av.FFmpegError, OSError) as error:
        raise DataError(
            f"{path} cannot be opened as a film, or was cut short ({error.strerror}): copy it again or take it away"
        ) from None
    with container:
        yield VideoReader(path, container)


@contextmanager
def video_writer(path: Path, size: Size, rate: Fraction) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Writes an MP4 file; gives what takes its frames, uint8 `[H, W, 3]`, RGB.

    Args:
        path: The file.
        size: Height and width of the frames in pixels, odd ones too.
        rate: Frames a second.

    Raises:
        OSError: It cannot be written, or not all of it is there at the end.
    """
    written = 0
    try:
        with av.open(f"file:{path}", "w", format="mp4") as container:
            stream = container.add_stream("libvpx-vp9", rate=rate, options=_VP9)
            stream.height, stream.width = size
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709

            def write(picture: NDArray[np.uint8]) -> None:
                nonlocal written
                frame = VideoFrame.from_ndarray(picture).reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                container.mux(stream.encode(frame))
                written += 1

            yield write
            container.mux(stream.encode(None))
        with av.open(f"file:{path}") as film:
            there = sum(packet.size > 0 for packet in film.demux(video=0))
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
    if there != written:
        raise OSError(f"of {written} frames {there} are in the file")
