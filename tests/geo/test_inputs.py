"""Maps among the inputs of a prediction."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from segdrone.errors import ConfigError
from segdrone.geo.inputs import MapInput, remote_maps, split_maps
from segdrone.inference.inputs import find_inputs
from tests.helpers.image_files import random_image
from tests.helpers.maps import write_map


def test_photographs_and_maps_are_told_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(random_image(8, 9)).save(tmp_path / "photograph.jpg")
    (tmp_path / "sub").mkdir()
    placed = write_map(tmp_path / "sub" / "ortho.tif", random_image(8, 9).transpose(2, 0, 1))
    (tmp_path / "mosaic.vrt").write_text("<VRTDataset/>")
    images = find_inputs([tmp_path, tmp_path / "mosaic.vrt"], tmp_path / "out")
    photographs, maps = split_maps(images, as_maps=True)
    assert [image.name for image in photographs] == ["photograph"]
    assert maps == [MapInput(str(tmp_path / "mosaic.vrt"), "mosaic"), MapInput(str(placed), "sub/ortho")]
    assert not caplog.text
    photographs, maps = split_maps(images, as_maps=False)
    assert [image.name for image in photographs] == ["photograph", "sub/ortho"]
    assert [given.name for given in maps] == ["mosaic"]
    assert "ortho.tif says where it lies on Earth" in caplog.text and "--geotiff" in caplog.text


def test_a_tiff_too_large_for_a_photograph_is_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(random_image(40, 50)).save(tmp_path / "large.tif")
    images = find_inputs([tmp_path], tmp_path / "out")
    assert split_maps(images, as_maps=True)[1] == []
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    assert split_maps(images, as_maps=False) == ([], [MapInput(str(tmp_path / "large.tif"), "large")])


def test_two_addresses_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="would both be ortho"):
        remote_maps(["https://a.org/ortho.tif", "s3://b/ortho.tif"])
