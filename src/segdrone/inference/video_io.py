"""Read and write videos frame by frame with PyAV: FFmpeg's libraries, whose errors become exceptions.

OpenCV, which segdrone uses elsewhere, does not fit: its VideoWriter of 5.0 passes no options to the encoder, so that
VP9 takes 175 ms of a core for a frame of 1280 x 720 instead of 13 ms, cuts odd sides by a pixel, and reports no error
when the disk is full.

Videos are written as VP9, which is free of royalties and which browsers play from an MP4. H.264 and H.265, which PyAV's
wheels contain too, are patented and, as x264 and x265, not permissively licensed; many players still lack AV1, and
all browsers lack MPEG-4 Part 2.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.decode_errors import decode_errors
from segdrone.utils.regular_file import open_regular
from segdrone.windows import Size

_MAX_PIXELS = 80_000_000  # of a frame, as cameras of 12K have; decoders keep up to 16 of them
# Formats that contain pixels themselves. FFmpeg also opens lists of other files and addresses, under any suffix.
_OPTIONS = {"format_whitelist": "mov,matroska,avi", "max_pixels": str(_MAX_PIXELS)}
_BUFFER = 1 << 18  # bytes
_MAX_RATE = 1001  # frames per second; also the denominator of 30000/1001
_MIN_GAP, _MAX_GAP = 1e-4, 86_400.0  # seconds between two frames
_EVEN = 0.95  # share of the times between two frames that are those of the rate, in a video of a constant rate
_SQUARE = Fraction(1)
_UNSPECIFIED = 2  # of a frame's color space
_HD_WIDTH, _SD_HEIGHT = 1280, 576  # pixels
_TICKS = 90_000  # of a time stamp, per second, or up to half as many: a multiple of the frame rate
# Realtime takes a quarter of the time of `good`, for 1.5 times the size. No lag saves 25 frames of memory, and the file
# is no larger. With b=0, crf alone sets the quality, from 0 (best) to 63.
_VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0", "crf": "28", "b": "0"}


class Frame(NamedTuple):
    """A frame as displayed.

    Attributes:
        pixels: uint8 `[H, W, 3]`, RGB.
        seconds: When it is shown, from the first frame on.
    """

    pixels: NDArray[np.uint8]
    seconds: float


class VideoReader:
    """An open video; iterating once yields its frames as displayed, uint8 `[H, W, 3]`, RGB; `frames` adds their times.

    Attributes:
        size: Height and width in pixels as displayed, i.e. rotated and mirrored as the video says.
        rate: Frames per second, on average.
        pixel_aspect: Width of a pixel as displayed, divided by its height: 4/3 of HDV, else mostly 1.
        expected_frames: Least number of frames by the header, which may be wrong; 0 if it gives none.
    """

    def __init__(self, path: Path, container: InputContainer) -> None:
        if not container.streams.video:
            raise DataError(f"{path} has no pictures, only sound or other data: remove it")
        self._path, self._container, self._stream = path, container, container.streams.video[0]
        self._stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
        decoded = self._decode()
        first = next(decoded, None)
        if first is None:
            raise DataError(f"{path} has no frame that can be decoded: copy it again or remove it")
        self._frames = chain([first], decoded)
        self._coded_size = first.height, first.width
        self.size: Size = self._coded_size
        self.pixel_aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if _quarter_turns(first) % 2:
            self.size, self.pixel_aspect = self._coded_size[::-1], 1 / self.pixel_aspect
        self.rate = (self._stream.average_rate or Fraction(0)).limit_denominator(_MAX_RATE)
        if not 0 < self.rate <= _MAX_RATE:
            raise DataError(f"{path} does not give its frame rate: convert it to another MP4 first")
        if self._stream.duration is not None and self._stream.time_base is not None:
            self.expected_frames = round(self._stream.duration * self._stream.time_base * self.rate)
        else:  # the duration of the longest stream: sound may continue for a while
            self.expected_frames = max(0, round(((container.duration or 0) / av.time_base - 1) * self.rate))
        self._read, self._even, self._last, self._longest = 0, 0, 0.0, 0.0  # of frames, and of the seconds between two

    @property
    def missing_frames(self) -> int:
        """Number of frames that the header announces and that `frames` did not yield, once it has ended.

        Matroska and AVI give the duration, not the number of frames that a video of a variable rate has in it: of such
        a one, frames are missing where it ends early.
        """
        missing = self.expected_frames - self._read
        if "mov" not in self._container.format.name and self._even < _EVEN * (self._read - 1):
            early = self.expected_frames / self.rate - self._last - self._longest
            missing = min(missing, round(early * self._read / self._last))
        return max(0, missing)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (frame.pixels for frame in self.frames())

    def frames(self) -> Iterator[Frame]:
        """Yields the frames with their times, once.

        Raises:
            DataError: A frame cannot be turned into RGB.
        """
        with decode_errors(self._path):
            yield from self._converted()

    def _converted(self) -> Iterator[Frame]:
        height, width = self._coded_size  # frames of another size later on are resized
        start, last = None, -1.0
        for number, frame in enumerate(self._frames):
            if start is None:
                start = frame.time
            seconds = float(number / self.rate) if frame.time is None or start is None else frame.time - start
            if not last + _MIN_GAP < seconds < last + _MAX_GAP:  # a damaged time stamp
                seconds = last + float(1 / self.rate)
            if number:
                self._even += abs((seconds - last) * self.rate - 1) < 0.5
                self._longest = max(self._longest, seconds - last)
            self._read, self._last = number + 1, seconds
            last = seconds
            converted = frame.reformat(width, height, "rgb24", src_colorspace=_color_matrix(frame))
            pixels = np.asarray(converted.to_ndarray(), np.uint8)
            stored = np.fliplr(pixels) if _is_mirrored(frame) else pixels
            yield Frame(np.ascontiguousarray(np.rot90(stored, _quarter_turns(frame))), seconds)

    def _decode(self) -> Iterator[VideoFrame]:
        """Yields the frames that can be decoded; damaged ones are skipped, as players do."""
        with contextlib.suppress(av.FFmpegError):  # the rest of the file cannot be split into packets
            for packet in self._container.demux(self._stream):
                with contextlib.suppress(av.FFmpegError):
                    if not packet.is_corrupt:
                        yield from packet.decode()


def _color_matrix(frame: VideoFrame) -> Colorspace | None:
    """Returns the color matrix that players take for a video that does not name one; None for what it names.

    It is BT.709 for high definition and BT.601 below, as in mpv and VLC; FFmpeg takes BT.601 for all sizes.
    """
    if frame.colorspace != _UNSPECIFIED or frame.format.is_rgb:
        return None
    is_hd = max(frame.width, frame.height) >= _HD_WIDTH or min(frame.width, frame.height) > _SD_HEIGHT
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


def _quarter_turns(frame: VideoFrame) -> int:
    """Returns the quarter turns, counterclockwise, after `_is_mirrored` has flipped the frame left to right."""
    half = 180 if _is_mirrored(frame) else 0  # FFmpeg's angle is that of the upper side, which the flip has reversed
    return round((frame.rotation + half) / 90) % 4


def _is_mirrored(frame: VideoFrame) -> bool:
    """Whether a frame is displayed as in a mirror, as some cameras of phones and helmets write."""
    found: Any = frame.side_data.get("DISPLAYMATRIX")  # whose type PyAV does not declare
    if found is None:
        return False
    matrix = np.frombuffer(found, np.int32).reshape(3, 3)
    return bool(np.linalg.det(matrix[:2, :2].astype(np.float64)) < 0)


@contextmanager
def open_video(path: Path) -> Iterator[VideoReader]:
    """Opens a video.

    Raises:
        DataError: The file is missing, not a video or truncated before its index, has no frame, or does not give
            its frame rate.
    """
    with ExitStack() as opened:
        with decode_errors(path):  # the file is opened here: FFmpeg knows no names that are not UTF-8
            file = opened.enter_context(open_regular(path))
            try:
                container = av.open(file, "r", options=_OPTIONS, metadata_errors="replace", buffer_size=_BUFFER)
            except (av.FFmpegError, OSError) as error:
                reason = f"cannot be opened as a video, or is truncated ({error.strerror})"
                raise DataError(f"{path} {reason}: copy it again or remove it") from None
            opened.enter_context(container)
            reader = VideoReader(path, container)
        yield reader


@contextmanager
def video_writer(
    path: Path, size: Size, rate: Fraction, pixel_aspect: Fraction = _SQUARE
) -> Iterator[Callable[[NDArray[np.uint8], float], None]]:
    """Yields a function that writes frames, uint8 `[H, W, 3]`, RGB, to an MP4 file, each at its time in seconds.

    Args:
        path: The file.
        size: Height and width of the frames in pixels, also odd ones.
        rate: Frames per second, on average.
        pixel_aspect: Width of a pixel as displayed, divided by its height.

    Raises:
        OSError: The file cannot be written, or lacks frames at the end.
    """
    written, ticks = 0, rate.numerator * max(1, _TICKS // rate.numerator)
    try:
        with path.open("wb") as file, av.open(file, "w", format="mp4", buffer_size=_BUFFER) as container:
            stream = container.add_stream("libvpx-vp9", rate=rate, options=_VP9)
            stream.height, stream.width = size
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = stream.time_base = Fraction(1, ticks)
            context.sample_aspect_ratio = pixel_aspect
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709

            def write(picture: NDArray[np.uint8], seconds: float) -> None:
                nonlocal written
                frame = VideoFrame.from_ndarray(picture).reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                frame.pts, frame.time_base = round(seconds * ticks), context.time_base
                frame.duration = round(ticks / rate)
                container.mux(stream.encode(frame))
                written += 1

            yield write
            container.mux(stream.encode(None))
        with path.open("rb") as result, av.open(result, "r") as video:
            readable = sum(packet.size > 0 for packet in video.demux(video=0))
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
    if readable != written:
        raise OSError(f"only {readable} of {written} frames are in the file")
