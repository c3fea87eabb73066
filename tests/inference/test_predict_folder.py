from __future__ import annotations

import csv
import json
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import InputImage, find_inputs
from segdrone.inference.predict_folder import _read, _read_ahead
from segdrone.raster import open_image
from segdrone.raster.decode import read_image
from segdrone.utils.atomic import file_lock
from tests.helpers.capture import save_with_exif
from tests.helpers.predictions import contents, predict, read_mask, summary
from tests.helpers.tiff_files import Page, write_tiff
from tests.helpers.training import tiny_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "a.ckpt")


@pytest.fixture(scope="module")
def predictor(checkpoint: Path) -> Predictor:
    return Predictor.from_checkpoint(checkpoint, device="cpu")


@pytest.fixture
def photos(all_scenes: Path, tmp_path: Path) -> Path:
    for name, scene in (("a.jpg", "000"), ("sub/b.jpg", "001"), ("sub/c.jpg", "002"), ("z.jpg", "003")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(all_scenes / "original_images" / f"{scene}.jpg", tmp_path / "photos" / name)
    return tmp_path / "photos"


def times(out: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in out.glob("masks/**/*.png")}


def test_every_photograph_gets_the_cleaned_mask_of_the_predictor(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    cleanup, out = Cleanup(min_area=20), tmp_path / "out"
    done = predict(predictor, [photos], out, cleanup=cleanup, confidence=True, progress=False)
    assert done == (4, 0, {})
    assert sorted(contents(out)) == sorted(
        ["predict.json", "manifest.jsonl", "summary.csv", "totals.csv", "masks/classes.csv"]
        + [f"{kind}/{name}.{suffix}" for name in ("a", "sub/b", "sub/c", "z")
           for kind, suffix in (("masks", "png"), ("colours", "png"), ("overlays", "jpg"), ("confidence", "png"))]
    )  # fmt: skip
    image = read_image(photos / "sub" / "b.jpg")
    expected = predictor(image, confidence=True)
    assert expected.confidence is not None
    cleaned = cleanup(expected.mask, image, predictor.table)
    assert (cleaned != expected.mask).any()
    np.testing.assert_array_equal(read_mask(out, "sub/b"), cleaned)
    np.testing.assert_array_equal(np.asarray(Image.open(out / "confidence/sub/b.png")), expected.confidence)
    assert list(summary(out)) == ["a.jpg", "sub/b.jpg", "sub/c.jpg", "z.jpg"]
    assert json.loads((out / "predict.json").read_text())["cleanup"]["min_area"] == 20


def test_a_broken_file_is_reported_in_one_line_and_the_others_are_predicted(
    predictor: Predictor, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "sub" / "b.jpg").write_bytes((photos / "sub" / "b.jpg").read_bytes()[:1500])
    (photos / "text.jpg").write_text("no photograph")
    (photos / "empty.png").touch()
    (photos / "notes.txt").write_text("by name only")
    one = Image.fromarray(np.full((1, 1, 3), 99, np.uint8))
    one.save(photos / "one.png")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    one.save(photos / "exif.jpg", exif=exif)
    content = (photos / "exif.jpg").read_bytes()
    (photos / "exif.jpg").write_bytes(content.replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02"))  # a width as text
    done = predict(predictor, [photos, photos / "notes.txt"], tmp_path / "out")
    assert (done.predicted, done.skipped) == (4, 0)
    assert list(done.failed) == ["empty.png", "exif.jpg", "notes.txt", "sub/b.jpg", "text.jpg"]
    message = [line for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if line.startswith("error: ")]
    for line, (name, reason) in zip(
        message,
        [("empty.png", "not an image"), ("exif.jpg", "cannot be decoded ("),
         ("notes.txt", "does not have the suffix of a photograph"), ("sub/b.jpg", "truncated"),
         ("text.jpg", "not an image")],
        strict=True,
    ):  # fmt: skip
        assert str(photos / name) in line
        assert reason in line
    assert list(summary(tmp_path / "out")) == ["a.jpg", "one.png", "sub/c.jpg", "z.jpg"]
    assert read_mask(tmp_path / "out", "one").shape == (1, 1)
    assert not any("text" in name or "sub/b" in name for name in contents(tmp_path / "out"))


def test_errors_of_photographs_give_no_options_of_training(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.full((4, 4), 999, np.uint16)).save(tmp_path / "photos" / "deep.png")
    write_tiff(tmp_path / "photos" / "five.tif", Page(np.zeros((4, 4, 5), np.uint8)))
    failed = predict(predictor, [tmp_path / "photos"], tmp_path / "out", progress=False).failed
    assert "deep.png has 1 band of uint16, not 8 bits per channel: convert it to 8-bit RGB (gdal" in failed["deep.png"]
    assert (
        "five.tif has 5 bands of uint8, and its header does not say what they are: take three (" in failed["five.tif"]
    )


def test_what_is_done_is_skipped_and_what_is_missing_is_predicted(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(predictor, [photos], out, progress=False)
    whole, before = contents(out), times(out)
    assert predict(predictor, [photos], out, progress=False) == (0, 4, {})
    assert times(out) == before
    (out / "overlays" / "a.jpg").unlink()
    (out / "masks" / "sub" / "c.png").write_bytes((out / "masks" / "z.png").read_bytes())
    lines = (out / "summary.csv").read_text().splitlines(keepends=True)
    (out / "summary.csv").write_text("".join(line for line in lines if not line.startswith("z.jpg")))
    assert predict(predictor, [photos], out, progress=False) == (2, 2, {})
    shutil.rmtree(out / "changed")  # what was in the place of c.png
    assert {name for name, time in times(out).items() if time != before[name]} == {"a", "c"}
    assert contents(out) == whole


def test_a_mask_has_the_world_file_that_its_photograph_has_now(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    world, copied = photos / "a.jgw", tmp_path / "out" / "masks" / "a.pgw"

    def run(*, skipped: int, redo: bool = False) -> str:
        summary = predict(predictor, [photos / "a.jpg"], tmp_path / "out", places=True, redo=redo, progress=False)
        assert summary.skipped == skipped
        return copied.read_text() if copied.exists() else ""

    assert run(skipped=0) == ""
    world.write_text(first := "0.05 0 0 -0.05 500000 5200000")
    assert run(skipped=1) == first
    copied.unlink()
    assert run(skipped=1) == first
    world.unlink()
    assert run(skipped=0, redo=True) == ""


def test_another_folder_with_the_same_settings_adds_to_the_summary(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert predict(predictor, [photos / "sub"], out, progress=False).predicted == 2
    assert predict(predictor, [photos / "z.jpg", photos / "a.jpg"], out, progress=False).predicted == 2
    assert list(summary(out)) == ["a.jpg", "b.jpg", "c.jpg", "z.jpg"]


def test_redo_predicts_everything_again(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict(predictor, [photos], out, progress=False)
    whole, before = contents(out), times(out)
    Image.fromarray(np.zeros((64, 96), np.uint8)).save(out / "masks" / "a.png")
    assert predict(predictor, [photos / "a.jpg", photos / "z.jpg"], out, redo=True, progress=False) == (2, 0, {})
    assert contents(out) == whole
    assert {name for name, time in times(out).items() if time != before[name]} == {"a", "z"}


def test_a_photograph_that_breaks_before_it_is_redone_leaves_nothing(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(predictor, [photos], out, progress=False)
    (photos / "a.jpg").write_bytes(b"")
    assert list(predict(predictor, [photos], out, redo=True, progress=False).failed) == ["a.jpg"]
    assert list(summary(out)) == ["sub/b.jpg", "sub/c.jpg", "z.jpg"]
    assert not [name for name in contents(out) if name.rpartition("/")[2].startswith("a.")]


def test_interrupted_anywhere_and_started_again_it_ends_with_the_same_bytes(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    class Stops(Predictor):
        after: int

        def __init__(self, after: int) -> None:
            vars(self).update(vars(predictor), after=after)

        def __call__(self, *args: object, **options: object) -> object:  # type: ignore[override]
            self.after -= 1
            if self.after < 0:
                raise KeyboardInterrupt
            return predictor(*args, **options)  # type: ignore[arg-type]

    predict(predictor, [photos], tmp_path / "whole", progress=False)
    for after in (0, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            predict(Stops(after), [photos], tmp_path / "out", progress=False)
        rows = summary(tmp_path / "out") if after else {}
        assert len(rows) == after + (after == 2)
    # what SIGKILL leaves: files without their row, and halves
    (tmp_path / "out" / "masks" / "z.png").write_bytes(b"old")
    for half in (".summary.0123abcd.part.csv", "masks/sub/.c.0123abcd.part.png", ".running"):
        (tmp_path / "out" / half).write_bytes(b"half")
    assert predict(predictor, [photos], tmp_path / "out", progress=False) == (1, 3, {})
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_decoding_is_one_photograph_ahead(photos: Path) -> None:
    begun: list[str] = []

    def watched() -> Iterator[InputImage]:
        for image in find_inputs([photos], "out"):
            begun.append(image.path)
            yield image

    for position, (image, reading) in enumerate(_read_ahead(watched(), lambda image: _read(image, open_image))):
        assert image.path == begun[position]
        np.testing.assert_array_equal(reading.result()[1], read_image(image.file))
        assert len(begun) == min(position + 2, 4)
    assert position == 3


def test_two_processes_do_not_write_to_one_folder(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "out" / ".running"),
        pytest.raises(ConfigError, match="another segdrone command writes to .*out: wait until it ends"),
    ):
        predict(predictor, [photos], tmp_path / "out", progress=False)
    assert predict(predictor, [photos], tmp_path / "out", progress=False).predicted == 4


def test_a_folder_that_cannot_be_written_to_is_reported_before_anything_is_predicted(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file/out cannot be written to.*another place with --out"):
        predict(predictor, [photos], tmp_path / "file" / "out", progress=False)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Lets no file grow beyond 5000 bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_cannot_be_written_is_reported_and_removed(
    predictor: Predictor, photos: Path, tmp_path: Path, small_files: None
) -> None:
    with pytest.raises(DataError, match=r"out cannot be written to \(File too large\): free some disk space") as error:
        predict(predictor, [photos], tmp_path / "out", progress=False)
    assert "\n" not in str(error.value)
    left = contents(tmp_path / "out")
    assert "predict.json" in left
    assert "summary.csv" not in left  # no row: the photograph is predicted again
    assert not [name for name in left if ".part" in name or name.startswith("overlays")]


def test_an_unknown_class_is_refused_before_the_folder_is_made(
    predictor: Predictor, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        predict(predictor, [photos], tmp_path / "out", cleanup=Cleanup({"unicorn": 3}), progress=False)
    with pytest.raises(ConfigError):
        predict(predictor, [photos], tmp_path / "out", objects=["unicorn"], progress=False)
    assert not (tmp_path / "out").exists()


def test_one_photograph_has_a_bar_over_its_windows(
    checkpoint: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, window=(32, 32), device="cpu")
    predict(predictor, [photos / "a.jpg"], tmp_path / "out")
    message = capsys.readouterr().err
    assert "12/12" in message  # 3 x 4 windows
    assert "window" in message
    assert "photograph/s" not in message
    predict(predictor, [photos], tmp_path / "all")
    message = capsys.readouterr().err
    assert "4/4" in message
    assert "photo" in message
    assert "window" not in message
    for name in ("a", "z"):
        (tmp_path / "all" / "masks" / f"{name}.png").unlink()
    predict(predictor, [photos], tmp_path / "all")
    message = capsys.readouterr().err
    assert "2/4" in message  # where it starts
    assert "4/4" in message


def test_long_names_are_predicted_and_too_long_ones_told(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    long, longer = "L" * 240, "M" * 251  # objects/MMM.json would have 256 bytes
    for name in (long, longer):
        shutil.copy(photos / "a.jpg", photos / f"{name}.png")
    objects = {"objects": [predictor.table.names[0]], "progress": False}
    done = predict(predictor, [photos], tmp_path / "out", **objects)
    assert (done.predicted, done.skipped, [*done.failed]) == (5, 0, [f"{longer}.png"])
    assert "its file in objects/ would be too long: rename the photograph" in done.failed[f"{longer}.png"]
    assert (tmp_path / "out" / "masks" / f"{long}.png").is_file()
    assert predict(predictor, [photos], tmp_path / "out", **objects)[:2] == (0, 5)


def test_totals_are_those_of_all_photographs(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    out, names = tmp_path / "out", predictor.table.names
    save_with_exif(photos / "small.jpg", time="2024:05:01 10:22:33")  # 9 x 6 pixels
    predict(predictor, [photos], out, objects=[names[1]], progress=False)
    rows, masks = summary(out), [read_mask(out, name) for name in ("a", "sub/b", "sub/c", "z", "small")]
    pixels = np.bincount(np.concatenate([mask.ravel() for mask in masks]), minlength=len(names))
    with (out / "totals.csv").open(newline="") as file:
        totals = {row["class"]: row for row in csv.DictReader(file)}
    assert [*totals] == [*names]
    for index, name in enumerate(names):
        assert float(totals[name]["share"]) == pytest.approx(pixels[index] / pixels.sum(), abs=2e-6)
        assert int(totals[name]["photographs"]) == sum((mask == index).any() for mask in masks)
    objects = sum(int(row[f"objects_{names[1]}"]) for row in rows.values())
    assert [row["objects"] for row in totals.values()] == ["", str(objects), *[""] * (len(names) - 2)]
    assert {path: row["captured"] for path, row in rows.items() if row["captured"]} == {
        "small.jpg": "2024-05-01T10:22:33"
    }


def test_a_class_that_is_named_twice_has_one_column(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    name, out = predictor.table.names[0], tmp_path / "out"
    assert predict(predictor, [photos], out, objects=[name, name], progress=False)[:2] == (4, 0)
    assert [*summary(out)["a.jpg"]].count(f"objects_{name}") == 1
    assert predict(predictor, [photos], out, objects=[name, name], progress=False)[:2] == (0, 4)
    assert predict(predictor, [photos], out, objects=[name], progress=False)[:2] == (0, 4)
