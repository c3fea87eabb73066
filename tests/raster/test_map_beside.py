"""What may lie beside a map."""

from __future__ import annotations

from pathlib import Path

import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.raster import MapSource
from tests.helpers.image_files import random_image
from tests.helpers.maps import write_map
from tests.helpers.vrt_files import vrt


@pytest.mark.parametrize("suffix", [".ovr", ".msk"])
def test_what_lies_beside_a_map_reads_no_other_file(tmp_path: Path, suffix: str) -> None:
    path = write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    write_map(tmp_path / "secret.tif", random_image(8, 9).transpose(2, 0, 1))
    beside = vrt(tmp_path / f"a.tif{suffix}", str(tmp_path / "secret.tif"), 0)
    with pytest.raises(DataError, match=rf"a\.tif\{suffix} is no TIFF"):
        MapSource(path)
    beside.write_text("<GDAL_WMS/>")
    with pytest.raises(DataError, match="remove it"):
        MapSource(path)


def test_a_map_that_names_another_file_as_its_overview_is_refused(tmp_path: Path) -> None:
    path = write_map(tmp_path / "a.tif", random_image(8, 9).transpose(2, 0, 1))
    secret = write_map(tmp_path / "secret.tif", random_image(8, 9).transpose(2, 0, 1))
    item = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata>'
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset>{item}</PAMDataset>")
    with pytest.raises(ConfigError, match="names another file as its overview"):
        MapSource(path)
    assert MapSource(path, remote=True).size == (8, 9)
