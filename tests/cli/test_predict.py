from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.cli.main import app
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from tests.helpers.commands import ForkedCommand
from tests.helpers.training import THREE, tiny_checkpoint
from tests.helpers.video import pan, write

Run = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (64, 96, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `segdrone predict` with a checkpoint; returns exit code, stdout, and lines of stderr (no bars)."""
    checkpoint = tiny_checkpoint(tmp_path / "a.ckpt")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, ckpt: Path = checkpoint) -> tuple[int, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["segdrone", "predict", str(ckpt), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            app()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        lines = captured.err.replace("\r", "\n").splitlines()
        return int(end.value.code or 0), captured.out, [line for line in lines if line.strip() and "%|" not in line]

    return call


def test_options_reach_the_predictor_and_the_clean_up(run: Run, photos: Path) -> None:
    code, out, _ = run(
        photos, "--out", "o", "--scale", "0.75", "--window", "48x32", "--overlap", "0.5", "--augment", "flips",
        "--device", "cpu", "--batch-size", "2", "--min-area", "car=30, person=20", "--fill-holes", "9", "--refine", "2",
        "--confidence", "--no-overlays", "--no-colours",
    )  # fmt: skip
    assert code == 0
    assert out == "3 predicted, 0 done before, 0 failed: see o\n"
    settings = json.loads(Path("o/predict.json").read_text())
    predictor = Predictor.from_checkpoint(
        "a.ckpt", scale=0.75, window=(32, 48), overlap=0.5, augment="flips", device="cpu", batch_size=2
    )
    cleanup = Cleanup(min_area={"car": 30, "person": 20}, fill_holes=9, refine=2)
    assert settings["predictor"] == predictor.settings
    assert settings["cleanup"] == cleanup.to_dict()
    image = np.asarray(Image.open(photos / "1.png"))
    expected = cleanup(predictor(image).mask, image, predictor.table)
    np.testing.assert_array_equal(np.asarray(Image.open("o/masks/1.png")), expected)
    written = ["confidence", "manifest.jsonl", "masks", "predict.json", "summary.csv", "totals.csv"]
    assert sorted(path.name for path in Path("o").iterdir()) == written


def test_one_area_for_all_classes(run: Run, photos: Path) -> None:
    assert run(photos / "0.png", "--out", "o", "--min-area", "40")[0] == 0
    assert json.loads(Path("o/predict.json").read_text())["cleanup"]["min_area"] == 40


def test_objects_are_counted(run: Run, photos: Path) -> None:
    assert run(photos, "--out", "all", "--objects")[0] == 0
    assert run(photos, "--out", "two", "--object-class", "roof", "--object-class", "tree")[0] == 0
    with Path("all/summary.csv").open() as file:
        every = [name for name in next(csv.reader(file)) if name.startswith("objects_")]
    assert {"objects_person", "objects_car", "objects_dog", "objects_bicycle"} <= set(every)
    assert "objects_grass" not in every
    with Path("two/summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [name for name in rows[0] if name.startswith("objects_")] == ["objects_roof", "objects_tree"]
    for row in rows:
        document = json.loads(Path("two/objects", row["path"]).with_suffix(".json").read_text())
        assert len(document["annotations"]) == int(row["objects_roof"]) + int(row["objects_tree"])


def test_without_thing_classes_an_object_class_must_be_named(run: Run, photos: Path, tmp_path: Path) -> None:
    ground = tiny_checkpoint(tmp_path / "ground.ckpt", THREE)
    code, _, (line,) = run(photos, "--out", "o", "--objects", ckpt=ground)
    assert code == 2
    assert "--objects: no class of the model is an object such as person or car: name one with --object-class" in line
    assert run(photos, "--out", "o", "--objects", "--object-class", "water", ckpt=ground)[0] == 0
    video = write(Path("flight.mp4"), pan(1))
    code, _, (line,) = run(video, "--out", "films", "--panoptic", ckpt=ground)
    assert code == 2
    assert "--panoptic: no class of the model is an object such as person or car" in line


def test_a_photograph_that_fails_is_reported_and_counted(run: Run, photos: Path) -> None:
    (photos / "1.png").write_text("not an image")
    code, out, errors = run("photos", "--out", "o")
    assert code == 1
    assert out == "2 predicted, 0 done before, 1 failed: see o\n"
    assert errors == [
        "error: photos/1.png is not an image (JPEG, PNG, TIFF or WebP) despite its name: replace or remove it"
    ]
    assert run(photos, "--out", "o")[1] == "0 predicted, 2 done before, 1 failed: see o\n"
    assert run(photos, "--out", "o", "--redo")[1] == "2 predicted, 0 done before, 1 failed: see o\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "gone does not exist"),
        (["photos", "gone*"], "gone* leads to no photographs"),
        (["photos", "--scale", "0"], "scale=0.0 must be above 0"),
        (["photos", "--window", "32"], "--window 32 must be WIDTHxHEIGHT in pixels, such as 1056x704"),
        (["photos", "--augment", "turns"], "augment=turns is unknown"),
        (["photos", "--device", "tpu"], "device=tpu is unknown"),
        (["photos", "--min-area", "car"], "--min-area car must be pixels"),
        (["photos", "--min-area", "car=-3"], "--min-area car=-3 must be pixels"),
        (["photos", "--min-area", "boat=3"], "boat"),
        (["photos", "--object-class", "boat"], "no class boat"),
    ],
)
def test_a_wrong_option_is_one_line(run: Run, photos: Path, arguments: list[str], message: str) -> None:
    code, out, lines = run(*arguments, "--out", "o")
    assert (code, out, len(lines)) == (2, "", 1), lines
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not Path("o").exists()


def test_inputs_are_checked_before_the_checkpoint_is_opened(run: Run, photos: Path) -> None:
    assert "photos/gone.jpg does not exist" in run("photos/gone.jpg", "--out", "o", ckpt=Path("gone.ckpt"))[2][0]
    assert "gone.ckpt does not exist" in run(photos, "--out", "o", ckpt=Path("gone.ckpt"))[2][0]


def test_an_interruption_says_how_to_continue(photos: Path, tmp_path: Path) -> None:
    for i in range(3, 60):
        shutil.copy(photos / "0.png", photos / f"{i}.png")
    checkpoint, out = tiny_checkpoint(tmp_path / "a.ckpt"), tmp_path / "o"
    with ForkedCommand(tmp_path, "segdrone", "predict", checkpoint, photos, "--out", out) as process:
        while process.poll() is None and not (out / "summary.csv").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)  # Ctrl-C
        assert process.wait(60) == 130
        lines = process.outputs()[1].replace("\r", "\n").splitlines()
    assert lines[-1] == f"interrupted: run the same command again to continue in {out}"
    done = len((out / "summary.csv").read_text().splitlines()) - 1
    assert 0 < done < 60


def test_other_settings_need_redo(run: Run, photos: Path) -> None:
    assert run(photos, "--out", "o")[0] == 0
    code, _, (line,) = run(photos, "--out", "o", "--overlap", "0.5")
    assert code == 2
    assert line == (
        "error: o holds predictions made with predictor.overlap 0.25, not 0.5: give another --out, or --redo to "
        "replace them"
    )
    assert run(photos, "--out", "o", "--overlap", "0.5", "--redo")[:2] == (
        0, "3 predicted, 0 done before, 0 failed: see o\n",
    )  # fmt: skip


def test_videos_and_photographs_together(run: Run, photos: Path) -> None:
    video = write(Path("flight.mp4"), pan(3))
    code, out, _ = run(photos, video, "--out", "o", "--smooth", "3")
    assert (code, out) == (0, "4 predicted, 0 done before, 0 failed: see o\n")
    assert sorted(path.name for path in Path("o/films").iterdir()) == ["flight.csv", "flight.json", "flight.mp4"]
    assert run(video, "--out", "o", "--smooth", "3")[1] == "0 predicted, 1 done before, 0 failed: see o\n"
    Path("broken.mov").write_text("not a video")
    code, out, errors = run("broken.mov", "--out", "p")
    assert (code, out) == (1, "0 predicted, 0 done before, 1 failed: see p\n")
    assert len(errors) == 1
    assert errors[0].startswith("error: broken.mov")


def test_options_that_videos_do_not_have_are_said(
    run: Run, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(Path("flight.mp4"), pan(1))
    missing = tmp_path / "missing.ckpt"
    assert run(photos, "flight.mp4", "--out", "o", "--gsd", "2", "--objects", "--regions", ckpt=missing)[0] == 2
    assert "--objects, --regions, --gsd: not for videos" in caplog.text
    caplog.clear()
    run("flight.mp4", "--out", "o", "--objects", "--panoptic", "--object-class", "car", ckpt=missing)
    run(photos, "--out", "o", "--gsd", "2", "--objects", ckpt=missing)
    assert "not for videos" not in caplog.text


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_user_decides(
    given: str | None, expected: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")  # restored at the end
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert run("gone", "--out", "o")[0] == 2
    assert os.environ["OMP_WAIT_POLICY"] == expected


def test_masks_are_also_written_for_a_labeling_tool(run: Run, photos: Path) -> None:
    code, out, _ = run(photos, "--out", "o", "--labels", "coco", "--no-overlays", "--no-colours")
    assert code == 0
    assert out.splitlines()[0].startswith("3 photographs with ")
    document = json.loads(Path("o/labels/annotations.json").read_text())
    assert [image["file_name"] for image in document["images"]] == ["0.png", "1.png", "2.png"]
    assert sum(annotation["area"] for annotation in document["annotations"]) == 3 * 64 * 96


def test_photographs_that_failed_are_told_quietly_also_where_labels_fail(run: Run, photos: Path) -> None:
    (photos / "broken.png").write_text("no image")
    (photos / "2.png").rename(photos / "a\nb.png")  # which no annotations can name
    code, out, lines = run("photos", "--out", "o", "--labels", "coco", "--quiet")
    assert (code, out) == (2, "")
    assert [line.split(" ")[1] for line in lines if line.startswith("error: ")] == ["photos/broken.png", "'a\\nb.png'"]


def test_an_unknown_labeling_tool_is_refused_before_the_model_is_read(run: Run, photos: Path) -> None:
    code, _, lines = run(photos, "--out", "o", "--labels", "paint")
    assert code == 2 and "--labels paint is not a format: choose one of cvat" in lines[-1]
    assert not Path("o").exists()
