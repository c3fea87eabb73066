from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import FigureImage
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from PIL import Image

from segdrone import figures
from segdrone.classes import DRONE, ClassTable
from segdrone.errors import ConfigError, DataError
from segdrone.inspection.contact_sheet import contact_sheet
from segdrone.inspection.draw_sheet import SheetBlock, draw_sheet
from segdrone.inspection.recipe import load_recipe
from tests.helpers.commands import REPO

TABLE = ClassTable(("road", "grass"), ((200, 10, 40), (10, 180, 60)))


def titles(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def pictures(figure: Figure) -> list[NDArray[np.uint8]]:
    return [np.asarray(image.get_array(), np.uint8) for image in figure.images]


def placed(figure: Figure) -> list[FigureImage]:
    """The images of a figure, which know their places in it."""
    return [image for image in figure.images if isinstance(image, FigureImage)]


def write_pair(root: Path, name: str, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
    for folder, pixels in (("images", image), ("masks", mask)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / folder / f"{name}.png")


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """One photograph, grey and of class 0 on the left, white and of class 1 on the right."""
    root = tmp_path / "halves"
    image, mask = np.full((80, 120, 3), 90, np.uint8), np.zeros((80, 120), np.uint8)
    image[:, 60:], mask[:, 60:] = 240, 1
    write_pair(root, "a", image, mask)
    (root / "classes.csv").write_text("name,r,g,b\nroad,200,10,40\ngrass,10,180,60\n")
    return root


def block(name: str, height: int, width: int, versions: int = 1) -> SheetBlock:
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2] = 1
    return SheetBlock(name, [(np.full((height, width, 3), 120, np.uint8), mask)] * versions)


def test_photograph_is_left_of_its_overlay(halves: Path) -> None:
    figure = contact_sheet(halves, classes=str(halves / "classes.csv"))
    assert titles(figure) == ["1 of 1 photographs", "a"]
    assert legend(figure) == ["road", "grass"]
    (picture,) = pictures(figure)
    height, width = picture.shape[:2]
    row = picture[height // 2]
    assert row[[width // 8, width * 3 // 8]].tolist() == [[90] * 3, [240] * 3]
    opacity = 0.55
    for place, (value, colour) in zip((5, 7), ((90, TABLE.colours[0]), (240, TABLE.colours[1])), strict=True):
        expected = [(1 - opacity) * value + opacity * channel for channel in colour]
        np.testing.assert_allclose(row[width * place // 8].astype(int), expected, atol=1)


def test_photographs_are_chosen_by_seed_and_sorted(all_scenes: Path) -> None:
    shown = [titles(contact_sheet(all_scenes, count=5, seed=seed))[1:] for seed in (0, 0, 1)]
    assert shown[0] == shown[1] != shown[2]
    assert all(ids == sorted({*ids}) and len(ids) == 5 for ids in shown)
    everything = contact_sheet(all_scenes, count=99)
    assert titles(everything)[1:] == [f"{i:03d}" for i in range(20)]
    assert len(pictures(everything)) == 20


def test_only_the_chosen_split_is_shown(all_scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("003\n011\n")
    figure = contact_sheet(all_scenes, split="val", split_dir=tmp_path)
    assert titles(figure) == ["2 of 2 photographs of the val split", "003", "011"]
    assert len(titles(contact_sheet(all_scenes, split="test"))) == 3  # a tenth of 20, drawn at random
    with pytest.raises(DataError, match="the test split has no photographs: choose another with --split"):
        contact_sheet(all_scenes, split="test", split_dir=tmp_path)
    with pytest.raises(ConfigError, match="--split all is unknown: choose one of train, val, test"):
        contact_sheet(all_scenes, split="all")


def test_augmented_versions_are_shown_beside_the_photograph(halves: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train: [{transform: HorizontalFlip, p: 1}]\nval: []\n")
    figure = contact_sheet(halves, classes=str(halves / "classes.csv"), augment=str(recipe), versions=2)
    assert titles(figure) == [f"1 of 1 photographs, each unchanged and augmented by {recipe}", "a"]
    (picture,) = pictures(figure)
    height, width = picture.shape[:2]
    across = [width * place // 12 for place in (1, 3, 5, 7, 9, 11)]
    assert picture[height // 4, across, 0].tolist() == [90, 240, 240, 90, 240, 90]
    below = picture[height * 3 // 4, across].astype(int)
    redder = (below[:, 0] > below[:, 1]).tolist()
    assert redder == [True, False, False, True, False, True]


def test_ignored_pixels_from_augmentation_are_hatched(halves: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train: [{transform: Affine, p: 1, scale: [0.5, 0.5]}]\n")
    figure = contact_sheet(halves, classes=str(halves / "classes.csv"), augment=str(recipe), versions=1)
    assert legend(figure) == ["road", "grass", "ignored"]
    (picture,) = pictures(figure)
    corner = picture[-60:-20, -60:-20]
    assert (corner == 255).all(-1).mean() == pytest.approx(3 / 8, abs=0.03)
    assert (corner == 0).all(-1).mean() == pytest.approx(5 / 8, abs=0.03)


def test_augmentation_runs_at_the_training_size_and_keeps_proportions(halves: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train: [{transform: PadIfNeeded, min_height: 130, min_width: 98}]\n")  # twice its height
    (picture,) = pictures(
        contact_sheet(
            halves, classes=str(halves / "classes.csv"), augment=str(recipe), versions=1, image_size=(40, 160)
        )
    )
    first = picture[: picture.shape[0] // 2, : picture.shape[1] // 2]
    shown = np.argwhere((first < 255).any(-1))
    height, width = shown.max(0) - shown.min(0) + 1
    assert width / height == pytest.approx(98 / 65, rel=0.02)
    second = picture[: picture.shape[0] // 2, picture.shape[1] // 2 :]
    shown = np.argwhere((second < 255).any(-1))
    height, width = shown.max(0) - shown.min(0) + 1
    assert width / height == pytest.approx(98 / 130, rel=0.02)


def test_same_seed_gives_the_same_augmentation(all_scenes: Path) -> None:
    strong = str(REPO / "conf" / "augment" / "strong.yaml")
    first, again, other = (
        pictures(contact_sheet(all_scenes, count=1, seed=seed, augment=strong, versions=1, split="test"))[0]
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_recipe_extends_the_one_in_its_defaults() -> None:
    strong, combined = (load_recipe(str(REPO / "conf" / "augment" / f"{name}.yaml")) for name in ("strong", "combined"))
    kinds = [[type(one) for one in recipe.pipeline._compose.transforms] for recipe in (strong, combined)]
    assert kinds[0] == kinds[1]
    assert (strong.combine.mosaic, combined.combine.mosaic, combined.combine.cutmix) == (0, 0.3, 0.3)


def test_recipe_keeps_what_it_does_not_change_of_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("train: []\ncombine: {mosaic: 0.3, cutmix: 0.2}\n")
    (tmp_path / "b.yaml").write_text("defaults: [a]\ncombine: {cutmix: 0.1}\n")
    (tmp_path / "c.yaml").write_text("defaults: [_self_, a]\ncombine: {cutmix: 0.1, copy_paste: 0.5}\n")
    found = [load_recipe(str(tmp_path / f"{name}.yaml")).combine for name in "bc"]
    shares = [(combine.mosaic, combine.cutmix, combine.copy_paste) for combine in found]
    assert shares == [(0.3, 0.1, 0), (0.3, 0.2, 0.5)]


def test_photographs_are_combined_as_in_training(tmp_path: Path) -> None:
    for name, value in zip("abcd", (20, 90, 160, 230), strict=True):
        write_pair(tmp_path, name, np.full((80, 120, 3), value, np.uint8), np.zeros((80, 120), np.uint8))
    (tmp_path / "recipe.yaml").write_text("train: []\ncombine: {mosaic: 1}\n")
    figure = contact_sheet(tmp_path, augment=str(tmp_path / "recipe.yaml"), versions=6)
    values = [len({20, 90, 160, 230} & {*np.unique(picture).tolist()}) for picture in pictures(figure)]
    assert len(values) == 4
    assert min(values) >= 3


def test_things_are_pasted_as_in_training(tmp_path: Path) -> None:
    for name in "abcd":
        image, mask = np.full((80, 120, 3), 90, np.uint8), np.zeros((80, 120), np.uint8)
        if name == "a":
            image[20:40, 30:50], mask[20:40, 30:50] = 240, 1
        write_pair(tmp_path, name, image, mask)
    (tmp_path / "classes.csv").write_text("name,r,g,b\nroad,200,10,40\ncar,10,180,60\n")
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").write_text("a\nb\n" if name == "train" else "c\nd\n")
    (tmp_path / "recipe.yaml").write_text("train: []\ncombine: {copy_paste: 1, paste_classes: [car]}\n")
    figure = contact_sheet(
        tmp_path, augment=str(tmp_path / "recipe.yaml"), versions=1, split="val", split_dir=str(tmp_path)
    )
    for picture in pictures(figure):  # above the photograph, unchanged and with a car of another one
        rows, half = slice(0, picture.shape[0] // 2), picture.shape[1] // 2
        before, after = ((picture[rows, columns] == 240).all(-1) for columns in (slice(half), slice(half, None)))
        assert not before.any() and after.mean() > 0.01


def test_transforms_are_found_by_name_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    transforms = load_recipe("flips").pipeline._compose.transforms
    assert [type(transform).__name__ for transform in transforms] == ["HorizontalFlip", "VerticalFlip"]
    with pytest.raises(ConfigError, match=r"--augment flip is neither a YAML file nor one of .*flips, light"):
        load_recipe("flip")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("val: []", "has no list of transforms under `train`"),
        ("- 3", "has no list of transforms under `train`"),
        ("train: 3", "has no list of transforms under `train`"),
        ("train: [", "cannot be read"),
        ("defaults: [sub/strong]", "its defaults name sub/strong, and only files beside it are read"),
        ("train: ${x}", "has no list of transforms under `train`"),
    ],
)
def test_invalid_recipe_is_reported_in_one_line(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(ConfigError, match=expected) as caught:
        load_recipe(str(tmp_path / "a.yaml"))
    assert "\n" not in str(caught.value)


def test_unknown_transform_is_reported_before_photographs_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("train: [{transform: Flop}]")
    with pytest.raises(ConfigError, match=r"augment.train\[0\]: Flop is not a transform"):
        contact_sheet(tmp_path / "nowhere", augment=str(tmp_path / "a.yaml"))


@pytest.mark.parametrize("wrong", [{"count": 0}, {"versions": 0}, {"image_size": (0, 5)}])
def test_numbers_below_one_are_refused(all_scenes: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        contact_sheet(all_scenes, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize(
    "blocks",
    [
        [block("a", 200, 300)],
        [block("a", 30, 20)],
        [block(f"{i}" * 90, 200, 300, 2) for i in range(3)],
        [block(f"{i:03d}", 90 if i % 2 else 60, 60 if i % 2 else 90) for i in range(12)],
        [block(f"DJI_{i:05d}", 60, 90) for i in range(40)],
        [block("panorama", 20, 400)] * 5,
    ],
    ids=["one", "tiny", "long names", "portrait and landscape", "forty", "panoramas"],
)
def test_nothing_overlaps_or_leaves_the_sheet(blocks: list[SheetBlock], stacked: bool) -> None:
    masks = [mask for one in blocks for _, mask in one.versions]
    for i, mask in enumerate(masks[: len(DRONE)]):
        mask[-1, -1] = i
    masks[0][0, : len(DRONE)] = range(min(len(DRONE), masks[0].shape[1]))
    masks[0][1, 0] = 255
    figure = draw_sheet(blocks, DRONE, "a title of the whole sheet " * 3, stacked=stacked)
    figure.canvas.draw()
    sheet = figure.bbox
    texts = [text.get_window_extent() for text in figure.texts]
    images = [
        Bbox.from_bounds(image.ox, image.oy, *picture.shape[1::-1])
        for image, picture in zip(placed(figure), pictures(figure), strict=True)
    ]
    boxes = [*texts, *images, figure.legends[0].get_window_extent()]
    assert len(boxes) == 2 * len(blocks) + 2
    for box in boxes:
        assert sheet.x0 <= box.x0 and sheet.y0 <= box.y0 and box.x1 <= sheet.x1 and box.y1 <= sheet.y1, box
    for one, other in itertools.combinations(boxes, 2):
        assert not (one.x0 < other.x1 - 1 and other.x0 < one.x1 - 1 and one.y0 < other.y1 - 1 and other.y0 < one.y1 - 1)


def test_saved_sheet_has_the_size_of_its_layout(all_scenes: Path, tmp_path: Path) -> None:
    figure = contact_sheet(all_scenes, count=3)
    figures.save(figure, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        np.testing.assert_allclose(image.size, figure.get_size_inches() * 100, atol=1)
        pixels = np.asarray(image.convert("RGB"))
    picture, place = pictures(figure)[0], placed(figure)[0]
    top = pixels.shape[0] - int(place.oy) - picture.shape[0]
    left = int(place.ox)
    np.testing.assert_array_equal(
        pixels[top + 5 : top + picture.shape[0] - 5, left + 5 : left + picture.shape[1] - 5], picture[5:-5, 5:-5]
    )
