"""Rendered scenes: sizes, seeds, and their classes."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from segdrone.classes import DRONE
from segdrone.errors import DataError
from segdrone.synthetic import render_scene
from segdrone.synthetic.canvas import COUNTED
from segdrone.synthetic.scene import Scene


@cache
def scenes(first: int, count: int) -> list[Scene]:
    return [render_scene(96, 144, first + i) for i in range(count)]


def test_the_same_seed_gives_the_same_scene() -> None:
    image, mask, _ = render_scene(96, 144, 7)
    again, mask_again, _ = render_scene(96, 144, 7)
    other, _, _ = render_scene(96, 144, 8)
    assert np.array_equal(image, again) and np.array_equal(mask, mask_again)
    assert not np.array_equal(image, other)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 201), (150, 97), (64, 640)])
def test_every_size_can_be_rendered(height: int, width: int) -> None:
    image, mask, _ = render_scene(height, width, 3)
    assert image.shape == (height, width, 3) and image.dtype == np.uint8
    assert mask.shape == (height, width) and mask.dtype == np.uint8
    assert mask.max() < len(DRONE)


@pytest.mark.parametrize("seed", range(6))
def test_a_larger_image_shows_the_same_scene(seed: int) -> None:
    image, mask, _ = render_scene(96, 144, seed)
    large_image, large_mask, _ = render_scene(288, 432, seed)
    assert (large_mask[1::3, 1::3] == mask).mean() > 0.8
    shrunk = large_image.reshape(96, 3, 144, 3, 3).mean((1, 3))
    assert np.abs(shrunk - image).mean() < 20


@pytest.mark.slow
@pytest.mark.parametrize(("first", "count"), [(0, 40), (1000, 20)])
def test_every_class_occurs_in_one_of_twenty_scenes(first: int, count: int) -> None:
    present = np.array([np.bincount(mask.ravel(), minlength=len(DRONE)) > 0 for _, mask, _ in scenes(first, count)])
    counts = dict(zip(DRONE.names, present.sum(axis=0).tolist(), strict=True))
    assert min(counts.values()) >= count / 20, counts
    assert all(counts[name] >= count / 5 for name in ("person", "car", "dog", "bicycle")), counts


def test_class_shares_resemble_the_real_dataset() -> None:
    pixels = np.sum([np.bincount(mask.ravel(), minlength=len(DRONE)) for _, mask, _ in scenes(0, 40)], axis=0)
    share = dict(zip(DRONE.names, (pixels / pixels.sum()).tolist(), strict=True))
    assert 0.25 < share["paved-area"] < 0.55
    assert 0.1 < share["grass"] < 0.35
    assert sum(share[name] for name in ("person", "dog", "bicycle", "ar-marker", "door")) < 0.06


def test_color_alone_does_not_separate_the_classes() -> None:
    images = np.array([image for image, _, _ in scenes(0, 40)], np.float32).reshape(40, -1, 3)
    masks = np.array([mask for _, mask, _ in scenes(0, 40)]).reshape(40, -1)
    classes = len(DRONE)
    means = np.array([images[:27][masks[:27] == c].mean(axis=0) for c in range(classes)])
    nearest = ((images[27:, :, None] - means) ** 2).sum(axis=-1).argmin(axis=-1)
    pairs = masks[27:].astype(np.int64) * classes + nearest
    confusion = np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - np.diag(confusion)
    assert np.mean(np.diag(confusion)[union > 0] / union[union > 0]) < 0.35


@pytest.mark.parametrize(("height", "width", "seed"), [(63, 64, 0), (64, 12001, 0), (64, 64, -1)])
def test_bad_arguments_are_refused(height: int, width: int, seed: int) -> None:
    with pytest.raises(DataError) as caught:
        render_scene(height, width, seed)
    assert "\n" not in str(caught.value) and "choose" in str(caught.value)


def test_things_are_numbered() -> None:
    seen = set()
    for _, mask, instances in scenes(0, 40):
        counted = np.isin(mask, [DRONE.names.index(name) for name in COUNTED])
        assert np.array_equal(instances > 0, counted)
        for number in np.unique(instances[counted]):
            classes = np.unique(mask[instances == number])
            assert len(classes) == 1
            seen.add(DRONE.names[classes[0]])
    assert seen == {*COUNTED}


def test_two_people_who_touch_have_two_numbers() -> None:
    person = DRONE.names.index("person")
    scene = render_scene(256, 384, 20)
    components = cv2.connectedComponents((scene.mask == person).view(np.uint8), connectivity=8)[0] - 1
    assert len(np.unique(scene.instances[scene.mask == person])) > components


def touching_things(scene: Scene) -> int:
    """Counts the things that have a neighbor of their own class."""
    count = 0
    for number in np.unique(scene.instances)[1:]:
        own = scene.instances == number
        around = (cv2.dilate(own.view(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~own
        count += bool((scene.mask[around & (scene.instances > 0)] == scene.mask[own][0]).any())
    return count


def test_things_of_crowded_scenes_touch() -> None:
    usual, crowded = ([render_scene(192, 288, seed, crowded=full) for seed in range(6)] for full in (False, True))
    assert sum(map(touching_things, crowded)) > 20 + sum(map(touching_things, usual))
    for name in ("person", "car", "bicycle", "tree"):
        label = DRONE.names.index(name)
        assert sum(len(np.unique(scene.instances[scene.mask == label])) for scene in crowded) > sum(
            len(np.unique(scene.instances[scene.mask == label])) for scene in usual
        ), name
