import json
from pathlib import Path

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.compare import compare
from segdrone.evaluation.counts import count_image
from segdrone.evaluation.metrics_files import NamedCounts, image_rows, to_metrics, write_tables
from segdrone.evaluation.scores import score
from tests.helpers.commands import Command

TABLE = ClassTable(names=("land", "water", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))


def evaluation(folder: Path, right: float, photographs: int = 25, seed: int = 1, table: ClassTable = TABLE) -> Path:
    """Writes an evaluation in which `right` of the pixels are right, and the others are random classes."""
    truths, errors = np.random.default_rng(0), np.random.default_rng(seed)
    by_name = {}
    for number in range(photographs):
        truth = truths.integers(0, len(table), (20, 30), dtype=np.uint8)
        wrong = errors.integers(0, len(table), truth.shape, dtype=np.uint8)
        prediction = np.where(errors.random(truth.shape) < right, truth, wrong)
        by_name[f"p{number:02d}"] = count_image(truth, prediction, None, table)
    counts = NamedCounts.of(by_name, table)
    scores = score(counts.counts)
    write_tables(to_metrics(counts, scores, None), image_rows(counts, scores), counts, folder)
    return folder


def test_a_better_model_is_called_better_and_a_worse_one_worse(tmp_path: Path) -> None:
    first, better = evaluation(tmp_path / "a", 0.5), evaluation(tmp_path / "b", 0.7, seed=2)
    (comparison,) = compare([first, better])
    assert comparison.sentence.startswith(f"{better} is better than {first}: mIoU ")
    miou = comparison.overall[0]
    low, high = miou["interval"]
    assert 0 < low < miou["difference"] < high
    assert miou["difference"] == pytest.approx(miou["second"] - miou["first"])
    assert {row["verdict"] for row in comparison.classes} == {"better"}
    assert [row["name"] for row in comparison.overall] and all(
        row["name"] != "calibration error" for row in comparison.overall
    )
    (back,) = compare([better, first])
    assert f"{first} is worse than {better}" in back.sentence


def test_two_equally_good_models_cannot_be_told_apart(tmp_path: Path) -> None:
    wrong = 0
    for seed in range(2, 12):
        (comparison,) = compare([evaluation(tmp_path / "a", 0.6), evaluation(tmp_path / "b", 0.6, seed=seed)])
        wrong += comparison.overall[0]["verdict"] != "cannot tell"
        assert {row["verdict"] for row in comparison.classes} == {"cannot tell"}
    assert wrong <= 2  # one in twenty is expected


def test_intervals_of_classes_are_wider_if_there_are_many_classes(tmp_path: Path) -> None:
    many = ClassTable(names=tuple(f"c{i}" for i in range(20)), colours=((0, 0, 0),) * 20)
    few = ClassTable(names=("c0", "c1"), colours=((0, 0, 0),) * 2)
    widths = []
    for name, table in (("many", many), ("few", few)):
        folders = [evaluation(tmp_path / name / str(seed), 0.6, seed=seed, table=table) for seed in (1, 2)]
        (comparison,) = compare(folders)
        widths.append(
            [np.ptp(row["interval"]) / np.ptp(comparison.overall[0]["interval"]) for row in comparison.classes]
        )
    assert min(widths[0]) > max(widths[1])


def test_several_evaluations_are_compared_with_the_first(tmp_path: Path) -> None:
    folders = [evaluation(tmp_path / str(seed), 0.5, seed=seed) for seed in (1, 2, 3)]
    assert [(one.first, one.second) for one in compare(folders)] == [
        (str(folders[0]), str(folders[1])),
        (str(folders[0]), str(folders[2])),
    ]


def test_only_shared_photographs_are_compared(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (comparison,) = compare([evaluation(tmp_path / "a", 0.5), evaluation(tmp_path / "b", 0.5, photographs=10)])
    assert comparison.photographs == 10
    assert "10 photographs are in all evaluations, of up to 25" in caplog.text
    assert "only 10 photographs" in caplog.text


def test_what_an_evaluation_warned_of_is_said_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = evaluation(tmp_path / "a", 0.5), evaluation(tmp_path / "b", 0.7, seed=2)
    trained = "25 of these photographs were trained on: their scores are not a test"
    (second / "metrics.json").write_text(json.dumps({"miou": 0.7, "warnings": [trained]}))
    for given in (second, second / "counts.npz"):
        caplog.clear()
        compare([first, given])
        assert caplog.messages == [f"{given}: {trained}"]
    (second / "metrics.json").write_text("{")
    compare([first, second])
    assert "metrics.json cannot be read" in caplog.messages[-1]


def test_evaluations_that_cannot_be_compared_are_errors(tmp_path: Path) -> None:
    first = evaluation(tmp_path / "a", 0.5)
    with pytest.raises(ConfigError, match="two or more"):
        compare([first])
    with pytest.raises(DataError, match=r"nowhere has no counts\.npz: give a folder"):
        compare([first, tmp_path / "nowhere"])
    other = ClassTable(names=("land", "sea", "ice"), colours=TABLE.colours)
    with pytest.raises(DataError, match="evaluate both with the same classes"):
        compare([first, evaluation(tmp_path / "c", 0.5, table=other)])
    two = ClassTable(names=TABLE.names, colours=TABLE.colours)
    blank = np.zeros((8, 8), np.uint8)
    counted = NamedCounts.of({f"p{i:02d}": count_image(blank, blank, None, two) for i in range(25)}, two)
    write_tables(
        to_metrics(counted, score(counted.counts), None),
        image_rows(counted, score(counted.counts)),
        counted,
        tmp_path / "d",
    )
    with pytest.raises(DataError, match=r"scored p00 against other true masks.*at one size"):
        compare([first, tmp_path / "d"])


def test_classes_in_another_order_are_compared_by_their_names(tmp_path: Path) -> None:
    first = evaluation(tmp_path / "a", 0.5)
    path = evaluation(tmp_path / "b", 0.7, seed=2) / "counts.npz"
    (same,) = compare([first, tmp_path / "b"])
    with np.load(path) as file:
        counts = dict(file)
    order = [2, 0, 1]
    counts["classes"], counts["boundary"] = counts["classes"][order], counts["boundary"][..., order]
    counts["confusion"] = counts["confusion"][:, order][:, :, order]
    np.savez(path, allow_pickle=False, **counts)
    assert compare([first, tmp_path / "b"]) == [same]


def test_photographs_without_a_label_cannot_be_compared(tmp_path: Path) -> None:
    empty, unknown = np.zeros((2, 3, 3), np.int64), np.zeros((2, 2, 256), np.int64)
    names, classes = np.array(["1", "2"]), np.array(TABLE.names)
    for file in ("a.npz", "b.npz"):
        np.savez(tmp_path / file, names=names, classes=classes, confusion=empty, boundary=empty, confidence=unknown)
    with pytest.raises(DataError, match="no pixel of the 2 photographs that the evaluations share is labeled"):
        compare([tmp_path / "a.npz", tmp_path / "b.npz"])


def test_the_command_prints_and_writes_the_comparison(tmp_path: Path, command: Command) -> None:
    first, second = evaluation(tmp_path / "a", 0.5), evaluation(tmp_path / "b", 0.7, seed=2)
    result = command("segdrone", "compare", first, second, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert f"{second} is better than {first}: mIoU" in result.stdout
    written = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert written["sentence"] in result.stdout
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 5000
    for name in ("comparison-3.png", "comparison of mine.png", "comparison_2025.json"):
        (tmp_path / "out" / name).write_text("of somebody")
    assert command("segdrone", "compare", first, second, "--out", tmp_path / "out").returncode == 0
    left = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert left == {"comparison.json", "comparison.png", "comparison of mine.png", "comparison_2025.json"}
