"""Whose ids predicted masks hold: scored by names, merged once, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation import evaluate
from tests.helpers.small_run import compose_config

TRUTH = np.repeat(np.array([[0, 1, 2, 1]], np.uint8), 12, axis=0).repeat(4, axis=1)  # soil, crop, weed, crop
NAMES = ("soil", "crop", "weed")


def table(*names: str) -> ClassTable:
    return ClassTable(names, tuple((10 * i, 0, 0) for i in range(len(names))))


def write(folder: Path, mask: np.ndarray, names: tuple[str, ...] | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("a", "b"):
        cv2.imwrite(str(folder / f"{name}.png"), mask)
    if names is not None:
        (folder / "classes.csv").write_text(table(*names).to_csv())
    return folder


def write_predict_json(out: Path, names: tuple[str, ...], groups: dict[str, list[str]] | None) -> None:
    (out / "predict.json").write_text(json.dumps({"classes": table(*names).to_dict(), "class_groups": groups}))


def scored(out: Path, truth: Path, predicted: Path, *choices: str) -> dict[str, Any]:
    options = [f"output_dir={out}", "pictures=null", f"data.masks={truth}", f"predictions={predicted}", *choices]
    return evaluate(compose_config("evaluate", *options))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write(tmp_path / "truth", TRUTH, NAMES)


def test_equal_names_in_another_order_are_matched(truth: Path, tmp_path: Path) -> None:
    ids = np.array([2, 0, 1], np.uint8)[TRUTH]  # of crop, weed, soil
    predicted = write(tmp_path / "predicted", ids, ("crop", "weed", "soil"))
    metrics = scored(tmp_path / "out", truth, predicted)
    assert metrics["miou"] == 1.0
    assert {name: values["truth_share"] for name, values in metrics["classes"].items()} == {
        "soil": 0.25, "crop": 0.5, "weed": 0.25,
    }  # fmt: skip
    assert metrics["warnings"] == []


def test_a_truth_that_lacks_a_class_of_the_predictions_is_scored(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", np.array([0, 1, 0], np.uint8)[TRUTH], ("soil", "weed"))
    predicted = write(tmp_path / "predicted", np.array([0, 2, 0], np.uint8)[TRUTH], NAMES)
    assert scored(tmp_path / "out", truth, predicted)["iou"] == {"soil": 1.0, "crop": None, "weed": 1.0}


def test_the_truth_is_merged_once_where_the_predictions_are(truth: Path, tmp_path: Path) -> None:
    groups = {"plant": ["crop", "weed"]}
    out = tmp_path / "predicted"
    write(out / "masks", np.array([1, 0, 0], np.uint8)[TRUTH], ("plant", "soil"))
    write_predict_json(out, ("plant", "soil"), groups)
    write(out / "colours", np.array([1, 0, 0], np.uint8)[TRUTH], None)
    for folder in (out, out / "masks", out / "colours"):  # the table is found from each part alone
        assert scored(tmp_path / "scored", truth, folder)["iou"] == {"plant": 1.0, "soil": 1.0}
    merging = "data.class_groups={plant: [crop, weed]}"
    assert scored(tmp_path / "scored", truth, out, merging)["iou"] == {"plant": 1.0, "soil": 1.0}
    write(truth, np.array([1, 0, 0], np.uint8)[TRUTH], ("plant", "soil"))  # the truth was merged before
    assert scored(tmp_path / "scored", truth, out)["iou"] == {"plant": 1.0, "soil": 1.0}


def test_unmerged_predictions_are_merged_like_the_truth(truth: Path, tmp_path: Path) -> None:
    predicted = write(tmp_path / "predicted", TRUTH, NAMES)
    metrics = scored(tmp_path / "out", truth, predicted, "data.class_groups={plant: [crop, weed]}")
    assert metrics["iou"] == {"plant": 1.0, "soil": 1.0}


@pytest.mark.parametrize(
    ("names", "choices", "message"),
    [
        (("soil", "crop", "tree"), (), r"those of the predictions are soil, crop, tree: the latter lack weed"),
        (("soil", "Crop", "weed"), (), r"the latter lack crop \(crop is written Crop there\)"),
        (
            ("plant", "soil"),
            ("data.class_groups={green: [crop, weed]}",),
            r"those of the true masks are green, soil: the latter lack plant",
        ),
    ],
)
def test_other_names_are_refused_with_both_lists(
    names: tuple[str, ...], choices: tuple[str, ...], message: str, truth: Path, tmp_path: Path
) -> None:
    predicted = write(tmp_path / "predicted", TRUTH % len(names), names)
    with pytest.raises(DataError, match=message):
        scored(tmp_path / "out", truth, predicted, *choices)


def test_a_given_table_replaces_the_one_beside_the_predictions(truth: Path, tmp_path: Path) -> None:
    predicted = write(tmp_path / "predicted", np.array([1, 0, 2], np.uint8)[TRUTH], NAMES)
    given = tmp_path / "given.csv"
    given.write_text(table("crop", "soil", "weed").to_csv())
    metrics = scored(tmp_path / "out", truth, predicted, f"prediction_classes={given}")
    assert metrics["miou"] == 1.0
    assert "not the classes that lie with the predictions: soil, crop, weed" in metrics["warnings"][0]


def test_two_tables_of_the_same_predictions_must_agree(truth: Path, tmp_path: Path) -> None:
    out = tmp_path / "predicted"
    write(out / "masks", TRUTH, ("soil", "weed", "crop"))
    write_predict_json(out, NAMES, None)
    with pytest.raises(DataError, match=r"classes\.csv names the classes soil, weed, crop, but predict\.json"):
        scored(tmp_path / "out", truth, out)
    (out / "predict.json").write_text('{"classes": {"names": 3}}')
    with pytest.raises(DataError, match=r"predict\.json cannot be read"):
        scored(tmp_path / "out", truth, out)


def test_a_table_beside_the_folder_of_predictions_is_theirs(truth: Path, tmp_path: Path) -> None:
    ids = np.array([2, 0, 1], np.uint8)[TRUTH]  # of crop, weed, soil
    predicted = write(tmp_path / "imported" / "masks", ids, None)
    (tmp_path / "imported" / "classes.csv").write_text(table("crop", "weed", "soil").to_csv())
    metrics = scored(tmp_path / "out", truth, predicted)
    assert (metrics["miou"], metrics["warnings"]) == (1.0, [])


def test_a_table_above_true_and_predicted_masks_is_that_of_the_truth(truth: Path, tmp_path: Path) -> None:
    (truth / "classes.csv").rename(tmp_path / "classes.csv")
    predicted = write(tmp_path / "predicted", np.array([1, 0, 0], np.uint8)[TRUTH], None)  # merged
    with pytest.raises(DataError, match="has no class table, so its ids may be classes before or after"):
        scored(tmp_path / "out", truth, predicted, "data.class_groups={plant: [crop, weed]}")


def test_tables_in_the_folders_of_predicted_masks_are_theirs(truth: Path, tmp_path: Path) -> None:
    """As exports with folders by split have them; the ids are those of crop, weed, soil."""
    ids, nested = np.array([2, 0, 1], np.uint8)[TRUTH], tmp_path / "nested"
    for name in ("train", "val"):
        (nested / name).mkdir(parents=True)
        (truth / name).mkdir()
        for folder, mask in ((nested, ids), (truth, TRUTH)):
            cv2.imwrite(str(folder / name / "c.png"), mask)
        (nested / name / "_classes.csv").write_text(table("crop", "weed", "soil").to_csv())
    for file in truth.glob("?.png"):
        file.unlink()
    metrics = scored(tmp_path / "out", truth, nested)
    assert (metrics["miou"], metrics["warnings"]) == (1.0, [])
    (nested / "val" / "_classes.csv").write_text(table(*NAMES).to_csv())
    with pytest.raises(DataError, match=r"give other classes to the same ids: .*prediction_classes=FILE\.csv"):
        scored(tmp_path / "out", truth, nested)


def test_a_given_table_decides_between_tables_of_the_predictions(truth: Path, tmp_path: Path) -> None:
    predicted = write(tmp_path / "predicted", TRUTH, None)
    own = predicted / "class_dict.csv"
    own.write_text(table(*NAMES).to_csv())
    (predicted / "labelmap.txt").write_text(table("crop", "soil", "weed").to_csv())
    with pytest.raises(DataError, match=f"say which one the masks are written for with prediction_classes={own}"):
        scored(tmp_path / "out", truth, predicted)
    metrics = scored(tmp_path / "out", truth, predicted, f"prediction_classes={own}")
    assert metrics["miou"] == 1.0
    assert "is used, not what lies with the predictions" in metrics["warnings"][0]


def test_a_truth_without_a_table_is_read_as_the_classes_of_the_predictions(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", TRUTH, None)
    metrics = scored(tmp_path / "out", truth, write(tmp_path / "predicted", TRUTH, NAMES))
    assert metrics["iou"] == {"soil": 1.0, "crop": 1.0, "weed": 1.0}
    assert "its ids are read as those of the predictions (soil, crop, weed)" in metrics["warnings"][0]


def test_a_truth_of_colors_does_not_force_colors_upon_the_predictions(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", TRUTH, NAMES)
    colors = table(*NAMES).palette[TRUTH]
    for name in ("a", "b"):
        cv2.imwrite(str(truth / f"{name}.png"), colors[..., ::-1])
    predicted = write(tmp_path / "predicted", TRUTH, NAMES)
    assert scored(tmp_path / "out", truth, predicted, "data.mask_encoding=colours")["miou"] == 1.0


@pytest.mark.parametrize("colored", [True, False])
def test_an_error_about_predictions_names_the_option_that_decides(colored: bool, tmp_path: Path) -> None:
    two = ClassTable(("soil", "crop"), ((0, 0, 0), (255, 255, 255)))
    mask = np.minimum(TRUTH, 1)
    truth, predicted = write(tmp_path / "truth", mask, None), write(tmp_path / "predicted", 255 * mask, None)
    for folder in (truth, predicted) if colored else (truth,):
        (folder / "classes.csv").write_text(two.to_csv())
    with pytest.raises(DataError, match=r"by prediction_classes=FILE\.csv with id, name, r, g, b") as caught:
        scored(tmp_path / "out", truth, predicted)
    assert "data." not in str(caught.value)
    given = tmp_path / "given.csv"
    given.write_text("id,name,r,g,b\n0,soil,0,0,0\n255,crop,255,255,255\n")
    assert scored(tmp_path / "out", truth, predicted, f"prediction_classes={given}")["miou"] == 1.0


def test_scores_of_one_class_alone_are_put_in_doubt(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", np.zeros_like(TRUTH), NAMES)
    metrics = scored(tmp_path / "out", truth, write(tmp_path / "predicted", np.zeros_like(TRUTH), NAMES))
    assert metrics["miou"] == 1.0
    (doubt,) = metrics["warnings"]
    assert "every labeled pixel of all masks is soil" in doubt


def test_own_classes_are_counted_as_objects(truth: Path, tmp_path: Path) -> None:
    predicted = write(tmp_path / "predicted", TRUTH, NAMES)
    assert scored(tmp_path / "out", truth, predicted)["objects"] is None
    objects = scored(tmp_path / "out", truth, predicted, "objects=[weed]")["objects"]
    assert {name: row["found"] for name, row in objects["classes"].items()} == {"weed": 2}
    with pytest.raises(ConfigError, match="there is no class tree: choose the classes of objects from soil, crop, we"):
        scored(tmp_path / "out", truth, predicted, "objects=[tree]")
    with pytest.raises(ConfigError, match=r"objects=weed must be a list of classes, such as objects=\[weed\]"):
        scored(tmp_path / "out", truth, predicted, "objects=weed")
