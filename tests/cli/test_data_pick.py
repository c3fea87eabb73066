from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segdrone.annotations import import_annotations
from segdrone.annotations.tile_names import TilePlace, parse_tile_name
from segdrone.class_files import load_class_table
from segdrone.cli.main import app
from segdrone.runtime.description import Description, Signature
from segdrone.selection.uncertainty import DEFAULT_WAY, WAYS
from tests.helpers.exported import SPEC
from tests.helpers.picking import write_pool
from tests.helpers.small_graphs import graph, write

pytestmark = pytest.mark.usefixtures("undrawn")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs `segdrone data pick` beside four photographs and a model; returns exit code, stdout and stderr."""
    write_pool(tmp_path / "flight", range(4))
    write(graph(), tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["segdrone", "data", "pick", *arguments])
        with pytest.raises(SystemExit) as end:
            app()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def test_help_teaches_every_way(call: Call) -> None:
    code, text, _ = call("--help")
    assert code == 0
    for way in WAYS:
        assert f"     {way} " in text, way
    assert f"[default: {DEFAULT_WAY}]" in text


def test_an_exported_model_picks_and_its_masks_go_out(call: Call, tmp_path: Path) -> None:
    code, text, _ = call("flight", "--model", "model.onnx", "--count", "2", "--out", "next", "--labels", "cvat")
    assert code == 0
    assert "2 of 4 picked, 0 failed: see next" in text
    assert "2 photographs with " in text
    names = (tmp_path / "next" / "picked.txt").read_text().split()
    annotations = (tmp_path / "next" / "labels" / "annotations.xml").read_text()
    assert len(names) == 2
    assert all(f'name="{name}.png"' in annotations for name in names)
    assert annotations.count("<image ") == 2
    code, _, errors = call("flight", "--model", "model.onnx", "--count", "2", "--out", "next", "--labels", "cvat")
    assert code == 2 and "is there already, and may be corrected" in errors


@pytest.mark.parametrize("options", [(), ("--quiet",)])
def test_a_pick_that_cannot_be_predicted_is_a_failure(call: Call, tmp_path: Path, options: tuple[str, ...]) -> None:
    photographs = sorted((tmp_path / "flight").iterdir())
    odd = photographs[0].rename(tmp_path / "flight" / "00.jfif")  # which predict takes for no photograph
    out = ("--model", "model.onnx", "--count", "4", "--out", "next", "--labels", "cvat")
    code, text, errors = call(str(odd), *map(str, photographs[1:]), *out, *options)
    assert code == 1
    assert errors.count("does not have the suffix of a photograph") == 1
    assert options or "4 of 4 picked, 1 failed: see next" in text
    assert (tmp_path / "next" / "labels" / "annotations.xml").read_text().count("<image ") == 3


def test_windows_go_out_as_tiles_and_come_back_in_their_places(call: Call, tmp_path: Path) -> None:
    flight = tmp_path / "large"
    flight.mkdir()
    for name in ("a", "b"):
        colors = np.random.default_rng(ord(name)).integers(0, 256, (12, 15, 3), np.uint8)
        Image.fromarray(colors.repeat(10, 0).repeat(10, 1)).save(flight / f"{name}.png")
    write_pool(flight, range(1))  # no larger than a window
    options = ["--model", "model.onnx", "--window", "96x64", "--count", "3", "--out", "next", "--labels", "coco"]
    code, text, errors = call("large", *options)
    assert code == 0, errors
    assert "--allow-missing-tiles puts the windows in their places" in text
    with (tmp_path / "next" / "picked.csv").open() as file:
        picked = {(row["photograph"], row["window"]) for row in csv.DictReader(file)}
    coco = json.loads((tmp_path / "next" / "labels" / "annotations.json").read_text())
    exported = set()
    for image in coco["images"]:
        name, place = parse_tile_name(Path(image["file_name"]).stem) or ("00", TilePlace(0, 0, 1, 1, ""))
        exported.add((f"{name}.png", f"{image['width']}x{image['height']}+{place.left}+{place.top}"))
    assert exported == picked
    assert len(picked) == 3

    import_annotations(
        tmp_path / "next" / "labels", tmp_path / "back", images=flight, allow_missing_tiles=True, progress=False
    )
    names = np.array(load_class_table(str(tmp_path / "back" / "classes.csv")).names)
    for name in {photograph.removesuffix(".png") for photograph, _ in picked}:
        expected = np.array(Image.open(tmp_path / "next" / "predicted" / "masks" / f"{name}.png"))
        found = np.array(Image.open(tmp_path / "back" / "masks" / f"{name}.png"))
        kept = np.zeros(expected.shape, np.bool_)
        for photograph, window in picked:
            if photograph == f"{name}.png":
                width, height, left, top = map(int, window.replace("x", "+").split("+"))
                kept[top : top + height, left : left + width] = True
        assert np.array_equal(names[found[kept]], np.array(SPEC.classes.names)[expected[kept]])
        assert len(np.unique(found[kept])) > 1
        assert (found[~kept] == 255).all()


def test_windows_are_cut_as_the_model_reads_photographs(call: Call, tmp_path: Path) -> None:
    spec = replace(SPEC, bands=(3, 2, 1), stretch=(0, 4080))
    write(graph(), tmp_path / "deep.onnx", Description(spec, Signature("unit", "probabilities")))
    pixels = np.random.default_rng(0).integers(0, 256, (12, 15, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    (tmp_path / "deep").mkdir()
    cv2.imwrite(str(tmp_path / "deep" / "a.tif"), pixels.astype(np.uint16) * 16)  # in reverse order
    options = ["--model", "deep.onnx", "--window", "96x64", "--count", "1", "--out", "next", "--labels", "coco"]
    code, _, errors = call("deep", *options)
    assert code == 0, errors
    (tile,) = (tmp_path / "next" / "labels" / "images").iterdir()
    named = parse_tile_name(tile.stem)
    assert named is not None
    place = named[1]
    found = np.array(Image.open(tile))
    height, width = found.shape[:2]
    assert np.array_equal(found, pixels[place.top : place.top + height, place.left : place.left + width])


def test_an_export_that_was_interrupted_is_done_again(call: Call, tmp_path: Path) -> None:
    unfinished = tmp_path / "next" / "labels" / ".unfinished" / "annotations.xml"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_text("<annotations>")
    code, _, errors = call("flight", "--model", "model.onnx", "--count", "1", "--out", "next", "--labels", "cvat")
    assert code == 0, errors
    assert (tmp_path / "next" / "labels" / "annotations.xml").exists()


def test_predictions_of_the_user_are_not_removed(call: Call, tmp_path: Path) -> None:
    mask = tmp_path / "next" / "predicted" / "masks" / "mine.png"
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"mine")
    code, _, errors = call("flight", "--model", "model.onnx", "--count", "2", "--out", "next", "--labels", "cvat")
    assert code == 2 and "was not written by segdrone data pick" in errors
    assert mask.read_bytes() == b"mine"


def test_more_than_there_are_is_said(call: Call, tmp_path: Path) -> None:
    code, text, errors = call("flight", "--model", "model.onnx", "--count", "9", "--out", "next")
    assert code == 0
    assert "4 are picked, all that there are, fewer than the 9 of --count" in text
    assert errors.count("has no encoder to compare photographs by") <= 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nothing", "--model", "model.onnx"), "nothing does not exist"),
        (("flight", "--model", "model.onnx", "--by", "luck"), "--by luck is unknown: choose one of margin, entropy"),
        (("flight", "--model", "model.onnx", "--labels", "paint"), "--labels paint is not a format"),
        (
            ("flight", "--model", "model.onnx", "--labels", "cvat", "--window", "32x32"),
            "--window 32x32 with --labels must be at least 64x64 pixels",
        ),
        (("flight", "--model", "model.onnx", "--window", "32"), "--window 32 must be WIDTHxHEIGHT"),
        (("flight", "--model", "other.onnx"), "the model other.onnx does not exist"),
        (("flight", "--model", "model.onnx", "--labeled", "none"), "none does not exist"),
        (
            ("flight", "--model", "model.onnx", "--labeled", "two"),
            "(this command has no --images or --masks: give it a dataset that needs none)",
        ),
    ],
)
def test_mistakes_are_one_line(call: Call, tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    write_pool(tmp_path / "two" / "photos", range(2))
    write_pool(tmp_path / "two" / "drawn", range(2))
    code, text, errors = call(*arguments, "--out", "next")
    assert (code, text) == (2, "")
    assert expected in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "next").exists()
