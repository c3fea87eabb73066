from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE, ClassTable
from segdrone.errors import ConfigError
from segdrone.inference import Prediction
from segdrone.inference.inputs import InputImage
from segdrone.inference.outputs import Outputs
from segdrone.inference.photo_statistics import GROUND_COLUMNS, measure_photograph
from segdrone.inference.summary import is_row
from segdrone.raster.decode import read_image
from tests.helpers.capture import dji_xmp, save_with_exif

INPUT = InputImage(Path("photos/sub/a.b.jpg"), "sub/a.b.jpg", "sub/a.b")
CAR, PERSON, GRASS = (DRONE.names.index(name) for name in ("car", "person", "grass"))
MASK = np.full((40, 60), GRASS, np.uint8)
MASK[2:8, 3:9] = MASK[20:30, 20:40] = CAR
MASK[10:12, 50:52] = PERSON
CONFIDENCE = np.arange(2400).reshape(40, 60).astype(np.uint8)
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
ALL = {"confidence": True, "regions": True, "objects": ("person", "dog", "car")}


def write(outputs: Outputs) -> dict[str, str]:
    return dict(zip(outputs.columns, outputs.write(INPUT, IMAGE, Prediction(MASK, CONFIDENCE)), strict=True))


def test_each_folder_has_its_kind_of_file(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, DRONE, **ALL)  # type: ignore[arg-type]
    write(outputs)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "colours/sub/a.b.png", "confidence/sub/a.b.png", "masks/sub/a.b.png", "objects/sub/a.b.json",
        "overlays/sub/a.b.jpg", "regions/sub/a.b.geojson",
    ]  # fmt: skip
    with Image.open(outputs.file("masks", "sub/a.b")) as mask, Image.open(outputs.file("colours", "sub/a.b")) as colour:
        assert (mask.mode, colour.mode) == ("L", "P")
        np.testing.assert_array_equal(np.asarray(mask), MASK)
        np.testing.assert_array_equal(np.asarray(colour), MASK)
    np.testing.assert_array_equal(read_image(outputs.file("colours", "sub/a.b")), DRONE.palette[MASK])
    with Image.open(outputs.file("confidence", "sub/a.b")) as confidence:
        np.testing.assert_array_equal(np.asarray(confidence), CONFIDENCE)
    assert read_image(outputs.file("overlays", "sub/a.b")).shape[1] == 660


def test_objects_are_of_the_chosen_classes(tmp_path: Path) -> None:
    write(Outputs(tmp_path, DRONE, objects=("car", "dog")))
    document = json.loads((tmp_path / "objects" / "sub" / "a.b.json").read_text())
    (image,) = document["images"]
    assert (image["file_name"], image["height"], image["width"]) == ("sub/a.b.jpg", 40, 60)
    assert sorted(found["area"] for found in document["annotations"]) == [36, 200]


def test_the_row_has_sizes_shares_confidence_and_counts(tmp_path: Path) -> None:
    row = write(Outputs(tmp_path, DRONE, **ALL))  # type: ignore[arg-type]
    assert [row[name] for name in ("path", "mask", "height", "width", "digest")] == [
        "sub/a.b.jpg", "masks/sub/a.b.png", "40", "60", "",
    ]  # fmt: skip
    assert float(row["confidence"]) == pytest.approx(CONFIDENCE.mean() / 255, abs=1e-6)
    shares = {name: float(row[f"share_{name}"]) for name in DRONE.names}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert shares["car"] == pytest.approx(236 / 2400, abs=1e-6)
    assert shares["tree"] == 0
    assert [row[f"objects_{name}"] for name in ("person", "dog", "car")] == ["1", "0", "2"]


def test_the_row_has_statistics_for_monitoring(tmp_path: Path) -> None:
    row = write(Outputs(tmp_path, DRONE))
    assert float(row["megapixels"]) == 0.0024
    assert float(row["confidence_car"]) == pytest.approx(CONFIDENCE[MASK == CAR].mean() / 255, abs=1e-6)
    assert float(row["unsure"]) == pytest.approx((CONFIDENCE < 127.5).mean(), abs=1e-6)
    assert (row["confidence_tree"], row["jpeg_quality"], row["gsd"]) == ("", "", "")
    assert is_row(row, Outputs(tmp_path, DRONE))


def test_a_row_without_data_has_no_statistics(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, DRONE)
    nothing = Prediction(np.full_like(MASK, 255), np.zeros_like(MASK))
    row = dict(zip(outputs.columns, outputs.write(INPUT, IMAGE, nothing), strict=True))
    assert (row["no_data"], row["entropy"], row["brightness"]) == ("1.000000", "", "")
    assert is_row(row, outputs)


def test_the_file_says_quality_and_ground_sampling_distance(tmp_path: Path) -> None:
    time = "2024:05:01 10:22:33"
    file = save_with_exif(tmp_path / "a.jpg", time=time, height=20, focal=24)
    mask = np.zeros((6, 9), np.uint8)
    texts, known = measure_photograph(file, read_image(file), mask, mask, DRONE)
    assert texts["captured"] == "2024-05-01T10:22:33"
    assert texts["gsd_source"] == "relative altitude, 35 mm focal length, taken as straight down"
    assert known["gsd"] == pytest.approx(30 / 9)  # 36 mm / 24 mm x 20 m
    assert known["ground_area"] == pytest.approx(30 * 20)
    assert known["gsd_uncertainty"] == pytest.approx((0.25**2 + 0.04**2 + 0.05**2) ** 0.5, abs=1e-6)
    assert known["jpeg_quality"] == pytest.approx(75, abs=1)
    texts, unknown = measure_photograph(tmp_path / "missing.jpg", read_image(file), mask, mask, DRONE)
    assert texts == {"captured": "", "gsd_source": ""}
    assert unknown == {name: value for name, value in known.items() if name in unknown}
    assert known.keys() - unknown.keys() == {"gsd", "jpeg_quality", *GROUND_COLUMNS} - {"gsd_source"}


def test_an_oblique_photograph_has_an_area_and_no_ground_sampling_distance(tmp_path: Path) -> None:
    mask = np.zeros((6, 9), np.uint8)
    low, level = (
        save_with_exif(tmp_path / f"{pitch}.jpg", xmp=dji_xmp(20, (0, -pitch, 0)))
        for pitch in (60, 5)
    )  # fmt: skip
    texts, values = measure_photograph(low, read_image(low), mask, mask, DRONE)
    assert "gsd" not in values
    assert values["ground_area"] > 30 * 20
    assert texts["gsd_source"] == "relative altitude, 35 mm focal length"
    texts, values = measure_photograph(level, read_image(level), mask, mask, DRONE)
    assert (texts["gsd_source"], {*values} & {"gsd", *GROUND_COLUMNS}) == ("", set())


def test_an_area_that_no_drone_sees_is_unknown_and_the_row_stays_one(tmp_path: Path) -> None:
    file = save_with_exif(tmp_path / "a.jpg", xmp=dji_xmp(9999), focal=1)
    image = InputImage(file, "a.jpg", "a")
    outputs = Outputs(tmp_path / "out", DRONE)
    mask = np.zeros((6, 9), np.uint8)
    row = dict(zip(outputs.columns, outputs.write(image, read_image(file), Prediction(mask, mask)), strict=True))
    assert (row["gsd"], row["ground_area"], row["gsd_source"]) == ("", "", "")
    assert is_row(row, outputs)


@pytest.mark.parametrize("cell", ["nan", "inf", "", "1e9", "x", "--1.000000"])
def test_a_cell_that_is_no_number_is_no_row(tmp_path: Path, cell: str) -> None:
    row = write(Outputs(tmp_path, DRONE))
    assert is_row({**row, "noise": "-12.500000"}, Outputs(tmp_path, DRONE))
    assert not is_row({**row, "share_car": cell}, Outputs(tmp_path, DRONE))
    assert is_row({**row, "noise": cell}, Outputs(tmp_path, DRONE)) == (cell == "")


def test_a_class_may_have_the_name_of_a_column(tmp_path: Path) -> None:
    names = ("path", "bytes", "car", "confidence", "low", "noise")
    table = ClassTable(names, tuple((i, i, i) for i in range(len(names))))
    columns = Outputs(tmp_path, table, objects=("car",)).columns
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize("kind", ["colours", "overlays", "confidence", "regions", "objects"])
def test_what_is_not_chosen_is_not_written(tmp_path: Path, kind: str) -> None:
    outputs = Outputs(tmp_path, DRONE, **{**ALL, kind: ()})  # type: ignore[arg-type]
    row = write(outputs)
    assert not (tmp_path / kind).exists()
    assert {*outputs.files("sub/a.b")} == {path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(Outputs(tmp_path, DRONE, **ALL).files("sub/a.b")) == 6  # type: ignore[arg-type]
    assert float(row["confidence"]) > 0


def test_all_kinds_are_removed(tmp_path: Path) -> None:
    write(Outputs(tmp_path, DRONE, **ALL))  # type: ignore[arg-type]
    (tmp_path / "masks" / "sub" / "a.png").touch()
    Outputs(tmp_path, DRONE, colours=False).remove("sub/a.b")
    assert [path.name for path in tmp_path.rglob("*.*")] == ["a.png"]


def test_objects_of_an_unknown_class_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no class unicorn: choose the classes of objects from unlabeled, paved-area"):
        Outputs(tmp_path, DRONE, objects=("car", "unicorn"))
