"""Bands and a stretch are the same in training, in the cache, and in prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, SegmentationDataModule, open_dataset
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.data.reader import CachedReader
from segdrone.errors import ConfigError, DataError
from segdrone.inspection.check import check_dataset
from segdrone.model.hparams import spec_from_hparams
from segdrone.spec import ModelSpec
from segdrone.windows import Window
from tests.helpers.image_files import random_image
from tests.helpers.small_dataset import get_check
from tests.helpers.tiff_files import Page, nodata, write_tiff

TABLE = ClassTable(("ground", "road"), ((90, 60, 0), (200, 0, 0)))
SIZE = (24, 36)
CHOICE = {"bands": [5, 1, 3], "stretch": [0, 2550]}


def photo(i: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.dstack([random_image(*SIZE), 255 - random_image(*SIZE)[..., :2]]) - np.uint8(i)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("images", "masks"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for i in range(6):
        pixels = photo(i).astype(np.uint16) * 10
        pixels[:5, :7] = 65535
        page = Page(pixels, photometric=1, deflate=True, tile=16, tags=(nodata("65535"),))
        write_tiff(tmp_path / "set" / "images" / f"{i}.tif", page)
        Image.fromarray((photo(i)[..., 0] > 99).astype(np.uint8)).save(tmp_path / "set" / "masks" / f"{i}.png")
    (tmp_path / "set" / "classes.csv").write_text(TABLE.to_csv())
    return tmp_path / "set"


def test_files_without_the_options_are_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"0.tif has 5 bands of uint16, and its header .*data.bands=\[3,2,1\]"):
        _ = open_dataset(DataConfig(root=str(root))).pairs
    with pytest.raises(DataError, match=r"0.tif has 5 bands of uint16, not 8 bits .*data.stretch=\[0,4095\]"):
        _ = open_dataset(DataConfig.from_dict({"root": str(root), "bands": [1, 2, 3]})).pairs
    channels = get_check(check_dataset(root, workers=1, progress=False), "channels")
    assert channels.status == "ERROR"
    assert channels.facts["photographs"] == {"5 x uint16": 6}


def test_training_reads_the_bands_and_leaves_out_no_data(root: Path) -> None:
    config = DataConfig.from_dict(
        {"root": str(root), "test_image_size": [*SIZE], "mean": [0, 0, 0], "std": [1, 1, 1], "batch_size": 1, **CHOICE}
    )
    module = SegmentationDataModule(config)
    module.setup()
    dataset = module.test_dataset("all")
    for i in range(6):
        sample = dataset[i]
        number = int(sample["id"])
        pixels = np.rint(sample["image"].numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
        np.testing.assert_array_equal(pixels[5:, 7:], photo(number)[5:, 7:, [4, 0, 2]])
        assert (sample["mask"][:5, :7] == 255).all()
        assert (sample["mask"][5:] != 255).all()


def test_the_check_passes_with_the_options(root: Path) -> None:
    report = check_dataset(root, workers=1, progress=False, **CHOICE)
    assert not report.failed
    assert get_check(report, "channels").status == "OK"


def test_cached_pixels_of_other_bands_are_not_used(root: Path, tmp_path: Path) -> None:
    found = []
    for options in (CHOICE, {**CHOICE, "bands": [1, 2, 3]}, {**CHOICE, "stretch": [0, 5100]}, CHOICE):
        dataset = open_dataset(DataConfig.from_dict({"root": str(root), **options}))
        reader = CachedReader(dataset.encoding, "area", DiskCache(tmp_path))
        found.append(reader.image(dataset.pairs[0], SIZE, Window(10, 10, 9, 9)))
    assert (found[0] == found[3]).all()
    assert (found[0] != found[1]).any()
    assert np.abs(found[0].astype(int) - 2 * found[2].astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"bands": [3, 2]}, "data.bands=[3, 2]: must be the numbers of three bands, counted from 1"),
        ({"bands": [0, 1, 2]}, "counted from 1, such as [3,2,1]"),
        ({"bands": 3}, "must be the numbers of three bands"),
        ({"stretch": [4095, 0]}, "must be two numbers, the smaller one first"),
        ({"stretch": [0]}, "must be two numbers"),
        ({"unknown": "skip"}, "data.unknown=skip"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DataConfig.from_dict({"root": "photos", **options})
    assert part in str(caught.value)


def test_the_model_keeps_what_it_was_trained_with() -> None:
    config = DataConfig.from_dict({"root": "photos", "mean": [0.5] * 3, "std": [0.5] * 3, **CHOICE})
    spec = spec_from_hparams({"name": "unet", "encoder_name": "resnet18"}, TABLE.to_dict(), config.to_dict())
    assert (spec.bands, spec.stretch) == ((5, 1, 3), (0.0, 2550.0))
    assert ModelSpec.from_json(spec.to_json()) == spec
    earlier = {key: value for key, value in spec.to_dict().items() if key not in ("bands", "stretch")}
    assert (ModelSpec.from_dict(earlier).bands, ModelSpec.from_dict(earlier).stretch) == (None, None)
