"""Maps at addresses of the network, with --remote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from segdrone.errors import DataError
from segdrone.geo.inputs import remote_maps
from segdrone.geo.predict_maps import predict_maps
from segdrone.inference import Predictor
from segdrone.inference.predict_folder import PredictSummary
from segdrone.raster import MapSource
from segdrone.windows import Window
from tests.helpers.image_files import gradient_image
from tests.helpers.local_network import local_backend
from tests.helpers.maps import write_map
from tests.helpers.range_server import RangeServer, serve_ranges

SIZE = (600, 500)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 40, (3, *SIZE), np.uint8)
    write_map(folder / "ortho.tif", gradient_image(*SIZE).transpose(2, 0, 1) // 2 + noise)
    with serve_ranges(folder) as running:
        yield running


def test_only_the_parts_that_are_read_are_fetched(server: RangeServer, tmp_path: Path) -> None:
    file = tmp_path / "served" / "ortho.tif"
    source = MapSource(f"{server.address}/ortho.tif", remote=True)
    window = Window(10, 20, 50, 60)
    assert np.array_equal(source.read(window), MapSource(file).read(window))
    assert source.georeference is not None
    sent = server.bytes_sent()
    assert sent.keys() == {"ortho.tif"}
    assert sent["ortho.tif"] < file.stat().st_size / 3


def test_a_remote_map_gives_the_same_mask_as_the_file(server: RangeServer, tmp_path: Path) -> None:
    predictor = Predictor(local_backend(1, sampling="tiles"), scale=1, window=(64, 64))
    address = f"{server.address}/ortho.tif?key=secret"
    local, remote = tmp_path / "local", tmp_path / "remote"
    maps = remote_maps([str(tmp_path / "served" / "ortho.tif")])
    assert predict_maps(predictor, maps, local, progress=False) == PredictSummary(1, 0, {})
    assert predict_maps(predictor, remote_maps([address]), remote, remote=True, progress=False).predicted == 1
    masks = [rasterio.open(out / "maps" / "ortho_mask.tif") for out in (local, remote)]
    assert np.array_equal(masks[0].read(1), masks[1].read(1))
    assert masks[0].transform == masks[1].transform
    assert not any(b"secret" in file.read_bytes() for file in remote.rglob("*") if file.is_file())


@pytest.mark.parametrize("path", ["missing.tif", "refused.tif"])
def test_what_cannot_be_fetched_is_one_line_without_keys(server: RangeServer, path: str) -> None:
    (server.folder / "refused.tif").touch()
    server.refuse("refused.tif")
    with pytest.raises(DataError) as caught:
        MapSource(f"{server.address}/{path}?key=secret", remote=True)
    assert path in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_fails_later_ends_in_one_line_and_makes_no_pixel_no_data(server: RangeServer) -> None:
    source = MapSource(f"{server.address}/ortho.tif?key=secret", remote=True)
    assert source.read(Window(0, 0, 64, 64)).any()
    server.refuse("ortho.tif")
    with pytest.raises(DataError) as caught:
        source.read(Window(500, 400, 64, 64))
    assert "ortho.tif" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert source.damaged == []
