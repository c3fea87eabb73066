"""Regions change how a scene looks, and not where its classes are."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from segdrone.classes import DRONE
from segdrone.errors import DataError
from segdrone.synthetic import render_scene
from segdrone.synthetic.regions import REGIONS
from segdrone.synthetic.scene import Scene

TREES = [DRONE.names.index(name) for name in ("tree", "bald-tree")]


@cache
def scenes(region: str) -> list[Scene]:
    return [render_scene(64, 96, seed, region=region) for seed in range(5)]


def mean_color(region: str, label: str) -> list[float]:
    """The mean red, green and blue of the ground of a class over some scenes."""
    pixels = [scene.image[scene.mask == DRONE.names.index(label)] for scene in scenes(region)]
    red, green, blue = np.concatenate(pixels).mean(0).tolist()
    return [red, green, blue]


def test_the_temperate_region_is_that_of_scenes_without_a_region() -> None:
    assert np.array_equal(render_scene(64, 96, 3).image, scenes("temperate")[3].image)


@pytest.mark.parametrize("region", [name for name in REGIONS if name != "temperate"])
def test_another_region_shows_the_same_place_in_other_colors(region: str) -> None:
    for usual, other in zip(scenes("temperate"), scenes(region), strict=True):
        same = usual.mask == other.mask
        assert same[~np.isin(usual.mask, TREES) & ~np.isin(other.mask, TREES)].mean() > 0.97
        difference = np.abs(usual.image.astype(int) - other.image)[same]
        assert difference.mean() > 15, region


def test_dry_grass_is_yellow_and_winter_grass_white() -> None:
    usual = mean_color("temperate", "grass")
    dry_red, dry_green, dry_blue = mean_color("dry", "grass")
    assert dry_red > dry_green > 1.3 * dry_blue
    winter = mean_color("winter", "grass")
    assert min(winter) > 1.3 * min(usual) and np.ptp(winter) < np.ptp(usual) / 2


def test_trees_of_winter_are_mostly_bald() -> None:
    things = {region: np.zeros(2, int) for region in ("temperate", "winter")}
    for region, counts in things.items():
        for scene in scenes(region):
            counts += [len(np.unique(scene.instances[scene.mask == label])) for label in TREES]
    assert things["winter"][0] < things["temperate"][0] / 2
    assert things["winter"][1] > things["temperate"][1]


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(DataError, match="no region 'tropical': choose temperate, dry, winter"):
        render_scene(64, 96, 0, region="tropical")
