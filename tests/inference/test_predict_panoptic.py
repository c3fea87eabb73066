from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.annotations import coco_panoptic
from segdrone.errors import ConfigError
from segdrone.evaluation import evaluate
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import PredictSummary, predict_folder
from tests.helpers.colored import CAR, PERSON, TABLE, Colored, crowd, paint, partition
from tests.helpers.local_network import local_backend
from tests.helpers.predictions import contents, summary
from tests.helpers.small_run import compose_config

OPTIONS: dict[str, Any] = {"objects": ["car", "person"], "panoptic": True, "progress": False}
IDS = [TABLE.names.index(name) for name in OPTIONS["objects"]]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of crowds, of few things, and of none; with no data in a corner of one."""
    folder = tmp_path_factory.mktemp("photographs")
    mask, numbers = crowd()
    Image.fromarray(paint(mask, numbers)).save(folder / "crowd.tif")
    mask[:, 30:], numbers[:, 30:] = 0, 0
    pixels = np.dstack([paint(mask, numbers), np.full((60, 90), 255, np.uint8)])
    pixels[:20, :10, 3] = 0
    Image.fromarray(pixels).save(folder / "few.tif")
    Image.fromarray(paint(np.zeros_like(mask), np.zeros_like(numbers))).save(folder / "none.tif")
    return folder


def predict(photographs: Path, out: Path, **options: Any) -> PredictSummary:
    predictor = Predictor(Colored(), window=(30, 40))
    return predict_folder(predictor, find_inputs([photographs], out), out, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def out(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predicted") / "out"
    assert predict(photographs, folder).predicted == 3
    return folder


def read(out: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Mask and numbers of a prediction."""
    mask, numbers = (cv2.imread(str(out / kind / name), cv2.IMREAD_UNCHANGED) for kind in ("masks", "instances"))
    assert mask is not None and numbers is not None
    return mask.astype(np.uint8), numbers.astype(np.uint16)


NAMES = ["crowd.png", "few.png", "none.png"]


@pytest.mark.parametrize("name", NAMES)
def test_instance_maps_number_every_pixel_of_a_thing(name: str, out: Path) -> None:
    mask, numbers = read(out, name)
    np.testing.assert_array_equal(numbers > 0, np.isin(mask, IDS))


def test_things_that_touch_are_told_apart(out: Path) -> None:
    mask, numbers = crowd()
    predicted, found = read(out, "crowd.png")
    np.testing.assert_array_equal(predicted, mask)
    assert partition(found) == partition(numbers)


@pytest.mark.parametrize("name", NAMES)
def test_coco_panoptic_describes_every_segment(name: str, out: Path) -> None:
    file = (out / "panoptic" / name).with_suffix(".json")
    document = json.loads(file.read_text())
    (annotation,) = document["annotations"]
    pixels = np.asarray(Image.open(file.with_name(annotation["file_name"]))).astype(int)
    ids = pixels[..., 0] + 256 * pixels[..., 1] + 65536 * pixels[..., 2]
    mask, numbers = read(out, name)
    np.testing.assert_array_equal(ids == 0, mask == 255)
    segments = annotation["segments_info"]
    assert [segment["id"] for segment in segments] == np.unique(ids[ids > 0]).tolist()
    assert [category["isthing"] for category in document["categories"]] == [0, 1, 1]
    for segment in segments:
        where = ids == segment["id"]
        assert np.unique(mask[where]).tolist() == [segment["category_id"] - 1]
        assert len(np.unique(numbers[where])) == 1
        assert segment["area"] == where.sum()
        rows, columns = np.nonzero(where)
        left, top, width, height = segment["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)


def test_coco_panoptic_can_be_imported_again(out: Path) -> None:
    file = out / "panoptic" / "crowd.json"
    annotations = coco_panoptic.read(json.loads(file.read_text()), file)
    (image,) = annotations.images
    bitmaps: dict[str, Any] = {shape.label: shape.bitmap for shape in image.shapes}
    decoded = {label: bitmap.number((60, 90)) for label, bitmap in bitmaps.items()}
    numbers = np.where(decoded["car"] > 0, decoded["car"], decoded["person"])
    assert partition(numbers) == partition(read(out, "crowd.png")[1])


def test_the_summary_counts_and_measures_things(out: Path) -> None:
    rows = summary(out)
    assert (rows["crowd.tif"]["objects_car"], rows["crowd.tif"]["objects_person"]) == ("24", "11")
    assert (rows["crowd.tif"]["object_area_car"], rows["none.tif"]["object_area_car"]) == ("120.000000", "")
    assert rows["none.tif"]["objects_car"] == "0"


def test_a_part_of_a_car_that_looks_like_a_person_is_none_if_only_people_are_counted(tmp_path: Path) -> None:
    mask, numbers = crowd()
    pixels = paint(mask, numbers)
    car = np.argwhere(numbers == numbers[mask == CAR][0])[::3]
    pixels[*car.T, 0] += 100
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    for objects in (["car", "person"], ["person"]):
        predict(tmp_path / "a.tif", tmp_path / "o", objects=objects, redo=True)
        predicted, found = read(tmp_path / "o", "a.png")
        np.testing.assert_array_equal(predicted, mask)
        assert len(np.unique(found[mask == PERSON])) == 11
        assert summary(tmp_path / "o")["a.tif"]["objects_person"] == "11"
    np.testing.assert_array_equal(found > 0, mask == PERSON)


def test_objects_are_the_things(out: Path) -> None:
    document = json.loads((out / "objects" / "crowd.json").read_text())
    assert len(document["annotations"]) == 35
    assert {annotation["area"] for annotation in document["annotations"]} == {120}


def test_overlays_show_the_numbers(out: Path, photographs: Path, tmp_path: Path) -> None:
    predict(photographs, tmp_path / "plain", panoptic=False)
    shown, plain = (np.asarray(Image.open(folder / "overlays" / "crowd.jpg")) for folder in (out, tmp_path / "plain"))
    assert (np.abs(shown.astype(int) - plain) > 60).any(-1).mean() > 0.02


def test_without_the_option_nothing_of_it_is_written(photographs: Path, tmp_path: Path) -> None:
    predict(photographs, tmp_path / "o", panoptic=False)
    assert not {"instances", "panoptic"} & {path.name for path in (tmp_path / "o").iterdir()}
    assert not [name for row in summary(tmp_path / "o").values() for name in row if name.startswith("object_area")]


def test_an_interrupted_prediction_ends_with_the_same_files(out: Path, photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert predict(photographs / "crowd.tif", folder).predicted == 1
    (folder / "instances" / "crowd.png").unlink()
    result = predict(photographs, folder)
    assert (result.predicted, result.skipped) == (3, 0)
    assert contents(folder) == contents(out)


def test_clean_up_comes_before_things_are_told_apart(photographs: Path, tmp_path: Path) -> None:
    predict(photographs, tmp_path / "o", cleanup=Cleanup(min_area={"car": 3000, "person": 0, "road": 0}))
    mask, numbers = read(tmp_path / "o", "few.png")
    assert not (mask == CAR).any()
    np.testing.assert_array_equal(numbers > 0, mask == PERSON)


def test_a_class_whose_things_were_not_learned_is_refused(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not tell road apart: choose from car, person"):
        predict(photographs, tmp_path / "out", objects=["road"])
    with pytest.raises(ConfigError, match="no class of the model is a thing"):
        predict(photographs, tmp_path / "out", objects=[])
    assert not (tmp_path / "out").exists()


def test_predictions_of_other_kinds_are_not_mixed(out: Path, photographs: Path) -> None:
    with pytest.raises(ConfigError, match="made with outputs.panoptic true, not false"):
        predict(photographs, out, panoptic=False)


def test_a_model_without_the_head_numbers_connected_components(
    photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    predictor = Predictor(local_backend())
    folder = tmp_path / "o"
    predict_folder(predictor, find_inputs([photographs], folder), folder, **{**OPTIONS, "objects": ["a", "b"]})
    assert "train it with model.instances=true): each connected component counts as one" in caplog.text
    mask, numbers = read(folder, "crowd.png")
    things = [cv2.connectedComponents((mask == class_id).view(np.uint8), connectivity=8)[0] - 1 for class_id in (0, 1)]
    assert len(np.unique(numbers[numbers > 0])) == sum(things)
    row = summary(folder)["crowd.tif"]
    assert [row["objects_a"], row["objects_b"]] == [str(count) for count in things]


def test_predictions_are_scored_by_their_numbers(out: Path, photographs: Path, tmp_path: Path) -> None:
    mask, numbers = crowd()
    for kind, pixels in (("images", paint(mask, numbers)), ("masks", mask), ("instances", numbers)):
        (tmp_path / "truth" / kind).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "truth" / kind / "crowd.png")
    (tmp_path / "truth" / "classes.csv").write_text(TABLE.to_csv())
    overrides = [f"predictions={out}", f"data.root={tmp_path / 'truth'}", "split=all"]
    result = evaluate(compose_config("evaluate", *overrides, f"output_dir={tmp_path / 'e'}", "pictures=null"))
    assert result["panoptic"]["pq_things"] == 1
    assert result["panoptic"]["components"]["pq_things"] < 0.5
