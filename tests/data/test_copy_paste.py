"""Things of rare classes are pasted where such things lie."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.copy_paste import CopyPaste, Cutout, blend, find_place
from segdrone.data.multi_image import LabeledImage
from segdrone.data.sampler import SampleIndex
from segdrone.errors import ConfigError
from tests.helpers.datamodule import epochs, same

GRASS, ROAD, CAR, DOG, VOID = range(5)
COLORS = np.array([(40, 120, 40), (90, 90, 90), (250, 10, 10), (10, 10, 250), (0, 0, 0)], np.uint8)
SIZE = (96, 128)


def scene(seed: int) -> NDArray[np.uint8]:
    """Grass above, road below with a car; a dog on the grass of one photograph in three."""
    rng = np.random.default_rng(seed)
    mask = np.full(SIZE, GRASS, np.uint8)
    mask[50:] = ROAD
    row, column = rng.integers(56, 78), rng.integers(5, 100)
    mask[row : row + 10, column : column + 18] = CAR
    if seed % 3 == 0:
        row, column = rng.integers(6, 30), rng.integers(6, 100)
        mask[row : row + 5, column : column + 9] = DOG
    mask[:, 124:] = 255
    return mask


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs that have the color of their class everywhere."""
    folder = tmp_path_factory.mktemp("scenes")
    for name in ("images", "masks"):
        (folder / name).mkdir()
    (folder / "classes.csv").write_text(
        "name,r,g,b\ngrass,0,200,0\nroad,90,90,90\ncar,250,0,0\ndog,0,0,250\nvoid,1,1,1\n"
    )
    for seed in range(12):
        mask = scene(seed)
        Image.fromarray(COLORS[np.minimum(mask, VOID)]).save(folder / "images" / f"{seed:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{seed:02d}.png")
    return folder


def datamodule(root: Path, combine: dict[str, Any], instances: bool = False, **options: Any) -> SegmentationDataModule:
    values: dict[str, Any] = {"image_size": SIZE, "batch_size": 4, "num_workers": 0, "cache": "none", **options}
    config = DataConfig(root=str(root), **{"test_share": 0.0, "val_share": 0.1, **values})
    module = SegmentationDataModule(config, {"train": [], "combine": combine}, instances=instances)
    module.setup()
    return module


ALWAYS: dict[str, Any] = {"copy_paste": 1.0, "paste_classes": ["car", "dog"]}


def pasted(root: Path, **options: Any) -> tuple[list[LabeledImage], list[LabeledImage]]:
    """Photographs and masks before and after pasting."""
    module = datamodule(root, ALWAYS, **options)
    dataset = module.fit_dataset("train")
    assert dataset.paste is not None
    before = [dataset.read(sample) for sample in dataset.samples]
    after = [
        dataset.paste(one, sample.pair.id, np.random.default_rng(seed))
        for seed, (one, sample) in enumerate(zip(before, dataset.samples, strict=True))
    ]
    return before, after


def test_things_lie_on_the_ground_of_their_class_and_cover_no_other_thing(root: Path) -> None:
    new = {CAR: 0, DOG: 0}
    for (image, mask), (image_after, mask_after) in zip(*pasted(root), strict=True):
        changed = mask_after != mask
        for class_id, ground in ((CAR, ROAD), (DOG, GRASS)):
            where = changed & (mask_after == class_id)
            new[class_id] += int(where.sum())
            assert np.isin(mask[where], [ground, GRASS, ROAD]).all()
            assert (mask[where] == ground).mean() >= 0.85 if where.any() else True
        assert set(np.unique(mask_after[changed])) <= {CAR, DOG}
        np.testing.assert_array_equal(mask_after == 255, mask == 255)
        np.testing.assert_array_equal(image_after[mask == 255], image[mask == 255])
        inside = changed & (np.abs(image_after.astype(int) - COLORS[np.minimum(mask_after, VOID)]).max(2) == 0)
        assert inside.sum() > 0.4 * changed.sum()  # opaque but for the edge
    assert min(new.values()) > 40


def test_nothing_of_the_own_photograph_is_pasted(root: Path, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for i in range(2):
            shutil.copy(root / name / "03.png", tmp_path / name / f"{i}.png")
    shutil.copy(root / "classes.csv", tmp_path)
    module = datamodule(tmp_path, ALWAYS, val_share=0.5)
    dataset = module.fit_dataset("train")
    assert len(dataset) == 1 and dataset.paste is not None and len(dataset.paste.index.things) == 2
    sample = dataset.read(dataset.samples[0])
    for seed in range(5):
        result = dataset.paste(sample, dataset.samples[0].pair.id, np.random.default_rng(seed))
        np.testing.assert_array_equal(result[1], sample[1])
        other = dataset.paste(sample, "another", np.random.default_rng(seed))
        assert (other[1] != sample[1]).any()


def test_samples_are_not_changed_in_place(root: Path) -> None:
    before, _ = pasted(root)
    again, _ = pasted(root)
    for one, other in zip(before, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("options", [{}, {"sampling": "crops", "crop_size": (64, 80), "samples_per_image": 2}])
def test_batches_depend_neither_on_workers_nor_on_the_cache(
    root: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    combine = {**ALWAYS, "mosaic": 0.3, "cutmix": 0.3, "copy_paste": 0.7}
    kinds = [(0, "none"), (2, "disk"), (0, "disk"), (0, "memory")]
    runs = [
        epochs(
            datamodule(
                root, combine, num_workers=workers, cache=cache, cache_dir=str(tmp_path / "cache"), **options
            ).train_dataloader()
        )
        for workers, cache in kinds
    ]
    for run in runs[1:]:
        assert all(same(one, other) for one, other in zip(runs[0], run, strict=True))
    assert not same(*runs[0])
    without = epochs(datamodule(root, {"mosaic": 0.3, "cutmix": 0.3}, **options).train_dataloader())
    assert not same(runs[0][0], without[0])


def test_a_pasted_thing_has_a_number_of_its_own(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    (tmp_path / "set" / "instances").mkdir()
    for seed in range(12):
        mask = scene(seed)
        numbers = np.where(mask == CAR, 5, np.where(mask == DOG, 9, 0)).astype(np.uint16)
        Image.fromarray(numbers).save(tmp_path / "set" / "instances" / f"{seed:02d}.png")
    dataset = datamodule(tmp_path / "set", ALWAYS, instances=True).fit_dataset("train")
    most = 0
    for index in range(len(dataset)):
        sample = dataset[SampleIndex(index, index)]
        mask, numbers = sample["mask"].numpy(), sample["instances"].numpy()
        assert ((numbers > 0) == np.isin(mask, [CAR, DOG])).all()
        for number in np.unique(numbers[numbers > 0]):
            assert len(np.unique(mask[numbers == number])) == 1
            rows, columns = np.nonzero(numbers == number)
            assert np.ptp(rows) < 24 and np.ptp(columns) < 24  # one thing, not two of one number
        most = max(most, len(np.unique(numbers)) - 1)
    assert most >= 3


def test_rare_classes_are_found_by_their_share(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "segdrone"):
        dataset = datamodule(root, {"copy_paste": 1.0}).fit_dataset("train")
    assert dataset.paste is not None
    assert [*dataset.paste.index.things] == [DOG]
    assert {*dataset.paste.index.grounds[DOG]} == {GRASS}
    assert "x dog, pasted on grass" in caplog.text


def test_an_unknown_class_is_refused_in_one_line(root: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        datamodule(root, {"copy_paste": 0.5, "paste_classes": ["cat"]}).fit_dataset("train")
    assert str(caught.value) == (
        "augment.combine.paste_classes: cat not in the class table: choose from grass, road, car, dog, void"
    )


def test_a_class_without_things_is_said_once_and_nothing_is_pasted(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = datamodule(root, {"copy_paste": 1.0, "paste_classes": ["void"]}).fit_dataset("train")
    assert "finds no void that could be cut out of the training photographs, and pastes nothing" in caplog.text
    plain = datamodule(root, {}).fit_dataset("train")
    for index in range(3):
        assert (dataset[SampleIndex(index, 1)]["mask"] == plain[SampleIndex(index, 1)]["mask"]).all()


def test_validation_is_left_as_it_is(root: Path) -> None:
    assert datamodule(root, ALWAYS).fit_dataset("val").paste is None


def test_the_index_is_kept_and_follows_a_changed_mask(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "set")
    options: dict[str, Any] = {"cache": "disk", "cache_dir": str(tmp_path / "cache")}

    def things() -> list[Any]:
        paste = datamodule(tmp_path / "set", ALWAYS, **options).fit_dataset("train").paste
        assert paste is not None
        return [(one.sample.pair.id, one.thing) for one in paste.index.things[CAR]]

    first = things()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert things() == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == files
    name = first[0][0]
    Image.fromarray(np.where(scene(int(name)) == CAR, ROAD, scene(int(name))).astype(np.uint8)).save(
        tmp_path / "set" / "masks" / f"{name}.png"
    )
    assert [one for one, _ in things()] == [one for one, _ in first[1:]]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_place_is_on_its_ground_and_away_from_what_is_blocked(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.kron(rng.integers(0, 4, (5, 6)), np.ones((20, 20), int)).astype(np.uint8)
    mask[mask == 3] = 0  # half of it is ground
    blocked = np.zeros(256, bool)
    blocked[2] = True
    place = find_place(mask, (height, width), 0, blocked, rng)
    if place is None:
        assert height > 1 or width > 1
        return
    top, left = place
    assert 0 <= top <= 100 - height and 0 <= left <= 120 - width
    assert (mask[top : top + height, left : left + width] == 0).mean() >= 0.9
    assert not (mask[max(0, top - 4) : top + height + 4, max(0, left - 4) : left + width + 4] == 2).any()


def test_there_is_no_place_for_what_is_larger_or_without_ground() -> None:
    rng, free = np.random.default_rng(0), np.zeros(256, bool)
    mask = np.zeros((40, 50), np.uint8)
    assert find_place(mask, (41, 5), 0, free, rng) is None
    assert find_place(mask, (5, 51), 0, free, rng) is None
    assert find_place(mask, (5, 5), 1, free, rng) is None
    assert find_place(mask, (40, 50), 0, free, rng) == (0, 0)


@pytest.mark.parametrize("place", [(20, 20), (0, 0), (38, 46)])
def test_edges_are_soft_in_the_photograph_and_hard_in_the_mask(place: tuple[int, int]) -> None:
    image, mask = np.full((50, 60, 3), 100, np.uint8), np.zeros((50, 60), np.uint8)
    pixels = np.ones((12, 14), bool)
    pixels[:3, :3] = False  # where the box shows the former ground, in another color
    thing = np.full((12, 14, 3), 200, np.uint8)
    thing[~pixels] = 0
    blend((image, mask), Cutout(pixels, (thing, np.where(pixels, 7, 1).astype(np.uint8))), place, 1.0)
    box = tuple(slice(start, start + side) for start, side in zip(place, pixels.shape, strict=True))
    assert (mask == 7).sum() == pixels.sum() and (mask[box][pixels] == 7).all()
    assert (image[box][5:-3, 5:-3] == 200).all()
    assert image.min() >= 100 and image.max() <= 200  # no seam of the former ground
    if place == (20, 20):
        row = image[26, :, 0].astype(int)
        assert row[15] == 100 and 100 < row[19] < row[20] < 200 and row[23] == 200
        assert (np.diff(row[15:25]) >= 0).all()


def test_an_empty_index_pastes_nothing(root: Path) -> None:
    dataset = datamodule(root, ALWAYS).fit_dataset("train")
    assert dataset.paste is not None
    empty = CopyPaste(dataset.paste.index._replace(things={}, grounds={}), dataset.reader)
    sample = dataset.read(dataset.samples[0])
    np.testing.assert_array_equal(empty(sample, "", np.random.default_rng(0))[0], sample[0])
