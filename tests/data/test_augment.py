"""Augmentation built from conf/augment, and normalization."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from omegaconf import OmegaConf

from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.multi_image import MultiImageAugment
from segdrone.errors import ConfigError

RECIPES = sorted((Path(__file__).parents[2] / "conf" / "augment").glob("*.yaml"))
FLIPS = [{"transform": "HorizontalFlip", "p": 0.5}, {"transform": "VerticalFlip", "p": 0.5}]


def recipe(path: Path) -> dict[str, Any]:
    with initialize_config_dir(str(path.parents[1]), version_base="1.3"):
        lists = OmegaConf.to_container(compose("train", [f"augment={path.stem}"]).augment)
    assert isinstance(lists, dict)
    return {str(key): value for key, value in lists.items()}


def pixels(height: int = 32, width: int = 48) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def labels(height: int = 32, width: int = 48) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(1, 23, (height, width), dtype=np.uint8)


def pipeline(*steps: dict[str, Any]) -> Pipeline:
    return Pipeline(build_transforms(steps, "augment.train"), (0, 0, 0), (1, 1, 1))


def test_the_known_recipes_exist() -> None:
    assert {"article", "flips", "none", "strong", "combined"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_builds_and_runs(path: Path) -> None:
    lists = recipe(path)
    assert set(lists) == {"train", "val", "combine"}
    MultiImageAugment.from_dict(lists.pop("combine"))
    for split, steps in lists.items():
        transforms = build_transforms(steps, f"augment.{split}")
        assert [type(transform).__name__ for transform in transforms] == [step["transform"] for step in steps]
        augmented = Pipeline(transforms, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        height, width = next((step["size"] for step in steps if step["transform"] == "RandomResizedCrop"), (32, 48))
        for seed in range(5):
            sample = augmented(seed, image=pixels(), mask=labels())
            assert sample["image"].shape == (3, height, width)
            assert sample["mask"].shape == (height, width)
            assert set(sample["mask"].unique().tolist()) <= {*range(1, 23), 255}


def test_arguments_reach_the_transform() -> None:
    (noise,) = build_transforms([{"transform": "GaussNoise", "p": 0.25, "std_range": [0.1, 0.2]}], "augment.train")
    assert isinstance(noise, A.GaussNoise)
    assert noise.p == 0.25
    assert noise.std_range == (0.1, 0.2)


@pytest.mark.parametrize("name", ["RandomRotate90", "MedianBlur", "ToSepia"])
def test_transforms_that_albumentations_does_not_validate_are_built(name: str) -> None:
    (transform,) = build_transforms([{"transform": name, "p": 0.25}], "augment.train")
    assert type(transform).__name__ == name
    assert transform.p == 0.25


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"transform": "RandomRotate90", "limit": 90}, "RandomRotate90 does not take these arguments"),
        ({"transform": "RandomRotate90", "p": 2}, "RandomRotate90 does not take these arguments"),
        ({"transform": "HorizontalFlop"}, "HorizontalFlop is not a transform of albumentations: fix the name"),
        ({"transform": "Compose"}, "Compose is not a transform of albumentations: fix the name"),
        ({"transform": "cv2"}, "cv2 is not a transform of albumentations: fix the name"),
        ({"transform": "DualTransform"}, "DualTransform is not a transform of albumentations: fix the name"),
        ({"transform": "BasicTransform"}, "BasicTransform is not a transform of albumentations: fix the name"),
        ({"transform": "__name__"}, "__name__ is not a transform of albumentations: fix the name"),
        ({"p": 0.5}, "None is not a transform of albumentations: fix the name"),
        ({"transform": "HorizontalFlip", "always_apply": True}, "HorizontalFlip does not take these arguments"),
        ({"transform": "HorizontalFlip", "p": 2}, "HorizontalFlip does not take these arguments"),
        ({"transform": "RandomCrop"}, "RandomCrop does not take these arguments"),
        ({"transform": "Normalize"}, "samples are normalized by data.mean and data.std after augmentation: leave out"),
        ({"transform": "ToFloat", "p": 1}, "samples are normalized by data.mean and data.std after augmentation"),
        ({"transform": "ToTensorV2"}, "samples are normalized by data.mean and data.std after augmentation"),
        ("HorizontalFlip", "HorizontalFlip is not a mapping: write {transform: HorizontalFlip}"),
    ],
)
def test_invalid_transforms_are_refused_with_their_position(step: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_transforms([{"transform": "VerticalFlip"}, step], "augment.train")
    text = str(caught.value)
    assert text.startswith(f"augment.train[1]: {message}")
    assert "\n" not in text


def test_the_error_names_the_unknown_argument() -> None:
    with pytest.raises(ConfigError, match="'always_apply'"):
        build_transforms([{"transform": "HorizontalFlip", "always_apply": True}], "augment.train")


def test_a_sample_is_normalized_float32_and_int64() -> None:
    mean, std = (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)
    sample = Pipeline([], mean, std)(0, image=pixels(), mask=labels())
    assert sample["image"].dtype == torch.float32
    assert sample["mask"].dtype == torch.int64
    expected = (pixels() / 255 - mean) / std
    np.testing.assert_allclose(sample["image"].permute(1, 2, 0), expected, atol=1e-5)
    np.testing.assert_array_equal(sample["mask"], labels())


def test_a_photograph_without_a_mask_is_augmented() -> None:
    sample = pipeline(*FLIPS)(0, image=pixels())
    assert set(sample) == {"image"}


def test_a_seed_gives_always_the_same_sample() -> None:
    lists = recipe(RECIPES[[path.stem for path in RECIPES].index("strong")])
    augmented = pipeline(*lists["train"])
    first = augmented(7, image=pixels(), mask=labels())
    other = augmented(8, image=pixels(), mask=labels())
    for again in (
        augmented(7, image=pixels(), mask=labels()),
        pipeline(*lists["train"])(7, image=pixels(), mask=labels()),
    ):
        assert torch.equal(first["image"], again["image"])
        assert torch.equal(first["mask"], again["mask"])
    assert not torch.equal(first["image"], other["image"])


def test_the_global_random_state_does_not_matter_with_seed_0() -> None:
    augmented = pipeline({"transform": "GaussNoise", "p": 1.0})
    np.random.seed(1)
    first = augmented(0, image=pixels())["image"]
    np.random.seed(2)
    assert torch.equal(augmented(0, image=pixels())["image"], first)


def test_flips_are_independent_of_each_other() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[0, 0] = 255
    corners = {(0, 0): 0, (0, 5): 0, (3, 0): 0, (3, 5): 0}
    augmented = pipeline(*FLIPS)
    for seed in range(400):
        row, column = np.argwhere(augmented(seed, image=image)["image"][0].numpy() > 0)[0]
        corners[int(row), int(column)] += 1
    assert sum(corners.values()) == 400
    assert all(70 <= count <= 130 for count in corners.values()), corners


def test_the_mask_moves_with_the_photograph() -> None:
    mask = labels()
    image = np.repeat(mask[..., None], 3, axis=2)
    for seed in range(8):
        sample = pipeline(*FLIPS)(seed, image=image, mask=mask)
        np.testing.assert_array_equal((sample["image"][0] * 255).round().long(), sample["mask"])


@pytest.mark.parametrize(
    "step",
    [
        {"transform": "GridDistortion", "p": 1.0, "fill_mask": 255},
        {"transform": "Affine", "p": 1.0, "scale": [0.7, 1.5], "rotate": [-45, 45], "fill_mask": 255},
    ],
    ids=lambda step: str(step["transform"]),
)
def test_pixels_from_outside_the_photograph_are_ignored_not_class_0(step: dict[str, Any]) -> None:
    augmented = pipeline(step)
    mask = labels(64, 96)
    masks = [augmented(seed, image=pixels(64, 96), mask=mask)["mask"] for seed in range(30)]
    assert any(not torch.equal(moved, torch.from_numpy(mask).long()) for moved in masks)
    found = torch.cat([moved.unique() for moved in masks]).unique().tolist()
    assert set(found) <= {*range(1, 23), 255}


def test_corners_of_a_rotation_are_ignored() -> None:
    turned = pipeline({"transform": "Affine", "p": 1.0, "rotate": [45, 45], "fill_mask": 255})
    sample = turned(0, image=pixels(), mask=labels())
    assert sample["mask"][0, 0] == sample["mask"][-1, -1] == 255
    assert sample["mask"][16, 24] != 255


@pytest.mark.parametrize(
    "step",
    [{"transform": "Rotate", "limit": [40, 50]}, {"transform": "TimeMasking"}, {"transform": "FrequencyMasking"}],
    ids=lambda step: str(step["transform"]),
)
def test_masks_are_filled_with_the_ignored_id_by_default(step: dict[str, Any]) -> None:
    turned = pipeline({**step, "p": 1.0})
    image, mask = np.zeros((32, 48, 3), np.uint8), np.full((32, 48), 7, np.uint8)
    masks = [turned(seed, image=image, mask=mask)["mask"] for seed in range(4)]
    assert set(torch.cat(masks).unique().tolist()) == {7, 255}


def test_a_transform_that_fails_on_a_photograph_is_named_in_one_line() -> None:
    pipeline = Pipeline([A.RandomCrop(64, 64)], (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with pytest.raises(ConfigError, match=r"fail on 32 x 48 pixels \(.*[Cc]rop.*\): change them"):
        pipeline.augment(0, image=np.zeros((32, 48, 3), np.uint8), mask=np.zeros((32, 48), np.uint8))
