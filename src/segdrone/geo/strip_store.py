"""Keep the finished strips of a map's mask on disk, so that a prediction that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from segdrone.inference.strips import Strip
from segdrone.utils.bounded import UnreadableError, parse_json
from segdrone.utils.regular_file import open_regular
from segdrone.windows import Size

JOURNAL = "strips.jsonl"
"""File by which a folder of strips is known."""


class StripStore:
    """The strips of one map in a folder: two files of one byte a pixel, and a line for each strip with its checksums.

    A strip counts when its line is there and both files have what the line says; everything behind is forgotten. So
    whatever a killed process or a power cut leaves is either right or computed again.

    Args:
        folder: The folder; created if needed.
        size: Height and width of the map in pixels.
        ends: The row after the last one of each strip, as `strip_ends` returns them.

    Attributes:
        done: Number of strips that are there.
    """

    def __init__(self, folder: Path, size: Size, ends: Sequence[int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.size, self.ends = folder, size, [*ends]
        self.files = {name: folder / f"{name}.raw" for name in ("classes", "confidence")}
        lines = [*self._valid_lines()]
        self.done = len(lines)
        for file in self.files.values():
            with file.open("ab") as opened:
                opened.truncate(self._begin(self.done) * size[1])
        with (folder / JOURNAL).open("w", encoding="ascii") as journal:
            journal.writelines(json.dumps(line) + "\n" for line in lines)

    def add(self, strip: Strip) -> None:
        """Adds the next strip, and flushes it to disk.

        Raises:
            ValueError: It is not the next one.
            OSError: The disk is full.
        """
        if self.done == len(self.ends) or (strip.top, strip.top + len(strip.classes)) != self._rows(self.done):
            raise ValueError(f"a strip from row {strip.top} on is not the next one")
        parts = {"classes": strip.classes.data, "confidence": strip.confidence.data}
        for name, file in self.files.items():
            with file.open("ab") as opened:
                opened.write(parts[name])
                opened.flush()
                os.fsync(opened.fileno())
        line = {name: zlib.crc32(content) for name, content in parts.items()}
        with (self.folder / JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(json.dumps(line) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        self.done += 1

    def _begin(self, strip: int) -> int:
        return self.ends[strip - 1] if strip else 0

    def _rows(self, strip: int) -> tuple[int, int]:
        return self._begin(strip), self.ends[strip]

    def _read(self, name: str, top: int, bottom: int) -> bytes:
        width = self.size[1]
        with open_regular(self.files[name]) as file:
            file.seek(top * width)
            return file.read((bottom - top) * width)

    def _valid_lines(self) -> Iterator[dict[str, int]]:
        """Yields the lines of the journal, up to the first one that the files do not bear out."""
        try:
            lines = (self.folder / JOURNAL).read_text(encoding="ascii").splitlines()[: len(self.ends)]
            for strip, text in enumerate(lines):
                line = parse_json(text)
                if not isinstance(line, dict) or any(
                    zlib.crc32(self._read(name, *self._rows(strip))) != line.get(name) for name in self.files
                ):
                    return
                yield line
        except (OSError, ValueError, UnreadableError):
            return
