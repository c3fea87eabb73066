import csv
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.errors import DataError
from segdrone.evaluation.counts import count_image
from segdrone.evaluation.metrics_files import NamedCounts, image_rows, read_counts, to_metrics, write_tables
from segdrone.evaluation.scores import OVERALL_SCORES, score

TABLE = ClassTable(names=("land", "water", "ice"), colours=((0, 0, 0), (0, 0, 255), (9, 9, 9)))


def make_counts(images: int = 3, confidence: bool = True) -> NamedCounts:
    """Counts of images without ice; later images are better."""
    rng = np.random.default_rng(0)
    by_name = {}
    for number in range(images):
        truth, prediction = rng.integers(0, 2, (2, 20, 30), dtype=np.uint8)
        prediction[: 5 * number] = truth[: 5 * number]
        levels = rng.integers(0, 256, truth.shape, dtype=np.uint8) if confidence else None
        by_name[f"p{number}"] = count_image(truth, prediction, levels, TABLE)
    return NamedCounts.of(by_name, TABLE)


def test_metrics_are_plain_json_and_list_absent_classes() -> None:
    one = make_counts()
    scores = score(one.counts)
    metrics = to_metrics(one, scores, None, split="test", root="r")
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert {key: metrics[key] for key in OVERALL_SCORES} == pytest.approx(scores.overall)
    assert metrics["iou"]["ice"] is None and metrics["absent"] == ["ice"]
    assert metrics["classes"]["ice"]["iou_interval"] is None
    assert metrics["iou"]["land"] == metrics["classes"]["land"]["iou"] == pytest.approx(scores.classes["iou"][0])
    for key, (low, high) in metrics["intervals"].items():
        assert low <= metrics[key] <= high, key
    assert (metrics["split"], metrics["root"], metrics["photographs"], metrics["objects"]) == ("test", "r", 3, None)


def test_the_reliability_bins_contain_every_pixel_and_give_the_calibration_error() -> None:
    metrics = to_metrics(one := make_counts(), score(one.counts), None)
    bins = metrics["reliability"]
    assert len(bins) == 15 and (bins[0]["from"], bins[-1]["to"]) == (0, 1)
    total = sum(one_bin["pixels"] for one_bin in bins)
    assert total == 3 * 600
    assert all(one_bin["from"] <= one_bin["confidence"] <= one_bin["to"] for one_bin in bins)
    error = sum(one_bin["pixels"] * abs(one_bin["accuracy"] - one_bin["confidence"]) for one_bin in bins) / total
    assert metrics["ece"] == pytest.approx(error)


def test_unknown_values_are_none() -> None:
    one = make_counts(1, confidence=False)
    metrics = to_metrics(one, score(one.counts), None)
    assert (metrics["reliability"], metrics["ece"]) == (None, None)
    assert set(metrics["intervals"].values()) == {None}


def test_image_rows_are_sorted_worst_first() -> None:
    rows = image_rows(one := make_counts(), score(one.counts))
    assert [row["id"] for row in rows] == ["p0", "p1", "p2"]
    confusion = one.counts.confusion[0]
    iou = [confusion[i, i] / (confusion[i].sum() + confusion[:, i].sum() - confusion[i, i]) for i in range(2)]
    assert rows[0]["miou"] == pytest.approx(np.mean(iou))
    assert rows[0]["worst_class"] == TABLE.names[int(np.argmin(iou))]


def test_tables_contain_the_scores(tmp_path: Path) -> None:
    one = make_counts()
    metrics = to_metrics(one, score(one.counts), None)
    write_tables(metrics, image_rows(one, score(one.counts)), one, tmp_path)
    classes, photographs, confusion = (
        list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in ("per_class", "per_image", "confusion")
    )
    assert [row["class"] for row in classes] == list(TABLE.names)
    assert float(classes[0]["iou"]) == pytest.approx(metrics["iou"]["land"], abs=1e-6)
    assert float(classes[0]["iou_low"]) < float(classes[0]["iou"]) < float(classes[0]["iou_high"])
    assert (classes[2]["iou"], classes[2]["iou_low"], classes[2]["truth_share"]) == ("", "", "0.000000")
    assert [row["id"] for row in photographs] == ["p0", "p1", "p2"]
    pixels = [[int(row[name]) for name in TABLE.names] for row in confusion]
    assert pixels == one.counts.confusion.sum(0).tolist()


def test_counts_are_read_as_they_were_written(tmp_path: Path) -> None:
    one = make_counts()
    write_tables(to_metrics(one, score(one.counts), None), image_rows(one, score(one.counts)), one, tmp_path)
    for path in (tmp_path, tmp_path / "counts.npz"):
        again = read_counts(path)
        assert (again.names, again.classes) == (one.names, one.classes)
        assert all((a == b).all() for a, b in zip(again.counts, one.counts, strict=True))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


def _savez(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes a name for allow_pickle


@pytest.mark.parametrize("kind", ["text", "pickle", "array", "objects", "shapes", "negative", "missing"])
def test_other_files_are_errors_and_execute_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "counts.npz"
    valid: dict[str, NDArray[Any]] = {
        "names": np.array(["a"]), "classes": np.array(["x"]), "confusion": np.ones((1, 1, 1), int),
        "boundary": np.ones((1, 3, 1), int), "confidence": np.ones((1, 2, 256), int),
    }  # fmt: skip
    if kind == "text":
        path.write_text("no archive")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "objects":
        _savez(path, {**valid, "names": np.array([Evil()], object)})
    elif kind == "shapes":
        _savez(path, {**valid, "confusion": np.ones((2, 1, 1), int)})
    elif kind == "negative":
        _savez(path, {**valid, "confusion": -np.ones((1, 1, 1), int)})
    with pytest.raises(DataError, match=r"counts\.npz"):
        read_counts(tmp_path)
