from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.annotations.export.inputs import Masks
from segdrone.classes import ClassTable, thing_classes
from segdrone.errors import DataError
from segdrone.inference import Prediction
from segdrone.inference.inputs import InputImage
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import Outputs
from tests.annotations.export.conftest import TABLE, blobs, exported, write_masks


def predict(
    folder: Path,
    photographs: Path,
    *names: str,
    things: bool = False,
    confidence: bool = False,
    objects: tuple[str, ...] = ("car",),
) -> Path:
    """Writes a folder as `segdrone predict` does, of photographs that it makes."""
    outputs = Outputs(
        folder, TABLE, colours=False, overlays=False, objects=objects, panoptic=things, confidence=confidence
    )
    images = []
    for name in names:
        file = photographs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 255, (48, 64, 3), np.uint8)).save(file)
        images.append(InputImage(file, name, name.rpartition(".")[0]))
    manifest = Manifest(outputs, {"segdrone": "1", "classes": TABLE.to_dict(), "outputs": outputs.settings})
    for image in manifest.begin(images, redo=False):
        mask, sure = blobs(7), np.full((48, 64), 200, np.uint8)
        numbers = np.where(mask == 1, np.uint16(3), np.uint16(0)) if things else None
        manifest.add(
            image, outputs.write(image, np.zeros((48, 64, 3), np.uint8), Prediction(mask, sure, numbers=numbers))
        )
    manifest.finish()
    return folder


def refusal(folders: list[Path], images: Path | None = None) -> str:
    with pytest.raises(DataError) as caught:
        Masks(folders, images)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_predictions_know_the_names_of_their_photographs(tmp_path: Path) -> None:
    folder = predict(tmp_path / "predicted", tmp_path / "flights", "1/a.JPG", "2/a.png", things=True)
    for given in (folder, folder / "masks"):
        found = Masks([given])
        assert [mask.name for mask in found.masks] == ["1/a.JPG", "2/a.png"]
        assert found.table.names == TABLE.names and not found.named_by_masks
        mask = found.masks[0]
        np.testing.assert_array_equal(mask.read(), blobs(7))
        numbers = mask.numbers((48, 64))
        assert numbers is not None and {*np.unique(numbers).tolist()} == {0, 3}
    assert Masks([folder], tmp_path / "flights").masks[1].photograph == (tmp_path / "flights" / "2" / "a.png").resolve()


def test_things_are_what_was_told_apart(tmp_path: Path) -> None:
    folder = predict(tmp_path / "predicted", tmp_path / "flights", "a.png", things=True, objects=("grass", "road"))
    assert thing_classes(Masks([folder]).table) == ["road", "grass"]
    counted = predict(tmp_path / "counted", tmp_path / "flights", "a.png", objects=("grass",))
    assert Masks([counted]).table.things is None


def test_another_photograph_of_the_same_name_is_refused(tmp_path: Path) -> None:
    folder = predict(tmp_path / "predicted", tmp_path / "flights", "a.png")
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "flights" / "a.png")
    assert "is not the photograph that" in refusal([folder], tmp_path / "flights")


def test_a_missing_photograph_is_refused(folder: Path) -> None:
    (folder / "photographs" / "a.jpg").unlink()
    assert "a.png has no photograph a in --images" in refusal([folder / "masks"], folder / "photographs")


def test_a_photograph_of_another_size_is_refused(folder: Path) -> None:
    Image.new("RGB", (30, 20)).save(folder / "photographs" / "a.jpg")
    text = refusal([folder / "masks"], folder / "photographs")
    assert "a.jpg is 30 x 20 pixels and its mask" in text and "64 x 48" in text


def test_masks_alone_name_their_photographs(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = Masks([folder / "masks"])
    assert found.named_by_masks and found.masks[0].name == "a.png"
    with caplog.at_level(logging.WARNING):
        exported(folder, "cvat")
    assert "named like their masks" not in caplog.text


def test_masks_of_other_classes_are_refused(tmp_path: Path) -> None:
    write_masks(tmp_path / "1", {"a": blobs(1)})
    other = ClassTable(TABLE.names[::-1], TABLE.colours[::-1])
    write_masks(tmp_path / "2", {"b": blobs(1)}, other)
    assert "have other classes, or another order" in refusal([tmp_path / "1" / "masks", tmp_path / "2" / "masks"])


@pytest.mark.parametrize("name", ["a\x07b", "a\\b", "a\udcff", "d /a"])
def test_names_that_annotations_cannot_hold_are_refused(tmp_path: Path, name: str) -> None:
    write_masks(tmp_path, {name: blobs(1)})
    text = refusal([tmp_path / "masks"])
    assert "has characters that annotations cannot hold" in text
    assert text.isascii()


def test_a_dataset_has_its_photographs(folder: Path) -> None:
    (folder / "photographs").rename(folder / "images")
    assert [mask.name for mask in Masks([folder]).masks] == ["a.jpg", 'c & "d" + é#?%20.jpg', "flight 1/b.jpg"]
    assert "leave out --images" in refusal([folder], folder / "images")


def test_a_dataset_may_be_labeled_in_part(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "photographs").rename(folder / "images")
    (folder / "masks" / "a.png").unlink()
    assert [mask.name for mask in Masks([folder]).masks] == ['c & "d" + é#?%20.jpg', "flight 1/b.jpg"]
    assert "1 photographs without a mask are not exported, " in caplog.text and "a.jpg first" in caplog.text


def test_of_several_folders_of_masks_one_is_to_be_given(folder: Path) -> None:
    (folder / "photographs").rename(folder / "images")
    shutil.copytree(folder / "masks", folder / "labels")
    text = refusal([folder])
    assert f"has masks in {folder / 'masks'} and in {folder / 'labels'}: give one of these folders, and" in text
    assert len(Masks([folder / "labels"], folder / "images").masks) == 3


def test_photographs_in_no_list_of_the_split_are_exported_too(folder: Path) -> None:
    (folder / "photographs").rename(folder / "images")
    (folder / "train.txt").write_text("a.jpg\n")
    (folder / "val.txt").write_text("flight 1/b.jpg\n")
    assert [mask.name for mask in Masks([folder]).masks] == ["a.jpg", 'c & "d" + é#?%20.jpg', "flight 1/b.jpg"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    assert "is not a folder" in refusal([tmp_path / "a.png"])


def test_photographs_in_other_folders_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "photographs" / "flight 1").rename(folder / "photographs" / "meadow")
    found = Masks([folder / "masks"], folder / "photographs")
    assert [mask.name for mask in found.masks][2] == "meadow/b.jpg"
    assert "1 photographs were found by their names, in other folders than their masks, flight 1/b as" in caplog.text
