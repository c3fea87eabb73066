"""Which photographs, classes and pixels a model is scored on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.errors import ConfigError
from segdrone.evaluation.trained_data import find_split
from segdrone.spec import ModelSpec
from tests.helpers.small_dataset import mask, write_set

TABLE = ClassTable(("road", "roof", "grass"), ((90, 90, 90), (255, 0, 0), (0, 255, 0)))
SPEC = ModelSpec(TABLE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), training_size=(32, 48))


@pytest.mark.parametrize("root", [".", "set"])
def test_the_working_folder_is_not_taken_for_that_of_an_exported_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    folder = write_set(tmp_path / "set")  # its table has another order
    monkeypatch.chdir(folder if root == "." else tmp_path)
    training = {"data": {"classes": TABLE.to_dict()}, "splits": {"val": ["001"]}}
    opened = find_split(SPEC, training, "val", {"root": root})
    (pair,) = opened.splits["val"]
    in_order = np.arange(256, dtype=np.uint8)
    in_order[:3] = (2, 0, 1)  # grass, road, roof
    assert np.array_equal(read_pair_mask(pair, opened.encoding), in_order[mask()])


@pytest.mark.parametrize(("sampling", "scale", "size"), [("tiles", 0.25, (16, 24)), ("whole", 1.0, (32, 48))])
def test_a_model_of_another_program_is_scored_on_the_pixels_that_it_describes(
    tmp_path: Path, sampling: str, scale: float, size: tuple[int, int]
) -> None:
    root = write_set(tmp_path / "set")
    for photograph in [*root.glob("images/*.jpg")]:
        Image.open(photograph).save(photograph.with_suffix(".png"))
        photograph.unlink()
    plain = replace(SPEC, sampling=sampling, scale=scale, interpolation="linear")
    images = []
    for spec in (plain, replace(plain, bands=(3, 2, 1))):
        dataset = find_split(spec, {}, "all", {"root": str(root)}).test_dataset("all")
        assert [sample.size for sample in dataset.samples] == [size] * 8
        images.append(dataset.read(dataset.samples[0])[0])
    assert images[0].shape == (32, 48, 3)
    assert np.array_equal(images[0][..., ::-1], images[1])


@pytest.mark.parametrize(
    ("sampling", "key"),
    [("whole", "tile_size"), ("whole", "crop_size"), ("tiles", "test_image_size"), ("crops", "tile_size")],
)
def test_a_size_of_another_sampling_is_refused(tmp_path: Path, sampling: str, key: str) -> None:
    root = str(write_set(tmp_path / "set"))
    spec = replace(SPEC, sampling=sampling)
    with pytest.raises(ConfigError, match=rf"data\.{key} does nothing with data\.sampling={sampling}: leave it out"):
        find_split(spec, {}, "all", {"root": root, key: [16, 24]})
    given = {"test_image_size": "whole", "tile_size": "tiles", "crop_size": "crops"}[key]
    dataset = find_split(spec, {}, "all", {"root": root, key: [16, 24], "sampling": given}).test_dataset("all")
    assert {image.shape[:2] for image, _ in map(dataset.read, dataset.samples)} == {(16, 24)}
