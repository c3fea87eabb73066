"""The ground sampling distance of training photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segdrone.data import DataConfig
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.gsd import find_gsd
from segdrone.errors import ConfigError
from segdrone.model.hparams import spec_from_hparams
from tests.helpers.capture import save_with_exif


def pairs(folder: Path, heights: list[float | None]) -> list[ImageMaskPair]:
    """Photographs of 9 x 6 pixels; at 24 mm the ground is 1.5 times as wide as the height."""
    files = [save_with_exif(folder / f"{i:03d}.jpg", height=height) for i, height in enumerate(heights)]
    return [ImageMaskPair(file.stem, file, None, (6, 9)) for file in files]


def test_it_is_read_from_photographs_that_all_say_it(tmp_path: Path) -> None:
    config = DataConfig(root=str(tmp_path))
    assert find_gsd(config, pairs(tmp_path, [6.0, 3.0, 4.8])) == (50.0, 100.0)
    assert find_gsd(config, pairs(tmp_path, [6.0, None, 4.8])) is None
    assert find_gsd(config, pairs(tmp_path, [6.0, -3.0])) is None
    assert find_gsd(config, pairs(tmp_path, [6.0, 900.0])) is None
    assert find_gsd(config, []) is None


def test_few_of_many_photographs_are_read(tmp_path: Path) -> None:
    many = pairs(tmp_path, [4.8] * 17)
    many[8].image.unlink()  # the middle one, which is not among 16 of 17
    assert find_gsd(DataConfig(root=str(tmp_path)), many) == (80.0, 80.0)
    for pair in many[1:8]:
        pair.image.unlink()
    assert find_gsd(DataConfig(root=str(tmp_path)), many) is None


def test_what_the_user_says_wins(tmp_path: Path) -> None:
    found = pairs(tmp_path, [6.0])
    for given, expected in (2, (2.0, 2.0)), ([1.5, 3], (1.5, 3.0)), (None, None):
        assert find_gsd(DataConfig.from_dict({"root": str(tmp_path), "gsd": given}), found) == expected
    (tmp_path / "maps.json").write_text(json.dumps({"version": 1, "gsd": [0.02, 0.05]}))
    assert find_gsd(DataConfig(root=str(tmp_path)), found) == (2.0, 5.0)


@pytest.mark.parametrize("value", ["3cm", 0, -1, [3, 2], [1, 2, 3], True])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"data\.gsd=.* must be auto, centimeters per pixel"):
        DataConfig.from_dict({"root": ".", "gsd": value})


@pytest.mark.parametrize(("given", "expected"), [([2.0, 5.0], (0.02, 0.05)), ("auto", None), (None, None)])
def test_the_spec_has_meters(given: Any, expected: Any) -> None:
    classes = {"names": ["a"], "colours": [[0, 0, 0]], "ignore_index": 255}
    data = {"mean": [0.5] * 3, "std": [0.5] * 3, "gsd": given}
    assert spec_from_hparams({"name": "unet", "encoder_name": "resnet18"}, classes, data).gsd == expected
