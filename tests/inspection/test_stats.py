from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segdrone.classes import DRONE
from segdrone.data import DataConfig, open_dataset
from segdrone.data.class_weights import STATS_FILE, class_weights, mask_states, read_class_pixels
from segdrone.data.discovery.file_tree import image_files
from segdrone.data.discovery.find_dataset import find_dataset
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import ConfigError, DataError
from segdrone.inspection.stats import Stats, dataset_stats
from segdrone.inspection.stats_report import print_stats, save_stats
from segdrone.raster.decode import read_image

FIRST = [[0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [1, 1, 0, 1, 1, 2], [1, 1, 1, 1, 1, 255]]
SECOND = [[1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 1]]


def write_pair(root: Path, name: str, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
    for folder, pixels in (("images", image), ("masks", mask)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / folder / f"{name}.png")


def flat(*colour: int) -> NDArray[np.uint8]:
    return np.full((4, 6, 3), colour, np.uint8)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    root = tmp_path / "tiny"
    write_pair(root, "a", flat(0, 51, 255), np.array(FIRST, np.uint8))
    write_pair(root, "b", flat(255, 51, 0), np.array(SECOND, np.uint8))
    (root / "classes.csv").write_text("name,r,g,b\nroad,200,10,40\ngrass,10,180,60\ndog,20,60,220\ncat,1,2,3\n")
    return root


def measured(root: Path, **options: Any) -> Stats:
    return dataset_stats(root, classes=str(root / "classes.csv"), workers=1, progress=False, **options)


def test_counts_by_hand(tiny: Path) -> None:
    stats = measured(tiny)
    assert stats.ids == ["a", "b"]
    assert stats.sizes == [(4, 6), (4, 6)]
    assert stats.pixels.tolist() == [[5, 17, 1, 0], [3, 21, 0, 0]]
    assert stats.regions.tolist() == [[1, 1, 1, 0], [3, 1, 0, 0]]  # a corner connects: 4-connected, a has 2 of road
    assert stats.photographs.tolist() == [2, 2, 1, 0]
    assert stats.cooccurrence.tolist() == [[2, 2, 1, 0], [2, 2, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert stats.ignored == pytest.approx(1 / 48)
    np.testing.assert_allclose(stats.mean, [0.5, 0.2, 0.5])
    np.testing.assert_allclose(stats.std, [0.5, 0, 0.5], atol=1e-9)
    assert stats.weights["inverse"] == class_weights("inverse", np.array([[8, 38, 1, 0]]))


def test_merged_classes_are_counted_together(tiny: Path) -> None:
    (tiny / "groups.yaml").write_text("animal: [dog, cat]\nignored: [grass]\n")
    stats = measured(tiny, class_groups=str(tiny / "groups.yaml"))
    assert stats.table.names == ("animal", "road")
    assert stats.pixels.tolist() == [[1, 5], [0, 3]]
    assert stats.ignored == pytest.approx(39 / 48)


def test_weights_and_shares_are_given_per_split(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny / "train.txt").write_text("b\n")
    (tiny / "val.txt").write_text("a\n")
    stats = measured(tiny, split_dir=tiny)
    assert stats.pixels_of("train").tolist() == [[3, 21, 0, 0]]
    for scheme, weights in stats.weights.items():
        assert weights == class_weights(scheme, np.array([[3, 21, 0, 0]]))
    print_stats(stats)
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["dog", "2.128", "absent", "4.348", "1", "1"] in rows
    assert ["cat", "absent", "absent", "absent", "0", "0"] in rows
    assert ["width", "x", "height", "6", "x", "4", "(2)"] in rows


def test_a_narrow_console_shows_all_digits_of_the_weights(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stats = measured(tiny)
    print_stats(stats)
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["grass", *(f"{weights[1]:.3f}" for weights in stats.weights.values())] in rows


def test_weights_come_from_the_train_split_of_a_rule_too(tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text("name,r,g,b\nroad,200,10,40\ngrass,10,180,60\n")
    for name, grass in {"a1": 1, "a2": 1, "b1": 2, "b2": 3, "c1": 10, "c2": 20}.items():
        write_pair(tmp_path, name, flat(9, 9, 9), (np.arange(24) < grass).reshape(4, 6).astype(np.uint8))
    stats = measured(tmp_path, split_by="^([abc])")
    assert sorted(map(len, stats.splits.values())) == [2, 2, 2]
    assert stats.weights["inverse"] == class_weights("inverse", stats.pixels_of("train"))
    assert stats.weights["inverse"] != class_weights("inverse", stats.pixels)


def test_brackets_in_the_name_of_a_class_are_printed(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny / "classes.csv").write_text("name,r,g,b\ntree [low],200,10,40\ngrass[/old],10,180,60\ndog,20,60,220\n")
    print_stats(measured(tiny))
    printed = capsys.readouterr().out
    assert printed.count("tree [low]") == printed.count("grass[/old]") == 2


def test_photographs_without_any_data_have_no_statistics(tiny: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGBA", (6, 4)).save(tiny / "images" / f"{name}.png")
    with pytest.raises(DataError, match=r"mark all of their pixels as no data: .* data\.bands=\[1,2,3\]"):
        measured(tiny)


def test_mean_and_std_are_over_all_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256 - 40 * i, (20 + i, 30, 3), np.uint8) for i in range(3)]
    for i, image in enumerate(images):
        write_pair(tmp_path, str(i), image, np.zeros(image.shape[:2], np.uint8))
    stats = dataset_stats(tmp_path, workers=1, progress=False)
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]) / 255
    np.testing.assert_allclose(stats.mean, pixels.mean(0), rtol=1e-12)
    np.testing.assert_allclose(stats.std, pixels.std(0), rtol=1e-12)


def test_counts_equal_scipy_with_any_number_of_threads(all_scenes: Path) -> None:
    stats = dataset_stats(all_scenes, workers=2, progress=False)
    alone = dataset_stats(all_scenes, workers=1, progress=False)
    for name in ("pixels", "regions", "values"):
        np.testing.assert_array_equal(getattr(stats, name), getattr(alone, name))
    files = find_dataset(all_scenes)
    images, masks = files.images, files.masks
    for place in (0, 7, 19):
        mask = np.array(Image.open(masks / f"{stats.ids[place]}.png"))
        assert stats.pixels[place].tolist() == np.bincount(mask.ravel(), minlength=23).tolist()
        regions = [ndimage.label(mask == i, np.ones((3, 3)))[1] for i in range(23)]
        assert stats.regions[place].tolist() == regions
    assert stats.values.sum() == 20 * 64 * 96 * 3
    assert stats.values[0, 200] == sum((read_image(path)[..., 0] == 200).sum() for path in images.iterdir())


def test_counts_beyond_float32_are_exact(tmp_path: Path) -> None:
    side = 4097  # side ** 2 is odd and above 2 ** 24
    write_pair(tmp_path, "a", np.full((side, side, 3), 7, np.uint8), np.full((side, side), 3, np.uint8))
    stats = dataset_stats(tmp_path, workers=1, progress=False)
    assert stats.pixels[0, 3] == side**2
    assert stats.values[:, 7].tolist() == [side**2] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_invalid_mask_is_reported_in_one_line(scenes: Path, workers: int) -> None:
    path = sorted(find_dataset(scenes).masks.iterdir())[3]
    Image.fromarray(np.full((64, 96), 99, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"003.png holds id 99 \(6144 pixels\)") as caught:
        dataset_stats(scenes, workers=workers, progress=False)
    assert "\n" not in str(caught.value)


def test_unknown_encoding_is_reported(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="data.mask_encoding=colors: input should be 'auto', 'ids', 'colours' or"):
        measured(tiny, mask_encoding="colors")


def test_saved_statistics_give_class_weights_in_training(all_scenes: Path, tmp_path: Path) -> None:
    stats = dataset_stats(all_scenes, workers=1, progress=False)
    folder = tmp_path / "new" / STATS_FILE.parent
    save_stats(stats, folder)
    assert image_files(folder) and not image_files(folder.parent)  # plots beside photographs are none of them
    assert sorted(path.name for path in folder.iterdir()) == ["classes.png", "cooccurrence.png", "stats.json"]
    ids = stats.ids[5:9]
    dataset = open_dataset(DataConfig(root=str(all_scenes)))
    states = mask_states(dataset.pairs[5:9], dataset.encoding)
    np.testing.assert_array_equal(read_class_pixels(folder / STATS_FILE.name, DRONE, ids, states), stats.pixels[5:9])
    content = json.loads((folder / "stats.json").read_text())
    assert content["photographs"] == 20
    assert content["sizes"] == [{"height": 64, "width": 96, "photographs": 20}]
    assert content["mean"] == stats.mean
    assert content["cooccurrence"] == stats.cooccurrence.tolist()
    assert content["class_weights"]["inverse"]["grass"] == stats.weights["inverse"][3]
    grass = content["per_class"]["grass"]
    masks = [read_mask(path, MaskEncoding(DRONE)) for path in find_dataset(all_scenes).masks.iterdir()]
    assert grass["pixels"] == sum(int((mask == 3).sum()) for mask in masks)
    assert grass["photographs"] == sum((mask == 3).any() for mask in masks)
    assert grass["share"] == pytest.approx(grass["pixels"] / (20 * 64 * 96))
    for name in ("classes.png", "cooccurrence.png"):
        with Image.open(folder / name) as image:
            assert image.format == "PNG"
            assert min(image.size) > 500


def test_folder_without_write_permission_is_reported_first(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to"):
        save_stats(measured(tiny), tmp_path / "file")


def test_color_masks_are_read_the_same_in_every_thread(tiny: Path) -> None:
    colours = np.array([(200, 10, 40), (10, 180, 60), (20, 60, 220)], np.uint8)
    expected = []
    for i in range(12):
        mask = np.random.default_rng(i).integers(0, 3, (40, 60))
        expected.append(np.bincount(mask.ravel(), minlength=4).tolist())
        write_pair(tiny / "coloured", f"{i:02d}", np.zeros((40, 60, 3), np.uint8), colours[mask])
    stats = dataset_stats(tiny / "coloured", classes=str(tiny / "classes.csv"), workers=6, progress=False)
    assert stats.pixels.tolist() == expected
