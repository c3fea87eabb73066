"""File names of any bytes: tables and lists give them back exactly, figures and reports show them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations.write import write_split
from segdrone.classes import ClassTable
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.data.splits.split import read_split
from segdrone.errors import DataError
from segdrone.evaluation.counts import count_image
from segdrone.evaluation.metrics_files import NamedCounts, image_rows, read_counts, to_metrics, write_tables
from segdrone.evaluation.scores import score
from segdrone.figures import ImageTruthPrediction, plain_text, prediction_grid
from segdrone.inference.inputs import find_inputs
from segdrone.inference.summary import csv_line, read_lines, write_lines
from segdrone.inspection.draw_sheet import SheetBlock, draw_sheet

TABLE = ClassTable(names=("land", "$x$ water"), colours=((0, 0, 0), (0, 0, 255)))
NAMES = {
    "latin-1": b"caf\xe9",
    "255 bytes": b"n" * 251,
    "line break": b"new\nline",
    "carriage return": b"car\rriage",
    "title": b"\x1b]0;owned\x07x",
    "dash": b"-rf",
    "comma and quote": b'com,ma"quote',
    "space at the end": b"space ",
    "space at the start": b" lead",
    "right to left": "rtl\u202egpj".encode(),
    "line separator": "a\u2028b".encode(),
    "decomposed": "nfce\u0301".encode(),
    "device": b"con",
    "dots": b"a...",
    "tab": b"tab\tx",
    "formula": b"$\\frac$",
    "template": b"%s{x}${y}",
    "pattern": b"st*r?[a]",
    "backslash": b"back\\slash",
    "eight-bit": b"\x9b31mc1",
    "markup": b"<b>&amp;[bold]",
}
IDS = [os.fsdecode(name) for name in NAMES.values()]  # those of photographs are composed (NFC)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for name in IDS:
        for folder, suffix in (("images", ".jpg"), ("masks", ".png")):
            path = tmp_path / folder / f"{name}{suffix}"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB" if suffix == ".jpg" else "L", (8, 6)).save(path)
    return tmp_path


def test_photographs_and_masks_are_paired_and_predicted(dataset: Path) -> None:
    pairs = find_dataset(dataset).pairs
    assert {pair.id for pair in pairs} >= {*IDS} - {"nfce\u0301"}
    assert len(pairs) == len(IDS)
    assert {image.file.stem for image in find_inputs([dataset / "images"], dataset / "out")} == {*IDS}


@pytest.mark.parametrize("name", [normalize("NFC", name) for name in IDS if "\n" not in name])
def test_a_split_is_read_as_it_is_written(tmp_path: Path, name: str) -> None:
    write_split({"train": [f"{name}.jpg"], "val": ["other.jpg"]}, tmp_path)
    assert os.fsencode(name) in (tmp_path / "train.txt").read_bytes()
    assert read_split(tmp_path, [name, "other"]) == {"train": [name], "val": ["other"], "test": []}
    (tmp_path / "train.txt").write_bytes(os.fsencode(name) + b"\n")
    assert read_split(tmp_path, [name, "other"])["train"] == [name]


def test_a_name_of_two_lines_is_not_written_to_a_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has a line break in its name"):
        write_split({"train": ["new\nline.jpg"]}, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_scores_are_written_and_read_back(tmp_path: Path) -> None:
    mask = np.zeros((4, 6), np.uint8)
    counts = NamedCounts.of({name: count_image(mask, mask, None, TABLE) for name in IDS}, TABLE)
    scores = score(counts.counts)
    write_tables(to_metrics(counts, scores, None), image_rows(counts, scores), counts, tmp_path)
    with (tmp_path / "per_image.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        assert sorted(row["id"] for row in csv.DictReader(file)) == sorted(IDS)
    assert all(os.fsencode(name) in (tmp_path / "per_image.csv").read_bytes().replace(b'""', b'"') for name in IDS)
    assert list(read_counts(tmp_path).names) == IDS


def test_summaries_are_read_as_they_are_written(tmp_path: Path) -> None:
    rows = [[name, f"masks/{name}.png"] for name in IDS]
    write_lines(map(csv_line, rows), tmp_path / "summary.csv", sync=False)
    assert read_lines(tmp_path / "summary.csv") == rows


def drawn() -> Iterator[tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]]:
    yield from ((name, np.zeros((6, 8), np.uint8)) for name in (IDS[0], IDS[4], "$\\frac$", IDS[-2]))


@pytest.mark.filterwarnings("ignore:Glyph")
def test_figures_show_any_name(tmp_path: Path) -> None:
    blocks = [SheetBlock(name, [(np.zeros((6, 8, 3), np.uint8), mask + 1)]) for name, mask in drawn()]
    draw_sheet(blocks, TABLE, IDS[0], stacked=False).savefig(tmp_path / "sheet.png")
    samples = [ImageTruthPrediction(name, np.zeros((6, 8, 3), np.uint8), mask, mask) for name, mask in drawn()]
    prediction_grid(samples, TABLE).savefig(tmp_path / "grid.png")
    assert plain_text("$a$ caf\udce9") == r"\$a\$ caf\udce9"
