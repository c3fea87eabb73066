"""`segdrone monitor`: verdicts, exit codes, files, refusals."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from segdrone.cli.main import commands
from segdrone.errors import ConfigError, DataError, SegdroneError
from segdrone.inference.photo_statistics import monitored_columns
from segdrone.monitor.run import monitor
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.runtime.description import Description, Signature
from tests.helpers.exported import CLASSES, SPEC
from tests.helpers.monitored import TABLE, Values, draw_values, write_predictions
from tests.helpers.small_graphs import graph, write

DARKER: dict[str, Any] = {"brightness": -1.0, "brightness_q95": -1.0}


def drawn(count: int, seed: int = 0, **shifts: float) -> dict[str, Values]:
    values = draw_values(count, seed, CLASSES)
    return {**values, **{name: values[name] + shift for name, shift in shifts.items()}}


def model_file(path: Path, reference: ReferenceStatistics | None) -> Path:
    spec = replace(SPEC, reference_statistics=reference)
    return write(graph(), path, Description(spec, Signature("unit", "probabilities")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model with the statistics of 60 photographs."""
    reference = ReferenceStatistics.from_values(drawn(60, 9), miou=0.9, miou_interval=(0.85, 0.95))
    return model_file(tmp_path_factory.mktemp("model") / "model.onnx", reference)


def predicted(folder: Path, count: int = 50, seed: int = 0, **shifts: float) -> Path:
    return write_predictions(folder, drawn(count, seed, **shifts), CLASSES)


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(commands, ["monitor", *map(str, arguments)])
    if isinstance(result.exception, SegdroneError):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def test_a_narrow_console_shows_whole_numbers(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = predicted(tmp_path / "p", unsure=3.0)
    _, output = run(folder, "--model", model)
    (column,) = (found for found in monitor(folder, model).drift.columns if found.column == "unsure")
    for number in (
        f"{column.reference:.3g}",
        f"{column.median:.3g}",
        f"{column.psi:.2f}",
        f"{column.psi_by_chance:.2f}",
    ):
        assert f" {number} " in output
    assert "\u2026" not in output


def test_photographs_like_those_of_the_model_raise_no_alarm(tmp_path: Path, model: Path) -> None:
    code, output = run(predicted(tmp_path / "p"), "--model", model)
    assert code == 0
    assert "no drift: 50 photographs beside 60 of the reference" in output


def test_darker_photographs_raise_an_alarm_with_its_cause(tmp_path: Path, model: Path) -> None:
    code, output = run(predicted(tmp_path / "p", **DARKER), "--model", model)
    assert code == 1
    assert "drift, most likely darker photographs: less light or exposure: 50 photographs" in output
    assert "2 statistics differ by more than chance" in output


def test_predictions_of_another_model_are_told(tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture) -> None:
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    for key, value, told in (("model", digest, False), ("checkpoint", "0", False), ("model", "0", True)):
        caplog.clear()
        folder = write_predictions(tmp_path / f"{key}{value}", drawn(50), CLASSES, predictor={key: value})
        monitor(folder, model=model)
        assert ("was predicted by another model than" in caplog.text) == told


def test_predictions_of_another_checkpoint_than_that_of_an_exported_file_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = replace(SPEC, reference_statistics=ReferenceStatistics.from_values(drawn(60, 9)))
    described = Description(spec, Signature("unit", "probabilities"), checkpoint="1" * 64)
    model = write(graph(), tmp_path / "model.onnx", described)
    for digest, told in (("1" * 64, False), ("2" * 64, True)):
        caplog.clear()
        folder = write_predictions(tmp_path / digest, drawn(50), CLASSES, predictor={"checkpoint": digest})
        monitor(folder, model=model)
        assert ("was predicted by another model than" in caplog.text) == told


def test_the_reference_may_be_a_folder(tmp_path: Path) -> None:
    usual, same = predicted(tmp_path / "usual", 54, 1), predicted(tmp_path / "same", 50, 2)
    assert run(same, "--reference", usual)[0] == 0
    assert run(predicted(tmp_path / "dark", 50, 2, **DARKER), "--reference", usual)[0] == 1


def test_the_share_of_false_alarms_can_be_chosen(tmp_path: Path, model: Path) -> None:
    folder = predicted(tmp_path / "p", brightness=-0.36)
    assert run(folder, "--model", model, "--alarm", 0.4)[0] == 1
    assert run(folder, "--model", model, "--alarm", 1e-9)[0] == 0


def test_the_files_say_what_was_found(tmp_path: Path, model: Path) -> None:
    folder = predicted(tmp_path / "p", **DARKER)
    out = tmp_path / "out"
    assert run(folder, "--model", model, "--out", out)[0] == 1
    report = json.loads((out / "monitor.json").read_text())
    assert report["alarm"] is True
    assert report["causes"][0]["name"] == "darker"
    assert {column["column"] for column in report["statistics"]} == {*monitored_columns(CLASSES)} - {"gsd"}
    assert len(report["strangest"]) == 12
    page = (out / "monitor.html").read_text()
    assert "darker photographs: less light or exposure" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "default-src &#39;none&#39;" in page
    assert page.count('<figure class="strange">') == 12


def test_the_page_has_thumbnails_and_escapes_names(tmp_path: Path, model: Path) -> None:
    folder = predicted(tmp_path / "p", **DARKER)
    (folder / "overlays").mkdir()
    for i in range(50):
        Image.fromarray(np.full((600, 900, 3), i, np.uint8)).save(folder / "overlays" / f"{i:03d}.jpg")
    table = (folder / "summary.csv").read_text()
    (folder / "summary.csv").write_text(
        "".join(f"<b>{line}" if i else line for i, line in enumerate(table.splitlines(True)))
    )
    run(folder, "--model", model, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "monitor.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 12
    assert "&lt;b&gt;0" in page
    assert "<b>0" not in page.replace("<b>&lt;", "")


def test_a_broken_overlay_is_left_out(tmp_path: Path, model: Path) -> None:
    folder = predicted(tmp_path / "p", **DARKER)
    (folder / "overlays").mkdir()
    for i in range(50):
        (folder / "overlays" / f"{i:03d}.jpg").write_bytes(b"\xff\xd8 no")
    assert run(folder, "--model", model, "--out", tmp_path / "out")[0] == 1
    assert "data:image/jpeg" not in (tmp_path / "out" / "monitor.html").read_text()


def write_truth(folder: Path, names: range, right: bool, size: tuple[int, int] = (20, 30)) -> Path:
    folder.mkdir()
    for i in names:
        mask = (
            np.full(size, i % 4, np.uint8) if right else np.random.default_rng(i).integers(0, 4, size).astype(np.uint8)
        )
        Image.fromarray(mask).save(folder / f"{i:03d}.png")
    return folder


def write_masks(folder: Path) -> Path:
    (folder / "masks").mkdir()
    for i in range(50):
        Image.fromarray(np.full((20, 30), i % 4, np.uint8)).save(folder / "masks" / f"{i:03d}.png")
    return folder


@pytest.mark.parametrize(
    ("right", "verdict", "words"), [(True, "higher", "the gain is real"), (False, "lower", "the drop is real")]
)
def test_true_masks_give_scores(tmp_path: Path, model: Path, right: bool, verdict: str, words: str) -> None:
    folder = write_masks(predicted(tmp_path / "p"))
    truth = write_truth(tmp_path / "truth", range(24), right)
    code, output = run(folder, "--model", model, "--truth", truth, "--out", tmp_path / "out")
    assert code == 0
    scores = json.loads((tmp_path / "out" / "monitor.json").read_text())["truth"]
    assert (scores["photographs"], scores["reference"], scores["verdict"]) == (24, 0.9, verdict)
    assert scores["interval"][0] <= scores["miou"] <= scores["interval"][1]
    assert scores["miou"] == 1 if right else scores["miou"] < 0.3
    assert words in output
    assert words in (tmp_path / "out" / "monitor.html").read_text()


def test_only_classes_that_both_have_are_compared(tmp_path: Path) -> None:
    """Without the class that the model is worst at, the mean over all would rise although nothing is better."""
    ious = {"road": 0.98, "grass": 0.98, "car": 0.1}
    reference = ReferenceStatistics.from_values(drawn(60, 9), miou=0.69, miou_interval=(0.66, 0.71), class_ious=ious)
    model = model_file(tmp_path / "model.onnx", reference)
    folder, truth = write_masks(predicted(tmp_path / "p")), tmp_path / "truth"
    truth.mkdir()
    for i in [number for number in range(50) if number % 4 != 2]:  # no car, and trees, which the reference has not
        Image.fromarray(np.full((20, 30), i % 4, np.uint8)).save(truth / f"{i:03d}.png")
    _, output = run(folder, "--model", model, "--truth", truth, "--out", tmp_path / "out")
    scores = json.loads((tmp_path / "out" / "monitor.json").read_text())["truth"]
    assert (scores["miou"], scores["compared"], scores["left_out"]) == (1, 1, ["car", "tree"])
    assert scores["reference"] == pytest.approx(0.98)
    assert scores["verdict"] == "cannot tell"
    assert "; without car, tree, which only one of both has, 1.000, 0.980 on the reference: a difference" in output


def test_pixels_without_data_do_not_count(tmp_path: Path, model: Path) -> None:
    folder, truth = write_masks(predicted(tmp_path / "p")), write_truth(tmp_path / "truth", range(4), True)
    mask = np.full((20, 30), 3, np.uint8)
    mask[:5] = CLASSES.ignore_index
    Image.fromarray(mask).save(folder / "masks" / "003.png")
    run(folder, "--model", model, "--truth", truth, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "monitor.json").read_text())["truth"]["miou"] == 1


def test_scores_without_a_known_score_of_the_reference_say_nothing_of_a_drop(tmp_path: Path) -> None:
    folder = write_masks(predicted(tmp_path / "p"))
    usual, truth = predicted(tmp_path / "usual", 54, 1), write_truth(tmp_path / "truth", range(1), True)
    _, output = run(folder, "--reference", usual, "--truth", truth)
    assert "mIoU 1.000 on 1 photographs with a true mask" in output
    assert "drop" not in output


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "no images"),
        ({"other.png": (20, 30)}, "has the name of a photograph, such as 000.png: name the masks as the photographs"),
        ({"000.png": (10, 30)}, "give masks of the size of the photographs"),
    ],
)
def test_true_masks_that_do_not_fit_are_refused(
    tmp_path: Path, model: Path, files: dict[str, tuple[int, int]], expected: str
) -> None:
    folder = write_masks(predicted(tmp_path / "p"))
    (tmp_path / "truth").mkdir()
    for name, size in files.items():
        Image.fromarray(np.zeros(size, np.uint8)).save(tmp_path / "truth" / name)
    with pytest.raises(DataError) as caught:
        run(folder, "--model", model, "--truth", tmp_path / "truth")
    if files:
        assert expected in str(caught.value)


def test_true_masks_of_other_classes_are_refused_by_name(tmp_path: Path, model: Path) -> None:
    folder, truth = write_masks(predicted(tmp_path / "p")), write_truth(tmp_path / "truth", range(3), True)
    (truth / "classes.csv").write_text("name,r,g,b\nroad,0,0,0\ngrass,0,1,0\ncar,1,0,0\nlake,0,1,1\n")
    with pytest.raises(DataError, match="lake"):
        run(folder, "--model", model, "--truth", truth)


def test_true_masks_are_read_by_the_table_beside_their_folder(tmp_path: Path, model: Path) -> None:
    folder, truth = write_masks(predicted(tmp_path / "p")), tmp_path / "set" / "masks"
    (tmp_path / "set").mkdir()
    write_truth(truth, range(24), True)
    for i in range(24):  # written for a table in another order
        Image.fromarray(np.full((20, 30), 3 - i % 4, np.uint8)).save(truth / f"{i:03d}.png")
    rows = [f"{name},{i},0,0" for i, name in enumerate(reversed(CLASSES.names))]
    (truth.parent / "classes.csv").write_text("\n".join(["name,r,g,b", *rows]))
    run(folder, "--model", model, "--truth", truth, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "monitor.json").read_text())["truth"]["miou"] == 1


def test_true_masks_of_unknown_values_name_no_option_of_another_command(tmp_path: Path, model: Path) -> None:
    folder, truth = write_masks(predicted(tmp_path / "p")), write_truth(tmp_path / "truth", range(3), True)
    Image.fromarray(np.full((20, 30), 99, np.uint8)).save(truth / "001.png")
    with pytest.raises(DataError, match=r"holds id 99 .* in classes\.csv beside them") as caught:
        run(folder, "--model", model, "--truth", truth)
    assert "data." not in str(caught.value)


def test_true_masks_are_merged_as_the_model_merged_them(tmp_path: Path, model: Path) -> None:
    folder, truth = write_masks(predicted(tmp_path / "p")), write_truth(tmp_path / "truth", range(24), True)
    last = CLASSES.names[-1]
    settings = json.loads((folder / "predict.json").read_text())
    settings["class_groups"] = {**{name: [name] for name in CLASSES.names[:-1]}, last: ["van", "bus"]}
    (folder / "predict.json").write_text(json.dumps(settings))
    with pytest.raises(DataError, match="before or after the model merged them"):
        run(folder, "--model", model, "--truth", truth)
    rows = [f"{name},{i},0,0" for i, name in enumerate(("bus", *CLASSES.names[:-1], "van"))]
    (truth / "classes.csv").write_text("\n".join(["name,r,g,b", *rows]))
    for i in range(24):
        Image.fromarray(np.full((20, 30), i % 4 + 1 if i % 8 != 3 else 0, np.uint8)).save(truth / f"{i:03d}.png")
    run(folder, "--model", model, "--truth", truth, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "monitor.json").read_text())["truth"]["miou"] == 1


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "1 photograph is too few to compare with the 60"), (3, "3 photographs are too few to compare with the 60")],
)
def test_too_few_photographs_are_refused(tmp_path: Path, model: Path, count: int, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        monitor(predicted(tmp_path / "p", count), model)


def test_other_classes_are_refused_by_name(tmp_path: Path, model: Path) -> None:
    other = write_predictions(tmp_path / "other", draw_values(50), TABLE)
    with pytest.raises(DataError, match=r"differ in tree\): give predictions of the same classes"):
        monitor(other, model)
    with pytest.raises(DataError, match="differ in tree"):
        monitor(other, None, predicted(tmp_path / "p"))


def test_a_model_without_statistics_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no reference statistics.*give --reference FOLDER"):
        monitor(predicted(tmp_path / "p"), model_file(tmp_path / "model.onnx", None))


def test_something_to_compare_with_is_needed(tmp_path: Path) -> None:
    folder = predicted(tmp_path / "p")
    with pytest.raises(ConfigError, match="give --model FILE .* or --reference FOLDER"):
        monitor(folder, None)
    with pytest.raises(ConfigError, match="both the source and the reference"):
        monitor(folder, None, folder)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"cleanup": {"min_area": 64, "fill_holes": 0, "refine": 0}}, "min_area=64, the reference with min_area=0"),
        ({"predictor": {"augment": "flips"}}, "augment=flips, the reference with augment=none"),
        ({"predictor": {"scale": 0.5}}, "scale=0.5, the reference with scale=None"),
        ({"gsd": "auto"}, "gsd=auto, the reference with gsd=None"),
    ],
)
def test_other_options_than_those_of_the_reference_are_refused(
    tmp_path: Path, model: Path, options: dict[str, Any], expected: str
) -> None:
    folder = write_predictions(tmp_path / "p", drawn(50), CLASSES, **options)
    with pytest.raises(ConfigError, match=expected):
        monitor(folder, model)
    same = write_predictions(tmp_path / "same", drawn(54, 1), CLASSES, **options)
    assert not monitor(folder, None, same).drift.alarm


def test_things_told_apart_by_an_instance_head_change_the_masks(tmp_path: Path, model: Path) -> None:
    table = replace(CLASSES, things=CLASSES.names[-1:])
    folder = write_predictions(tmp_path / "p", drawn(50), table, panoptic=True)
    usual = write_predictions(tmp_path / "usual", drawn(54, 1), table)
    with pytest.raises(ConfigError, match="panoptic=True, the reference with panoptic=False"):
        monitor(folder, None, usual)
    assert not monitor(folder, model).drift.alarm  # which has no such head
    assert not monitor(folder, model, usual).drift.alarm


def test_predictions_are_not_overwritten(tmp_path: Path, model: Path) -> None:
    folder = predicted(tmp_path / "p")
    with pytest.raises(ConfigError, match="holds predictions: give another --out"):
        run(folder, "--model", model, "--out", folder)


def test_a_small_window_is_warned_about(tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = monitor(predicted(tmp_path / "p", 12), model)
    assert not found.drift.alarm
    assert "only 12 photographs: small changes are not found" in caplog.text
